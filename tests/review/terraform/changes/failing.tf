resource "aws_ssm_parameter" "one" {
  name  = "/review/one"
  type  = "String"
  value = "1"
}

data "aws_ssm_parameter" "missing" {
  name = "/review/missing"
}

output "missing" {
  value = data.aws_ssm_parameter.missing.insecure_value
}
