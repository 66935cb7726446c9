"""Parsing the HTTP request in a function URL or API Gateway event (payload format 2.0)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from reasoning.errors import (
    BodyTooLargeError,
    InvalidRequestError,
    MethodNotAllowedError,
    UnsupportedMediaTypeError,
)
from reasoning.models import NumberLiteral
from reasoning.untrusted_json import member

PATH = "/api/reasoning"
METHODS = ("GET", "HEAD", "POST")
MAX_BODY_BYTES = 16 * 1024
_MAX_QUERY_PARAMETERS = 64
# Fast path for a query string without escapes (nearly all): a fifth of the time of parse_qsl.
_PLAIN_QUERY = re.compile(r"[\w.-]+=[\w.-]*(?:&[\w.-]+=[\w.-]*)*", re.ASCII)

# RFC 9110, sections 5.6 and 8.3.1. No two adjacent parts match the same character, so the time is
# linear.
_TCHARS = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED_STRING = r'"(?:[\t !#-\[\]-~\x80-\U0010ffff]|\\[\t -~\x80-\U0010ffff])*"'
_PARAMETER = re.compile(f";[ \t]*({_TCHARS})=({_TCHARS}|{_QUOTED_STRING})")
_CONTENT_TYPE = re.compile(
    rf"[ \t]*(?i:application/json)[ \t]*(?:(?:{_PARAMETER.pattern}|;)[ \t]*)*"
)
_QUOTED_PAIR = re.compile(r"\\(.)")


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpRequest:
    """An undecoded request; header names are lower-case."""

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: str
    is_base64: bool

    @classmethod
    def from_event(cls, event: object) -> HttpRequest:
        """Parse an event.

        Raises:
            InvalidRequestError: The event is not an HTTP request.

        """
        http = member(member(event, "requestContext"), "http")
        method, path = member(http, "method"), member(event, "rawPath")
        if not isinstance(method, str) or not isinstance(path, str):
            raise InvalidRequestError("The event is not an HTTP request in payload format 2.0.")
        query_string, body = member(event, "rawQueryString"), member(event, "body")
        headers = member(event, "headers")
        return cls(
            method=method,
            path=path,
            query_string=query_string if isinstance(query_string, str) else "",
            headers={
                name.lower(): value
                for name, value in (headers.items() if isinstance(headers, dict) else ())
                if isinstance(name, str) and isinstance(value, str)
            },
            body=body if isinstance(body, str) else "",
            is_base64=member(event, "isBase64Encoded") is True,
        )

    def fields(self) -> list[tuple[str, object]]:
        """Return names and values: the query parameters, or the JSON members of a POST.

        Raises:
            MethodNotAllowedError: The method is not one of `METHODS`.
            BodyTooLargeError: The body exceeds `MAX_BODY_BYTES`.
            UnsupportedMediaTypeError: The content type is not JSON in UTF-8.
            InvalidRequestError: Query string or body cannot be decoded.

        """
        if self.method in {"GET", "HEAD"}:
            return _query_parameters(self.query_string)
        if self.method == "POST":
            body = self._decoded_body()
            if not _is_json(self.headers.get("content-type", "")):
                raise UnsupportedMediaTypeError(
                    "The content type must be application/json in UTF-8."
                )
            return _members(body)
        raise MethodNotAllowedError(f"{PATH} does not support this method.", allowed=METHODS)

    def _decoded_body(self) -> bytes:
        if not self.is_base64:
            # The event is JSON and may contain lone surrogates; decoding as UTF-8 rejects them.
            body = self.body.encode("utf-8", "surrogatepass")
        else:
            try:
                body = base64.b64decode(self.body, validate=True)
            except (binascii.Error, ValueError) as error:
                raise InvalidRequestError("The body is not valid base64.") from error
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLargeError(f"The body must not exceed {MAX_BODY_BYTES} bytes.")
        return body


def _query_parameters(query_string: str) -> list[tuple[str, object]]:
    if not query_string:
        return []
    if _PLAIN_QUERY.fullmatch(query_string) and query_string.count("&") < _MAX_QUERY_PARAMETERS:
        plain = (part.split("=") for part in query_string.split("&"))
        return [(name, NumberLiteral.from_text(value)) for name, value in plain]
    try:
        pairs: list[tuple[str, str]] = parse_qsl(
            query_string,
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=_MAX_QUERY_PARAMETERS,
        )
    except ValueError as error:
        raise InvalidRequestError("The query string cannot be decoded.") from error
    return [(name, NumberLiteral.from_text(value)) for name, value in pairs]


def _is_json(content_type: str) -> bool:
    if not _CONTENT_TYPE.fullmatch(content_type):
        return False
    charsets = [
        _QUOTED_PAIR.sub(r"\1", value.removeprefix('"').removesuffix('"'))
        for name, value in _PARAMETER.findall(content_type)
        if name.lower() == "charset"
    ]
    return all(charset.lower() in {"utf-8", "utf8"} for charset in charsets)


class _JsonObject(list[tuple[str, object]]):
    """A JSON object as its members in order: a dict would hide duplicate names."""


def _members(body: bytes) -> list[tuple[str, object]]:
    try:
        document: object = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_JsonObject,
            parse_int=NumberLiteral,
            parse_float=NumberLiteral,
            parse_constant=str,  # NaN and Infinity are not JSON numbers
        )
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError("The body is not valid JSON.") from error
    if not isinstance(document, _JsonObject):
        raise InvalidRequestError("The body must be a JSON object.")
    return document
