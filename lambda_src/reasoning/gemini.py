"""A client for Gemini's REST method generateContent, bounded by one deadline."""

from __future__ import annotations

import json
import math
import random
import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from reasoning import log, metrics
from reasoning.answer import parse_answer
from reasoning.budget import MAX_PAUSE_SECONDS, CallBudget
from reasoning.connection import (
    Connection,
    InvalidResponseError,
    Origin,
    TransportError,
    TransportTimeoutError,
)
from reasoning.deadline import Deadline
from reasoning.errors import (
    ApiError,
    NotAskedError,
    UpstreamAnswerError,
    UpstreamAuthenticationError,
    UpstreamRejectedError,
    UpstreamStatusError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from reasoning.metrics import Metric
from reasoning.models import Explanation, Query
from reasoning.prompt import GENERATION_CONFIG, instruction, prompt
from reasoning.response_parser import Response
from reasoning.secret import ApiKey
from reasoning.untrusted_json import member, member_list, parse_json

_RETRY_AFTER_SECONDS = 30
_SECONDS = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)s?")
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
# With less time left, a call would hardly be answered.
_MIN_SECONDS = 2.0
_ADMISSION_SECONDS = 1.0
_BLOCKED = frozenset(
    {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE"}
)
_MAX_TOKENS = 10_000_000
_ENUM_VALUE = re.compile(r"[A-Z_]{1,40}")
_MODEL_VERSION = re.compile(r"[A-Za-z0-9._/-]{1,100}")
_TOKEN_COUNTS = {
    Metric.TOKENS_IN: "promptTokenCount",
    Metric.TOKENS_OUT: "candidatesTokenCount",
    Metric.TOKENS_THOUGHT: "thoughtsTokenCount",
}


class Gemini:
    """Calls one model at one endpoint; `language` (a BCP 47 tag) is that of the answers."""

    def __init__(
        self,
        *,
        endpoint: Origin,
        model: str,
        language: str,
        timeout_seconds: float,
        api_key: ApiKey,
        budget: CallBudget,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.model = model
        self.timeout_seconds = timeout_seconds
        self._instruction = instruction(language)
        self._api_key = api_key
        self._budget = budget
        self._clock = clock
        self._sleep = sleep
        self._min_seconds = min(_MIN_SECONDS, timeout_seconds / 2)
        self._connection = Connection(endpoint, keep_alive=False)

    def check(self, deadline: Deadline) -> None:
        """Raise if a call would be refused by the budget, or has too little time.

        Raises:
            NotAskedError: The call must not be made.

        """
        self._budget.check()
        self._check_time(deadline)

    def explain(self, query: Query, deadline: Deadline) -> Explanation:
        """Return a validated answer: a JSON object that conforms to `ANSWER_SCHEMA`.

        Two retries are possible: one after a transient error, one with a refetched API key. All
        attempts share the deadline and the configured timeout, and each is counted by the budget.

        Raises:
            NotAskedError: The budget refused a call, or too little time is left.
            UpstreamTimeoutError: There was no complete answer in time.
            UpstreamUnavailableError: Gemini is overloaded or unreachable.
            UpstreamRejectedError: Gemini rejected this query.
            UpstreamAuthenticationError: Gemini rejected the key, even after refetching it.
            UpstreamAnswerError: The answer or the HTTP response is incomplete or malformed.
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
        except InvalidResponseError as error:
            # The next one may be like it, and was paid for.
            raise UpstreamAnswerError(reason=str(error)) from error
        except TransportError as error:
            raise UpstreamUnavailableError(
                "Gemini is unreachable.", retry_after=_RETRY_AFTER_SECONDS, reason=str(error)
            ) from error
        if response.status != HTTPStatus.OK:
            raise self._error(response, deadline)
        return self._explanation(response.body)

    def _check_time(self, deadline: Deadline) -> None:
        if deadline.within(self.timeout_seconds).remaining() < self._min_seconds:
            raise NotAskedError(
                "There was too little time left to ask Gemini.",
                retry_after=1,
                reason="too little time left",
            )

    def _send_with_retry(self, query: Query, deadline: Deadline) -> Response:
        """Send a request, and again after a transient error if time is left.

        Raises:
            TransportError: There was no complete response.

        """
        try:
            response = self._send(query, deadline)
        except (TransportTimeoutError, InvalidResponseError):
            raise
        except TransportError:
            if deadline.remaining() <= self._min_seconds:
                raise
        else:
            transient = response.status in _RETRYABLE and not self._pause_seconds(response)
            if not transient or deadline.remaining() <= self._min_seconds:
                return response
        self._sleep(random.uniform(*_BACKOFF_SECONDS))  # noqa: S311
        return self._send(query, deadline)

    def _send(self, query: Query, deadline: Deadline) -> Response:
        key = self._api_key.value(deadline)
        self._budget.admit(deadline.within(_ADMISSION_SECONDS))
        self._check_time(deadline)
        body = {
            "systemInstruction": {"parts": [{"text": self._instruction}]},
            "contents": [{"role": "user", "parts": [{"text": prompt(query)}]}],
            "generationConfig": GENERATION_CONFIG,
        }
        return self._connection.request(
            "POST",
            f"/v1beta/models/{self.model}:generateContent",
            headers={"Content-Type": "application/json", "x-goog-api-key": key},
            body=json.dumps(body).encode(),
            deadline=deadline,
        )

    def _error(self, response: Response, deadline: Deadline) -> ApiError:
        """Return the error for a status; pause all instances if Gemini asks for it."""
        status = response.status
        reason = f"HTTP {status}"
        if _is_key_rejected(response):
            return UpstreamAuthenticationError(reason=reason)
        pause_seconds = self._pause_seconds(response)
        if pause_seconds:
            self._budget.pause(pause_seconds, deadline.within(_ADMISSION_SECONDS))
        if status in _OVERLOADED:
            retry_after = pause_seconds or _RETRY_AFTER_SECONDS
            return UpstreamUnavailableError(
                "Gemini is overloaded.", retry_after=retry_after, reason=reason
            )
        if status == HTTPStatus.BAD_REQUEST:
            return UpstreamRejectedError(reason=reason)
        return UpstreamStatusError(reason=reason)

    def _pause_seconds(self, response: Response) -> int:
        """Return how long Gemini asks not to be called, 0 if it does not ask."""
        # Gemini sends google.rpc.RetryInfo in the body; proxies send Retry-After.
        texts = [member(detail, "retryDelay") for detail in _details(response)]
        texts.append(response.headers.get("retry-after"))
        # Repeated headers are joined by commas; an HTTP date may lack what is before its comma.
        parts = [part for text in texts if isinstance(text, str) for part in text.split(",")]
        longest = max(map(self._seconds, parts), default=0)
        return math.ceil(min(max(longest, 0), MAX_PAUSE_SECONDS))

    def _seconds(self, text: str) -> float:
        """Parse `38`, `38.5s` or an HTTP date to the seconds from now, anything else to 0."""
        text = text.strip()
        if found := _SECONDS.fullmatch(text):
            return float(found[1])
        try:
            return parsedate_to_datetime(text).timestamp() - self._clock()
        except (ValueError, IndexError, OverflowError):
            return 0

    def _explanation(self, body: bytes) -> Explanation:
        document = _json(body)
        for metric, name in _TOKEN_COUNTS.items():
            tokens = member(member(document, "usageMetadata"), name)
            if isinstance(tokens, int) and 0 < tokens < _MAX_TOKENS:
                metrics.count(metric, tokens)
        version = member(document, "modelVersion")
        known = isinstance(version, str) and _MODEL_VERSION.fullmatch(version)
        return Explanation(
            reasoning_json=parse_answer(_answer_text(document)),
            model_version=version if isinstance(version, str) and known else self.model,
        )


def _is_key_rejected(response: Response) -> bool:
    if response.status in _KEY_REJECTED:
        return True
    # An unknown or expired key is a 400, too; only its details distinguish it.
    return response.status == HTTPStatus.BAD_REQUEST and any(
        member(detail, "reason") == "API_KEY_INVALID" for detail in _details(response)
    )


def _details(response: Response) -> list[object]:
    return member_list(member(_json(response.body), "error"), "details")


def _json(body: bytes) -> object:
    try:
        return parse_json(body.decode())
    except ValueError:
        return None


def _answer_text(document: object) -> str:
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
    """Return a member that is an enum of the API, "" for none; it is logged."""
    word = member(value, name)
    if not isinstance(word, str) or not word:
        return ""
    return word if _ENUM_VALUE.fullmatch(word) else "unknown"
