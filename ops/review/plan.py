"""Read Terraform's JSON of a plan, format 1.x, into typed values.

Source: "JSON Output Format" of the Terraform documentation. OpenTofu writes a subset of it, and the
action "open" for ephemeral resources. Unknown keys are ignored, as the format's promise of
compatibility asks; an unknown action is refused, because it might destroy something.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias, TypeVar

from ops.common.errors import OperatorError

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
Steps: TypeAlias = tuple[str | int, ...]

_MAJOR = "1"
_PLAN_KEYS = {"resource_changes", "output_changes", "planned_values", "resource_drift", "errored"}
_SHOW = "write it with `terraform show -json PLAN`"
_T = TypeVar("_T")


class PlanError(OperatorError):
    """A document is no plan that can be read."""


class Action(Enum):
    """What is done to an object, by what Terraform calls it."""

    NO_OP = ("no-op",)
    READ = ("read",)
    CREATE = ("create",)
    UPDATE = ("update",)
    DELETE = ("delete",)
    DELETE_THEN_CREATE = ("delete", "create")
    CREATE_THEN_DELETE = ("create", "delete")
    FORGET = ("forget",)
    CREATE_THEN_FORGET = ("create", "forget")
    OPEN = ("open",)

    @property
    def replaces(self) -> bool:
        """Whether another object takes the place of this one."""
        return self in {
            Action.DELETE_THEN_CREATE,
            Action.CREATE_THEN_DELETE,
            Action.CREATE_THEN_FORGET,
        }

    @property
    def changes(self) -> bool:
        """Whether an apply does something."""
        return self not in {Action.NO_OP, Action.READ, Action.OPEN}


_ACTIONS = {action.value: action for action in Action}


@dataclass(frozen=True, kw_only=True)
class Change:
    """The values before and after.

    ``unknown`` and the two ``sensitive`` mirror the values, with true where one is unknown or
    sensitive.
    """

    action: Action
    before: Json = None
    after: Json = None
    unknown: Json = None
    before_sensitive: Json = None
    after_sensitive: Json = None


@dataclass(frozen=True, kw_only=True)
class ResourceChange:
    """A change of one instance of a resource, or of its deposed object."""

    address: str
    type: str
    change: Change
    mode: str = "managed"
    previous_address: str | None = None
    deposed: str | None = None
    reason: str | None = None
    imports: str | None = None
    replace_paths: tuple[Steps, ...] = ()

    @property
    def moves(self) -> bool:
        """Whether the address changes; the actions may be ``no-op`` all the same."""
        return self.previous_address not in {None, self.address}


@dataclass(frozen=True, kw_only=True)
class Deferred:
    """A change that cannot be planned yet."""

    reason: str
    resource: ResourceChange


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """An action of a provider that an apply invokes (Terraform 1.14)."""

    address: str
    type: str


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check, a condition or a validation, and its messages."""

    address: str
    status: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What an apply would do; ``applyable`` is None where the program does not say."""

    format_version: str
    terraform_version: str = ""
    changes: tuple[ResourceChange, ...] = ()
    drift: tuple[ResourceChange, ...] = ()
    deferred: tuple[Deferred, ...] = ()
    invocations: tuple[Invocation, ...] = ()
    outputs: tuple[tuple[str, Change], ...] = ()
    checks: tuple[Check, ...] = ()
    errored: bool = False
    applyable: bool | None = None


def parse(text: bytes) -> Json:
    """Parse a JSON document in UTF-8, UTF-16 or UTF-32.

    Raises:
        PlanError: It is not JSON.

    """
    try:
        document: Json = json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and text.lstrip().startswith(b'{"@'):
            raise PlanError("it is the log of `terraform plan -json`", remedy=_SHOW) from error
        raise PlanError(f"it is not JSON: {error}", remedy=_SHOW) from error
    except (ValueError, RecursionError) as error:
        raise PlanError(f"it is not JSON that can be read: {error}", remedy=_SHOW) from error
    return document


def _refuse(constant: str) -> Json:
    """Refuse what Python reads, and JSON does not have: NaN, which is not even equal to itself."""
    raise ValueError(f"{constant} is no value of JSON")


def parse_text(text: str) -> Json:
    """Parse a JSON document within a plan.

    Raises:
        ValueError: It is not JSON.

    """
    document: Json = json.loads(text, parse_constant=_refuse)
    return document


def read(document: Json) -> Plan:
    """Read a parsed plan.

    Raises:
        PlanError: It is no plan, of an unknown major version, or has values of unexpected types.

    """
    if not isinstance(document, dict):
        raise PlanError("it is no plan", remedy=_SHOW)
    version = document.get("format_version")
    if not isinstance(version, str):
        raise PlanError("it is no plan: format_version is missing", remedy=_SHOW)
    if version.partition(".")[0] != _MAJOR:
        raise PlanError(
            f"the plan has format {version[:20]!r}, and this command reads {_MAJOR}.x",
            remedy="use a version of this command that knows the format",
        )
    if not _PLAN_KEYS & document.keys():
        what = "a state, not a plan" if "values" in document else "no plan: it has no part of one"
        raise PlanError(f"it is {what}", remedy="name the saved plan: `terraform show -json PLAN`")
    return _plan(_Fields(document, "the plan"), version)


class _Fields:
    """The fields of an object; what has another type than expected is an error with its place."""

    def __init__(self, value: Json, at: str) -> None:
        if not isinstance(value, dict):
            raise _unexpected(at, "an object")
        self._values: Mapping[str, Json] = value
        self.at = at

    def raw(self, name: str) -> Json:
        return self._values.get(name)

    def text(self, name: str) -> str:
        value = self.optional_text(name)
        if value is None:
            raise _unexpected(f"{name} of {self.at}", "a string")
        return value

    def optional_text(self, name: str) -> str | None:
        value = self._values.get(name)
        if value is None or isinstance(value, str):
            return value
        raise _unexpected(f"{name} of {self.at}", "a string")

    def flag(self, name: str) -> bool | None:
        value = self._values.get(name)
        if value is None or isinstance(value, bool):
            return value
        raise _unexpected(f"{name} of {self.at}", "true or false")

    def items(self, name: str) -> Iterable[Json]:
        value = self._values.get(name)
        if value is None:
            return ()
        if isinstance(value, list):
            return value
        raise _unexpected(f"{name} of {self.at}", "a list")

    def each(self, name: str, read_one: Callable[[_Fields], _T]) -> tuple[_T, ...]:
        return tuple(
            read_one(_Fields(one, f"{name}[{number}]"))
            for number, one in enumerate(self.items(name))
        )

    def inner(self, name: str) -> _Fields:
        return _Fields(self._values.get(name), f"{name} of {self.at}")

    def optional(self, name: str) -> _Fields | None:
        return None if self._values.get(name) is None else self.inner(name)

    def named(self, name: str) -> Iterable[tuple[str, _Fields]]:
        value = self._values.get(name)
        if value is None:
            return
        if not isinstance(value, dict):
            raise _unexpected(f"{name} of {self.at}", "an object")
        for key, one in value.items():
            yield key, _Fields(one, f"{name}.{key}")


def _unexpected(what: str, expected: str) -> PlanError:
    shown = "".join(c if c.isprintable() else "?" for c in what[:200])
    return PlanError(f"{shown} is not {expected}", remedy=_SHOW)


def _plan(plan: _Fields, version: str) -> Plan:
    return Plan(
        format_version=version,
        terraform_version=plan.optional_text("terraform_version") or "",
        changes=plan.each("resource_changes", _resource),
        drift=plan.each("resource_drift", _resource),
        deferred=plan.each("deferred_changes", _deferred),
        invocations=(
            *plan.each("action_invocations", _invocation),
            *plan.each(
                "deferred_action_invocations",
                lambda one: _invocation(one.optional("action_invocation") or one),
            ),
        ),
        outputs=tuple((name, _change(one)) for name, one in plan.named("output_changes")),
        checks=plan.each("checks", _check),
        errored=bool(plan.flag("errored")),
        applyable=plan.flag("applyable"),
    )


def _resource(one: _Fields) -> ResourceChange:
    address = one.text("address")
    change = one.inner("change")
    change.at = f"change of {address}"
    imported = change.optional("importing")
    return ResourceChange(
        address=address,
        type=one.text("type"),
        change=_change(change),
        mode=one.optional_text("mode") or "managed",
        previous_address=one.optional_text("previous_address"),
        deposed=one.optional_text("deposed"),
        reason=one.optional_text("action_reason"),
        imports=None if imported is None else _imported(imported),
        replace_paths=tuple(_steps(path, address) for path in change.items("replace_paths")),
    )


def _imported(imported: _Fields) -> str:
    """Return the id, or the identity, of what is imported; nothing if it is not known yet."""
    identity = imported.raw("identity")
    if isinstance(identity, dict):
        return ", ".join(f"{key}={value}" for key, value in identity.items() if value is not None)
    return imported.optional_text("id") or ""


def _change(one: _Fields) -> Change:
    actions = tuple(one.items("actions"))
    action = _ACTIONS.get(tuple(name for name in actions if isinstance(name, str)))
    if action is None or len(actions) != len(action.value):
        raise PlanError(
            f"{one.at} has the unknown actions {json.dumps(actions)[:80]}",
            remedy="use a version of this command that knows them",
        )
    return Change(
        action=action,
        before=one.raw("before"),
        after=one.raw("after"),
        unknown=one.raw("after_unknown"),
        before_sensitive=one.raw("before_sensitive"),
        after_sensitive=one.raw("after_sensitive"),
    )


def _steps(path: Json, address: str) -> Steps:
    if isinstance(path, list):
        steps = tuple(step for step in path if isinstance(step, str | int))
        if len(steps) == len(path):
            return steps
    raise _unexpected(f"replace_paths of {address}", "a list of paths")


def _deferred(one: _Fields) -> Deferred:
    resource = _resource(one.inner("resource_change"))
    return Deferred(reason=one.optional_text("reason") or "unknown", resource=resource)


def _invocation(one: _Fields) -> Invocation:
    return Invocation(address=one.text("address"), type=one.optional_text("type") or "")


def _check(one: _Fields) -> Check:
    address = one.inner("address")
    problems = one.each("instances", lambda instance: instance.each("problems", _message))
    return Check(
        address=address.optional_text("to_display") or "",
        status=one.text("status"),
        problems=tuple(message for messages in problems for message in messages),
    )


def _message(one: _Fields) -> str:
    return one.optional_text("message") or ""
