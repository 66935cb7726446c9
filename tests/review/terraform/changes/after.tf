resource "aws_dynamodb_table" "cache" {
  name                        = "review-cache"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "key"
  deletion_protection_enabled = false
  attribute {
    name = "key"
    type = "S"
  }
  point_in_time_recovery {
    enabled = false
  }
  ttl {
    attribute_name = "ttl"
    enabled        = true
  }
  tags = { Owner = "operations" }
}

moved {
  from = aws_s3_bucket.pages
  to   = aws_s3_bucket.website
}

resource "aws_s3_bucket" "website" {
  bucket = "review-pages"
}

resource "aws_s3_bucket" "data" {
  bucket = "review-data"
}

resource "aws_s3_bucket_versioning" "data" {
  bucket = aws_s3_bucket.data.id
  versioning_configuration {
    status = "Suspended"
  }
}

resource "aws_s3_bucket_public_access_block" "data" {
  bucket                  = aws_s3_bucket.data.id
  block_public_acls       = true
  block_public_policy     = false
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_cors_configuration" "data" {
  bucket = aws_s3_bucket.data.id
  cors_rule {
    allowed_methods = ["GET", "HEAD"]
    allowed_origins = ["https://a.example.org", "https://c.example.org"]
    max_age_seconds = 3600
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "data" {
  bucket = aws_s3_bucket.data.id
  rule {
    id     = "expire-old-versions"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
  }
  rule {
    id     = "abort-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_s3_bucket_policy" "data" {
  bucket = aws_s3_bucket.data.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Readers"
      Effect    = "Allow"
      Principal = "*"
      Action    = "s3:GetObject"
      Resource  = "${aws_s3_bucket.data.arn}/*"
    }]
  })
}

resource "aws_secretsmanager_secret" "key" {
  name                    = "review/key"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "key" {
  secret_id     = aws_secretsmanager_secret.key.id
  secret_string = "the-second-secret-value"
}

resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/review"
  retention_in_days = 7
}

resource "aws_sns_topic" "alarms" {
  name = "review-alarms"
}

resource "aws_cloudwatch_dashboard" "overview" {
  dashboard_name = "review"
  dashboard_body = jsonencode({
    widgets = [
      { type = "text", width = 6, height = 3, properties = { markdown = "Cache" } },
      { type = "text", width = 6, height = 3, properties = { markdown = "Calls to Gemini" } },
    ]
  })
}

resource "aws_iam_role" "function" {
  name = "review-function"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  name = "cache"
  role = aws_iam_role.function.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "ReadCache"
      Effect   = "Allow"
      Action   = ["dynamodb:PutItem", "dynamodb:*"]
      Resource = aws_dynamodb_table.cache.arn
    }]
  })
}

resource "aws_iam_policy" "reader" {
  name = "review-reader"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "ReadCache"
      Effect   = "Allow"
      Action   = ["dynamodb:Query", "dynamodb:*"]
      Resource = "arn:aws:dynamodb:us-east-1:000000000000:table/review-cache"
    }]
  })
}

resource "aws_ssm_parameter" "model" {
  name  = "/review/model"
  type  = "String"
  value = "gemini-2.5-flash"
}

output "table_name" {
  value     = aws_dynamodb_table.cache.name
  sensitive = true
}

output "data_bucket" {
  value = aws_s3_bucket.data.bucket
}

removed {
  from = aws_cloudwatch_log_group.kept
  lifecycle {
    destroy = false
  }
}

import {
  to = aws_cloudwatch_log_group.adopted
  id = "/aws/lambda/adopted"
}

resource "aws_cloudwatch_log_group" "adopted" {
  name = "/aws/lambda/adopted"
}

resource "aws_kms_key" "data" {
  description = "Encrypts the observations — schlüssel"
}

resource "aws_ssm_parameter" "each" {
  for_each = toset(["a|b", "c.d"])
  name     = "/review/each/${replace(each.key, "|", "-")}"
  type     = "SecureString"
  value    = "parameter-that-is-secret"
}

check "the_table_is_on_demand" {
  assert {
    condition     = aws_dynamodb_table.cache.billing_mode == "PROVISIONED"
    error_message = "The table is not provisioned."
  }
}
