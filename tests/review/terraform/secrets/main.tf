# Every secret has "sesame" in it, so that a test can look for it.
variable "step" {
  type = string
}

variable "password" {
  type      = string
  sensitive = true
  default   = "sesame-password"
}

locals {
  password = "${var.password}-${var.step}"
}

resource "terraform_data" "whole" {
  input = sensitive({ user = "sesame-user-${var.step}", numbers = [7777001, 7777002], flag = true })
}

resource "terraform_data" "nested" {
  input = {
    host  = "db.example.org"
    port  = var.step == "1" ? 5432 : 5433
    login = { user = "reader", phrase = sensitive("sesame-nested-${var.step}") }
    list  = ["open", sensitive("sesame-listed-${var.step}")]
  }
}

resource "terraform_data" "set" {
  input = toset([sensitive("sesame-in-a-set-${var.step}"), "open"])
}

resource "terraform_data" "created" {
  count = var.step == "1" ? 0 : 1
  input = { url = "https://reader:${local.password}@db.example.org/", json = jsonencode({ deep = [local.password] }) }
}

resource "terraform_data" "destroyed" {
  count = var.step == "1" ? 1 : 0
  input = { phrase = sensitive("sesame-destroyed") }
}

resource "terraform_data" "replaced" {
  input            = "open"
  triggers_replace = { phrase = local.password }
}

resource "aws_secretsmanager_secret" "api" {
  name = "secrets/api"
}

resource "aws_secretsmanager_secret_version" "api" {
  secret_id     = aws_secretsmanager_secret.api.id
  secret_string = jsonencode({ user = "reader", phrase = "sesame-in-json-${var.step}" })
}

resource "aws_ssm_parameter" "secure" {
  name  = "/secrets/secure"
  type  = "SecureString"
  value = "sesame-secure-${var.step}"
}

resource "aws_ssm_parameter" "write_only" {
  name             = "/secrets/write-only"
  type             = "SecureString"
  value_wo         = "sesame-write-only-${var.step}"
  value_wo_version = tonumber(var.step)
}

# The provider does not know that its text is secret, nor that the tag is.
resource "aws_sns_topic" "leaks" {
  name         = "secrets-leaks"
  display_name = "open ${local.password}"
  tags         = { Password = "sesame-tag-${var.step}", Open = var.step }
}

resource "aws_iam_role" "reader" {
  name = "secrets-reader"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = "arn:aws:iam::444455556666:root" }
      Condition = { StringEquals = { "sts:ExternalId" = nonsensitive(local.password) } }
    }]
  })
}

# Names and values that are apart: no provider marks them.
resource "aws_ecs_task_definition" "worker" {
  family = "secrets-worker"
  container_definitions = jsonencode([{
    name  = "worker", image = "worker:1", memory = 128, essential = true
    environment = [
      { name = "DB_PASSWORD", value = "sesame-environment-${var.step}" },
      { name = "LOG_LEVEL", value = "debug-${var.step}" },
    ]
  }])
}

resource "aws_codebuild_project" "builder" {
  name         = "secrets-builder"
  service_role = aws_iam_role.reader.arn
  artifacts { type = "NO_ARTIFACTS" }
  source {
    type      = "NO_SOURCE"
    buildspec = "version: 0.2"
  }
  environment {
    compute_type = "BUILD_GENERAL1_SMALL"
    image        = "aws/codebuild/standard:7.0"
    type         = "LINUX_CONTAINER"
    environment_variable {
      name  = "API_TOKEN"
      value = "sesame-build-${var.step}"
    }
  }
}

output "whole" {
  value     = { user = "reader", password = local.password }
  sensitive = true
}

output "text" {
  value     = "sesame-output-${var.step}"
  sensitive = true
}

check "tells" {
  assert {
    condition     = var.step == "1"
    error_message = "The password is not ${nonsensitive(local.password)}."
  }
}
