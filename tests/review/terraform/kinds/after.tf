resource "aws_ssm_parameter" "created" {
  name           = "/kinds/created"
  type           = "String"
  insecure_value = "after"
}

resource "aws_ssm_parameter" "updated" {
  name           = "/kinds/updated"
  type           = "String"
  insecure_value = "after"
}

resource "aws_ssm_parameter" "counted" {
  count          = 1
  name           = "/kinds/counted/${count.index}"
  type           = "String"
  insecure_value = "before"
}

resource "aws_ssm_parameter" "keyed" {
  for_each       = toset(["a"])
  name           = "/kinds/keyed/${each.key}"
  type           = "String"
  insecure_value = "before"
}

resource "aws_ssm_parameter" "repeated" {
  for_each       = toset(["a"])
  name           = "/kinds/repeated/${each.key}"
  type           = "String"
  insecure_value = "before"
}

resource "aws_ssm_parameter" "gone_in_aws" {
  name           = "/kinds/gone"
  type           = "String"
  insecure_value = "before"
}

resource "aws_sqs_queue" "replaced" {
  name = "kinds-replaced-after"
}

resource "aws_sqs_queue" "renewed" {
  name = "kinds-renewed-after"
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_sqs_queue" "tainted" {
  name = "kinds-tainted"
}

resource "aws_sqs_queue" "requested" {
  name = "kinds-requested"
}

resource "terraform_data" "trigger" {
  input = "after"
}

resource "aws_iam_policy" "triggered" {
  name   = "kinds-triggered"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sqs:SendMessage", Resource = "*" }] })
  lifecycle {
    replace_triggered_by = [terraform_data.trigger]
  }
}

resource "aws_iam_role" "renamed" {
  name               = "kinds-role-after"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }] })
}

moved {
  from = aws_sns_topic.old_name
  to   = aws_sns_topic.moved
}

resource "aws_sns_topic" "moved" {
  name = "kinds-moved"
}

moved {
  from = aws_sns_topic.old_name_changed
  to   = aws_sns_topic.moved_changed
}

resource "aws_sns_topic" "moved_changed" {
  name         = "kinds-moved-changed"
  display_name = "after"
}

moved {
  from = aws_sqs_queue.old_name_replaced
  to   = aws_sqs_queue.moved_replaced
}

resource "aws_sqs_queue" "moved_replaced" {
  name = "kinds-moved-replaced-after"
}

removed {
  from = aws_cloudwatch_log_group.forgotten
  lifecycle {
    destroy = false
  }
}

import {
  to = aws_cloudwatch_log_group.imported
  id = "/kinds/imported"
}

resource "aws_cloudwatch_log_group" "imported" {
  name = "/kinds/imported"
}

import {
  to = aws_cloudwatch_log_group.imported_changed
  id = "/kinds/imported-changed"
}

resource "aws_cloudwatch_log_group" "imported_changed" {
  name              = "/kinds/imported-changed"
  retention_in_days = 7
}

resource "aws_sns_topic" "unchanged" {
  name = "kinds-unchanged"
}

# It is read during the apply, because what it depends on changes.
data "aws_ssm_parameter" "read_later" {
  name       = "/kinds/updated"
  depends_on = [aws_ssm_parameter.updated]
}

output "added" {
  value = "after"
}

output "changed" {
  value = "after"
}

output "hidden" {
  value     = "becomes-sensitive"
  sensitive = true
}

output "nested" {
  value = { region = "eu-west-1", names = ["a", "b"] }
}

output "known_later" {
  value = aws_ssm_parameter.created.arn
}

check "fails" {
  assert {
    condition     = aws_ssm_parameter.updated.type == "SecureString"
    error_message = "The parameter is not encrypted."
  }
}

check "passes" {
  assert {
    condition     = aws_ssm_parameter.updated.type == "String"
    error_message = "Never shown."
  }
}

check "known_later" {
  assert {
    condition     = data.aws_ssm_parameter.read_later.insecure_value == "after"
    error_message = "Never shown."
  }
}

data "aws_ssm_parameter" "read_when_known" {
  name = aws_ssm_parameter.created.arn
}

check "reads" {
  data "aws_sns_topic" "in_a_check" {
    name = "kinds-unchanged"
  }
  assert {
    condition     = endswith(data.aws_sns_topic.in_a_check.arn, "kinds-unchanged")
    error_message = "Never shown."
  }
}

check "cannot_read" {
  data "aws_ssm_parameter" "missing" {
    name = "/kinds/missing"
  }
  assert {
    condition     = data.aws_ssm_parameter.missing.insecure_value == "before"
    error_message = "Never shown."
  }
}
