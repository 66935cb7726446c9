"""The changes that turn what is found into what is wanted; pure functions of both."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from ops.hcp.model import (
    ATTRIBUTES,
    LEFT_ALONE,
    Found,
    Notification,
    VariableSet,
    Wanted,
    Workspace,
)


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change; ``name`` is what it is about."""

    _sign: ClassVar[str] = "~"
    kind: ClassVar[str]
    name: str

    @property
    def sign(self) -> str:
        """What a plan shows before it: +, ~ or -."""
        return self._sign

    @property
    def details(self) -> tuple[str, ...]:
        """What changes in it, a line each; never the URL of a webhook."""
        return ()

    def lines(self) -> Iterator[str]:
        """Yield the lines of the change in a plan."""
        yield f"{self.sign} {self.kind} {self.name}"
        yield from (f"    {one}" for one in self.details)

    def document(self) -> dict[str, object]:
        """Return it for JSON."""
        action = {"+": "create", "~": "update", "-": "delete"}[self.sign]
        return {
            "action": action,
            "kind": self.kind,
            "name": self.name,
            "details": list(self.details),
        }


@dataclass(frozen=True, kw_only=True)
class CreateProject(Change):
    """Create the project."""

    _sign = "+"
    kind = "project"


@dataclass(frozen=True, kw_only=True)
class CreateWorkspace(Change):
    """Create a workspace with its attributes and tags."""

    _sign = "+"
    kind = "workspace"
    workspace: Workspace

    @property
    def details(self) -> tuple[str, ...]:
        """The attributes that are not HCP Terraform's defaults, and the tags."""
        empty = Workspace(name=self.name)
        changed = (one for one in ATTRIBUTES if one != "description")
        return (
            *(
                f"{one} = {_shown(getattr(self.workspace, one))}"
                for one in changed
                if getattr(self.workspace, one) != getattr(empty, one) or one == "execution_mode"
            ),
            f"tags = {_shown(self.workspace.tags)}",
        )


@dataclass(frozen=True, kw_only=True)
class UpdateWorkspace(Change):
    """Change attributes and tags of a workspace."""

    _sign = "~"
    kind = "workspace"
    before: Workspace
    after: Workspace

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that differ."""
        return tuple(
            one
            for one in ATTRIBUTES
            if getattr(self.before, one) != getattr(self.after, one)
            and not (one in LEFT_ALONE and getattr(self.after, one) is None)
        )

    @property
    def tags(self) -> dict[str, str]:
        """The tags that are missing or differ."""
        return dict(sorted(self.after.tags.items() - self.before.tags.items()))

    @property
    def details(self) -> tuple[str, ...]:
        """The values before and after."""
        attributes = (
            f"{one}: {_shown(getattr(self.before, one))} -> {_shown(getattr(self.after, one))}"
            for one in self.attributes
        )
        old = {key: self.before.tags[key] for key in self.tags if key in self.before.tags}
        tags = (f"tags: {_shown(old)} -> {_shown(self.tags)}",) if self.tags else ()
        return (*attributes, *tags)


@dataclass(frozen=True, kw_only=True)
class DeleteWorkspace(Change):
    """Delete a workspace that is no longer wanted."""

    _sign = "-"
    kind = "workspace"
    has_state: bool

    @property
    def details(self) -> tuple[str, ...]:
        """A warning if a state is lost."""
        return ("with its state",) if self.has_state else ()


@dataclass(frozen=True, kw_only=True)
class ShareState(Change):
    """Let other workspaces read the state of this one, or no longer."""

    _sign = "~"
    kind = "remote-state consumers of"
    added: frozenset[str]
    removed: frozenset[str]

    @property
    def details(self) -> tuple[str, ...]:
        """The consumers."""
        return (
            *(f"+ {name}" for name in sorted(self.added)),
            *(f"- {name}" for name in sorted(self.removed)),
        )


@dataclass(frozen=True, kw_only=True)
class AddRunTrigger(Change):
    """Start a run of the workspace after an apply of ``source``."""

    _sign = "+"
    kind = "run trigger of"
    source: str

    @property
    def details(self) -> tuple[str, ...]:
        """The source."""
        return (f"after an apply of {self.source}",)


@dataclass(frozen=True, kw_only=True)
class RemoveRunTrigger(AddRunTrigger):
    """Start no run of the workspace after an apply of ``source``."""

    _sign = "-"


@dataclass(frozen=True, kw_only=True)
class SetVariables(Change):
    """Create the variable set, or change its variables and workspaces."""

    kind = "variable set"
    before: VariableSet | None
    after: VariableSet

    @property
    def sign(self) -> str:
        """Whether it exists."""
        return "~" if self.before else "+"

    @property
    def details(self) -> tuple[str, ...]:
        """Variables and workspaces that differ; none of the values is a secret."""
        before = self.before or VariableSet(name="", variables={}, workspaces=frozenset())
        old, new = before.variables, self.after.variables
        return (
            *(("global: true -> false",) if before.is_global else ()),
            *(f"+ {key} = {new[key]}" for key in sorted(new.keys() - old.keys())),
            *(
                f"~ {key}: {old[key] or '(not comparable)'} -> {new[key]}"
                for key in sorted(old.keys() & new.keys())
                if old[key] != new[key]
            ),
            *(f"- {key}" for key in sorted(old.keys() - new.keys())),
            *(f"+ workspace {name}" for name in sorted(self.after.workspaces - before.workspaces)),
            *(f"- workspace {name}" for name in sorted(before.workspaces - self.after.workspaces)),
        )


@dataclass(frozen=True, kw_only=True)
class DeleteVariables(Change):
    """Delete the variable set."""

    _sign = "-"
    kind = "variable set"


@dataclass(frozen=True, kw_only=True)
class Notify(Change):
    """Create, change or delete the notification of a workspace."""

    kind = "notification of"
    before: Notification | None
    after: Notification | None

    @property
    def sign(self) -> str:
        """Whether there is one before and after."""
        if self.before and self.after:
            return "~"
        return "+" if self.after else "-"

    @property
    def details(self) -> tuple[str, ...]:
        """What differs; of the URL only that it does."""
        old, new = self.before, self.after
        if new is None:
            return ()
        if old is None:
            return (f"{new.kind}: {', '.join(sorted(new.triggers))}",)
        return (
            *((f"kind: {old.kind} -> {new.kind}",) if old.kind != new.kind else ()),
            *(f"+ {one}" for one in sorted(new.triggers - old.triggers)),
            *(f"- {one}" for one in sorted(old.triggers - new.triggers)),
            *(("url changes",) if old.url and new.url and old.url != new.url else ()),
            *(("enabled: false -> true",) if not old.enabled else ()),
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The changes in their order, and the unwanted workspaces that stay because of their state."""

    changes: tuple[Change, ...]
    kept: tuple[str, ...]


def plan(found: Found, wanted: Wanted, *, deletable: Collection[str] = ()) -> Plan:
    """Return what turns ``found`` into ``wanted``.

    A workspace that has a state is deleted only if ``deletable`` names it.
    """
    unwanted = sorted(found.workspaces.keys() - {one.name for one in wanted.workspaces})
    kept = tuple(name for name in unwanted if name in found.with_state and name not in deletable)
    changes: list[Change] = []
    if wanted.project is not None and found.project is None:
        changes.append(CreateProject(name=wanted.project))
    # All workspaces first: the other changes refer to them.
    changes += _attributes(found, wanted)
    for after in wanted.workspaces:
        before = found.workspaces.get(after.name, Workspace(name=after.name))
        changes += _relations(before, after)
    changes += _variables(found.variable_set, wanted.variable_set)
    changes += [
        DeleteWorkspace(name=name, has_state=name in found.with_state)
        for name in unwanted
        if name not in kept
    ]
    return Plan(changes=tuple(changes), kept=kept)


def _attributes(found: Found, wanted: Wanted) -> Iterator[Change]:
    for after in wanted.workspaces:
        before = found.workspaces.get(after.name)
        if before is None:
            yield CreateWorkspace(name=after.name, workspace=after)
        else:
            update = UpdateWorkspace(name=after.name, before=before, after=after)
            if update.attributes or update.tags:
                yield update


def _relations(before: Workspace, after: Workspace) -> Iterator[Change]:
    if before.consumers != after.consumers:
        yield ShareState(
            name=after.name,
            added=after.consumers - before.consumers,
            removed=before.consumers - after.consumers,
        )
    for source in sorted(after.sources - before.sources):
        yield AddRunTrigger(name=after.name, source=source)
    for source in sorted(before.sources - after.sources):
        yield RemoveRunTrigger(name=after.name, source=source)
    if _differ(before.notification, after.notification):
        yield Notify(name=after.name, before=before.notification, after=after.notification)


def _differ(before: Notification | None, after: Notification | None) -> bool:
    if before and after and (before.url is None or after.url is None):
        # The host keeps it to itself, or it was not given.
        before, after = replace(before, url=None), replace(after, url=None)
    return before != after


def _variables(before: VariableSet | None, after: VariableSet | None) -> Iterator[Change]:
    if after is not None and before != after:
        yield SetVariables(name=after.name, before=before, after=after)
    elif after is None and before is not None:
        yield DeleteVariables(name=before.name)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        value = tuple(f"{key}={each}" for key, each in sorted(value.items()))
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return str(value) if value else "none"
