"""Names are a contract, and within AWS's limits for every accepted input."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from modules.catalogue import GEOJSON, STATIC_WEBSITE, Layer
from modules.naming import Naming

PROD = Naming(environment="prod")


def test_resource_names_follow_the_contract() -> None:
    assert PROD.cache_table == "co2-analysis-prod-cache"
    assert PROD.bucket(STATIC_WEBSITE) == "co2-analysis-prod-static-website"
    assert PROD.bucket(GEOJSON) == "co2-analysis-prod-geojson-data"
    assert PROD.function == "co2-analysis-prod-reasoning-function"
    assert PROD.execution_role == "co2-analysis-prod-lambda-execution-role"
    assert PROD.gemini_secret == "co2-analysis-prod-gemini-api-key"
    # AWS WAF requires the prefix.
    assert PROD.firewall_log == "aws-waf-logs-co2-analysis-prod"


def test_a_suffix_changes_bucket_names_only() -> None:
    suffixed = Naming(environment="prod", bucket_suffix="123456789012")
    assert suffixed.bucket(GEOJSON) == "co2-analysis-prod-geojson-data-123456789012"
    assert suffixed.state_bucket.endswith("-123456789012")
    assert suffixed.cache_table == PROD.cache_table


def _tag_problems(**tags: str) -> list[str]:
    naming = Naming(environment="prod", extra_tags=tags)
    return [problem.field for problem in naming.problems()]


def test_extra_tags_follow_ours_in_every_layer() -> None:
    naming = Naming(environment="prod", extra_tags={"Owner": "us"})
    for layer in Layer:
        assert naming.tags(layer) == {**PROD.tags(layer), "Owner": "us"}


def test_extra_tags_collide_neither_with_ours_nor_with_each_other() -> None:
    assert _tag_problems(Owner="us", CostCenter="1") == []
    assert _tag_problems(Layer="x", environment="x") == ["tags.Layer", "tags.environment"]
    assert _tag_problems(Owner="us", OWNER="them") == ["tags.OWNER"]


def test_extra_tags_leave_room_within_the_limit_of_aws() -> None:
    assert _tag_problems(**{f"k{number}": "v" for number in range(35)}) == []
    assert _tag_problems(**{f"k{number}": "v" for number in range(36)}) == ["tags"]


@given(
    environment=st.from_regex(r"[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,6}){0,6}", fullmatch=True),
    suffix=st.none() | st.from_regex(r"[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?", fullmatch=True),
)
def test_accepted_names_are_valid_in_aws(environment: str, suffix: str | None) -> None:
    naming = Naming(environment=environment, bucket_suffix=suffix)
    if any(True for _ in naming.problems()):
        return
    copies = map(naming.replica, naming.buckets.values())
    for bucket in (*naming.buckets.values(), *copies, naming.state_bucket):
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket)
    assert len(naming.function) <= 64
    assert len(naming.execution_role) <= 64
    assert re.fullmatch(r"[a-zA-Z0-9_-]{2,50}", naming.backup)
    for layer in Layer:
        assert re.fullmatch(r"[a-z0-9-]+", naming.stack(layer))
