"""Questions out of a file, judged by the function's own rules before anything is asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ops.common.errors import BadInputError

if TYPE_CHECKING:
    from reasoning.models import Query

LAMBDA_SOURCE = Path(__file__).resolve().parents[2] / "lambda_src"
_MOST_SHOWN = 10


def read(path: Path) -> list[Query]:
    """Return the different questions of a file of JSON Lines.

    Raises:
        BadInputError: Lines are wrong; the message names them with the field and the rule.

    """
    if str(LAMBDA_SOURCE) not in sys.path:
        # The function's rules live where they are deployed from.
        sys.path.append(str(LAMBDA_SOURCE))
    from reasoning.errors import InvalidRequestError  # noqa: PLC0415
    from reasoning.models import NumberLiteral, Query  # noqa: PLC0415

    found: dict[str, Query] = {}
    faults: list[str] = []
    for number, line in _lines(path):
        try:
            document = json.loads(line, parse_int=NumberLiteral, parse_float=NumberLiteral)
            query = Query.parse(list(document.items()))
            found.setdefault(query.canonical_json(), query)
        except InvalidRequestError as error:
            told = "; ".join(f"{fault.field} {fault.reason}" for fault in error.field_errors)
            faults.append(f"line {number}: {told}")
        except (ValueError, AttributeError, RecursionError):
            faults.append(f"line {number}: it is no JSON object")
    if faults:
        more = f"\n  and {len(faults) - _MOST_SHOWN} more" if len(faults) > _MOST_SHOWN else ""
        shown = "\n  ".join(faults[:_MOST_SHOWN])
        raise BadInputError(
            f"{path}: nothing was asked, because of\n  {shown}{more}",
            remedy='write one question a line: {"lat": -3.46, "lon": -62.21, "date": '
            '"2026-05-14", "co2": 430.6, "deviation": 9.4, "severity": "high", "zscore": 3.1}',
        )
    return list(found.values())


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path}: it is no text in UTF-8", remedy="save it anew") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, line
