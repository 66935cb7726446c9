"""Two environments in one account: applied, unchanged by a second plan, used, destroyed.

The tests share the applied environments and depend on their order.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest

from modules.catalogue import BUDGET_KEY_PREFIX
from ops.common.local_address import REGION
from ops.local.services.client import Response, request, signed
from ops.local.services.gemini import TEXT, Server
from ops.terraform.stacks import Stack
from testing.emulator import Emulator, running_emulator
from tests.integration.inventory import found_in
from tests.integration.terraform import (
    VARIANTS,
    Installation,
    Terraform,
    side_by_side,
    synthesize,
)

API_KEY = "a-secret-api-key"
QUESTION = (
    "lat=35.6762&lon=139.6503&date=2026-05-14&co2=428.5&deviation=8.25&severity=high&zscore=3.1"
)

# Bugs of the emulator: it returns empty blocks for unset ones, and incomplete alarms. Once they are
# fixed, the plan is empty, and these can go.
READ_BACK_DIFFERENTLY = {
    "aws_cloudfront_response_headers_policy",
    "aws_cloudwatch_composite_alarm",
    "aws_cloudwatch_dashboard",
    "aws_cloudwatch_metric_alarm",
}

OTHER_REGION = "eu-west-1"
STATIC_BUCKET = "co2-analysis-full-static-website"
PLAIN_HTTP = "DenyPlainHttp"
DATA_BUCKET = "co2-analysis-full-geojson-data"

pytestmark = pytest.mark.integration


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account with two environments; Terraform on each applied layer, in dependency order."""

    emulator: Emulator
    full: Mapping[str, Terraform]
    tidy: Mapping[str, Terraform]


@pytest.fixture(scope="module")
def account(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Account]:
    home = tmp_path_factory.mktemp("lifecycle")
    with running_emulator(home) as emulator:
        stacks = synthesize(
            *("full", "tidy"),
            settings=VARIANTS,
            output=home / "cdktf.out",
            port=emulator.ports.emulator,
        )
        # Of the other environment, only the layers that differ are applied.
        full = _layers(stacks, "full")
        others = _layers(stacks, "tidy")
        tidy = {layer: others[layer] for layer in ("base", "storage")}
        with (
            installation.applying(full, emulator) as on_full,
            installation.applying(tidy, emulator) as on_tidy,
        ):
            _add_managed_keys(emulator)
            # The provider polls a new lifecycle rule for most of a minute.
            side_by_side(lambda: _apply(on_full), lambda: _apply(on_tidy))
            yield Account(emulator=emulator, full=on_full, tidy=on_tidy)


def _add_managed_keys(emulator: Emulator) -> None:
    """Add DynamoDB's AWS managed key, which the emulator lacks."""
    for region in (REGION, OTHER_REGION):
        kms = emulator.client("kms", region_name=region)
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/aws/dynamodb", TargetKeyId=key)


def _layers(stacks: Iterable[Stack], environment: str) -> dict[str, Stack]:
    prefix = f"{environment}-"
    return {
        stack.name.removeprefix(prefix): stack for stack in stacks if stack.name.startswith(prefix)
    }


def _apply(layers: Mapping[str, Terraform]) -> None:
    for terraform in layers.values():
        terraform.apply()


def _destroy(layers: Mapping[str, Terraform]) -> None:
    for terraform in reversed([*layers.values()]):
        terraform.destroy()


def test_a_second_plan_is_empty(account: Account) -> None:
    found: dict[str, str] = {}

    def plan(layers: Mapping[str, Terraform]) -> None:
        for terraform in layers.values():
            found.update(terraform.pending_changes())

    side_by_side(lambda: plan(account.full), lambda: plan(account.tidy))

    kinds = {address.partition(".")[0] for address in found}
    assert kinds == READ_BACK_DIFFERENTLY, "\n".join(found.values())


def test_replicas_are_in_the_other_region(account: Account) -> None:
    s3 = account.emulator.client("s3")
    for bucket in (STATIC_BUCKET, DATA_BUCKET):
        (rule,) = s3.get_bucket_replication(Bucket=bucket)["ReplicationConfiguration"]["Rules"]
        assert rule["Destination"]["Bucket"] == f"arn:aws:s3:::{bucket}-replica"
        location = s3.get_bucket_location(Bucket=f"{bucket}-replica")
        assert location["LocationConstraint"] == OTHER_REGION

    replica = account.emulator.client("dynamodb", region_name=OTHER_REGION)
    table = replica.describe_table(TableName="co2-analysis-full-cache")["Table"]
    assert {one["RegionName"] for one in table["Replicas"]} >= {REGION}


def test_the_operators_are_subscribed_to_the_topic(account: Account) -> None:
    subscriptions = account.emulator.client("sns").list_subscriptions()["Subscriptions"]
    assert [one["Endpoint"] for one in subscriptions] == ["operators@example.org"]


def test_alarms_are_created_with_links_to_the_runbook(account: Account) -> None:
    alarms = account.emulator.client("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm"])
    links = {
        alarm["AlarmName"].removeprefix("co2-analysis-full-"): alarm["AlarmDescription"].split()[-1]
        for alarm in alarms["MetricAlarms"]
    }
    page = "https://wiki.example.org/co2/runbook#"
    # A percentile, a quotient, and a quotient of a sum.
    for name in ("table-slow-updateitem", "function-errors", "cache-hit-ratio-low"):
        assert links[name].startswith(page)


def _function_url(account: Account) -> str:
    return f"{account.full['compute'].outputs()['function_url']}api/reasoning?{QUESTION}"


@pytest.fixture(scope="module")
def answers(account: Account) -> list[Response]:
    """Ask the deployed function the same question twice, the second time without Gemini."""
    url = _function_url(account)
    account.emulator.client("secretsmanager").put_secret_value(
        SecretId="co2-analysis-full-gemini-api-key", SecretString=API_KEY
    )

    def ask() -> Response:
        return signed(
            account.emulator.ports, account.emulator.key, service="lambda", method="GET", url=url
        )

    with Server(account.emulator.ports.stand_in) as gemini:
        thread = threading.Thread(target=gemini.serve_forever, daemon=True)
        thread.start()
        first = ask()
        gemini.shutdown()
        thread.join()
    return [first, ask()]


def test_the_function_answers_from_gemini_and_then_from_the_cache(answers: list[Response]) -> None:
    first, second = answers

    assert (first.status, first.headers["x-cache"]) == (HTTPStatus.OK, "MISS"), first.body
    assert (second.status, second.headers["x-cache"]) == (HTTPStatus.OK, "HIT"), second.body
    assert first.json()["reasoning"] == second.json()["reasoning"]
    assert first.json()["query"]["co2"] == 428.5


@pytest.mark.usefixtures("answers")
def test_the_cached_item_has_the_documented_attributes(account: Account) -> None:
    dynamodb = account.emulator.client("dynamodb")

    items = dynamodb.scan(TableName="co2-analysis-full-cache")["Items"]
    (budget,) = (one for one in items if one["cache_key"]["S"].startswith(BUDGET_KEY_PREFIX))
    (item,) = (one for one in items if one is not budget)

    assert budget["calls"] == {"N": "1"}
    cached_at = datetime.fromisoformat(item["cached_at"]["S"])
    assert item["cached_at"]["S"] == cached_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert timedelta() <= datetime.now(UTC) - cached_at < timedelta(minutes=10)
    assert item["cached_date"]["S"] == item["cached_at"]["S"][:10]
    assert int(item["ttl"]["N"]) == cached_at.timestamp() + timedelta(days=30).total_seconds()
    assert re.fullmatch(r"[0-9a-f]{64}", item["cache_key"]["S"])
    assert json.loads(item["query_params"]["S"])["lat"] == 35.68
    assert TEXT in item["reasoning_result"]["S"]
    assert (
        item
        == dynamodb.query(
            TableName="co2-analysis-full-cache",
            IndexName="cached-at-index",
            KeyConditionExpression="cached_date = :day AND cached_at >= :from",
            ExpressionAttributeValues={":day": item["cached_date"], ":from": item["cached_at"]},
        )["Items"][0]
    )


def _get(account: Account, url: str, **headers: str) -> Response:
    """Send an unsigned request for ``url`` to the emulator, which dispatches on the host name."""
    return request(account.emulator.ports.emulator, "GET", url, headers=headers)


def test_the_function_rejects_unsigned_requests(account: Account) -> None:
    assert _get(account, _function_url(account)).status == HTTPStatus.FORBIDDEN


# The emulator has no TLS: this header claims it. Nor does its CloudFront sign requests to the
# function; the emulated function URL accepts any signature.
OVER_TLS = {"X-Forwarded-Proto": "https"}
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260514/us-east-1/lambda/aws4_request"}


def _site(account: Account) -> str:
    return f"https://{account.full['frontend'].outputs()['distribution_domain_name']}"


@pytest.mark.usefixtures("answers")
def test_the_site_forwards_questions_to_the_function(account: Account) -> None:
    answer = _get(account, f"{_site(account)}/api/reasoning?{QUESTION}", **OVER_TLS, **SIGNED)

    assert answer.status == HTTPStatus.OK, answer.body
    assert answer.json()["cache"]["status"] == "HIT"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "max-age=" in answer.headers["cache-control"], "the edge could not keep it"
    assert answer.headers["etag"]


def test_the_site_returns_the_functions_errors(account: Account) -> None:
    answer = _get(account, f"{_site(account)}/api/unknown", **OVER_TLS, **SIGNED)

    assert answer.status == HTTPStatus.NOT_FOUND
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.fixture(scope="module")
def objects(account: Account) -> None:
    """Put objects into the buckets, and allow the emulated CloudFront to read them.

    It requests them over plain HTTP and without its account in the context. The bucket policies
    deny both; the unit tests check that.
    """
    s3 = account.emulator.client("s3")
    for bucket, key, body in (
        (STATIC_BUCKET, "index.html", b"<h1>Anomalies</h1>"),
        (STATIC_BUCKET, "app.js", b"draw()"),
        (DATA_BUCKET, "observations/a.geojson", b'{"type": "FeatureCollection"}'),
    ):
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    for bucket in (STATIC_BUCKET, DATA_BUCKET):
        document = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        (allow,) = (one for one in document["Statement"] if one["Effect"] == "Allow")
        del allow["Condition"]["StringEquals"]
        document["Statement"] = [one for one in document["Statement"] if one["Sid"] != PLAIN_HTTP]
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))


@pytest.mark.usefixtures("objects")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", b"<h1>Anomalies</h1>"),
        ("/map/2026-05-14", b"<h1>Anomalies</h1>"),
        ("/app.js", b"draw()"),
        ("/data/geojson/observations/a.geojson", b'{"type": "FeatureCollection"}'),
    ],
)
def test_the_site_serves_pages_and_data(account: Account, path: str, body: bytes) -> None:
    answer = _get(account, f"{_site(account)}{path}", **OVER_TLS)

    assert (answer.status, answer.body) == (HTTPStatus.OK, body)
    assert answer.headers["strict-transport-security"].startswith("max-age=")


@pytest.mark.usefixtures("objects")
@pytest.mark.parametrize("path", ["/missing.js", "/data/geojson/missing.geojson"])
def test_a_missing_file_returns_an_error_instead_of_the_page(account: Account, path: str) -> None:
    answer = _get(account, f"{_site(account)}{path}", **OVER_TLS)

    assert answer.status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
    assert b"Anomalies" not in answer.body


def test_the_site_redirects_to_https(account: Account) -> None:
    answer = _get(account, f"{_site(account)}/")

    assert answer.status == HTTPStatus.MOVED_PERMANENTLY
    assert answer.headers["location"] == f"{_site(account)}/"


@pytest.mark.usefixtures("answers")
def test_the_api_key_is_in_no_log_and_no_state(account: Account) -> None:
    logs = account.emulator.client("logs")

    events = logs.filter_log_events(logGroupName="/aws/lambda/co2-analysis-full-reasoning-function")
    logged = "\n".join(event["message"] for event in events["events"])

    assert '"request"' in logged
    assert API_KEY not in logged
    for terraform in account.full.values():
        assert API_KEY not in terraform.run("state", "pull")


@pytest.mark.usefixtures("answers")
def test_destroy_leaves_nothing_even_with_data(account: Account) -> None:
    s3 = account.emulator.client("s3")
    for content in (b"one version", b"another"):
        s3.put_object(Bucket=DATA_BUCKET, Key="data.geojson", Body=content)
    s3.delete_object(Bucket=DATA_BUCKET, Key="data.geojson")
    assert not [kind for kind, names in found_in(account.emulator, "full").items() if not names]

    _disable_distribution(account)
    side_by_side(lambda: _destroy(account.full), lambda: _destroy(account.tidy))

    assert {kind: names for kind, names in found_in(account.emulator).items() if names} == {}
    elsewhere = account.emulator.client("dynamodb", region_name=OTHER_REGION)
    assert elsewhere.list_tables()["TableNames"] == []


def _disable_distribution(account: Account) -> None:
    """Disable the distribution: for one that Terraform disables it waits half a minute."""
    cloudfront = account.emulator.client("cloudfront")
    id_ = account.full["frontend"].outputs()["distribution_id"]
    found = cloudfront.get_distribution_config(Id=id_)
    cloudfront.update_distribution(
        Id=id_,
        IfMatch=found["ETag"],
        DistributionConfig={**found["DistributionConfig"], "Enabled": False},
    )
