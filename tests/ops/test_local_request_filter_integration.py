"""Attacks on the emulator that the request filter stops, and the clients that it admits."""

from __future__ import annotations

import base64
import http.client
import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotoCredentials
from botocore.exceptions import ClientError

from ops.common.local_address import REGION, Key
from testing.emulator import Credentials, Emulator

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.integration

FOREIGN = {"Origin": "https://example.com", "Content-Type": "text/plain;charset=UTF-8"}
CODE = """
import os, pathlib
def handler(event, context):
    if "path" in event:
        return pathlib.Path(event["path"]).read_text()
    return {"env": dict(os.environ), "home": os.listdir(os.environ["HOME"])}
"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def is_refusal(self, cause: str) -> bool:
        assert self.status == 403, self.body
        assert not any(name.lower().startswith("access-control-") for name in self.headers)
        return cause in self.body.decode()


def send(
    emulator: Emulator,
    method: str,
    path: str,
    *,
    headers: dict[str, str] | None = None,
    body: bytes | str = b"",
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", emulator.ports.emulator, timeout=30)
    try:
        connection.request(method, path, body or None, headers or {})
        found = connection.getresponse()
        return Answer(found.status, dict(found.getheaders()), found.read())
    finally:
        connection.close()


def signed(emulator: Emulator, key: Key, body: str, target: str) -> dict[str, str]:
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
    request = AWSRequest(
        method="POST", url=f"{emulator.ports.endpoint}/", data=body.encode(), headers=headers
    )
    SigV4Auth(BotoCredentials(key.id, key.secret), "dynamodb", REGION).add_auth(request)
    return dict(request.headers.items())


def package() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("main.py", CODE)
    return file.getvalue()


@pytest.fixture
def function(emulator: Emulator) -> Iterator[str]:
    """Create a function with one variable of its own."""
    client, name = emulator.client("lambda"), f"function-{uuid.uuid4().hex[:8]}"
    client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role="arn:aws:iam::000000000000:role/any",
        Handler="main.handler",
        Code={"ZipFile": package()},
        Environment={"Variables": {"OWN": "yes"}},
    )
    yield name
    client.delete_function(FunctionName=name)


def test_a_page_cannot_run_code_on_this_machine(emulator: Emulator, tmp_path: Path) -> None:
    secret = tmp_path / "id_rsa"
    secret.write_text("PRIVATE KEY", encoding="utf-8")
    # A POST with text/plain needs no preflight, so that a browser sends it from any page.
    code = base64.b64encode(package()).decode()
    document = {
        "FunctionName": "attack",
        "Runtime": "python3.13",
        "Role": "arn:aws:iam::000000000000:role/any",
        "Handler": "main.handler",
        "Code": {"ZipFile": code},
    }

    created = send(
        emulator, "POST", "/2015-03-31/functions", headers=FOREIGN, body=json.dumps(document)
    )
    invoked = send(
        emulator,
        "POST",
        "/2015-03-31/functions/attack/invocations",
        headers=FOREIGN,
        body=json.dumps({"path": str(secret)}),
    )

    assert created.is_refusal("a page of another origin sent the request: https://example.com")
    assert invoked.is_refusal("a page of another origin")
    names = [one["FunctionName"] for one in emulator.client("lambda").list_functions()["Functions"]]
    assert "attack" not in names


def test_a_page_gets_no_permission_from_a_preflight(emulator: Emulator) -> None:
    headers = {"Origin": "https://example.com", "Access-Control-Request-Method": "PUT"}

    assert send(emulator, "OPTIONS", "/", headers=headers).is_refusal("another origin")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", "/_ministack/reset"), ("POST", "/_ministack/config"), ("GET", "/")),
        *(("GET", "/_ministack/health"), ("GET", "/_localstack/health"), ("PUT", "/a-bucket")),
        *(("GET", "/_ministack/sqs/messages"), ("POST", "/oauth2/token")),
    ],
)
def test_nothing_is_done_without_a_signature(emulator: Emulator, method: str, path: str) -> None:
    assert send(emulator, method, path).is_refusal("the request is not signed")


def test_a_name_that_resolves_to_this_machine_is_refused(emulator: Emulator) -> None:
    headers = {"Host": f"rebound.example.com:{emulator.ports.emulator}"}

    assert send(emulator, "GET", "/", headers=headers).is_refusal("is neither this machine")


def test_a_forged_signature_is_refused(emulator: Emulator) -> None:
    target = "DynamoDB_20120810.ListTables"
    own = emulator.key
    keys = [
        Key(id="test", secret="test"),
        Key(id="000000000000", secret="test"),
        Key(id=own.id, secret="test"),
        Key(id=own.id, secret=""),
        Key.new(),
    ]
    for key in keys:
        headers = signed(emulator, key, "{}", target)
        answer = send(emulator, "POST", "/", headers=headers, body="{}")
        assert answer.is_refusal("sign it anew with the key of this run"), key.id

    headers = signed(emulator, own, "{}", target)
    assert send(emulator, "POST", "/", headers=headers, body="{}").status == 200
    tampered = send(emulator, "POST", "/", headers=headers, body="{ }")
    assert tampered.is_refusal("not that of this request and this key")
    other = {**headers, "X-Amz-Target": "DynamoDB_20120810.DeleteTable"}
    assert send(emulator, "POST", "/", headers=other, body="{}").is_refusal("not that of this")


def test_the_probe_shows_nothing(emulator: Emulator) -> None:
    answer = send(emulator, "GET", "/_ministack/ready")

    assert answer.status == 200
    assert json.loads(answer.body).keys() == {
        *("status", "total", "completed", "failed", "iot_mtls"),
    }


def test_a_function_gets_its_own_variables_and_an_empty_home(
    emulator: Emulator, function: str
) -> None:
    answer = emulator.client("lambda").invoke(FunctionName=function, Payload=b"{}")
    found = json.loads(answer["Payload"].read())

    assert found["home"] == []
    assert found["env"]["OWN"] == "yes"
    assert found["env"]["HOME"] != str(Path.home())
    of_lambda = ("AWS_", "LAMBDA_", "_LAMBDA_", "_MINISTACK_")
    rest = {name for name in found["env"] if not name.startswith(of_lambda)}
    assert rest - {"LC_CTYPE"} == {"OWN", "PATH", "HOME", "TMPDIR", "LANG"}
    hidden = {"AWS_CONFIG_FILE", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE"}
    assert not hidden & found["env"].keys()


def test_the_key_of_a_function_works(emulator: Emulator, function: str) -> None:
    answer = emulator.client("lambda").invoke(FunctionName=function, Payload=b"{}")
    variables = json.loads(answer["Payload"].read())["env"]

    of_function = emulator.called_by(
        Credentials(
            access_key=variables["AWS_ACCESS_KEY_ID"],
            secret_key=variables["AWS_SECRET_ACCESS_KEY"],
            session_token=variables["AWS_SESSION_TOKEN"] or None,
        )
    )

    assert "TableNames" in of_function.client("dynamodb").list_tables()


@pytest.mark.parametrize("authorization", ["NONE", "AWS_IAM"])
def test_only_the_url_of_a_public_function_needs_no_signature(
    emulator: Emulator, function: str, authorization: Any
) -> None:
    client = emulator.client("lambda")
    url = client.create_function_url_config(FunctionName=function, AuthType=authorization)
    headers = {"Host": urlsplit(url["FunctionUrl"]).netloc}

    answer = send(emulator, "GET", "/_ministack/health", headers=headers)

    if authorization == "NONE":
        assert answer.status == 200
        assert b'"OWN"' in answer.body
    else:
        assert answer.is_refusal("the request is not signed")


@pytest.fixture
def bucket(emulator: Emulator) -> Iterator[str]:
    s3, name = emulator.client("s3"), f"bucket-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    yield name
    for one in s3.list_objects_v2(Bucket=name).get("Contents", []):
        s3.delete_object(Bucket=name, Key=one["Key"])
    s3.delete_bucket(Bucket=name)


def test_objects_of_any_size_and_name(emulator: Emulator, bucket: str) -> None:
    s3, large = emulator.client("s3"), bytes(20_000_000)
    s3.put_object(Bucket=bucket, Key="a b/ü+%&=?", Body=b"small", Metadata={"a": "b  c"})
    s3.upload_fileobj(io.BytesIO(large), bucket, "parts")
    s3.put_object(Bucket=bucket, Key="streamed", Body=io.BytesIO(large))

    assert s3.get_object(Bucket=bucket, Key="a b/ü+%&=?")["Body"].read() == b"small"
    for key in ("parts", "streamed"):
        assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(large)
    found = s3.list_objects_v2(Bucket=bucket, Prefix="a b/ü", Delimiter="/")
    assert found["KeyCount"] == 1


def _s3(emulator: Emulator, **options: Any) -> S3Client:
    key = emulator.key
    session = boto3.Session(key.id, key.secret, region_name=REGION)
    s3: Any = {"addressing_style": "path", **options}
    config = Config(signature_version="s3v4", s3=s3)
    return session.client("s3", endpoint_url=emulator.ports.endpoint, config=config)


def test_a_body_that_is_not_signed(emulator: Emulator, bucket: str) -> None:
    s3 = _s3(emulator, payload_signing_enabled=False)

    s3.put_object(Bucket=bucket, Key="k", Body=b"data")

    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"


def test_a_presigned_url(emulator: Emulator, bucket: str) -> None:
    s3 = _s3(emulator)
    s3.put_object(Bucket=bucket, Key="a b", Body=b"data")
    url = urlsplit(s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "a b"}))

    assert send(emulator, "GET", f"{url.path}?{url.query}").body == b"data"
    other = send(emulator, "GET", f"{url.path}c?{url.query}")
    assert other.is_refusal("not that of this request")


def test_every_protocol_of_aws(emulator: Emulator) -> None:
    assert emulator.client("sts").get_caller_identity()["Account"] == "000000000000"
    assert "Roles" in emulator.client("iam").list_roles()
    assert "Parameters" in emulator.client("ssm").describe_parameters()
    assert "logGroups" in emulator.client("logs").describe_log_groups()
    assert "Functions" in emulator.client("lambda").list_functions()
    assert "DistributionList" in emulator.client("cloudfront").list_distributions()
    assert "MetricAlarms" in emulator.client("cloudwatch").describe_alarms()


def test_keys_that_the_emulator_has_issued(emulator: Emulator) -> None:
    iam, name = emulator.client("iam"), f"user-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = Credentials(access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    given = emulator.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    session = Credentials(
        access_key=given["AccessKeyId"],
        secret_key=given["SecretAccessKey"],
        session_token=given["SessionToken"],
    )

    for caller in (user, session):
        called = emulator.called_by(caller).client("sts").get_caller_identity()
        assert called["Account"] == "000000000000"
    wrong = [
        Credentials(access_key=user.access_key, secret_key="another"),
        Credentials(access_key=session.access_key, secret_key=session.secret_key),
    ]
    for caller in wrong:
        with pytest.raises(ClientError, match=r"\(403\)"):
            emulator.called_by(caller).client("dynamodb").list_tables()
