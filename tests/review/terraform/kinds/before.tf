# Each resource is named by what happens to it.
resource "aws_ssm_parameter" "updated" {
  name           = "/kinds/updated"
  type           = "String"
  insecure_value = "before"
}

resource "aws_ssm_parameter" "deleted" {
  name           = "/kinds/deleted"
  type           = "String"
  insecure_value = "before"
}

resource "aws_ssm_parameter" "counted" {
  count          = 2
  name           = "/kinds/counted/${count.index}"
  type           = "String"
  insecure_value = "before"
}

resource "aws_ssm_parameter" "keyed" {
  for_each       = toset(["a", "b"])
  name           = "/kinds/keyed/${each.key}"
  type           = "String"
  insecure_value = "before"
}

resource "aws_ssm_parameter" "repeated" {
  name           = "/kinds/repeated"
  type           = "String"
  insecure_value = "before"
}

resource "aws_ssm_parameter" "gone_in_aws" {
  name           = "/kinds/gone"
  type           = "String"
  insecure_value = "before"
}

module "removed" {
  source = "./module"
}

resource "aws_sqs_queue" "replaced" {
  name = "kinds-replaced"
}

resource "aws_sqs_queue" "renewed" {
  name = "kinds-renewed"
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
  input = "before"
}

resource "aws_iam_policy" "triggered" {
  name   = "kinds-triggered"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sqs:SendMessage", Resource = "*" }] })
  lifecycle {
    replace_triggered_by = [terraform_data.trigger]
  }
}

resource "aws_iam_role" "renamed" {
  name               = "kinds-role"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }] })
}

resource "aws_sns_topic" "old_name" {
  name = "kinds-moved"
}

resource "aws_sns_topic" "old_name_changed" {
  name         = "kinds-moved-changed"
  display_name = "before"
}

resource "aws_sqs_queue" "old_name_replaced" {
  name = "kinds-moved-replaced"
}

resource "aws_cloudwatch_log_group" "forgotten" {
  name = "/kinds/forgotten"
}

resource "aws_sns_topic" "unchanged" {
  name = "kinds-unchanged"
}

output "changed" {
  value = "before"
}

output "removed" {
  value = "before"
}

output "hidden" {
  value = "becomes-sensitive"
}

output "nested" {
  value = { region = "us-east-1", names = ["a", "b"] }
}
