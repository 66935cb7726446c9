variable "step" {
  type = string
}

locals {
  hostile = {
    quotes    = "say \"hi\" 'there' \\"
    emoji     = "🛰️ CO₂ 👩‍🚀"
    rtl       = "‮gpj.exe שלום"
    newlines  = "a\nb\r\n\n# heading\n- item\n    code\n***\n| a | b |"
    pipes     = "a|b||c"
    backticks = "``` ```` `x`\n```\n````\n~~~"
    details   = "</details></summary><details open>"
    comment   = "<!-- ops-review --> <!-- --> -->"
    html      = "<img src=x onerror=alert(1)><script>alert(1)</script>&amp;&#64;everyone"
    mention   = "@everyone @octo/admins octo@example.org"
    reference = "#1 GH-1 octo/repo#1 https://evil.example/a www.evil.example"
    link      = "[text](javascript:alert(1)) ![i](https://evil.example/i.png) [a]: https://evil.example"
    math      = "$x^2$ $$y$$ :tada: [^1] ~~s~~ **b** __u__"
    invisible = "a​b‏c d\u001b[2Je\u0007"
    terraform = "$${var.x} %%{if true}"
    separator = "+ - ! @@ -1 +1 @@"
  }
}

resource "terraform_data" "each" {
  for_each = local.hostile
  input    = { (each.value) = "${each.value}${var.step}", step = "${var.step} ${each.value}" }
}

resource "terraform_data" "key" {
  for_each = toset(values(local.hostile))
  input    = var.step
}

resource "aws_ssm_parameter" "each" {
  for_each       = { for name in ["emoji", "details", "mention", "backticks"] : local.hostile[name] => name }
  name           = "/unicode/${each.value}"
  description    = "${each.key} ${var.step}"
  type           = "String"
  insecure_value = var.step
  tags           = { (each.key) = "${each.key} ${var.step}" }
}

resource "aws_dynamodb_table" "each" {
  for_each     = var.step == "1" ? { for name in ["emoji", "details", "mention", "backticks", "rtl", "newlines"] : local.hostile[name] => name } : {}
  name         = "unicode-${each.value}"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "key"
  attribute {
    name = "key"
    type = "S"
  }
}

resource "aws_iam_role" "reader" {
  name = "unicode-reader"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = "arn:aws:iam::444455556666:root" }
      Condition = { StringEquals = { "sts:ExternalId" = [for name, text in local.hostile : "${text} ${var.step}"] } }
    }]
  })
}

output "hostile" {
  value = { for name, text in local.hostile : text => "${text} ${var.step}" }
}

check "tells" {
  assert {
    condition     = var.step == "1"
    error_message = join("\n", values(local.hostile))
  }
}
