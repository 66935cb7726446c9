resource "aws_dynamodb_table" "cache" {
  name                        = "review-cache"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "cache_key"
  deletion_protection_enabled = true
  attribute {
    name = "cache_key"
    type = "S"
  }
  point_in_time_recovery {
    enabled = true
  }
  ttl {
    attribute_name = "ttl"
    enabled        = true
  }
  tags = { Owner = "operations" }
}

resource "aws_s3_bucket" "pages" {
  bucket = "review-pages"
}

resource "aws_s3_bucket" "data" {
  bucket = "review-data"
}

resource "aws_s3_bucket_versioning" "data" {
  bucket = aws_s3_bucket.data.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "data" {
  bucket                  = aws_s3_bucket.data.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_cors_configuration" "data" {
  bucket = aws_s3_bucket.data.id
  cors_rule {
    allowed_methods = ["GET", "HEAD"]
    allowed_origins = ["https://a.example.org", "https://b.example.org"]
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
      noncurrent_days = 90
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
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.data.arn, "${aws_s3_bucket.data.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

resource "aws_secretsmanager_secret" "key" {
  name                    = "review/key"
  recovery_window_in_days = 30
}

resource "aws_secretsmanager_secret_version" "key" {
  secret_id     = aws_secretsmanager_secret.key.id
  secret_string = "the-first-secret-value"
}

resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/review"
  retention_in_days = 90
}

resource "aws_cloudwatch_log_group" "kept" {
  name = "/aws/lambda/kept"
}

resource "aws_sns_topic" "alarms" {
  name = "review-alarms"
}

resource "aws_sns_topic_subscription" "operators" {
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = "operators@example.org"
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "review-errors"
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  alarm_actions       = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_dashboard" "overview" {
  dashboard_name = "review"
  dashboard_body = jsonencode({
    widgets = [
      { type = "text", width = 6, height = 3, properties = { markdown = "Cache" } },
      { type = "text", width = 6, height = 3, properties = { markdown = "Gemini" } },
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
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
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
      Action   = ["dynamodb:GetItem", "dynamodb:Query"]
      Resource = "arn:aws:dynamodb:us-east-1:000000000000:table/review-cache"
    }]
  })
}

resource "aws_ssm_parameter" "model" {
  name  = "/review/model"
  type  = "String"
  value = "gemini-2.5-flash"
}

resource "aws_ssm_parameter" "namespace" {
  name  = "/review/namespace"
  type  = "String"
  value = "first"
}

output "table_name" {
  value     = aws_dynamodb_table.cache.name
  sensitive = true
}

output "data_bucket" {
  value = aws_s3_bucket.data.bucket
}
