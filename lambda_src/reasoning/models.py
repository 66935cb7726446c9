"""The query, its canonical form and cache key, and the cached answer."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from reasoning.errors import FieldError, InvalidRequestError

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UTC_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_MAX_SHOWN_CHARACTERS = 64
_MAX_FIELD_ERRORS = 20


@dataclass(slots=True)
class NumberLiteral:
    """An unconverted JSON number.

    The conversion is part of the validation of a field: Python rejects an integer of 5000
    digits and converts `1e999` to infinity.
    """

    text: str

    @classmethod
    def from_text(cls, text: str) -> NumberLiteral | str:
        """Return a `NumberLiteral` if the text is a JSON number, else the text."""
        return cls(text) if _NUMBER.fullmatch(text) else text


class Severity(StrEnum):
    """The severity that the detection assigned to an anomaly."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


_SEVERITIES = {severity.value: severity for severity in Severity}


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """An observed anomaly.

    Units: `lat` and `lon` degrees; `co2` (observed concentration) and `deviation` (from the
    baseline) ppm; `zscore` standard deviations.
    """

    lat: float
    lon: float
    date: datetime.date
    co2: float
    deviation: float
    severity: Severity
    zscore: float

    @classmethod
    def parse(cls, fields: Sequence[tuple[str, object]]) -> Query:
        """Validate the fields of a request, given as pairs of name and value in any order.

        All fields are required; duplicate and unknown fields are errors. Values are strings,
        `NumberLiteral`s or other JSON values.

        Raises:
            InvalidRequestError: It lists all invalid fields, up to a limit.

        """
        reader = _FieldReader(fields)
        query = cls(
            lat=reader.number("lat", -90, 90),
            lon=_canonical_longitude(reader.number("lon", -180, 180)),
            date=reader.date("date"),
            co2=reader.number("co2", 0, 2000),
            deviation=reader.number("deviation", -2000, 2000),
            severity=reader.severity("severity"),
            zscore=reader.number("zscore", -100, 100),
        )
        reader.finish()
        return query

    def canonical_json(self) -> str:
        """Return the canonical JSON: equal queries give the same text.

        Keys are sorted, there is no whitespace, and every number is the shortest decimal that
        represents its binary64 value, with a decimal point.
        """
        # Not json.dumps, which takes five times as long and is needed twice for a hit. The values
        # need no escapes, and a float's repr is valid JSON.
        return (
            f'{{"co2":{self.co2!r},"date":"{self.date.isoformat()}","deviation":{self.deviation!r},'
            f'"lat":{self.lat!r},"lon":{self.lon!r},"severity":"{self.severity.value}",'
            f'"zscore":{self.zscore!r}}}'
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class KeySpace:
    """The part of a cache key that is not the query; no field may contain a newline.

    Changing the model or the prompt invalidates all cached answers. Changing `namespace` is a
    logical clear: the old items remain until they expire, but are never read.
    """

    namespace: str
    model: str
    prompt_version: str

    def key(self, query: Query) -> str:
        """Return the cache key of a query: a SHA-256 digest in hexadecimal."""
        parts = (self.namespace, self.model, self.prompt_version, query.canonical_json())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheEntry:
    """A validated answer; times are Unix seconds.

    `reasoning_json` is a JSON object, kept as text because a hit does not need to decode it.
    """

    key: str
    reasoning_json: str
    model: str
    cached_at: int
    expires_at: int


SECONDS_A_DAY = 86_400


def utc_text(seconds: int) -> str:
    """Format Unix seconds as `YYYY-MM-DDTHH:MM:SSZ`.

    The width is fixed and there are no fractional seconds, so texts sort chronologically, also
    against the bounds that operators enter (`.` would sort before `Z`).
    """
    time = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return time.isoformat().replace("+00:00", "Z")


def utc_seconds(text: str) -> int:
    """Parse the format of `utc_text` to Unix seconds.

    Raises:
        ValueError: The text is not a time in this format.

    """
    if not _UTC_TEXT.fullmatch(text):
        raise ValueError("not a time in the format YYYY-MM-DDTHH:MM:SSZ")
    return int(datetime.datetime.fromisoformat(text).timestamp())


def _canonical_longitude(lon: float) -> float:
    return -180.0 if lon == 180.0 else lon  # noqa: PLR2004


class _FieldReader:
    """Validates fields one by one and collects their errors.

    An invalid field yields a placeholder, so that the remaining fields are validated, too.
    """

    def __init__(self, fields: Sequence[tuple[str, object]]) -> None:
        self._values: dict[str, object] = {}
        self._errors: list[FieldError] = []
        for name, value in fields:
            if name in self._values:
                self._add_error(name, value, "is given more than once")
            else:
                self._values[name] = value

    def number(self, name: str, lowest: int, highest: int) -> float:
        value = self._values.pop(name, _MISSING)
        if not isinstance(value, NumberLiteral):
            self._add_error(name, value, "must be a JSON number")
            return 0.0
        number = float(value.text)
        if not lowest <= number <= highest:
            self._add_error(name, value, f"must be from {lowest} to {highest}")
        # Adding zero normalizes -0.0, which equals 0.0 but has another repr.
        return number + 0.0

    def date(self, name: str) -> datetime.date:
        value = self._values.pop(name, _MISSING)
        try:
            # The pattern is required: fromisoformat also accepts 20260514 and 2026-W20-4.
            if isinstance(value, str) and _DATE.fullmatch(value):
                return datetime.date.fromisoformat(value)
        except ValueError:
            pass
        self._add_error(name, value, "must be a valid date in the format YYYY-MM-DD")
        return datetime.date.min

    def severity(self, name: str) -> Severity:
        value = self._values.pop(name, _MISSING)
        severity = _SEVERITIES.get(value) if isinstance(value, str) else None
        if severity is not None:
            return severity
        self._add_error(name, value, f"must be one of {', '.join(Severity)}")
        return Severity.LOW

    def finish(self) -> None:
        for name, value in self._values.items():
            self._add_error(name, value, "is not a known field")
        if self._errors:
            raise InvalidRequestError(
                "The request has missing or invalid fields.",
                field_errors=tuple(self._errors[:_MAX_FIELD_ERRORS]),
            )

    def _add_error(self, name: str, value: object, reason: str) -> None:
        if value is _MISSING:
            self._errors.append(FieldError(field=name, value=None, reason="is required"))
        else:
            shown = _truncated(_display_text(value))
            self._errors.append(FieldError(field=_truncated(name), value=shown, reason=reason))


_MISSING = object()


def _display_text(value: object) -> str:
    if isinstance(value, NumberLiteral):
        return value.text
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return "an object or array"


def _truncated(text: str) -> str:
    shown = text if len(text) <= _MAX_SHOWN_CHARACTERS else f"{text[:_MAX_SHOWN_CHARACTERS]}…"
    # Lone surrogates cannot be encoded as UTF-8.
    return shown.encode("utf-8", "replace").decode()
