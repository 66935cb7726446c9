resource "aws_s3_bucket" "data" {
  bucket = "deposed-after"
  lifecycle {
    create_before_destroy = true
  }
}
