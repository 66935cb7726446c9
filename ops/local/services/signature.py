"""Verification of AWS Signature Version 4, in the headers of a request or in a presigned URL.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, quote

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
# With these, S3's clients leave the body out of the signature. Chunks with signatures of their own
# ("STREAMING-AWS4-...") are sent by no client of this project, and not supported.
_UNVERIFIED = {UNSIGNED_PAYLOAD, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}

_ALGORITHM = "AWS4-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    rf"{_ALGORITHM} Credential=(?P<credential>[^\s,]+), ?"
    r"SignedHeaders=(?P<names>[a-z0-9;._-]+), ?Signature=(?P<value>[0-9a-f]{64})"
)
_CREDENTIAL = re.compile(
    r"(?P<key>[A-Za-z0-9]+)/(?P<date>\d{8})/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)"
    r"/aws4_request"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SKEW = dt.timedelta(minutes=15)
_LONGEST_SECONDS = 7 * 24 * 3600


class InvalidSignatureError(Exception):
    """The request is signed, but not validly; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """The head of a request, as it was sent. The names of the headers are in lower case."""

    method: str
    path: bytes
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]

    def values(self, name: str) -> list[str]:
        """Return the values of a header."""
        wanted = name.encode()
        return [value.decode("latin-1") for found, value in self.headers if found == wanted]

    def value(self, name: str) -> str | None:
        """Return the value of a header, or None.

        Raises:
            InvalidSignatureError: It has several, of which somebody else may read another.

        """
        found = self.values(name)
        if len(found) > 1:
            raise InvalidSignatureError(f"the header {name} is repeated")
        return found[0] if found else None


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What a request says about its signature; nothing of it is verified.

    ``payload`` is the hash of the body that was signed: None if it has to be computed.
    """

    key_id: str
    token: str | None
    date: str
    region: str
    service: str
    names: str
    value: str
    time: str
    lifetime: dt.timedelta | None
    payload: str | None

    @property
    def covers_body(self) -> bool:
        """Whether the body is part of what was signed."""
        return self.payload not in _UNVERIFIED

    def verify(self, request: Request, secret: str, payload: str, now: dt.datetime) -> None:
        """Compare the signature with the one of ``secret``.

        Raises:
            InvalidSignatureError: It differs, leaves out a header that it must cover, or is not
                valid now.

        """
        signed = self.names.split(";")
        for name in {found.decode("latin-1") for found, _ in request.headers} | {"host"}:
            if (name == "host" or name.startswith("x-amz-")) and name not in signed:
                raise InvalidSignatureError(f"the signature does not cover the header {name}")
        self._check_time(now)
        text = b"\n".join(
            [
                request.method.encode(),
                _canonical_path(request.path, self.service),
                _canonical_query(request.query),
                *(f"{name}:".encode() + _canonical_value(request, name) for name in signed),
                b"",
                self.names.encode(),
                payload.encode(),
            ]
        )
        scope = f"{self.date}/{self.region}/{self.service}/aws4_request"
        digest = hashlib.sha256(text).hexdigest()
        key = f"AWS4{secret}".encode()
        for step in (*scope.split("/"), f"{_ALGORITHM}\n{self.time}\n{scope}\n{digest}"):
            key = hmac.digest(key, step.encode(), "sha256")
        if not hmac.compare_digest(key.hex(), self.value):
            raise InvalidSignatureError("the signature is not that of this request and this key")

    def _check_time(self, now: dt.datetime) -> None:
        try:
            signed_at = dt.datetime.strptime(self.time, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
        except ValueError as error:
            raise InvalidSignatureError("the time of the signature is not a time") from error
        # Differences, because the sum with a date of the year 9999 is out of range.
        age, longest = now - signed_at, _SKEW if self.lifetime is None else self.lifetime
        if not -_SKEW <= age <= longest:
            raise InvalidSignatureError(
                f"the signature of {self.time} is not valid now, {now:%Y%m%dT%H%M%SZ}"
            )


def read(request: Request) -> Signature | None:
    """Return the signature of a request, None if it has none.

    Raises:
        InvalidSignatureError: It is incomplete, or of another kind.

    """
    authorization = request.value("authorization")
    if authorization is not None:
        return _from_header(request, authorization)
    if b"X-Amz-" in request.query:
        return _from_query(request)
    if b"AWSAccessKeyId=" in request.query:
        raise InvalidSignatureError(
            "the URL is presigned with Signature Version 2, boto3's default in us-east-1;"
            " version 4 is Config(signature_version='s3v4')"
        )
    return None


def _from_header(request: Request, authorization: str) -> Signature:
    parts = _AUTHORIZATION.fullmatch(authorization)
    scope = _CREDENTIAL.fullmatch(parts["credential"]) if parts else None
    if parts is None or scope is None:
        raise InvalidSignatureError("the header authorization is not a Signature Version 4")
    payload = request.value("x-amz-content-sha256")
    if not (
        payload is None
        or _SHA256.fullmatch(payload)
        or (payload in _UNVERIFIED and scope["service"] == "s3")
    ):
        raise InvalidSignatureError(f"a body that is signed as {payload!r} cannot be verified")
    return Signature(
        key_id=scope["key"],
        token=request.value("x-amz-security-token"),
        date=scope["date"],
        region=scope["region"],
        service=scope["service"],
        names=parts["names"],
        value=parts["value"],
        time=request.value("x-amz-date") or "",
        lifetime=None,
        payload=payload,
    )


def _from_query(request: Request) -> Signature:
    query = parse_qs(request.query.decode("latin-1"), keep_blank_values=True)
    if any(len(values) > 1 for name, values in query.items() if name.startswith("X-Amz-")):
        raise InvalidSignatureError("a parameter of the signature is repeated")
    given = {name: values[0] for name, values in query.items()}
    scope = _CREDENTIAL.fullmatch(given.get("X-Amz-Credential", ""))
    seconds = given.get("X-Amz-Expires", "")
    if (
        given.get("X-Amz-Algorithm") != _ALGORITHM
        or scope is None
        or not _SHA256.fullmatch(given.get("X-Amz-Signature", ""))
        or not re.fullmatch(r"[1-9]\d{0,5}", seconds, re.ASCII)
        or int(seconds) > _LONGEST_SECONDS
    ):
        raise InvalidSignatureError("the URL is not presigned with Signature Version 4")
    return Signature(
        key_id=scope["key"],
        token=given.get("X-Amz-Security-Token"),
        date=scope["date"],
        region=scope["region"],
        service=scope["service"],
        names=given.get("X-Amz-SignedHeaders", ""),
        value=given["X-Amz-Signature"],
        time=given.get("X-Amz-Date", ""),
        lifetime=dt.timedelta(seconds=int(seconds)),
        payload=UNSIGNED_PAYLOAD if scope["service"] == "s3" else None,
    )


def _canonical_path(path: bytes, service: str) -> bytes:
    """Return the path as it is signed: as sent for S3, else normalized and encoded once more."""
    if service == "s3":
        return path or b"/"
    segments: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del segments[-1:]
        elif segment not in {b"", b"."}:
            segments.append(segment)
    last = b"/" if path.endswith(b"/") and segments else b""
    return quote(b"/" + b"/".join(segments) + last, safe="/~").encode()


def _canonical_query(query: bytes) -> bytes:
    pairs = [pair.partition(b"=")[::2] for pair in query.split(b"&")] if query else []
    return b"&".join(
        name + b"=" + value for name, value in sorted(pairs) if name != b"X-Amz-Signature"
    )


def _canonical_value(request: Request, name: str) -> bytes:
    return b",".join(
        b" ".join(value.split()) for found, value in request.headers if found == name.encode()
    )
