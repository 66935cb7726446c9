"""The proof that the local AWS works: a key for the function, and a question asked twice."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from modules.naming import Naming
from ops.common.errors import OperatorError
from ops.common.local_address import Key
from ops.local.services.client import Response, signed
from ops.local.services.ports import Ports

DEMONSTRATION_KEY = "local-demonstration-key"

_MAX_TEXT = 72
_LOG_LINES = 3
_RUNTIME_LINES = ("START ", "END ", "REPORT ")
_NO_VALUE = "ResourceNotFoundException"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer of the function: its X-Cache header, its latency, and its summary."""

    cache: str
    milliseconds: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Demonstration:
    """A question, the URL it was sent to, and the two answers."""

    function_url: str
    question: dict[str, str]
    answers: list[Answer]


def demonstrate(ports: Ports, key: Key, naming: Naming, function_url: str) -> Demonstration:
    """Ask the deployed function a new question twice.

    Raises:
        OperatorError: The emulator or the function fails.

    """
    ensure_key(ports, key, naming.gemini_secret)
    asked = question(datetime.datetime.now(datetime.UTC))
    answers = [ask(ports, key, function_url, asked, naming.log_group) for _ in range(2)]
    return Demonstration(function_url=function_url, question=asked, answers=answers)


def ensure_key(ports: Ports, key: Key, secret: str) -> bool:
    """Put a demonstration value into the Gemini secret; return False if it already has a value.

    Raises:
        OperatorError: The emulator rejects it.

    """
    found = _call(
        ports, key, "secretsmanager", "secretsmanager.GetSecretValue", {"SecretId": secret}
    )
    # For a secret without a value, AWS returns an error and the emulator an empty value.
    empty = found.status == HTTPStatus.BAD_REQUEST and _NO_VALUE in str(found.json().get("__type"))
    if found.status != HTTPStatus.OK and not empty:
        raise _unexpected("reading the Gemini secret", found)
    if not empty and found.json().get("SecretString"):
        return False
    value = {"SecretId": secret, "SecretString": DEMONSTRATION_KEY}
    put = _call(ports, key, "secretsmanager", "secretsmanager.PutSecretValue", value)
    if put.status != HTTPStatus.OK:
        raise _unexpected("writing the Gemini secret", put)
    return True


def question(now: datetime.datetime) -> dict[str, str]:
    """Return a question that is not cached: its numbers are derived from the time of day.

    They have one decimal, because the function rounds finer ones to the same question.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    milliseconds = (now - midnight) // datetime.timedelta(milliseconds=1)
    return {
        "lat": "-3.4653",
        "lon": "-62.2159",
        "date": now.date().isoformat(),
        "co2": f"{430 + milliseconds % 100 / 10:.1f}",
        "deviation": f"{milliseconds // 100 % 1000 / 10:.1f}",
        "severity": "high",
        "zscore": f"{milliseconds // 100_000 / 10:.1f}",
    }


def ask(
    ports: Ports, key: Key, function_url: str, asked: Mapping[str, str], log_group: str
) -> Answer:
    """Send a question to the function's URL, signed with SigV4 as CloudFront does.

    Raises:
        OperatorError: The response is not 200.

    """
    url = f"{function_url}api/reasoning?{urlencode(asked)}"
    response = signed(ports, key, service="lambda", method="GET", url=url)
    if response.status != HTTPStatus.OK:
        raise _unexpected("asking the function", response, _function_log(ports, key, log_group))
    summary = _summary(response.json())
    return Answer(
        cache=response.headers.get("x-cache", "?"),
        milliseconds=round(response.milliseconds, 1),
        text=summary if len(summary) <= _MAX_TEXT else f"{summary[: _MAX_TEXT - 1]}…",
    )


def curl(ports: Ports, config: str, function_url: str, asked: Mapping[str, str]) -> str:
    """Return a curl command that sends a question to the function; ``config`` signs it."""
    host = function_url.removeprefix("https://").strip("/")
    return (
        f"curl --config {config} -H 'Host: {host}'"
        f" '{ports.endpoint}/api/reasoning?{urlencode(sorted(asked.items()))}'"
    )


def _function_log(ports: Ports, key: Key, log_group: str) -> list[str]:
    """Return the function's last log lines without those of the Lambda runtime, if readable."""
    group = {"logGroupName": log_group}
    try:
        found = _call(ports, key, "logs", "Logs_20140328.FilterLogEvents", group).json()
        messages = [str(event["message"]).strip() for event in found["events"]]
    except (OperatorError, KeyError, TypeError):
        return []
    return [text for text in messages if not text.startswith(_RUNTIME_LINES)][-_LOG_LINES:]


def _call(
    ports: Ports, key: Key, service: str, target: str, parameters: Mapping[str, str]
) -> Response:
    return signed(
        ports,
        key,
        service=service,
        method="POST",
        url=f"{ports.endpoint}/",
        headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target},
        body=json.dumps(parameters).encode(),
    )


def _summary(document: Any) -> str:
    try:
        return str(document["reasoning"]["summary"])
    except (KeyError, TypeError):
        return str(document)


def _unexpected(action: str, response: Response, log: Sequence[str] = ()) -> OperatorError:
    shown = response.body[:500].decode(errors="replace")
    logged = "\nits log:\n" + "\n".join(f"  {line}" for line in log) if log else ""
    return OperatorError(
        f"{action}: HTTP {response.status}: {shown}{logged}",
        remedy="read .local/logs/emulator.log; to start from scratch, run down, then up",
    )
