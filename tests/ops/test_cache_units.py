"""The parts of the cache commands that need no table: backoff, files, namespaces, pages."""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.cache import clearing, importing, jsonlines, questions, recent
from ops.cache.backoff import Backoff
from ops.cache.items import Item
from ops.cache.namespace import next_namespace
from ops.common.errors import BadInputError, OperatorError
from ops.common.output import table
from testing.storage import NOW, item


class _Throttled(Exception):  # noqa: N818  a stand-in for botocore's ClientError
    def __init__(self, code: str = "ProvisionedThroughputExceededException") -> None:
        super().__init__(code)
        self.response = {"Error": {"Code": code, "Message": "slow down"}}


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def backoff(self) -> Backoff:
        return Backoff(sleep=self.sleep, clock=lambda: self.now)


class _Silent:
    def add(self, count: int) -> None:
        pass


def _failing(times: int, error: Exception) -> Callable[[], str]:
    left = iter(range(times))

    def request() -> str:
        if next(left, None) is not None:
            raise error
        return "done"

    return request


def test_backoff_slows_down_when_throttled_and_recovers() -> None:
    clock = _Clock()
    backoff = clock.backoff()
    assert backoff.call(_failing(4, _Throttled())) == "done"
    assert backoff.throttled_requests == 4
    assert clock.pauses == sorted(clock.pauses)
    slowest = clock.pauses[-1]
    for _ in range(60):
        backoff.call(lambda: "done")
    assert clock.pauses[-1] < slowest / 4
    count = len(clock.pauses)
    backoff.call(lambda: "done")
    assert len(clock.pauses) == count


def test_backoff_gives_up_when_everything_is_throttled() -> None:
    with pytest.raises(OperatorError, match="throttled every request for two minutes"):
        _Clock().backoff().call(_failing(10_000, _Throttled()))


def test_other_errors_are_not_retried() -> None:
    clock = _Clock()
    with pytest.raises(_Throttled):
        clock.backoff().call(_failing(1, _Throttled("ValidationException")))
    assert clock.pauses == []


class _Table:
    """A table that throttles every third statement or put, or fails all with an error code."""

    def __init__(self, *items: dict[str, Any], error_code: str = "") -> None:
        self.items = {one["cache_key"]["S"]: one for one in items}
        self._error_code = error_code
        self._asked = 0

    def scan(self, **_: Any) -> dict[str, Any]:
        return {"Items": list(self.items.values())}

    def batch_execute_statement(self, *, Statements: list[Any]) -> dict[str, Any]:  # noqa: N803
        return {"Responses": [self._run(one) for one in Statements]}

    def _run(self, statement: Any) -> dict[str, Any]:
        self._asked += 1
        if self._error_code:
            return {"Error": {"Code": self._error_code, "Message": "no"}}
        if self._asked % 3 == 0:
            return {"Error": {"Code": "ThrottlingError", "Message": "slow down"}}
        self.items.pop(statement["Parameters"][0]["S"])
        return {}

    def batch_write_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        ((table, requests),) = RequestItems.items()
        left = []
        for request in requests:
            self._asked += 1
            if self._asked % 3 == 0:
                left.append(request)
            else:
                one = request["PutRequest"]["Item"]
                self.items[one["cache_key"]["S"]] = one
        return {"UnprocessedItems": {table: left} if left else {}}


def test_clear_retries_throttled_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clearing, "Backoff", _Clock().backoff)
    fake: Any = _Table(*(item(n, NOW) for n in range(60)))
    older = clearing.OlderThan(before=NOW, undated=True)
    done = clearing.clear(fake, "t", older, parallel=1, progress=_Silent())
    assert (done.deleted, fake.items) == (60, {})
    assert done.throttled_requests > 0


def test_clear_names_the_missing_permission() -> None:
    fake: Any = _Table(item(1, NOW), error_code="AccessDenied")
    older = clearing.OlderThan(before=NOW, undated=True)
    with pytest.raises(OperatorError) as error:
        clearing.clear(fake, "t", older, parallel=1, progress=_Silent())
    assert "dynamodb:PartiQLDelete" in str(error.value.remedy)


def test_import_retries_unprocessed_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "Backoff", _Clock().backoff)
    fake: Any = _Table()
    items = [item(n, NOW) for n in range(60)]
    # The same key twice in one request would be refused; the last one wins.
    items.insert(1, item(0, NOW, answer="later"))
    done = importing.ImportResult()
    importing.write(fake, "t", items, done, overwrite=True, progress=_Silent())
    assert len(fake.items) == 60
    first = item(0, NOW)["cache_key"]["S"]
    assert "later" in fake.items[first]["reasoning_result"]["S"]


class _Index:
    """An index that returns no LastEvaluatedKey where a day ends exactly at the limit."""

    def __init__(self, *items: dict[str, Any]) -> None:
        self._items = items

    def query(self, *, ExpressionAttributeValues: Any, Limit: int, **rest: Any) -> Any:  # noqa: N803
        day = ExpressionAttributeValues[":day"]
        found = [one for one in self._items if one["cached_date"] == day]
        start = rest.get("ExclusiveStartKey")
        if start:
            keys = [one["cache_key"] for one in found]
            found = found[keys.index(start["cache_key"]) + 1 :]
        page = found[:Limit]
        more = {"LastEvaluatedKey": page[-1]} if len(found) > Limit else {}
        return {"Items": page, **more}


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 100])
def test_pages_hold_every_item_once_whatever_their_length(limit: int) -> None:
    days = [0, 0, 0, 0, 2, 2, 3]
    items = [item(n, NOW - dt.timedelta(days=ago)) for n, ago in enumerate(days)]
    span = recent.Span(begin=NOW - dt.timedelta(days=5), end=NOW)
    index: Any = _Index(*items)
    found: list[Any] = []
    token: str | None = None
    while True:
        page = recent.page(index, "t", span, limit=limit, token=token)
        assert len(page.items) <= limit
        found += page.items
        token = page.next
        if token is None:
            break
    assert found == items


@given(st.text())
def test_an_invalid_token_is_bad_input(token: str) -> None:
    span = recent.Span(begin=NOW, end=NOW)
    index: Any = _Index()
    with contextlib.suppress(BadInputError):
        recent.page(index, "t", span, limit=1, token=token)


def test_control_characters_are_not_printed() -> None:
    lines = table(("key",), [("a\x1b[31m\r",)])
    assert all(line.isprintable() for line in lines)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUE = st.one_of(
    TEXT.map(lambda text: {"S": text}),
    st.integers().map(lambda number: {"N": str(number)}),
    st.booleans().map(lambda flag: {"BOOL": flag}),
    st.lists(TEXT).map(lambda texts: {"L": [{"S": text} for text in texts]}),
)
ITEM = st.dictionaries(TEXT, VALUE, max_size=4).map(lambda rest: {**rest, "cache_key": {"S": "k"}})


@settings(max_examples=15)
@given(items=st.lists(ITEM, max_size=5), suffix=st.sampled_from(["", ".gz"]))
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, items: list[dict[str, Any]], suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"items.jsonl{suffix}"
    with jsonlines.writer(str(path)) as write:
        for one in items:
            write(one)
    assert list(jsonlines.read(path)) == items


@settings(max_examples=20)
@given(content=st.binary(max_size=200))
def test_any_file_is_items_or_bad_input(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    for data in (content, b"\x1f\x8b" + content, gzip.compress(content)[:-4]):
        path.write_bytes(data)
        with contextlib.suppress(BadInputError):
            list(jsonlines.read(path))


def test_a_failed_export_leaves_no_file(tmp_path: Path) -> None:
    unwritable: Item = {"cache_key": {"S": "k"}, "odd": {"B": b"bytes"}}
    with jsonlines.writer(str(tmp_path / "a.jsonl")) as write:
        write(item(1, NOW))
    with (
        pytest.raises(TypeError),
        jsonlines.writer(str(tmp_path / "b.jsonl")) as write,
    ):
        write(unwritable)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


@pytest.mark.parametrize(
    ("value", "after"), [("1", "2"), ("v9", "v10"), ("default", "default-2"), ("a-09", "a-10")]
)
def test_the_next_namespace(value: str, after: str) -> None:
    assert next_namespace(value) == after


@given(st.text(alphabet="abc019-", min_size=1, max_size=12))
def test_a_namespace_is_never_reused(value: str) -> None:
    seen = [value]
    for _ in range(5):
        seen.append(next_namespace(seen[-1]))
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("line", ["[]", "7", "{", '{"lat": NaN}', '{"lat": 1}', "\x00"])
def test_an_invalid_question_is_named_by_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(BadInputError, match="line 2: "):
        questions.read(path)


def test_equal_questions_are_asked_once(tmp_path: Path) -> None:
    one = {"lat": 1, "lon": 180, "date": "2026-05-14", "co2": 430.6, "deviation": 9.4,
           "severity": "high", "zscore": 3.1}  # fmt: skip
    path = tmp_path / "questions.jsonl"
    path.write_text(f"{json.dumps(one)}\n{json.dumps({**one, 'lon': -180.0})}", encoding="utf-8")
    assert len(questions.read(path)) == 1
