"""Optional features: bucket options, replication, backups, alias, code signing, web ACL, logs.

The emulator supports few of them, so these tests assert on the Terraform JSON;
tests/integration/test_validate.py validates it with the real provider.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modules.catalogue import BUCKETS, DATA_BUCKETS
from tests.modules.terraform_json import Json, Stack, mapping, sequence

Synthesized = Callable[..., dict[str, Stack]]


def _document(**more: object) -> dict[str, object]:
    return {
        "region": "eu-central-1",
        "retain": False,
        "state": {"local": {}},
        "table": {"billing": "on-demand"},
        **more,
    }


def _rules(stack: Stack, bucket: str) -> dict[str, dict[str, Json]]:
    lifecycle = stack.resource(f"aws_s3_bucket_lifecycle_configuration.{bucket}_lifecycle")
    return {str(rule["id"]): rule for rule in map(mapping, sequence(lifecycle["rule"]))}


def _firewall_rules(stacks: dict[str, Stack]) -> list[dict[str, Json]]:
    """Return the rules of the web ACL in the order in which AWS WAF evaluates them."""
    rules = stacks["frontend"].resource("aws_wafv2_web_acl.firewall")["rule"]
    return sorted(map(mapping, sequence(rules)), key=lambda rule: int(str(rule["priority"])))


class TestBuckets:
    """Lifecycle, Intelligent-Tiering, CORS, access logs, metrics, analytics, Object Lock."""

    @pytest.mark.parametrize("bucket", ["static_website", "geojson"])
    def test_current_objects_move_to_intelligent_tiering_only(
        self, bucket: str, everything: dict[str, Stack]
    ) -> None:
        rules = _rules(everything["storage"], bucket)
        moved = [
            mapping(transition)["storage_class"]
            for rule in rules.values()
            for transition in sequence(rule.get("transition", []))
        ]
        assert moved == ["INTELLIGENT_TIERING"]
        for rule in rules.values():
            assert "filter" in rule, (
                "provider versions interpret a rule without a filter differently"
            )

    def test_tiering_is_off_by_default(self, shipped: dict[str, Stack]) -> None:
        assert "to-intelligent-tiering" not in _rules(shipped["prod-storage"], "geojson")

    def test_tiering_after_zero_days_is_not_off(self, everything: dict[str, Stack]) -> None:
        rule = _rules(everything["storage"], "geojson")["to-intelligent-tiering"]
        assert mapping(sequence(rule["transition"])[0])["days"] == 0

    def test_cors_allows_get_and_head_from_the_configured_origins(
        self, shipped: dict[str, Stack]
    ) -> None:
        cors = shipped["prod-storage"].resource("aws_s3_bucket_cors_configuration.geojson_cors")
        (rule,) = map(mapping, sequence(cors["cors_rule"]))
        assert rule["allowed_methods"] == ["GET", "HEAD"]
        assert rule["allowed_origins"] == ["https://www.example.org"]
        assert "*" not in sequence(rule["allowed_headers"])

    def test_alarms_use_the_filter_of_the_request_metrics(self, shipped: dict[str, Stack]) -> None:
        metric = shipped["prod-storage"].resource("aws_s3_bucket_metric.geojson_request_metrics")
        alarms = shipped["prod-monitoring"].resources()
        alarm = alarms["aws_cloudwatch_metric_alarm.geojson_refused"]
        filters = {
            mapping(mapping(query["metric"])["dimensions"])["FilterId"]
            for query in map(mapping, sequence(alarm["metric_query"]))
            if "metric" in query
        }
        assert filters == {metric["name"]}

    def test_analytics_reports_are_delivered_to_the_log_bucket(
        self, shipped: dict[str, Stack]
    ) -> None:
        analytics = shipped["prod-storage"].resource(
            "aws_s3_bucket_analytics_configuration.geojson_analytics"
        )
        target: Json = analytics["storage_class_analysis"]
        for key in ("data_export", "destination", "s3_bucket_destination"):
            target = mapping(target)[key]
        assert "access_logs" in str(mapping(target)["bucket_arn"])
        assert mapping(target)["prefix"] == "analytics/geojson/"

    def test_versions_of_access_logs_expire(
        self, everything: dict[str, Stack], shipped: dict[str, Stack]
    ) -> None:
        for layer, bucket in (("base", "access_logs"), ("storage", "replication_access_logs")):
            versioning = everything[layer].resource(f"aws_s3_bucket_versioning.{bucket}_versioning")
            assert versioning["versioning_configuration"] == {"status": "Enabled"}
            rule = _rules(everything[layer], bucket)["expire-replaced-logs"]
            assert rule["noncurrent_version_expiration"] == [{"noncurrent_days": 30}]
            # An expired log becomes a delete marker, which S3 keeps for ever unless told otherwise.
            assert rule["expiration"] == [{"expired_object_delete_marker": True}]
        assert "aws_s3_bucket_versioning" not in shipped["prod-base"].counts()

    def test_object_lock_never_replaces_the_bucket(self, everything: dict[str, Stack]) -> None:
        storage = everything["storage"]
        for bucket in ("geojson", "static_website", "geojson_replica"):
            assert "object_lock_enabled" not in storage.resource(f"aws_s3_bucket.{bucket}")
        lock = storage.resource("aws_s3_bucket_object_lock_configuration.geojson_object_lock")
        assert lock["rule"] == {"default_retention": {"mode": "GOVERNANCE", "days": 30}}

    def test_object_lock_excludes_the_website_bucket(self, everything: dict[str, Stack]) -> None:
        locked = {
            address
            for address in everything["storage"].resources()
            if address.startswith("aws_s3_bucket_object_lock_configuration.")
        }
        assert {address.partition(".")[2] for address in locked} == {
            "geojson_object_lock",
            "geojson_replica_object_lock",
        }


class TestReplication:
    """Replication of the buckets to another Region."""

    @pytest.mark.parametrize("bucket", ["static_website", "geojson"])
    def test_a_replica_bucket_is_in_the_other_region_with_its_configuration(
        self, bucket: str, everything: dict[str, Stack]
    ) -> None:
        parts = {
            address: arguments
            for address, arguments in everything["storage"].resources().items()
            if f"{address}_".partition(".")[2].startswith(f"{bucket}_replica_")
        }
        assert f"aws_s3_bucket_versioning.{bucket}_replica_versioning" in parts
        assert f"aws_s3_bucket_public_access_block.{bucket}_replica_public_access_block" in parts
        for address, arguments in parts.items():
            assert arguments["provider"] == "aws.eu_west_1", address

    def test_replicas_log_to_a_bucket_of_their_region(self, everything: dict[str, Stack]) -> None:
        storage = everything["storage"]
        logs = storage.resource("aws_s3_bucket.replication_access_logs")
        assert logs["provider"] == "aws.eu_west_1", "S3 delivers logs within a Region only"
        assert logs["bucket"] == "co2-analysis-everything-access-logs-123456789012-replica"
        block = storage.resource(
            "aws_s3_bucket_public_access_block.replication_access_logs_public_access_block"
        )
        assert block["restrict_public_buckets"] is True
        rule = _rules(storage, "replication_access_logs")["expire-logs"]
        assert rule["expiration"] == [{"days": 60}]
        replicated = [bucket.id for bucket in DATA_BUCKETS if bucket.replicated]
        for bucket in replicated:
            logging = storage.resource(f"aws_s3_bucket_logging.{bucket}_replica_logging")
            assert logging["target_bucket"] == "${aws_s3_bucket.replication_access_logs.bucket}"
        statements = dict(storage.policies())[
            "aws_s3_bucket_policy.replication_access_logs_policy.policy"
        ]
        (deliver,) = (s for s in statements if s["Effect"] == "Allow")
        assert deliver["Principal"] == {"Service": "logging.s3.amazonaws.com"}
        assert deliver["Resource"] == [f"arn:aws:s3:::{logs['bucket']}/*"]
        condition = mapping(deliver["Condition"])
        assert mapping(condition["ArnLike"])["aws:SourceArn"] == [
            f"arn:aws:s3:::{storage.resource(f'aws_s3_bucket.{bucket}_replica')['bucket']}"
            for bucket in replicated
        ]
        assert "aws:SourceAccount" in mapping(condition["StringEquals"])

    @pytest.mark.parametrize("bucket", ["static_website", "geojson"])
    def test_delete_markers_are_replicated(self, bucket: str, everything: dict[str, Stack]) -> None:
        storage = everything["storage"]
        replication = storage.resource(
            f"aws_s3_bucket_replication_configuration.{bucket}_replication"
        )
        (rule,) = map(mapping, sequence(replication["rule"]))
        assert mapping(rule["delete_marker_replication"])["status"] == "Enabled"
        assert "filter" in rule, "S3 rejects delete_marker_replication in a rule without a filter"
        assert mapping(rule["destination"])["bucket"] == (
            f"${{aws_s3_bucket.{bucket}_replica.arn}}"
        )
        assert "provider" not in replication, "the rule belongs to the source"
        assert "aws_iam_role_policy.replication_rights" in sequence(replication["depends_on"])

    def test_the_replication_role_writes_to_the_replicas_only(
        self, everything: dict[str, Stack]
    ) -> None:
        policies = dict(everything["storage"].policies())
        statements = policies["aws_iam_role_policy.replication_rights.policy"]
        write = next(s for s in statements if s["Sid"] == "WriteCopies")
        assert write["Resource"] == [
            f"${{aws_s3_bucket.{bucket.id}_replica.arn}}/*"
            for bucket in BUCKETS
            if bucket.replicated
        ]
        for statement in statements:
            if statement["Sid"] != "WriteCopies":
                assert not any("replica" in str(arn) for arn in sequence(statement["Resource"]))
        (assume,) = policies["aws_iam_role.replication_role.assume_role_policy"]
        assert assume["Principal"] == {"Service": "s3.amazonaws.com"}
        assert "aws:SourceAccount" in str(assume["Condition"])

    def test_object_lock_retention_is_replicated(
        self, everything: dict[str, Stack], synthesized: Synthesized
    ) -> None:
        assert "s3:GetObjectRetention" in str(dict(everything["storage"].policies()))
        buckets = {"versioning": True, "replication": {"region": "eu-west-1"}}
        unlocked = synthesized(_document(buckets=buckets))
        assert "s3:GetObjectRetention" not in str(dict(unlocked["storage"].policies()))


class TestGlobalTable:
    """Replicas of the cache table in other Regions."""

    def test_a_table_replica_depends_on_write_autoscaling(
        self, everything: dict[str, Stack]
    ) -> None:
        replica = everything["storage"].resource(
            "aws_dynamodb_table_replica.cache_replica_eu_west_1"
        )
        assert replica["provider"] == "aws.eu_west_1"
        waits = set(map(str, sequence(replica["depends_on"])))
        assert "aws_appautoscaling_policy.cache_table_write_scaling_policy" in waits
        assert "aws_appautoscaling_policy.cache_index_write_scaling_policy" in waits

    def test_the_table_ignores_changes_of_its_replicas(self, everything: dict[str, Stack]) -> None:
        table = everything["storage"].resource("aws_dynamodb_table.cache")
        assert "replica" in sequence(mapping(table["lifecycle"])["ignore_changes"])
        assert "replica" not in table

    def test_a_replica_of_an_on_demand_table_has_no_dependency_on_autoscaling(
        self, synthesized: Synthesized
    ) -> None:
        table = {"billing": "on-demand", "replicas": ["eu-west-1"]}
        stacks = synthesized(_document(table=table))
        replica = stacks["storage"].resource("aws_dynamodb_table_replica.cache_replica_eu_west_1")
        assert not replica.get("depends_on")

    def test_a_table_replica_has_deletion_protection_and_pitr(
        self, everything: dict[str, Stack]
    ) -> None:
        replica = everything["storage"].resource(
            "aws_dynamodb_table_replica.cache_replica_us_east_1"
        )
        assert replica["deletion_protection_enabled"] is True
        assert replica["point_in_time_recovery"] is True


class TestBackup:
    """Scheduled backups by AWS Backup."""

    def test_the_table_and_every_data_bucket_are_backed_up(
        self, everything: dict[str, Stack]
    ) -> None:
        selection = everything["storage"].resource("aws_backup_selection.backup_selection")
        assert selection["resources"] == [
            "${aws_dynamodb_table.cache.arn}",
            *(f"${{aws_s3_bucket.{bucket.id}.arn}}" for bucket in DATA_BUCKETS if bucket.versioned),
        ]
        assert selection["depends_on"] == ["aws_iam_role_policy.backup_rights"]

    def test_backups_and_copies_expire(self, everything: dict[str, Stack]) -> None:
        plan = everything["storage"].resource("aws_backup_plan.backup_plan")
        (rule,) = map(mapping, sequence(plan["rule"]))
        assert rule["schedule"] == "cron(30 1 ? * SUN *)"
        assert rule["target_vault_name"] == "${aws_backup_vault.backup_vault.name}"
        (copy,) = map(mapping, sequence(rule["copy_action"]))
        assert str(copy["destination_vault_arn"]).endswith(":backup-vault:copies")
        assert rule["lifecycle"] == copy["lifecycle"] == {"delete_after": 400}

    def test_the_vault_is_protected_and_locked(self, everything: dict[str, Stack]) -> None:
        storage = everything["storage"]
        vault = storage.resource("aws_backup_vault.backup_vault")
        assert vault["lifecycle"] == {"prevent_destroy": True}
        assert vault["force_destroy"] is False
        assert "key/" in str(vault["kms_key_arn"])
        lock = storage.resource("aws_backup_vault_lock_configuration.backup_lock")
        assert (lock["min_retention_days"], lock["changeable_for_days"]) == (90, 30)

    def test_the_role_reads_these_data_only(self, everything: dict[str, Stack]) -> None:
        policies = dict(everything["storage"].policies())
        (assume,) = policies["aws_iam_role.backup_role.assume_role_policy"]
        assert assume["Principal"] == {"Service": "backup.amazonaws.com"}
        assert "aws:SourceAccount" in str(assume["Condition"])
        rights = {str(s["Sid"]): s for s in policies["aws_iam_role_policy.backup_rights.policy"]}
        table = "${aws_dynamodb_table.cache.arn}"
        buckets = [f"${{aws_s3_bucket.{bucket.id}.arn}}" for bucket in DATA_BUCKETS]
        assert rights["BackUpTable"]["Resource"] == [table]
        assert rights["ExpireTableBackups"]["Resource"] == [f"{table}/backup/*"]
        assert rights["BackUpBuckets"]["Resource"] == buckets
        assert rights["ReadObjects"]["Resource"] == [f"{bucket}/*" for bucket in buckets]
        for statement in rights.values():
            for action in map(str, sequence(statement["Action"])):
                assert not action.startswith(("s3:Delete", "s3:PutObject", "dynamodb:Put")), (
                    "a backup reads"
                )

    def test_there_are_no_backups_by_default(self, shipped: dict[str, Stack]) -> None:
        assert not any("backup" in kind for kind in shipped["prod-storage"].counts())


class TestFunction:
    """Alias, provisioned concurrency and code signing."""

    def test_the_function_runs_the_signed_package(self, everything: dict[str, Stack]) -> None:
        compute = everything["compute"]
        function = compute.resource("aws_lambda_function.reasoning")
        job = "aws_signer_signing_job.reasoning_package_signing"
        assert function["s3_bucket"] == f"${{{job}.signed_object[0].s3[0].bucket}}"
        assert function["s3_key"] == f"${{{job}.signed_object[0].s3[0].key}}"
        # Lambda reports the hash of the signed package, so this would be a change in every plan.
        assert "source_code_hash" not in function
        assert "filename" not in function

    def test_every_package_is_signed(self, everything: dict[str, Stack]) -> None:
        compute = everything["compute"]
        unsigned = compute.resource("aws_s3_object.reasoning_package_unsigned")
        assert (compute.folder / str(unsigned["source"])).is_file()
        assert unsigned["source_hash"], "without it a changed package would not be uploaded"
        job = compute.resource("aws_signer_signing_job.reasoning_package_signing")
        assert job["profile_name"] == "co2_analysis"
        assert mapping(mapping(job["source"])["s3"]) == {
            "bucket": "our-signed-packages",
            "key": "${aws_s3_object.reasoning_package_unsigned.key}",
            "version": "${aws_s3_object.reasoning_package_unsigned.version_id}",
        }

    def test_lambda_refuses_packages_of_other_publishers(
        self, everything: dict[str, Stack]
    ) -> None:
        compute = everything["compute"]
        trust = compute.resource("aws_lambda_code_signing_config.reasoning_package_trust")
        assert trust["policies"] == {"untrusted_artifact_on_deployment": "Enforce"}
        (publisher,) = sequence(
            mapping(trust["allowed_publishers"])["signing_profile_version_arns"]
        )
        assert str(publisher).endswith("/signing-profiles/co2_analysis/a1B2c3D4e5")
        function = compute.resource("aws_lambda_function.reasoning")
        assert function["code_signing_config_arn"] == (
            "${aws_lambda_code_signing_config.reasoning_package_trust.arn}"
        )

    def test_without_code_signing_the_package_is_uploaded_directly(
        self, shipped: dict[str, Stack]
    ) -> None:
        function = shipped["prod-compute"].resource("aws_lambda_function.reasoning")
        assert {"filename", "source_code_hash"} <= set(function)
        assert not {"s3_bucket", "s3_key", "code_signing_config_arn"} & set(function)

    def test_the_log_group_of_retained_data_outlives_its_stack(
        self, shipped: dict[str, Stack]
    ) -> None:
        kept = shipped["prod-compute"].resource("aws_cloudwatch_log_group.reasoning_log")
        assert kept["skip_destroy"] is True
        deleted = shipped["dev-compute"].resource("aws_cloudwatch_log_group.reasoning_log")
        assert "skip_destroy" not in deleted

    def test_the_url_and_cloudfront_call_the_alias(self, everything: dict[str, Stack]) -> None:
        compute = everything["compute"]
        assert compute.resource("aws_lambda_function.reasoning")["publish"] is True
        url = compute.resource("aws_lambda_function_url.reasoning_url")
        assert url["qualifier"] == "${aws_lambda_alias.reasoning_alias.name}"
        for permission in ("allow_url", "allow_function"):
            allowed = everything["frontend"].resource(f"aws_lambda_permission.{permission}")
            assert "qualifier" in allowed, (
                "a permission without a qualifier does not cover the alias"
            )

    def test_provisioned_concurrency_is_on_the_alias(self, everything: dict[str, Stack]) -> None:
        warm = everything["compute"].resource(
            "aws_lambda_provisioned_concurrency_config.reasoning_warm"
        )
        assert warm["qualifier"] == "${aws_lambda_alias.reasoning_alias.name}"
        assert warm["provisioned_concurrent_executions"] == 2

    def test_without_an_alias_no_version_is_published(self, shipped: dict[str, Stack]) -> None:
        function = shipped["dev-compute"].resource("aws_lambda_function.reasoning")
        assert not function.get("publish")
        assert "reserved_concurrent_executions" not in function


class TestSite:
    """Web ACL and access logs of the distribution."""

    def test_the_web_acl_is_in_us_east_1_and_associated(self, everything: dict[str, Stack]) -> None:
        frontend = everything["frontend"]
        acl = frontend.resource("aws_wafv2_web_acl.firewall")
        assert (acl["provider"], acl["scope"]) == ("aws.us_east_1", "CLOUDFRONT")
        distribution = frontend.resource("aws_cloudfront_distribution.distribution")
        assert distribution["web_acl_id"] == "${aws_wafv2_web_acl.firewall.arn}"

    def test_the_rate_limits_come_first_and_every_rule_blocks(
        self, everything: dict[str, Stack]
    ) -> None:
        rules = _firewall_rules(everything)
        site, api, *managed = rules
        for rule, requests in ((site, 1000), (api, 200)):
            assert "block" in mapping(rule["action"])
            limit = mapping(mapping(rule["statement"])["rate_based_statement"])
            assert (limit["limit"], limit["aggregate_key_type"]) == (requests, "IP")
        for rule in managed:
            assert "none" in mapping(rule["override_action"]), (
                "an override to COUNT would not block requests"
            )
        assert len({rule["priority"] for rule in rules}) == len(rules)

    def test_the_firewall_has_the_rules_against_log4j(self, shipped: dict[str, Stack]) -> None:
        rules = str(shipped["prod-frontend"].resource("aws_wafv2_web_acl.firewall")["rule"])
        assert "AWSManagedRulesKnownBadInputsRuleSet" in rules
        assert "AnonymousIpList" not in rules, "readers behind a VPN would get a 403"

    def test_the_api_rate_limit_covers_the_paths_of_the_api(
        self, everything: dict[str, Stack]
    ) -> None:
        distribution = everything["frontend"].resource("aws_cloudfront_distribution.distribution")
        behaviours = map(mapping, sequence(distribution["ordered_cache_behavior"]))
        (pattern,) = (b["path_pattern"] for b in behaviours if b["target_origin_id"] == "api")

        site, api, *_ = _firewall_rules(everything)
        assert "scope_down_statement" not in str(site)
        limit = mapping(mapping(api["statement"])["rate_based_statement"])
        path = mapping(mapping(limit["scope_down_statement"])["byte_match_statement"])
        assert (path["positional_constraint"], f"{path['search_string']}*") == (
            "STARTS_WITH",
            pattern,
        )
        assert path["field_to_match"] == {"uri_path": {}}
        # Else /%61pi/ and /x/../api/ would reach the function without the limit.
        steps = sorted(
            map(mapping, sequence(path["text_transformation"])), key=lambda s: str(s["priority"])
        )
        assert [step["type"] for step in steps] == ["URL_DECODE", "NORMALIZE_PATH"]

    def test_blocked_and_counted_requests_are_logged_without_credentials(
        self, everything: dict[str, Stack]
    ) -> None:
        frontend = everything["frontend"]
        group = frontend.resource("aws_cloudwatch_log_group.firewall_log")
        assert str(group["name"]).startswith("aws-waf-logs-"), "AWS WAF requires it"
        assert (group["provider"], group["retention_in_days"]) == ("aws.us_east_1", 90)
        assert group["skip_destroy"], "the environment is retained"

        logging = frontend.resource(
            "aws_wafv2_web_acl_logging_configuration.firewall_log_configuration"
        )
        assert logging["provider"] == "aws.us_east_1"
        assert logging["resource_arn"] == "${aws_wafv2_web_acl.firewall.arn}"
        assert logging["log_destination_configs"] == [
            "${aws_cloudwatch_log_group.firewall_log.arn}"
        ]
        redacted = [
            mapping(field)["single_header"] for field in sequence(logging["redacted_fields"])
        ]
        assert redacted == [{"name": "authorization"}, {"name": "cookie"}]
        kept = mapping(logging["logging_filter"])
        assert kept["default_behavior"] == "DROP"
        (rule,) = map(mapping, sequence(kept["filter"]))
        assert (rule["behavior"], rule["requirement"]) == ("KEEP", "MEETS_ANY")
        assert rule["condition"] == [
            {"action_condition": {"action": action}} for action in ("BLOCK", "COUNT")
        ]

    def test_each_managed_rule_group_is_optional_and_so_is_the_log(
        self, synthesized: Synthesized
    ) -> None:
        firewall = {"managed_rules": False, "block_anonymous": True}
        frontend = synthesized(_document(frontend={"firewall": firewall}))["frontend"]
        rules = map(str, sequence(frontend.resource("aws_wafv2_web_acl.firewall")["rule"]))
        managed = [rule for rule in rules if "managed_rule_group_statement" in rule]
        assert len(managed) == 1
        assert "AWSManagedRulesAnonymousIpList" in managed[0]
        assert "aws_wafv2_web_acl_logging_configuration" not in frontend.counts()
        assert "aws_cloudwatch_log_group" not in frontend.counts()

    def test_an_existing_web_acl_is_used(self, synthesized: Synthesized) -> None:
        arn = (
            "arn:aws:wafv2:us-east-1:123456789012:global/webacl/ours/"
            "1234abcd-12ab-34cd-56ef-1234567890ab"
        )
        stacks = synthesized(_document(frontend={"web_acl_arn": arn}))
        distribution = stacks["frontend"].resource("aws_cloudfront_distribution.distribution")
        assert distribution["web_acl_id"] == arn

    def test_access_logs_are_delivered_from_us_east_1_to_the_log_bucket(
        self, everything: dict[str, Stack]
    ) -> None:
        frontend = everything["frontend"]
        for kind in ("source", "destination"):
            part = frontend.resource(f"aws_cloudwatch_log_delivery_{kind}.logs_{kind}")
            assert part["provider"] == "aws.us_east_1"
        destination = frontend.resource("aws_cloudwatch_log_delivery_destination.logs_destination")
        target = str(destination["delivery_destination_configuration"])
        assert "access_logs" in target
        assert "/distribution" in target

    def test_us_east_1_needs_no_second_provider(self, shipped: dict[str, Stack]) -> None:
        assert len(sequence(shipped["prod-frontend"].at("provider", "aws"))) == 1
        source = shipped["prod-frontend"].resource("aws_cloudwatch_log_delivery_source.logs_source")
        assert "provider" not in source
