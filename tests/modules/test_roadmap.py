"""What the system's owners asked for next, item by item, with the trap of each.

An emulator keeps little of this, so the Terraform JSON is what is held to it; that the real
provider accepts it is for tests/integration/test_validate.py.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modules.catalogue import BUCKETS
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


class TestBuckets:
    """Lifecycle, Intelligent-Tiering, CORS, access logs, metrics, analytics, Object Lock."""

    @pytest.mark.parametrize("bucket", ["static_website", "geojson"])
    def test_no_rule_makes_a_current_object_slow_to_read(
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
            assert "filter" in rule, "provider versions differ in what a rule without one means"

    def test_tiering_is_off_unless_it_is_asked_for(self, shipped: dict[str, Stack]) -> None:
        assert "to-intelligent-tiering" not in _rules(shipped["prod-storage"], "geojson")

    def test_tiering_from_the_first_day_is_not_taken_for_off(
        self, everything: dict[str, Stack]
    ) -> None:
        rule = _rules(everything["storage"], "geojson")["to-intelligent-tiering"]
        assert mapping(sequence(rule["transition"])[0])["days"] == 0

    def test_cors_lets_named_sites_read_and_nothing_else(self, shipped: dict[str, Stack]) -> None:
        cors = shipped["prod-storage"].resource("aws_s3_bucket_cors_configuration.geojson_cors")
        (rule,) = map(mapping, sequence(cors["cors_rule"]))
        assert rule["allowed_methods"] == ["GET", "HEAD"]
        assert rule["allowed_origins"] == ["https://www.example.org"]
        assert "*" not in sequence(rule["allowed_headers"])

    def test_request_metrics_are_what_the_alarms_ask_for(self, shipped: dict[str, Stack]) -> None:
        metric = shipped["prod-storage"].resource("aws_s3_bucket_metric.geojson_request_metrics")
        alarms = shipped["prod-monitoring"].resources()
        alarm = alarms["aws_cloudwatch_metric_alarm.geojson_refused"]
        assert mapping(alarm["dimensions"])["FilterId"] == metric["name"]

    def test_analytics_reports_go_where_they_may_be_written(
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

    def test_object_lock_never_replaces_the_bucket(self, everything: dict[str, Stack]) -> None:
        storage = everything["storage"]
        for bucket in ("geojson", "static_website", "geojson_replica"):
            assert "object_lock_enabled" not in storage.resource(f"aws_s3_bucket.{bucket}")
        lock = storage.resource("aws_s3_bucket_object_lock_configuration.geojson_object_lock")
        assert lock["rule"] == {"default_retention": {"mode": "GOVERNANCE", "days": 30}}

    def test_pages_can_still_be_replaced_and_tidied_up(self, everything: dict[str, Stack]) -> None:
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
    """Copies of the buckets in another Region."""

    @pytest.mark.parametrize("bucket", ["static_website", "geojson"])
    def test_a_copy_lies_in_the_other_region_with_all_its_parts(
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

    @pytest.mark.parametrize("bucket", ["static_website", "geojson"])
    def test_deletions_are_copied_and_versioning_comes_first(
        self, bucket: str, everything: dict[str, Stack]
    ) -> None:
        storage = everything["storage"]
        replication = storage.resource(
            f"aws_s3_bucket_replication_configuration.{bucket}_replication"
        )
        (rule,) = map(mapping, sequence(replication["rule"]))
        assert mapping(rule["delete_marker_replication"])["status"] == "Enabled"
        assert "filter" in rule, "without one S3 takes no delete marker rule"
        assert mapping(rule["destination"])["bucket"] == (
            f"${{aws_s3_bucket.{bucket}_replica.arn}}"
        )
        assert "provider" not in replication, "the rule belongs to the source"
        assert "aws_iam_role_policy.replication_rights" in sequence(replication["depends_on"])

    def test_the_role_copies_from_the_sources_into_the_copies_only(
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

    def test_locks_are_copied_with_the_objects(
        self, everything: dict[str, Stack], synthesized: Synthesized
    ) -> None:
        assert "s3:GetObjectRetention" in str(dict(everything["storage"].policies()))
        buckets = {"versioning": True, "replication": {"region": "eu-west-1"}}
        unlocked = synthesized(_document(buckets=buckets))
        assert "s3:GetObjectRetention" not in str(dict(unlocked["storage"].policies()))


class TestGlobalTable:
    """Replicas of the cache table in other Regions."""

    def test_a_replica_waits_until_writes_are_scaled(self, everything: dict[str, Stack]) -> None:
        replica = everything["storage"].resource(
            "aws_dynamodb_table_replica.cache_replica_eu_west_1"
        )
        assert replica["provider"] == "aws.eu_west_1"
        waits = set(map(str, sequence(replica["depends_on"])))
        assert "aws_appautoscaling_policy.cache_table_write_scaling_policy" in waits
        assert "aws_appautoscaling_policy.cache_index_write_scaling_policy" in waits

    def test_the_table_leaves_its_replicas_alone(self, everything: dict[str, Stack]) -> None:
        table = everything["storage"].resource("aws_dynamodb_table.cache")
        assert "replica" in sequence(mapping(table["lifecycle"])["ignore_changes"])
        assert "replica" not in table

    def test_an_on_demand_table_needs_no_scaling(self, synthesized: Synthesized) -> None:
        table = {"billing": "on-demand", "replicas": ["eu-west-1"]}
        stacks = synthesized(_document(table=table))
        replica = stacks["storage"].resource("aws_dynamodb_table_replica.cache_replica_eu_west_1")
        assert not replica.get("depends_on")

    def test_a_replica_is_guarded_like_the_table(self, everything: dict[str, Stack]) -> None:
        replica = everything["storage"].resource(
            "aws_dynamodb_table_replica.cache_replica_us_east_1"
        )
        assert replica["deletion_protection_enabled"] is True
        assert replica["point_in_time_recovery"] is True


class TestFunction:
    """Alias, warm instances and reserved calls."""

    def test_the_url_and_cloudfront_call_the_alias(self, everything: dict[str, Stack]) -> None:
        compute = everything["compute"]
        assert compute.resource("aws_lambda_function.reasoning")["publish"] is True
        url = compute.resource("aws_lambda_function_url.reasoning_url")
        assert url["qualifier"] == "${aws_lambda_alias.reasoning_alias.name}"
        for permission in ("allow_url", "allow_function"):
            allowed = everything["frontend"].resource(f"aws_lambda_permission.{permission}")
            assert "qualifier" in allowed, "a permission without it is for the function, unused"

    def test_what_is_kept_warm_is_the_alias(self, everything: dict[str, Stack]) -> None:
        warm = everything["compute"].resource(
            "aws_lambda_provisioned_concurrency_config.reasoning_warm"
        )
        assert warm["qualifier"] == "${aws_lambda_alias.reasoning_alias.name}"
        assert warm["provisioned_concurrent_executions"] == 2

    def test_without_an_alias_nothing_is_published(self, shipped: dict[str, Stack]) -> None:
        function = shipped["dev-compute"].resource("aws_lambda_function.reasoning")
        assert not function.get("publish")
        assert "reserved_concurrent_executions" not in function


class TestSite:
    """Web ACL and access logs of the distribution."""

    def test_the_firewall_is_in_us_east_1_and_in_front(self, everything: dict[str, Stack]) -> None:
        frontend = everything["frontend"]
        acl = frontend.resource("aws_wafv2_web_acl.firewall")
        assert (acl["provider"], acl["scope"]) == ("aws.us_east_1", "CLOUDFRONT")
        distribution = frontend.resource("aws_cloudfront_distribution.distribution")
        assert distribution["web_acl_id"] == "${aws_wafv2_web_acl.firewall.arn}"

    def test_the_rate_limit_comes_first_and_blocks(self, everything: dict[str, Stack]) -> None:
        acl = everything["frontend"].resource("aws_wafv2_web_acl.firewall")
        rules = sorted(map(mapping, sequence(acl["rule"])), key=lambda r: int(str(r["priority"])))
        assert "block" in mapping(rules[0]["action"])
        limit = mapping(mapping(rules[0]["statement"])["rate_based_statement"])
        assert (limit["limit"], limit["aggregate_key_type"]) == (1000, "IP")
        for rule in rules[1:]:
            assert "none" in mapping(rule["override_action"]), "counting alone blocks nobody"

    def test_a_web_acl_that_exists_is_used(self, synthesized: Synthesized) -> None:
        arn = (
            "arn:aws:wafv2:us-east-1:123456789012:global/webacl/ours/"
            "1234abcd-12ab-34cd-56ef-1234567890ab"
        )
        stacks = synthesized(_document(frontend={"web_acl_arn": arn}))
        distribution = stacks["frontend"].resource("aws_cloudfront_distribution.distribution")
        assert distribution["web_acl_id"] == arn

    def test_requests_are_logged_from_us_east_1_into_the_log_bucket(
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

    def test_no_second_provider_where_the_region_is_us_east_1(
        self, shipped: dict[str, Stack]
    ) -> None:
        assert len(sequence(shipped["prod-frontend"].at("provider", "aws"))) == 1
        source = shipped["prod-frontend"].resource("aws_cloudwatch_log_delivery_source.logs_source")
        assert "provider" not in source
