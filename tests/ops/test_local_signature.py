"""The verification of signatures, against botocore's signers."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from ops.local.services import signature
from ops.local.services.signature import InvalidSignatureError, Request

KEY, SECRET, TOKEN = "AKIALOCAL0", "a secret", "a-token"
HOST = "127.0.0.1:4566"
BYTES = st.sampled_from(b"abcXYZ012")

ascii_words = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12)
encoded = st.text(max_size=8).map(lambda text: quote(text.encode("utf-8", "replace"), safe=""))
segments = encoded.filter(lambda text: not text.startswith("."))


@dataclass(frozen=True)
class Sent:
    """A request as it arrives."""

    request: Request
    body: bytes

    def verify(self, *, secret: str = SECRET, now: dt.datetime | None = None) -> None:
        signed = signature.read(self.request)
        assert signed is not None
        digest = hashlib.sha256(self.body).hexdigest()
        if signed.covers_body and signed.payload not in {None, digest}:
            raise InvalidSignatureError("the body differs")
        signed.verify(
            self.request, secret, signed.payload or digest, now or dt.datetime.now(dt.UTC)
        )


@st.composite
def unsigned(draw: st.DrawFn) -> AWSRequest:
    path = "".join(f"/{draw(segments)}" for _ in range(draw(st.integers(1, 4))))
    query = "&".join(
        f"{name}={value}" for name, value in draw(st.lists(st.tuples(encoded, encoded), max_size=4))
    )
    names = st.sampled_from(["content-type", "x-amz-target", "x-amz-meta-a", "if-match", "a_b"])
    return AWSRequest(
        method=draw(st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"])),
        url=f"http://{HOST}{path}" + (f"?{query}" if query else ""),
        headers=draw(st.dictionaries(names, ascii_words, max_size=4)),
        data=draw(st.binary(max_size=40)),
    )


def sign(request: AWSRequest, signer: Callable[..., Any], service: str, *, token: bool) -> Sent:
    if signer in {SigV4QueryAuth, S3SigV4QueryAuth}:
        request.data = b""  # botocore would move it into the query
    credentials = Credentials(KEY, SECRET, TOKEN if token else None)
    signer(credentials, service, "us-east-1").add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    headers = {name.lower(): value for name, value in prepared.headers.items()}
    headers.setdefault("host", HOST)
    return Sent(
        Request(
            method=prepared.method,
            path=parts.path.encode(),
            query=parts.query.encode(),
            headers=[
                (name.encode(), value if isinstance(value, bytes) else value.encode())
                for name, value in headers.items()
            ],
        ),
        request.data or b"",
    )


SIGNERS = st.sampled_from(
    [
        (SigV4Auth, "dynamodb"),
        (S3SigV4Auth, "s3"),
        (SigV4QueryAuth, "lambda"),
        (S3SigV4QueryAuth, "s3"),
    ]
)
sent = st.builds(
    lambda request, signer, token: sign(request, *signer, token=token),
    unsigned(),
    SIGNERS,
    st.booleans(),
)


def changed(text: bytes, data: st.DataObject) -> bytes:
    """Return the text with one byte replaced."""
    at = data.draw(st.integers(0, len(text) - 1))
    byte = data.draw(BYTES.filter(lambda one: one != text[at]))
    return text[:at] + bytes([byte]) + text[at + 1 :]


@given(sent)
def test_what_botocore_signs_is_verified(one: Sent) -> None:
    one.verify()


@given(st.data(), sent)
def test_a_change_of_any_byte_is_noticed(data: st.DataObject, one: Sent) -> None:
    request, body = one.request, one.body
    presigned_s3 = b"X-Amz-Signature" in request.query and b"%2Fs3%2F" in request.query
    signed = signature.read(request)
    assert signed
    names = [
        at
        for at, (name, value) in enumerate(request.headers)
        if value and (name.decode() in signed.names.split(";") or name == b"authorization")
    ]
    parts = ["method", "path", "header"]
    parts += ["query"] if request.query else []
    parts += ["body"] if body and not presigned_s3 else []
    part = data.draw(st.sampled_from(parts))
    if part == "method":
        method = changed(request.method.encode(), data).decode()
        other = Sent(replace(request, method=method), body)
    elif part == "path":
        other = Sent(replace(request, path=changed(request.path, data)), body)
    elif part == "query":
        other = Sent(replace(request, query=changed(request.query, data)), body)
    elif part == "body":
        other = Sent(request, changed(body, data))
    else:
        at = data.draw(st.sampled_from(names))
        headers = [*request.headers]
        headers[at] = (headers[at][0], changed(headers[at][1], data))
        other = Sent(replace(request, headers=headers), body)

    with pytest.raises(InvalidSignatureError):
        other.verify()


@given(sent, st.text().filter(lambda text: text != SECRET))
def test_another_secret_is_noticed(one: Sent, secret: str) -> None:
    with pytest.raises(InvalidSignatureError):
        one.verify(secret=secret.encode("utf-8", "replace").decode())


def _sent(signer: Callable[..., Any] = SigV4Auth, service: str = "dynamodb") -> Sent:
    request = AWSRequest(method="POST", url=f"http://{HOST}/", data=b"{}")
    return sign(request, signer, service, token=False)


@pytest.mark.parametrize("minutes", [-14, 0, 14])
def test_a_clock_may_be_wrong_by_minutes(minutes: int) -> None:
    _sent().verify(now=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes))


@pytest.mark.parametrize("minutes", [-16, 16])
def test_an_old_signature_is_invalid(minutes: int) -> None:
    with pytest.raises(InvalidSignatureError, match="not valid now"):
        _sent().verify(now=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes))


def test_a_signature_of_the_last_year_is_invalid() -> None:
    sent = _sent()
    signed = signature.read(sent.request)
    assert signed is not None
    last = replace(signed, time="99991231T235959Z")
    with pytest.raises(InvalidSignatureError, match="not valid now"):
        last.verify(sent.request, SECRET, "any", dt.datetime.now(dt.UTC))


def test_a_presigned_url_is_valid_as_long_as_it_says() -> None:
    one, now = _sent(S3SigV4QueryAuth, "s3"), dt.datetime.now(dt.UTC)

    one.verify(now=now + dt.timedelta(minutes=59))
    with pytest.raises(InvalidSignatureError, match="not valid now"):
        one.verify(now=now + dt.timedelta(minutes=61))


@pytest.mark.parametrize("header", [(b"x-amz-target", b"other"), (b"x-amz-acl", b"public-read")])
@pytest.mark.parametrize(("signer", "service"), [(SigV4Auth, "dynamodb"), (S3SigV4QueryAuth, "s3")])
def test_an_added_header_of_aws_is_noticed(
    signer: Callable[..., Any], service: str, header: tuple[bytes, bytes]
) -> None:
    one = _sent(signer, service)
    headers = [*one.request.headers, header]

    with pytest.raises(InvalidSignatureError, match="does not cover the header x-amz-"):
        Sent(replace(one.request, headers=headers), one.body).verify()


class _WithoutHost(SigV4Auth):
    def headers_to_sign(self, request: AWSRequest) -> Any:
        headers = super().headers_to_sign(request)
        del headers["host"]
        return headers


def test_a_signature_for_any_host_is_refused() -> None:
    with pytest.raises(InvalidSignatureError, match="does not cover the header host"):
        _sent(_WithoutHost).verify()


@pytest.mark.parametrize("name", ["authorization", "x-amz-date", "x-amz-content-sha256"])
def test_a_repeated_header_is_ambiguous(name: str) -> None:
    one = _sent(S3SigV4Auth, "s3")
    headers = [*one.request.headers, (name.encode(), b"x")]

    with pytest.raises(InvalidSignatureError, match=f"the header {name} is repeated"):
        Sent(replace(one.request, headers=headers), one.body).verify()


def test_a_repeated_parameter_is_ambiguous() -> None:
    one = _sent(S3SigV4QueryAuth, "s3")
    query = one.request.query + b"&X-Amz-Credential=000000000000"

    with pytest.raises(InvalidSignatureError, match="is repeated"):
        Sent(replace(one.request, query=query), one.body).verify()


@pytest.mark.parametrize(
    ("service", "payload", "covered"),
    [
        ("s3", "UNSIGNED-PAYLOAD", False),
        ("s3", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", False),
        ("s3", hashlib.sha256(b"").hexdigest(), True),
    ],
)
def test_s3_may_leave_out_the_body(service: str, payload: str, covered: bool) -> None:
    signed = signature.read(_with_payload(service, payload))
    assert signed
    assert signed.covers_body is covered


@pytest.mark.parametrize(
    ("service", "payload"),
    [
        ("dynamodb", "UNSIGNED-PAYLOAD"),
        ("s3", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        ("s3", ""),
    ],
)
def test_a_body_that_cannot_be_verified_is_refused(service: str, payload: str) -> None:
    with pytest.raises(InvalidSignatureError, match="cannot be verified"):
        signature.read(_with_payload(service, payload))


def _with_payload(service: str, payload: str) -> Request:
    request = _sent(SigV4Auth, service).request
    return replace(request, headers=[*request.headers, (b"x-amz-content-sha256", payload.encode())])


@pytest.mark.parametrize(
    "authorization",
    ["", "Basic dGVzdDp0ZXN0", "AWS AKIA:c2ln", "AWS4-HMAC-SHA256 Credential=test/x", "Bearer x"],
)
def test_other_authorizations_are_refused(authorization: str) -> None:
    headers = [(b"host", HOST.encode()), (b"authorization", authorization.encode())]
    with pytest.raises(InvalidSignatureError, match="not a Signature Version 4"):
        signature.read(Request(method="GET", path=b"/", query=b"", headers=headers))


def test_a_request_without_a_signature() -> None:
    assert signature.read(Request(method="GET", path=b"/", query=b"a=1", headers=[])) is None


def test_a_url_of_version_2_is_named() -> None:
    query = b"AWSAccessKeyId=x&Signature=y&Expires=1"
    with pytest.raises(InvalidSignatureError, match="Signature Version 2"):
        signature.read(Request(method="GET", path=b"/", query=query, headers=[]))


def test_dot_segments_are_normalized_as_botocore_does() -> None:
    request = AWSRequest(method="GET", url=f"http://{HOST}/a/./b//c/../d/", data=b"")
    sign(request, SigV4Auth, "lambda", token=False).verify()
