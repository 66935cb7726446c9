"""Names of the resources in an emulator, read from the services and not from Terraform."""

from __future__ import annotations

from testing.emulator import Emulator

# Account of the emulator.
ACCOUNT = "000000000000"


def found_in(emulator: Emulator, environment: str = "") -> dict[str, list[str]]:
    """Return the names of the project's resources, or of one environment's, by kind."""
    name = f"co2-analysis-{environment}"
    path = f"/co2-analysis/{environment}"
    ssm, secrets = emulator.client("ssm"), emulator.client("secretsmanager")
    cloudwatch, logs = emulator.client("cloudwatch"), emulator.client("logs")
    cloudfront, wafv2 = emulator.client("cloudfront"), emulator.client("wafv2")
    alarms = cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    found = {
        "tables": emulator.client("dynamodb").list_tables()["TableNames"],
        "buckets": [bucket["Name"] for bucket in emulator.client("s3").list_buckets()["Buckets"]],
        "functions": [
            function["FunctionName"]
            for function in emulator.client("lambda").list_functions()["Functions"]
        ],
        "parameters": [
            parameter["Name"]
            for page in ssm.get_paginator("describe_parameters").paginate()
            for parameter in page["Parameters"]
        ],
        "secrets": [
            secret["Name"]
            for secret in secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]
        ],
        "log groups": [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]],
        "roles": [role["RoleName"] for role in emulator.client("iam").list_roles()["Roles"]],
        "alarms": [
            alarm["AlarmName"] for alarm in (*alarms["MetricAlarms"], *alarms["CompositeAlarms"])
        ],
        "dashboards": [
            dashboard["DashboardName"]
            for dashboard in cloudwatch.list_dashboards()["DashboardEntries"]
        ],
        "topics": [topic["TopicArn"] for topic in emulator.client("sns").list_topics()["Topics"]],
        "keys": [alias["AliasName"] for alias in emulator.client("kms").list_aliases()["Aliases"]],
        "budgets": [
            budget["BudgetName"]
            for budget in emulator.client("budgets")
            .describe_budgets(AccountId=ACCOUNT)
            .get("Budgets", [])
        ],
        "web ACLs": [acl["Name"] for acl in wafv2.list_web_acls(Scope="CLOUDFRONT")["WebACLs"]],
        "log deliveries": [
            source["name"] for source in logs.describe_delivery_sources()["deliverySources"]
        ],
        "distributions": [
            distribution["Comment"]
            for distribution in cloudfront.list_distributions()["DistributionList"].get("Items", [])
        ],
        "edge functions": [
            function["Name"]
            for function in cloudfront.list_functions()["FunctionList"].get("Items", [])
        ],
        "access controls": [
            control["Name"]
            for control in cloudfront.list_origin_access_controls()["OriginAccessControlList"].get(
                "Items", []
            )
        ],
    }
    return {
        kind: [one for one in names if name in one or path in one] for kind, names in found.items()
    }
