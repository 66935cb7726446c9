"""Questions from a file, validated by the cache Lambda's own rules before any is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ops.common import function_code
from ops.common.errors import BadInputError

if TYPE_CHECKING:
    from reasoning.models import Query

_MOST_SHOWN = 10


def read(path: Path) -> list[Query]:
    """Return the distinct questions of a JSON Lines file.

    Raises:
        BadInputError: Lines are invalid; the message gives their numbers, fields and rules.

    """
    function_code.make_importable()
    from reasoning.errors import InvalidRequestError  # noqa: PLC0415
    from reasoning.models import NumberLiteral, Query  # noqa: PLC0415

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path} is not UTF-8 text", remedy="save it as UTF-8") from error
    found: dict[str, Query] = {}
    faults: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            document = json.loads(line, parse_int=NumberLiteral, parse_float=NumberLiteral)
            query = Query.parse(list(document.items()))
            found.setdefault(query.canonical_json(), query)
        except InvalidRequestError as error:
            reasons = "; ".join(f"{fault.field} {fault.reason}" for fault in error.field_errors)
            faults.append(f"line {number}: {reasons}")
        except (ValueError, AttributeError, RecursionError):
            faults.append(f"line {number}: not a JSON object")
    if faults:
        more = f"\n  and {len(faults) - _MOST_SHOWN} more" if len(faults) > _MOST_SHOWN else ""
        shown = "\n  ".join(faults[:_MOST_SHOWN])
        raise BadInputError(
            f"{path} is invalid, no question was asked:\n  {shown}{more}",
            remedy='write one question a line: {"lat": -3.46, "lon": -62.21, "date": '
            '"2026-05-14", "co2": 430.6, "deviation": 9.4, "severity": "high", "zscore": 3.1}',
        )
    return list(found.values())
