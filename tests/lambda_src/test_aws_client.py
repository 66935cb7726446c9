"""The AWS client: signed requests, retries and errors."""

from __future__ import annotations

import datetime
import logging
import time

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from reasoning.aws import (
    DYNAMODB,
    SECRETS_MANAGER,
    AwsClient,
    AwsError,
    AwsRejectedError,
    AwsUnavailableError,
)
from reasoning.deadline import Deadline
from reasoning.errors import ConfigurationError

from testing.questions import CREDENTIALS
from tests.lambda_src.builders import aws_client
from tests.lambda_src.scripted_server import (
    Behaviour,
    ScriptedServer,
    hang,
    reply,
    reply_bytes,
    reply_then_close,
)


@pytest.fixture
def client(aws_server: ScriptedServer) -> AwsClient:
    return aws_client(DYNAMODB, aws_server.url)


def error(status: int, code: str) -> Behaviour:
    return reply(status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "m"})


def test_a_call_is_a_signed_json_request(
    client: AwsClient, aws_server: ScriptedServer, soon: Deadline
) -> None:
    aws_server.will(reply(200, {"Item": {"n": {"N": "1"}}}))

    result = client.call("GetItem", {"TableName": "t"}, soon)

    assert result == {"Item": {"n": {"N": "1"}}}
    (request,) = aws_server.requests
    assert request.json() == {"TableName": "t"}
    assert request.headers["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert request.headers["content-type"] == "application/x-amz-json-1.0"
    assert request.headers["x-amz-security-token"] == CREDENTIALS["AWS_SESSION_TOKEN"]
    scope = "/eu-central-1/dynamodb/aws4_request, SignedHeaders="
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=test/")
    assert scope in request.headers["authorization"]


def test_the_signature_matches_the_request_received(
    client: AwsClient,
    aws_server: ScriptedServer,
    soon: Deadline,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client.call("GetItem", {"TableName": "t"}, soon)
    (request,) = aws_server.requests
    sent_at = datetime.datetime.fromisoformat(request.headers["x-amz-date"])
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: sent_at)

    again = AWSRequest(
        method=request.method,
        url=f"http://{request.headers['host']}{request.path}",
        data=request.body,
        headers={name: request.headers[name] for name in ("content-type", "x-amz-target")},
    )
    credentials = Credentials("test", "test", CREDENTIALS["AWS_SESSION_TOKEN"])
    SigV4Auth(credentials, "dynamodb", "eu-central-1").add_auth(again)

    assert request.headers["authorization"] == again.headers["Authorization"]


def test_credentials_are_read_at_every_call(aws_server: ScriptedServer, soon: Deadline) -> None:
    environment = dict(CREDENTIALS)
    rotating = aws_client(DYNAMODB, aws_server.url, environment)
    rotating.call("GetItem", {}, soon)
    environment.update(AWS_ACCESS_KEY_ID="rotated", AWS_SESSION_TOKEN="")
    rotating.call("GetItem", {}, soon)

    before, after = aws_server.requests
    assert "Credential=test/" in before.headers["authorization"]
    assert "Credential=rotated/" in after.headers["authorization"]
    assert "x-amz-security-token" not in after.headers


def test_missing_credentials_are_a_configuration_error(
    aws_server: ScriptedServer, soon: Deadline
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        aws_client(DYNAMODB, aws_server.url, {}).call("GetItem", {}, soon)
    assert "AWS_ACCESS_KEY_ID" in raised.value.reason


@pytest.mark.parametrize(
    "failure",
    [
        error(400, "ProvisionedThroughputExceededException"),
        error(400, "ThrottlingException"),
        error(500, "InternalServerError"),
        reply_bytes(503, b"<html>"),
        reply_bytes(200, b"not json"),
        reply_bytes(200, b"[" * 100_000),
        reply_bytes(200, b'{"n": ' + b"9" * 5000 + b"}"),
        reply(408, {}),
        reply_then_close(429, {}),
    ],
)
def test_transient_failures_are_retried(
    client: AwsClient, aws_server: ScriptedServer, soon: Deadline, failure: Behaviour
) -> None:
    aws_server.will(failure, failure, reply(200, {"ok": True}))

    assert client.call("GetItem", {}, soon) == {"ok": True}


def test_the_number_of_attempts_is_bounded(
    client: AwsClient, aws_server: ScriptedServer, soon: Deadline
) -> None:
    aws_server.default = error(400, "ThrottlingException")

    with pytest.raises(AwsUnavailableError) as raised:
        client.call("GetItem", {}, soon)

    assert raised.value.code == "ThrottlingException"
    assert len(aws_server.requests) == 3


def test_a_rejection_is_not_retried(
    client: AwsClient, aws_server: ScriptedServer, soon: Deadline
) -> None:
    aws_server.default = error(400, "ResourceNotFoundException")

    with pytest.raises(AwsRejectedError) as raised:
        client.call("GetItem", {}, soon)

    assert (raised.value.code, len(aws_server.requests)) == ("ResourceNotFoundException", 1)


def test_the_error_code_may_be_in_a_header(
    client: AwsClient, aws_server: ScriptedServer, soon: Deadline
) -> None:
    header = {"x-amzn-ErrorType": "AccessDeniedException:http://internal.amazon.com/"}
    aws_server.default = reply_bytes(400, b"", header)

    with pytest.raises(AwsRejectedError) as raised:
        client.call("GetItem", {}, soon)
    assert raised.value.code == "AccessDeniedException"


@pytest.mark.parametrize(
    "code",
    [
        "A" * 1000,
        "com.amazonaws#" + "A" * 1000,
        "two\nlines",
        "x-amz-security-token SECRET",
        "a/b",
        "",
        7,
        {"nested": "code"},
    ],
)
def test_only_words_are_error_codes(
    client: AwsClient, aws_server: ScriptedServer, soon: Deadline, code: object
) -> None:
    aws_server.default = reply(400, {"__type": code})

    with pytest.raises(AwsRejectedError) as raised:
        client.call("GetItem", {}, soon)
    assert raised.value.code == "HTTP 400"


def test_an_unresponsive_service_does_not_exceed_the_deadline(
    client: AwsClient, aws_server: ScriptedServer
) -> None:
    aws_server.default = hang
    started = time.monotonic()

    with pytest.raises(AwsUnavailableError):
        client.call("GetItem", {}, Deadline.after(0.2))

    assert time.monotonic() - started < 0.7


def test_an_unresponsive_attempt_leaves_time_for_a_retry(
    client: AwsClient,
    aws_server: ScriptedServer,
    soon: Deadline,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("reasoning.aws._ATTEMPT_SECONDS", 0.1)
    aws_server.will(hang, reply(200, {"ok": True}))

    assert client.call("GetItem", {}, soon) == {"ok": True}


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "secretsmanager.us-east-1.amazonaws.com"),
        ("cn-north-1", "secretsmanager.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_the_public_endpoint_follows_the_partition(
    monkeypatch: pytest.MonkeyPatch, region: str, host: str
) -> None:
    resolved: list[object] = []

    def no_network(*address: object, **_: object) -> None:
        resolved.extend(address)
        raise OSError

    monkeypatch.setattr("socket.getaddrinfo", no_network)
    remote = AwsClient(SECRETS_MANAGER, region=region, endpoint=None, environment=CREDENTIALS)

    with pytest.raises(AwsUnavailableError):
        remote.call("GetSecretValue", {}, Deadline.after(0.01))
    assert resolved[:2] == [host.encode(), 443]


def test_errors_contain_neither_messages_nor_credentials(
    client: AwsClient, aws_server: ScriptedServer, soon: Deadline
) -> None:
    quoting = {"__type": "SignatureDoesNotMatch", "message": "x-amz-security-token:SECRET"}
    aws_server.default = reply(400, quoting)

    with pytest.raises(AwsError) as raised:
        client.call("GetItem", {}, soon)
    assert str(raised.value) == "dynamodb GetItem: SignatureDoesNotMatch"


def test_debug_logs_do_not_contain_the_session_token(
    client: AwsClient, soon: Deadline, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        client.call("GetItem", {}, soon)

    assert CREDENTIALS["AWS_SESSION_TOKEN"] not in caplog.text
