"""An in-memory DynamoDB table with the expressions that the function uses.

The integration tests run the same expressions on the emulator.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

Value = dict[str, str]
Item = dict[str, Value]

_TOKEN = re.compile(r"[A-Za-z_#:][\w]*|<=|>=|<>|[<>=(),]")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class FakeTable:
    """Items by key; `call` executes GetItem, PutItem and UpdateItem."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}

    def call(self, operation: str, request: Mapping[str, Any]) -> tuple[int, bytes]:
        """Return the HTTP status and the body of DynamoDB's response."""
        key = request["Item" if operation == "PutItem" else "Key"]["cache_key"]["S"]
        item = self.items.get(key, {})
        if operation == "GetItem":
            return 200, json.dumps({"Item": item} if item else {}).encode()
        _check_placeholders(request)
        condition = request.get("ConditionExpression")
        if condition and not _Expression(condition, request, item).condition():
            old = {"Item": item} if request.get("ReturnValuesOnConditionCheckFailure") else {}
            code = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
            return 400, json.dumps({"__type": code, **old}).encode()
        if operation == "PutItem":
            self.items[key] = request["Item"]
            return 200, b"{}"
        updated = {"cache_key": {"S": key}, **item}
        _Expression(request["UpdateExpression"], request, item).update(updated)
        self.items[key] = updated
        return 200, json.dumps({"Attributes": updated}).encode()


def _check_placeholders(request: Mapping[str, Any]) -> None:
    """Fail as DynamoDB does if a value or name is unused or undefined; the emulator does not."""
    expressions = f"{request.get('UpdateExpression')} {request.get('ConditionExpression')}"
    used = {token for token in _TOKEN.findall(expressions) if token[0] in ":#"}
    names, values = "ExpressionAttributeNames", "ExpressionAttributeValues"
    assert used == {*request.get(names, {}), *request.get(values, {})}, expressions


class _Expression:
    """A condition or an update, parsed by recursive descent."""

    def __init__(self, text: str, request: Mapping[str, Any], item: Item) -> None:
        self._tokens = _TOKEN.findall(text)
        self._names = request.get("ExpressionAttributeNames", {})
        self._values = request.get("ExpressionAttributeValues", {})
        self._item = item

    def condition(self) -> bool:
        met = self._either()
        assert not self._tokens, self._tokens
        return met

    def update(self, item: Item) -> None:
        while self._tokens:
            clause = self._take()
            while True:
                name = self._name()
                if clause == "REMOVE":
                    item.pop(name, None)
                elif clause == "ADD":
                    item[name] = {"N": str(_number(item.get(name)) + _number(self._operand()))}
                else:
                    self._expect("=")
                    item[name] = self._assigned()
                if self._peek() != ",":
                    break
                self._take()

    def _assigned(self) -> Value:
        if self._peek() != "if_not_exists":
            value = self._operand()
        else:
            self._expect("if_not_exists", "(")
            name = self._name()
            self._expect(",")
            default = self._operand()
            self._expect(")")
            value = self._item.get(name, default)
        assert value is not None
        return value

    def _either(self) -> bool:
        met = self._all()
        while self._peek() == "OR":
            self._take()
            met = self._all() or met
        return met

    def _all(self) -> bool:
        met = self._single()
        while self._peek() == "AND":
            self._take()
            met = self._single() and met
        return met

    def _single(self) -> bool:
        if self._peek() == "NOT":
            self._take()
            return not self._single()
        if self._peek() == "(":
            self._take()
            met = self._either()
            self._expect(")")
            return met
        if self._peek() == "attribute_not_exists":
            self._expect("attribute_not_exists", "(")
            name = self._name()
            self._expect(")")
            return name not in self._item
        left, comparison = self._operand(), self._take()
        if comparison == "BETWEEN":
            low = self._operand()
            self._expect("AND")
            high = self._operand()
            return _compare("<=", low, left) and _compare("<=", left, high)
        return _compare(comparison, left, self._operand())

    def _operand(self) -> Value | None:
        if self._peek().startswith(":"):
            value: Value = self._values[self._take()]
            return value
        return self._item.get(self._name())

    def _name(self) -> str:
        token = self._take()
        name: str = self._names[token] if token.startswith("#") else token
        return name

    def _peek(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _take(self) -> str:
        token: str = self._tokens.pop(0)
        return token

    def _expect(self, *tokens: str) -> None:
        for token in tokens:
            assert self._take() == token


def _compare(comparison: str, left: Value | None, right: Value | None) -> bool:
    """Compare as DynamoDB: a missing attribute or another type is false."""
    if left is None or right is None or left.keys() != right.keys():
        return False
    if "N" in left:
        return _COMPARISONS[comparison](_number(left), _number(right))
    return _COMPARISONS[comparison](left["S"], right["S"])


def _number(value: Value | None) -> int:
    return int(value["N"]) if value else 0
