resource "aws_s3_bucket" "data" {
  bucket = "deposed-before"
  lifecycle {
    create_before_destroy = true
  }
}
