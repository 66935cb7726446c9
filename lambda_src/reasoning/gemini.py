"""A client for Gemini's REST method generateContent, bounded by one deadline."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable
from http import HTTPStatus

from reasoning import log
from reasoning.answer import parse_answer
from reasoning.connection import (
    Connection,
    Origin,
    TransportError,
    TransportTimeoutError,
)
from reasoning.deadline import Deadline
from reasoning.errors import (
    UpstreamAnswerError,
    UpstreamAuthenticationError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from reasoning.models import Query
from reasoning.prompt import ANSWER_SCHEMA, INSTRUCTION, prompt
from reasoning.response_parser import Response
from reasoning.secret import ApiKey
from reasoning.untrusted_json import member, member_list

_MAX_OUTPUT_TOKENS = 8192
_RETRY_AFTER_SECONDS = 30
_MAX_RETRY_AFTER_SECONDS = 3600
_SECONDS = re.compile(r"[0-9]{1,8}")
_KEY_REJECTED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_OVERLOADED = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
# Not 429: a retry would add to the load that it reports.
_RETRYABLE = frozenset(
    {
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_BACKOFF_SECONDS = (0.1, 0.5)
# With less time left, a second attempt would hardly be answered.
_MIN_RETRY_SECONDS = 2.0
_BLOCKED = frozenset(
    {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE"}
)


class Gemini:
    """Calls one model at one endpoint."""

    def __init__(
        self,
        *,
        endpoint: Origin,
        model: str,
        timeout_seconds: float,
        api_key: ApiKey,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.model = model
        self.timeout_seconds = timeout_seconds
        self._api_key = api_key
        self._sleep = sleep
        self._connection = Connection(endpoint, keep_alive=False)

    def explain(self, query: Query, deadline: Deadline) -> str:
        """Return a validated answer: a JSON object that conforms to `ANSWER_SCHEMA`.

        Two retries are possible: one after a transient error, one with a refetched API key. All
        attempts share the deadline and the configured timeout.

        Raises:
            UpstreamTimeoutError: There was no complete answer in time.
            UpstreamUnavailableError: Gemini is overloaded or unreachable.
            UpstreamRejectedError: Gemini rejected this query.
            UpstreamAuthenticationError: Gemini rejected the key, even after refetching it.
            UpstreamAnswerError: The answer is incomplete or malformed.
            ConfigurationError: There is no key.

        """
        deadline = deadline.within(self.timeout_seconds)
        try:
            response = self._send_with_retry(query, deadline)
            if _is_key_rejected(response):
                log.warning("gemini_key_refused", status=response.status)
                self._api_key.invalidate()
                response = self._send_with_retry(query, deadline)
        except TransportTimeoutError as error:
            raise UpstreamTimeoutError(retry_after=_RETRY_AFTER_SECONDS) from error
        except TransportError as error:
            raise UpstreamUnavailableError(
                "Gemini is unreachable.", retry_after=_RETRY_AFTER_SECONDS, reason=str(error)
            ) from error
        _raise_for_status(response)
        return parse_answer(_answer_text(response.body))

    def _send_with_retry(self, query: Query, deadline: Deadline) -> Response:
        """Send a request, and again after a transient error if time is left.

        Raises:
            TransportError: There was no complete response.

        """
        try:
            response = self._send(query, deadline)
        except TransportTimeoutError:
            raise
        except TransportError:
            if deadline.remaining() <= _MIN_RETRY_SECONDS:
                raise
        else:
            # A server that sends Retry-After asks for no request before that.
            transient = response.status in _RETRYABLE and "retry-after" not in response.headers
            if not transient or deadline.remaining() <= _MIN_RETRY_SECONDS:
                return response
        self._sleep(random.uniform(*_BACKOFF_SECONDS))  # noqa: S311
        return self._send(query, deadline)

    def _send(self, query: Query, deadline: Deadline) -> Response:
        body = {
            "systemInstruction": {"parts": [{"text": INSTRUCTION}]},
            "contents": [{"role": "user", "parts": [{"text": prompt(query)}]}],
            "generationConfig": {
                "responseMimeType": "application/json",
                "responseJsonSchema": ANSWER_SCHEMA,
                "maxOutputTokens": _MAX_OUTPUT_TOKENS,
            },
        }
        return self._connection.request(
            "POST",
            f"/v1beta/models/{self.model}:generateContent",
            headers={
                "Content-Type": "application/json",
                "x-goog-api-key": self._api_key.value(deadline),
            },
            body=json.dumps(body).encode(),
            deadline=deadline,
        )


def _is_key_rejected(response: Response) -> bool:
    if response.status in _KEY_REJECTED:
        return True
    # An unknown or expired key is a 400, too; only its details distinguish it.
    return response.status == HTTPStatus.BAD_REQUEST and "API_KEY_INVALID" in _reasons(response)


def _reasons(response: Response) -> list[str]:
    try:
        document: object = json.loads(response.body)
    except (ValueError, RecursionError):
        return []
    details = member_list(member(document, "error"), "details")
    return [_enum_value(detail, "reason") for detail in details]


def _raise_for_status(response: Response) -> None:
    status = response.status
    if status == HTTPStatus.OK:
        return
    reason = f"HTTP {status}"
    if _is_key_rejected(response):
        raise UpstreamAuthenticationError(reason=reason)
    if status in _OVERLOADED:
        raise UpstreamUnavailableError(
            "Gemini is overloaded.", retry_after=_retry_after(response), reason=reason
        )
    if status == HTTPStatus.BAD_REQUEST:
        raise UpstreamRejectedError(reason=reason)
    raise UpstreamAnswerError("Gemini responded with an error.", reason=reason)


def _retry_after(response: Response) -> int:
    text = response.headers.get("retry-after", "")
    # Retry-After with a date is ignored.
    seconds = int(text) if _SECONDS.fullmatch(text) else 0
    return min(seconds, _MAX_RETRY_AFTER_SECONDS) or _RETRY_AFTER_SECONDS


def _answer_text(body: bytes) -> str:
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UpstreamAnswerError("Gemini's response is not valid JSON.") from error
    if block_reason := _enum_value(member(document, "promptFeedback"), "blockReason"):
        raise UpstreamRejectedError(reason=f"blockReason {block_reason}")
    candidates = member_list(document, "candidates")
    candidate = candidates[0] if candidates else None
    finish_reason = _enum_value(candidate, "finishReason")
    reason = f"finishReason {finish_reason}"
    if finish_reason in _BLOCKED:
        raise UpstreamRejectedError(reason=reason)
    if finish_reason != "STOP":
        raise UpstreamAnswerError("Gemini's answer is incomplete.", reason=reason)
    texts = [
        member(part, "text")
        for part in member_list(member(candidate, "content"), "parts")
        if member(part, "thought") is not True
    ]
    return "".join(text for text in texts if isinstance(text, str))


def _enum_value(value: object, name: str) -> str:
    """Return a member that is an enum of the API, truncated in case it is not."""
    word = member(value, name)
    return word[:40] if isinstance(word, str) else ""
