"""Gemini's REST method generateContent, under one deadline for everything that it takes."""

from __future__ import annotations

import json
import random
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from reasoning import log
from reasoning.answer import parse_answer
from reasoning.connection import (
    Connection,
    Origin,
    Response,
    TransportError,
    TransportTimeoutError,
)
from reasoning.documents import member
from reasoning.errors import (
    UpstreamAnswerError,
    UpstreamAuthenticationError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from reasoning.prompt import ANSWER_SCHEMA, INSTRUCTION, prompt

if TYPE_CHECKING:
    from collections.abc import Callable

    from reasoning.deadline import Deadline
    from reasoning.models import Query
    from reasoning.secret import ApiKey

_MAX_OUTPUT_TOKENS = 8192
_RETRY_AFTER_SECONDS = 30
_MAX_RETRY_AFTER_SECONDS = 3600
_SECONDS = re.compile(r"[0-9]{1,8}")
_KEY_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_OVERLOADED = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
# Passing troubles of a server. Not 429: asking more often is what it complains about.
_PASSING = frozenset(
    {
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_RETRY_PAUSE_SECONDS = (0.1, 0.5)
# With less than this left, a second attempt would hardly be answered.
_RETRY_WORTH_SECONDS = 2.0
_BLOCKED = frozenset(
    {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE"}
)


class Gemini:
    """Asks one model at one endpoint."""

    def __init__(
        self,
        *,
        endpoint: Origin,
        model: str,
        timeout_seconds: float,
        api_key: ApiKey,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.model = model
        self.timeout_seconds = timeout_seconds
        self._api_key = api_key
        self._pause = pause
        self._connection = Connection(endpoint)

    def explain(self, query: Query, deadline: Deadline) -> str:
        """Return a validated answer: the JSON of an object that conforms to `ANSWER_SCHEMA`.

        Everything together takes no longer than the configured timeout and ends by the
        deadline: a second attempt after a passing trouble, and another with a new key.

        Raises:
            UpstreamTimeoutError: There was no complete answer in time.
            UpstreamUnavailableError: Gemini is overloaded or unreachable.
            UpstreamRejectedError: Gemini refuses this query.
            UpstreamAuthenticationError: Gemini refuses the key, also after fetching it anew.
            UpstreamAnswerError: The answer is incomplete or malformed.
            ConfigurationError: There is no key.

        """
        deadline = deadline.within(self.timeout_seconds)
        response = self._generate(query, deadline)
        if _refuses_key(response):
            log.warning("gemini_key_refused", status=response.status)
            self._api_key.forget()
            response = self._generate(query, deadline)
        _raise_for_status(response)
        return parse_answer(_text(response.body))

    def _generate(self, query: Query, deadline: Deadline) -> Response:
        try:
            response = self._send(query, deadline)
        except TransportTimeoutError as error:
            raise _timed_out() from error
        except TransportError as error:
            if not _worth_another(deadline):
                raise _unreachable(error) from error
        else:
            if not (_may_pass(response) and _worth_another(deadline)):
                return response
        self._pause(random.uniform(*_RETRY_PAUSE_SECONDS))  # noqa: S311
        try:
            return self._send(query, deadline)
        except TransportTimeoutError as error:
            raise _timed_out() from error
        except TransportError as error:
            raise _unreachable(error) from error

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


def _may_pass(response: Response) -> bool:
    # A server that names a time wants to be left alone until then.
    return response.status in _PASSING and "retry-after" not in response.headers


def _worth_another(deadline: Deadline) -> bool:
    return deadline.remaining() > _RETRY_WORTH_SECONDS


def _timed_out() -> UpstreamTimeoutError:
    return UpstreamTimeoutError("Gemini did not answer in time.", retry_after=_RETRY_AFTER_SECONDS)


def _unreachable(error: TransportError) -> UpstreamUnavailableError:
    return UpstreamUnavailableError(
        "Gemini cannot be reached.", retry_after=_RETRY_AFTER_SECONDS, reason=str(error)
    )


def _refuses_key(response: Response) -> bool:
    if response.status in _KEY_REFUSED:
        return True
    # An unknown or expired key is a 400 as well, and only its details tell it from the others.
    return response.status == HTTPStatus.BAD_REQUEST and "API_KEY_INVALID" in _reasons(response)


def _reasons(response: Response) -> list[str]:
    try:
        document: object = json.loads(response.body)
    except (ValueError, RecursionError):
        return []
    details = member(member(document, "error"), "details")
    return [_word(detail, "reason") for detail in (details if isinstance(details, list) else [])]


def _raise_for_status(response: Response) -> None:
    status = response.status
    if status == HTTPStatus.OK:
        return
    reason = f"HTTP {status}"
    if _refuses_key(response):
        raise UpstreamAuthenticationError("Gemini refuses this service.", reason=reason)
    if status in _OVERLOADED:
        raise UpstreamUnavailableError(
            "Gemini is overloaded.", retry_after=_retry_after(response), reason=reason
        )
    if status == HTTPStatus.BAD_REQUEST:
        raise UpstreamRejectedError("Gemini refuses this request.", reason=reason)
    raise UpstreamAnswerError("Gemini failed.", reason=reason)


def _retry_after(response: Response) -> int:
    text = response.headers.get("retry-after", "")
    # The other form of this header, a date, is not worth a parser here.
    seconds = int(text) if _SECONDS.fullmatch(text) else 0
    return min(seconds, _MAX_RETRY_AFTER_SECONDS) or _RETRY_AFTER_SECONDS


def _text(body: bytes) -> str:
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UpstreamAnswerError("Gemini's response is not valid JSON.") from error
    feedback = member(document, "promptFeedback")
    if block_reason := _word(feedback, "blockReason"):
        raise UpstreamRejectedError(
            "Gemini refuses this request.", reason=f"blockReason {block_reason}"
        )
    candidates = member(document, "candidates")
    candidate = candidates[0] if isinstance(candidates, list) and candidates else None
    finish_reason = _word(candidate, "finishReason")
    if finish_reason in _BLOCKED:
        raise UpstreamRejectedError(
            "Gemini refuses this request.", reason=f"finishReason {finish_reason}"
        )
    if finish_reason != "STOP":
        raise UpstreamAnswerError(
            "Gemini's answer is incomplete.", reason=f"finishReason {finish_reason}"
        )
    parts = member(member(candidate, "content"), "parts")
    texts = [
        member(part, "text")
        for part in (parts if isinstance(parts, list) else [])
        if member(part, "thought") is not True
    ]
    return "".join(text for text in texts if isinstance(text, str))


def _word(value: object, name: str) -> str:
    """Return a member that is a constant of the API, shortened in case it is something else."""
    word = member(value, name)
    return word[:40] if isinstance(word, str) else ""
