resource "terraform_data" "inside" {
  input = "before"
}
