"""Validation of queries, their canonical form and their cache key."""

from __future__ import annotations

import datetime
import hashlib
import json
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from reasoning.errors import FieldError, InvalidRequestError
from reasoning.events import HttpRequest
from reasoning.models import KeySpace, Query

from testing.questions import FIELDS, NUMBERS, get_event, post_event
from tests.lambda_src.builders import json_body, key, query

FIRST_DATE, TODAY = datetime.date(2003, 1, 1), datetime.datetime.now(datetime.UTC).date()
BOUNDS = {
    "lat": (-90, 90),
    "lon": (-180, 180),
    "co2": (0, 2000),
    "deviation": (-2000, 2000),
    "zscore": (-100, 100),
}


def parse(event: dict[str, object]) -> Query:
    return Query.parse(HttpRequest.from_event(event).fields())


def field_errors(event: dict[str, object]) -> dict[str, FieldError]:
    with pytest.raises(InvalidRequestError) as raised:
        parse(event)
    return {error.field: error for error in raised.value.field_errors}


def test_the_canonical_form_and_key_are_a_contract_with_stored_items() -> None:
    parsed = query()

    assert parsed.canonical_json() == (
        '{"co2":428.5,"date":"2026-05-14","deviation":8.2,"lat":35.68,"lon":139.65,'
        '"severity":"high","zscore":3.1}'
    )
    keys = KeySpace(namespace="1", model="gemini-3.8-flash", prompt_version="v", language="de")
    text = f"1\ngemini-3.8-flash\nv\nde\n{parsed.canonical_json()}"
    assert keys.key(parsed) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("part", ["namespace", "model", "prompt_version", "language"])
def test_namespace_model_prompt_and_language_are_part_of_the_key(part: str) -> None:
    parts = {"namespace": "1", "model": "m", "prompt_version": "v", "language": "en"}

    assert KeySpace(**parts).key(query()) != KeySpace(**{**parts, part: "2"}).key(query())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"lat": "-0.0"}, {"lat": "0"}),
        ({"lat": "-0"}, {"lat": "0.0"}),
        ({"zscore": "1"}, {"zscore": "1.0"}),
        ({"zscore": "1"}, {"zscore": "1e0"}),
        ({"zscore": "10"}, {"zscore": "1E+1"}),
        ({"lon": "180"}, {"lon": "-180"}),
        ({"lon": "180.0"}, {"lon": "-1.8e2"}),
        ({"deviation": "-1e-400"}, {"deviation": "0"}),
        # Below what the instruments resolve.
        ({"lat": "35.676200001"}, {"lat": "35.6762"}),
        ({"lat": "-0.004"}, {"lat": "0"}),
        ({"lon": "179.996"}, {"lon": "-180"}),
        ({"lon": "-179.996"}, {"lon": "180"}),
        ({"lat": "90", "lon": "10"}, {"lat": "90", "lon": "-170"}),
        ({"lat": "-89.996", "lon": "10"}, {"lat": "-90", "lon": "0"}),
        ({"co2": "428.46"}, {"co2": "428.54"}),
        ({"deviation": "-0.04"}, {"deviation": "0.04"}),
        ({"zscore": "3.06"}, {"zscore": "3.14"}),
    ],
)
def test_equal_values_share_a_key(one: dict[str, str], other: dict[str, str]) -> None:
    assert key(query(**one)) == key(query(**other))


@pytest.mark.parametrize(
    ("given_text", "canonical"),
    # Ties go to the even digit of the decimal as it is written, not of its binary value, which is
    # 35.67499999999999715... for 35.675.
    [("35.675", 35.68), ("35.685", 35.68), ("-35.665", -35.66), ("0.005", 0.0), ("0.015", 0.02)],
)
def test_ties_are_rounded_to_even_in_decimal(given_text: str, canonical: float) -> None:
    assert query(lat=given_text).lat == canonical


def test_dates_are_from_the_first_satellite_record_to_tomorrow() -> None:
    def at(date: str, hour: int) -> Query:
        clock = datetime.datetime(2026, 5, 14, hour, 59, 59, tzinfo=datetime.UTC).timestamp
        fields = HttpRequest.from_event(get_event({**FIELDS, "date": date})).fields()
        return Query.parse(fields, clock)

    for date in ("2003-01-01", "2026-05-14", "2026-05-15"):
        assert at(date, 0).date.isoformat() == at(date, 23).date.isoformat() == date
    for date in ("0001-01-01", "2002-12-31", "2026-05-16", "9999-12-31"):
        with pytest.raises(InvalidRequestError) as raised:
            at(date, 23)
        (error,) = raised.value.field_errors
        assert error.reason == "must be from 2003-01-01 to 2026-05-15"


STEPS = {"lat": "0.01", "lon": "0.01", "co2": "0.1", "deviation": "0.1", "zscore": "0.1"}


@given(st.sampled_from(NUMBERS), st.data())
def test_rounding_moves_a_value_by_half_a_step_at_most_and_never_twice(
    name: str, data: st.DataObject
) -> None:
    value = data.draw(numbers[name])
    # Poles and antimeridian have only one spelling.
    assume(name != "lon" or abs(value) < 179.99)
    once = getattr(query(**{name: repr(value)}), name)

    assert abs(Decimal(repr(value)) - Decimal(repr(once))) <= Decimal(STEPS[name]) / 2
    assert getattr(query(**{name: repr(once)}), name) == once
    assert repr(once) != "-0.0"


@given(st.sampled_from(NUMBERS), st.data())
def test_a_step_of_the_resolution_is_another_key(name: str, data: st.DataObject) -> None:
    low, high = BOUNDS[name]
    per_unit = 1 / float(STEPS[name])
    step = data.draw(st.integers(int(low * per_unit) + 2, int(high * per_unit) - 2))
    here, there = (query(**{name: repr(number / per_unit)}) for number in (step, step + 1))

    assert key(here) != key(there)


numbers = {name: st.floats(low, high) for name, (low, high) in BOUNDS.items()}


@st.composite
def represented(draw: st.DrawFn, value: float) -> str:
    """Return one of the JSON representations of a binary64 value."""
    exact = Decimal(value)
    representations = [repr(value), f"{exact:f}", f"{exact:e}"]
    if value == int(value):
        representations += [f"{int(value)}", f"{int(value)}.000", f"{int(value)}e0"]
    return draw(st.sampled_from(representations))


@st.composite
def two_representations(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, str]]:
    values = {name: draw(strategy) for name, strategy in numbers.items()}
    rest = {
        "date": draw(st.dates(FIRST_DATE, TODAY)).isoformat(),
        "severity": draw(st.sampled_from(["low", "medium", "high", "critical"])),
    }

    def representation() -> dict[str, str]:
        fields = {**{name: draw(represented(value)) for name, value in values.items()}, **rest}
        return {name: fields[name] for name in draw(st.permutations(list(fields)))}

    return representation(), representation()


@given(two_representations())
def test_the_key_depends_on_values_only(pair: tuple[dict[str, str], dict[str, str]]) -> None:
    one, other = pair

    by_get = parse(get_event(one))
    by_post = parse(post_event(json_body(other)))
    by_base64 = parse(post_event(json_body(other).encode()))

    assert by_get == by_post == by_base64
    assert key(by_get) == key(by_post) == key(by_base64)


@given(two_representations())
def test_the_canonical_form_parses_to_itself(pair: tuple[dict[str, str], dict[str, str]]) -> None:
    canonical = parse(get_event(pair[0])).canonical_json()

    assert parse(post_event(canonical)).canonical_json() == canonical


@given(
    two_representations(),
    st.sampled_from(NUMBERS),
    st.data(),
)
def test_different_values_have_different_keys(
    pair: tuple[dict[str, str], dict[str, str]], name: str, data: st.DataObject
) -> None:
    before = parse(get_event(pair[0]))
    after = parse(get_event({**pair[0], name: repr(data.draw(numbers[name]))}))

    assert (before == after) == (key(before) == key(after))


def test_json_escapes_do_not_change_the_key() -> None:
    body = json_body(FIELDS).replace('"high"', r'"h\u0069gh"').replace('"lat"', r'"\u006cat"')

    assert key(parse(post_event(body))) == key()


@pytest.mark.parametrize("name", NUMBERS)
def test_bounds_are_inclusive_and_enforced(name: str) -> None:
    low, high = BOUNDS[name]

    for inside in (low, high):
        query(**{name: str(inside)})
    for outside in (f"{low}.0001" if low else "-0.0001", f"{high}.0001", "1e999", "-1e999"):
        assert field_errors(get_event({**FIELDS, name: outside}))[name].reason.startswith(
            "must be from"
        )


@pytest.mark.parametrize(
    "text",
    ["NaN", "Infinity", "-Infinity", "true", "null", '"1"', "[1]", "{}"],
)
def test_a_number_field_accepts_json_numbers_only(text: str) -> None:
    assert set(field_errors(post_event(json_body({**FIELDS, "co2": text})))) == {"co2"}


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "+1", "01", ".5", "5.", "1_0", "0x1", "\uff11", "nan"]
)
def test_a_number_parameter_accepts_json_notation_only(text: str) -> None:
    assert set(field_errors(get_event({**FIELDS, "co2": text}))) == {"co2"}


def test_a_number_of_5000_digits_is_out_of_range() -> None:
    digits = "9" * 5000

    error = field_errors(post_event(json_body({**FIELDS, "co2": digits})))["co2"]

    assert error.reason.startswith("must be from")
    assert error.value is not None
    assert len(error.value) < 100


@pytest.mark.parametrize(
    "text",
    [
        "20260514",
        "2026-W20-4",
        "2026-134",
        "2026-02-30",
        "2026-5-14",
        "2026-05-14T00:00:00",
        " 2026-05-14",
        "2026-05-14\n",
        "\uff12026-05-14",
        "",
    ],
)
def test_a_date_must_exist_and_have_one_format(text: str) -> None:
    assert set(field_errors(get_event({**FIELDS, "date": text}))) == {"date"}


@pytest.mark.parametrize("text", ["High", "extreme", "", "high ", "\uff48igh", "hi\u0301gh"])
def test_severity_is_an_enum(text: str) -> None:
    assert (
        "low, medium, high, critical"
        in field_errors(get_event({**FIELDS, "severity": text}))["severity"].reason
    )


def test_all_invalid_fields_are_reported_together() -> None:
    fields = {**FIELDS, "lat": "91", "date": "yesterday", "extra": "1"}
    del fields["co2"]

    found = field_errors(get_event(fields))

    assert {name: error.value for name, error in found.items()} == {
        "lat": "91",
        "date": "yesterday",
        "extra": "1",
        "co2": None,
    }
    assert found["co2"].reason == "is required"
    assert found["extra"].reason == "is not a known field"


def test_a_duplicate_field_is_an_error_even_if_the_values_are_equal() -> None:
    by_get = get_event("&".join(f"{name}={text}" for name, text in FIELDS.items()) + "&lat=35.6762")
    by_post = post_event(json_body(FIELDS)[:-1] + ', "lat": 35.6762}')

    for event in (by_get, by_post):
        assert field_errors(event)["lat"].reason == "is given more than once"


def test_values_in_errors_are_truncated_and_encodable() -> None:
    names = {f"{'n' * 100}{index}": "v" * 100 for index in range(40)}
    body = json.dumps({**names, "lat": "\ud800"})

    with pytest.raises(InvalidRequestError) as raised:
        parse(post_event(body))

    shown = [text for e in raised.value.field_errors for text in (e.field, e.value or "")]
    assert len(raised.value.field_errors) == 20
    assert max(map(len, shown)) <= 65
    assert all(text.encode() is not None for text in shown)
