"""The query, its canonical form and cache key, and the cached answer."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from reasoning.errors import FieldError, InvalidRequestError

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UTC_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_MAX_SHOWN_CHARACTERS = 64
_MAX_FIELD_ERRORS = 20

# What the instruments resolve; finer digits are noise that would make equal questions differ.
# Soundings are 1 to 10 km wide (OCO-3 1.6 x 2.2 km: doi.org/10.5194/amt-12-2341-2019; GOSAT
# 10.5 km: doi.org/10.1364/AO.48.006716), and 0.01 degrees are 1.1 km at most.
_DEGREES = Decimal("0.01")
# A single sounding is precise to 0.5 to 1 ppm (same sources).
_PPM = Decimal("0.1")
_STANDARD_DEVIATIONS = Decimal("0.1")
# The first satellite record of XCO2, SCIAMACHY's, begins in January 2003 (ESA GHG-CCI, product
# CO2_SCI_BESD; doi.org/10.5194/amt-8-2961-2015). GOSAT followed in 2009, OCO-2 in 2014.
_FIRST_DATE = "2003-01-01"


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
    """An observed anomaly, rounded to what the instruments resolve.

    Units: `lat` and `lon` degrees; `co2` (observed XCO2) and `deviation` (from the baseline) ppm;
    `zscore` standard deviations.
    """

    lat: float
    lon: float
    date: datetime.date
    co2: float
    deviation: float
    severity: Severity
    zscore: float
    _canonical_json: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Once, because a hit needs it three times. Not json.dumps, which takes five times as long:
        # the values need no escapes, and a float's repr is valid JSON.
        text = (
            f'{{"co2":{self.co2!r},"date":"{self.date.isoformat()}","deviation":{self.deviation!r},'
            f'"lat":{self.lat!r},"lon":{self.lon!r},"severity":"{self.severity.value}",'
            f'"zscore":{self.zscore!r}}}'
        )
        object.__setattr__(self, "_canonical_json", text)

    @classmethod
    def parse(
        cls, fields: Sequence[tuple[str, object]], clock: Callable[[], float] = time.time
    ) -> Query:
        """Validate the fields of a request, given as pairs of name and value in any order.

        All fields are required; duplicate and unknown fields are errors. Values are strings,
        `NumberLiteral`s or other JSON values. The date is at most tomorrow (UTC), because today
        begins earlier in the east.

        Raises:
            InvalidRequestError: It lists all invalid fields, up to a limit.

        """
        reader = _FieldReader(fields)
        lat = reader.number("lat", -90, 90, _DEGREES)
        query = cls(
            lat=lat,
            lon=_canonical_longitude(lat, reader.number("lon", -180, 180, _DEGREES)),
            date=reader.date("date", utc_text(int(clock()) + SECONDS_A_DAY)[:10]),
            co2=reader.number("co2", 0, 2000, _PPM),
            deviation=reader.number("deviation", -2000, 2000, _PPM),
            severity=reader.severity("severity"),
            zscore=reader.number("zscore", -100, 100, _STANDARD_DEVIATIONS),
        )
        reader.finish()
        return query

    def canonical_json(self) -> str:
        """Return the canonical JSON: equal queries give the same text.

        Keys are sorted, there is no whitespace, and every number is the shortest decimal that
        represents its binary64 value, with a decimal point.
        """
        return self._canonical_json


@dataclass(frozen=True, kw_only=True, slots=True)
class KeySpace:
    """The part of a cache key that is not the query; no field may contain a newline.

    Changing the model, the prompt or the language (a BCP 47 tag) invalidates all cached answers.
    Changing `namespace` is a logical clear: the old items remain until they expire, but are never
    read.
    """

    namespace: str
    model: str
    prompt_version: str
    language: str

    def key(self, query: Query) -> str:
        """Return the cache key of a query: a SHA-256 digest in hexadecimal."""
        space = (self.namespace, self.model, self.prompt_version, self.language)
        parts = (*space, query.canonical_json())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """A validated answer of the model.

    `reasoning_json` is a JSON object, kept as text because a hit does not need to decode it.
    `model_version` is the version that answered, which the model's name does not determine.
    """

    reasoning_json: str
    model_version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheEntry:
    """A cached explanation; `model` is the name that was asked, times are Unix seconds."""

    key: str
    reasoning_json: str
    model: str
    model_version: str
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


def _canonical_longitude(lat: float, lon: float) -> float:
    if abs(lat) == 90.0:  # noqa: PLR2004 - all meridians meet at the poles
        return 0.0
    return -180.0 if lon == 180.0 else lon  # noqa: PLR2004


def _rounded(value: float, step: Decimal) -> float:
    """Round half to even in decimal: of the shortest decimal that represents the value."""
    # Adding zero normalizes -0.0, which equals 0.0 but has another repr.
    return float(Decimal(repr(value)).quantize(step, ROUND_HALF_EVEN)) + 0.0


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

    def number(self, name: str, lowest: int, highest: int, step: Decimal) -> float:
        value = self._values.pop(name, _MISSING)
        if not isinstance(value, NumberLiteral):
            self._add_error(name, value, "must be a JSON number")
            return 0.0
        number = float(value.text)
        if not lowest <= number <= highest:
            self._add_error(name, value, f"must be from {lowest} to {highest}")
            return 0.0
        return _rounded(number, step)

    def date(self, name: str, latest: str) -> datetime.date:
        value = self._values.pop(name, _MISSING)
        reason = "must be a valid date in the format YYYY-MM-DD"
        try:
            # The pattern is required: fromisoformat also accepts 20260514 and 2026-W20-4.
            if isinstance(value, str) and _DATE.fullmatch(value):
                date = datetime.date.fromisoformat(value)
                if _FIRST_DATE <= value <= latest:
                    return date
                reason = f"must be from {_FIRST_DATE} to {latest}"
        except ValueError:
            pass
        self._add_error(name, value, reason)
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
