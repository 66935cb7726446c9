"""The storage layer: parameters, outputs, origin access, table and bucket configuration."""

from __future__ import annotations

from collections.abc import Callable

from modules.catalogue import BUCKETS
from tests.modules.terraform_json import Stack, mapping, sequence

PATHS = {
    "cache_table_name": "dynamodb/cache-table-name",
    "cache_table_arn": "dynamodb/cache-table-arn",
    "stream_arn": "dynamodb/stream-arn",
    "static_website_bucket_name": "s3/static-website-bucket-name",
    "static_website_bucket_arn": "s3/static-website-bucket-arn",
    "geojson_bucket_name": "s3/geojson-bucket-name",
    "geojson_bucket_arn": "s3/geojson-bucket-arn",
    "oai_id": "cloudfront/oai-id",
}


def _document(**more: object) -> dict[str, object]:
    return {
        "region": "us-east-1",
        "retain": False,
        "state": {"local": {}},
        "table": {"billing": "on-demand"},
        **more,
    }


def test_parameters_have_the_contracts_paths_and_are_not_secure_strings(
    shipped: dict[str, Stack],
) -> None:
    for environment in ("dev", "staging", "prod", "local"):
        stack = shipped[f"{environment}-storage"]
        for id_, path in PATHS.items():
            parameter = stack.resource(f"aws_ssm_parameter.{id_}")
            assert parameter["name"] == f"/co2-analysis/{environment}/storage/{path}"
            assert parameter["type"] == "String"
            assert "insecure_value" in parameter, "a masked value cannot be reviewed in a plan"


def test_outputs_equal_the_parameters(shipped: dict[str, Stack]) -> None:
    stack = shipped["prod-storage"]
    for id_ in PATHS:
        value = stack.resource(f"aws_ssm_parameter.{id_}")["insecure_value"]
        assert stack.at("output", id_, "value") == value


def test_the_origin_access_identity_is_published_if_it_exists(shipped: dict[str, Stack]) -> None:
    prod = shipped["prod-storage"].resource("aws_ssm_parameter.oai_id")["insecure_value"]
    assert prod == "${aws_cloudfront_origin_access_identity.origin_access_identity.id}"
    local = shipped["local-storage"].resource("aws_ssm_parameter.oai_id")["insecure_value"]
    assert local == "${aws_cloudfront_origin_access_control.origin_access_control.id}"


def test_without_the_identity_its_bucket_permission_is_removed(
    synthesized: Callable[..., dict[str, Stack]],
) -> None:
    stacks = synthesized(_document(origin_access="oac", origin_identity=False))
    policies = dict(stacks["storage"].policies())
    for bucket in BUCKETS:
        if bucket.read_by_cloudfront:
            statements = policies[f"aws_s3_bucket_policy.{bucket.id}_policy.policy"]
            allowed = {s["Sid"] for s in statements if s["Effect"] == "Allow"}
            assert allowed == {"AllowOriginAccessControl"}


def test_the_table_declares_key_attributes_only(shipped: dict[str, Stack]) -> None:
    table = shipped["dev-storage"].resource("aws_dynamodb_table.cache")
    declared = {mapping(attribute)["name"] for attribute in sequence(table["attribute"])}
    assert declared == {"cache_key", "cached_at", "cached_date"}


def test_on_demand_throughput_can_be_capped(
    synthesized: Callable[..., dict[str, Stack]],
) -> None:
    limit = {"billing": "on-demand", "on_demand_limit": {"read": 100, "write": 50}}
    table = synthesized(_document(table=limit))["storage"].resource("aws_dynamodb_table.cache")
    assert table["on_demand_throughput"] == {
        "max_read_request_units": 100,
        "max_write_request_units": 50,
    }


def test_bucket_subresources_are_changed_one_after_another(shipped: dict[str, Stack]) -> None:
    """S3 returns 409 if two subresources of a bucket are changed concurrently."""
    stack = shipped["prod-storage"]
    waits_for: dict[str, str] = {}
    for address, arguments in stack.resources().items():
        if address.startswith("aws_s3_bucket_") and ".geojson" in address:
            (before,) = sequence(arguments["depends_on"])
            waits_for[address] = str(before)
    assert len(set(waits_for.values())) == len(waits_for), "two changes wait for the same one"
    assert "aws_s3_bucket.geojson" in waits_for.values()


def test_no_bucket_stays_without_its_denials_if_a_later_change_fails(
    every: dict[str, Stack],
) -> None:
    """The policy comes right after the public access block, before a minute of lifecycle rules."""
    found = 0
    for stack in every.values():
        for address, arguments in stack.resources().items():
            kind, _, id_ = address.partition(".")
            if kind == "aws_s3_bucket_policy":
                found += 1
                block = id_.removesuffix("_policy") + "_public_access_block"
                assert arguments["depends_on"] == [f"aws_s3_bucket_public_access_block.{block}"]
    assert found


def test_the_secret_is_created_without_a_value(shipped: dict[str, Stack]) -> None:
    for stack in shipped.values():
        assert "aws_secretsmanager_secret_version" not in stack.counts()
