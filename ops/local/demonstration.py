"""What shows that the local AWS works: a key for the function, and one question asked twice."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from ops.common.errors import OperatorError
from ops.local.client import Response, signed
from ops.local.ports import Ports

DEMONSTRATION_KEY = "local-demonstration-key"

_LONGEST_TEXT = 72
_LOG_LINES = 3
_RUNTIME_LINES = ("START ", "END ", "REPORT ")
_NO_VALUE = "ResourceNotFoundException"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The function's answer to a question: where it came from, how long it took, what it says."""

    cache: str
    milliseconds: float
    text: str


def ensure_key(ports: Ports, secret: str) -> bool:
    """Give the Gemini secret a demonstration value; return False if it has a value already.

    Raises:
        OperatorError: The emulator refuses it.

    """
    found = _call(ports, "secretsmanager", "secretsmanager.GetSecretValue", {"SecretId": secret})
    # AWS refuses to read a secret without a value, the emulator gives none.
    empty = found.status == HTTPStatus.BAD_REQUEST and _NO_VALUE in str(found.json().get("__type"))
    if found.status != HTTPStatus.OK and not empty:
        raise _unexpected("reading the Gemini secret", found)
    if not empty and found.json().get("SecretString"):
        return False
    value = {"SecretId": secret, "SecretString": DEMONSTRATION_KEY}
    put = _call(ports, "secretsmanager", "secretsmanager.PutSecretValue", value)
    if put.status != HTTPStatus.OK:
        raise _unexpected("writing the Gemini secret", put)
    return True


def question(now: datetime.datetime) -> dict[str, str]:
    """Return a question that was not asked before: its numbers are made of the time of day.

    The function rounds them to one decimal.
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


def ask(ports: Ports, function_url: str, asked: Mapping[str, str], log_group: str) -> Answer:
    """Ask the deployed function through its URL, as CloudFront does: signed with SigV4.

    Raises:
        OperatorError: It gives no answer.

    """
    url = f"{function_url}api/reasoning?{urlencode(asked)}"
    response = signed(ports, service="lambda", method="GET", url=url)
    if response.status != HTTPStatus.OK:
        raise _unexpected("asking the function", response, function_log(ports, log_group))
    return Answer(
        cache=response.headers.get("x-cache", "?"),
        milliseconds=round(response.milliseconds, 1),
        text=_clipped(_summary(response.json())),
    )


def curl(ports: Ports, function_url: str, asked: Mapping[str, str]) -> str:
    """Return a command line that asks the function."""
    host = function_url.removeprefix("https://").strip("/")
    return (
        f"curl --aws-sigv4 aws:amz:us-east-1:lambda --user test:test -H 'Host: {host}'"
        f" '{ports.endpoint}/api/reasoning?{urlencode(asked)}'"
    )


def function_log(ports: Ports, log_group: str) -> list[str]:
    """Return the last lines that the function itself logged, as far as they can be read."""
    try:
        found = _call(
            ports, "logs", "Logs_20140328.FilterLogEvents", {"logGroupName": log_group}
        ).json()
        messages = [str(event["message"]).strip() for event in found["events"]]
    except (OperatorError, KeyError, TypeError):
        return []
    return [text for text in messages if not text.startswith(_RUNTIME_LINES)][-_LOG_LINES:]


def _call(ports: Ports, service: str, target: str, parameters: Mapping[str, str]) -> Response:
    return signed(
        ports,
        service=service,
        method="POST",
        url=f"{ports.endpoint}/",
        headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target},
        body=json.dumps(parameters).encode(),
    )


def _summary(document: Any) -> str:
    reasoning = document.get("reasoning") if isinstance(document, dict) else None
    summary = reasoning.get("summary") if isinstance(reasoning, dict) else None
    return str(summary or document)


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"


def _unexpected(doing: str, response: Response, log: Sequence[str] = ()) -> OperatorError:
    shown = response.body[:500].decode(errors="replace")
    logged = "\nit logged:\n" + "\n".join(f"  {line}" for line in log) if log else ""
    return OperatorError(
        f"{doing}: HTTP {response.status}: {shown}{logged}",
        remedy="if that does not say why: .local/logs/emulator.log; down and up start from nothing",
    )
