"""The question a client asks, its canonical form, and the cached answer to it."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reasoning.errors import FieldError, InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UTC_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_MAX_SHOWN_CHARACTERS = 64
_MAX_FIELD_ERRORS = 20


@dataclass(slots=True)
class NumberLiteral:
    """A number in JSON's notation as the client wrote it, not yet converted.

    Conversion waits for validation: Python would refuse an integer of 5000 digits and read
    `1e999` as infinity, both before a field could be blamed.
    """

    text: str

    @classmethod
    def from_text(cls, text: str) -> NumberLiteral | str:
        """Return the text as a number if it is one in JSON's notation, else the text."""
        return cls(text) if _NUMBER.fullmatch(text) else text


class Severity(StrEnum):
    """How far an observation lies from its baseline, as the detection classed it."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


_SEVERITIES = {severity.value: severity for severity in Severity}


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """One observed anomaly.

    `lat` and `lon` are in degrees, `co2` (the observed concentration) and `deviation` (from the
    baseline) in ppm, `zscore` in standard deviations, `date` the day of the observation.
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
        """Validate the fields of a request, given in any order as pairs of name and value.

        All fields are required, none may occur twice, others are refused. Values are texts,
        `NumberLiteral`s or whatever else a JSON document may hold.

        Raises:
            InvalidRequestError: It carries every fault found, up to a limit.

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
        """Return the one JSON text that all spellings of this query share.

        Keys are sorted, there is no white space, and every number is the shortest decimal of
        its binary64 value, with a point even if it is whole.
        """
        # Written out, because a hit needs it twice and json.dumps takes five times as long. The
        # values need no escapes, and a float's repr is its JSON.
        return (
            f'{{"co2":{self.co2!r},"date":"{self.date.isoformat()}","deviation":{self.deviation!r},'
            f'"lat":{self.lat!r},"lon":{self.lon!r},"severity":"{self.severity.value}",'
            f'"zscore":{self.zscore!r}}}'
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class KeySpace:
    """What an answer depends on beside its query; none of the three may hold a newline.

    Another model or prompt never finds the answers of the one before it. A new `namespace`
    empties the cache in one step: the old answers stay until they expire, but nothing asks
    for them.
    """

    namespace: str
    model: str
    prompt_version: str

    def key(self, query: Query) -> str:
        """Return a query's cache key: a SHA-256 as 64 hexadecimal digits."""
        parts = (self.namespace, self.model, self.prompt_version, query.canonical_json())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheEntry:
    """A validated answer; times are whole seconds since 1970 (UTC).

    `reasoning_json` is the JSON of an object. It stays text, because no part of a hit needs
    more of it.
    """

    key: str
    reasoning_json: str
    model: str
    cached_at: int
    expires_at: int


SECONDS_A_DAY = 86_400


def utc_text(seconds: int) -> str:
    """Return a time as `YYYY-MM-DDTHH:MM:SSZ`.

    The width is fixed, so texts sort as the times do; whole seconds match the bounds an
    operator types, because `.` sorts before `Z`.
    """
    time = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return time.isoformat().replace("+00:00", "Z")


def utc_seconds(text: str) -> int:
    """Return the time that `utc_text` wrote.

    Raises:
        ValueError: The text has another form, or is no time.

    """
    if not _UTC_TEXT.fullmatch(text):
        raise ValueError("not a time as YYYY-MM-DDTHH:MM:SSZ")
    return int(datetime.datetime.fromisoformat(text).timestamp())


def _canonical_longitude(lon: float) -> float:
    return -180.0 if lon == 180.0 else lon  # noqa: PLR2004


class _FieldReader:
    """Takes one field after the other and collects what is wrong with them.

    A faulty field gives a placeholder, so that the fields after it are checked as well.
    """

    def __init__(self, fields: Sequence[tuple[str, object]]) -> None:
        self._values: dict[str, object] = {}
        self._errors: list[FieldError] = []
        for name, value in fields:
            if name in self._values:
                self._blame(name, value, "is given more than once")
            else:
                self._values[name] = value

    def number(self, name: str, lowest: int, highest: int) -> float:
        value = self._values.pop(name, _MISSING)
        if not isinstance(value, NumberLiteral):
            self._blame(name, value, "must be a finite number in JSON notation")
            return 0.0
        number = float(value.text)
        if not lowest <= number <= highest:
            self._blame(name, value, f"must be from {lowest} to {highest}")
        # Adding zero turns -0.0, which equals 0.0 but is written differently, into 0.0.
        return number + 0.0

    def date(self, name: str) -> datetime.date:
        value = self._values.pop(name, _MISSING)
        try:
            # The pattern is needed too: fromisoformat also reads 20260514 and 2026-W20-4.
            if isinstance(value, str) and _DATE.fullmatch(value):
                return datetime.date.fromisoformat(value)
        except ValueError:
            pass
        self._blame(name, value, "must be a day that exists, as YYYY-MM-DD")
        return datetime.date.min

    def severity(self, name: str) -> Severity:
        value = self._values.pop(name, _MISSING)
        severity = _SEVERITIES.get(value) if isinstance(value, str) else None
        if severity is not None:
            return severity
        self._blame(name, value, f"must be one of {', '.join(Severity)}")
        return Severity.LOW

    def finish(self) -> None:
        for name, value in self._values.items():
            self._blame(name, value, "is not a field of this request")
        if self._errors:
            raise InvalidRequestError(
                "The request has missing or invalid fields.",
                field_errors=tuple(self._errors[:_MAX_FIELD_ERRORS]),
            )

    def _blame(self, name: str, value: object, reason: str) -> None:
        if value is _MISSING:
            self._errors.append(FieldError(field=name, value=None, reason="is required"))
        else:
            shown = _shortened(_described(value))
            self._errors.append(FieldError(field=_shortened(name), value=shown, reason=reason))


_MISSING = object()


def _described(value: object) -> str:
    if isinstance(value, NumberLiteral):
        return value.text
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return "an object or array"


def _shortened(text: str) -> str:
    shown = text if len(text) <= _MAX_SHOWN_CHARACTERS else f"{text[:_MAX_SHOWN_CHARACTERS]}…"
    # A lone surrogate is no character: no client could decode an answer that repeats it.
    return shown.encode("utf-8", "replace").decode()
