"""Validation of queries, their canonical form and their cache key."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reasoning.errors import FieldError, InvalidRequestError
from reasoning.events import HttpRequest
from reasoning.models import KeySpace, Query

from testing.questions import FIELDS, NUMBERS, get_event, post_event
from tests.lambda_src.builders import json_body, key, query

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
        '{"co2":428.5,"date":"2026-05-14","deviation":8.25,"lat":35.6762,"lon":139.6503,'
        '"severity":"high","zscore":3.1}'
    )
    keys = KeySpace(namespace="1", model="gemini-3.8-flash", prompt_version="v")
    text = f"1\ngemini-3.8-flash\nv\n{parsed.canonical_json()}"
    assert keys.key(parsed) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("part", ["namespace", "model", "prompt_version"])
def test_namespace_model_and_prompt_are_part_of_the_key(part: str) -> None:
    parts = {"namespace": "1", "model": "m", "prompt_version": "v"}

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
    ],
)
def test_equal_values_share_a_key(one: dict[str, str], other: dict[str, str]) -> None:
    assert key(query(**one)) == key(query(**other))


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
        "date": draw(st.dates()).isoformat(),
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
