"""Configuration versions, and runs with their plans and applies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from testing.hcp.api import ApiError, JsonObject
from testing.hcp.model import Workspace
from testing.hcp.resource import Resource, now, reference, references

_STX, _ETX = b"\x02", b"\x03"

PENDING = "pending"
PLAN_QUEUED = "plan_queued"
PLANNING = "planning"
PLANNED = "planned"
PLANNED_AND_FINISHED = "planned_and_finished"
PLANNED_AND_SAVED = "planned_and_saved"
CONFIRMED = "confirmed"
APPLY_QUEUED = "apply_queued"
APPLYING = "applying"
APPLIED = "applied"
DISCARDED = "discarded"
CANCELED = "canceled"
ERRORED = "errored"

FINAL = frozenset({PLANNED_AND_FINISHED, APPLIED, DISCARDED, CANCELED, ERRORED})
_WAITING = frozenset({PENDING, PLAN_QUEUED})
_WORKING = frozenset({PLANNING, CONFIRMED, APPLY_QUEUED, APPLYING})
_CONFIRMABLE = frozenset({PLANNED, PLANNED_AND_SAVED})


class Log:
    """Text that grows, between the marks of its start and its end."""

    def __init__(self) -> None:
        self._content = bytearray(_STX)
        self.url = ""

    def write(self, line: str) -> None:
        self._content += line.encode()

    def close(self) -> None:
        self._content += _ETX

    def read(self, offset: int, limit: int | None) -> bytes:
        return bytes(self._content[offset : None if limit is None else offset + limit])

    def text(self) -> str:
        return self._content.strip(_STX + _ETX).decode()


@dataclass(kw_only=True, eq=False)
class ConfigurationVersion(Resource):
    """An uploaded configuration."""

    TYPE = "configuration-versions"
    PREFIX = "cv"

    workspace: Workspace
    speculative: bool = False
    provisional: bool = False
    auto_queue_runs: bool = True
    source: str = "tfe-api"
    content: bytes | None = None
    error: str | None = None
    upload_url: str = ""

    @property
    def status(self) -> str:
        if self.error:
            return "errored"
        return "pending" if self.content is None else "uploaded"

    def attributes(self) -> JsonObject:
        return {
            "auto-queue-runs": self.auto_queue_runs,
            "error": "invalid configuration" if self.error else None,
            "error-message": self.error,
            "provisional": self.provisional,
            "source": self.source,
            "speculative": self.speculative,
            "status": self.status,
            "upload-url": self.upload_url if self.content is None else None,
        }


@dataclass(kw_only=True, eq=False)
class Phase(Resource):
    """A plan or an apply of a run."""

    status: str = "pending"
    log: Log = field(default_factory=Log)
    additions: int = 0
    changes: int = 0
    destructions: int = 0
    imports: int = 0
    timestamps: dict[str, str] = field(default_factory=dict)

    def move(self, status: str) -> None:
        self.status = status
        self.timestamps[f"{'started' if status == 'running' else status}-at"] = now()

    def finish(self, status: str) -> None:
        self.move(status)
        self.log.close()

    def attributes(self) -> JsonObject:
        return {
            "status": self.status,
            "status-timestamps": self.timestamps,
            "log-read-url": self.log.url,
            "resource-additions": self.additions,
            "resource-changes": self.changes,
            "resource-destructions": self.destructions,
            "resource-imports": self.imports,
        }


@dataclass(kw_only=True, eq=False)
class Plan(Phase):
    """A plan. ``json`` is what ``terraform show -json`` says of it."""

    TYPE = "plans"
    PREFIX = "plan"

    has_changes: bool = False
    json: bytes | None = None
    redacted: bytes | None = None

    def attributes(self) -> JsonObject:
        return {
            **super().attributes(),
            "has-changes": self.has_changes,
            "generated-configuration": False,
            "execution-details": {"mode": "remote"},
        }

    def links(self) -> JsonObject:
        return {
            "self": f"/api/v2/plans/{self.id}",
            "json-output": f"/api/v2/plans/{self.id}/json-output",
        }


@dataclass(kw_only=True, eq=False)
class Apply(Phase):
    """An apply."""

    TYPE = "applies"
    PREFIX = "apply"


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What a client chooses for a run."""

    message: str | None = None
    auto_apply: bool = False
    plan_only: bool = False
    save_plan: bool = False
    is_destroy: bool = False
    refresh: bool = True
    refresh_only: bool = False
    allow_empty_apply: bool = False
    target_addrs: list[str] = field(default_factory=list)
    replace_addrs: list[str] = field(default_factory=list)


@dataclass(kw_only=True, eq=False)
class RunEvent(Resource):
    """A step of a run."""

    TYPE = "run-events"
    PREFIX = "re"

    action: str
    description: str

    def attributes(self) -> JsonObject:
        return {"action": self.action, "description": self.description}


@dataclass(kw_only=True, eq=False)
class Comment(Resource):
    """What somebody said about a run."""

    TYPE = "comments"
    PREFIX = "wsc"

    body: str

    def attributes(self) -> JsonObject:
        return {"body": self.body}


@dataclass(kw_only=True, eq=False)
class Run(Resource):
    """A run. ``subjects`` are those of its web identity tokens, by phase."""

    TYPE = "runs"
    PREFIX = "run"

    workspace: Workspace
    configuration: ConfigurationVersion
    settings: RunSettings
    created_by: str
    source: str = "tfe-api"
    trigger_reason: str = "manual"
    variables: list[JsonObject] = field(default_factory=list)
    status: str = PENDING
    timestamps: dict[str, str] = field(default_factory=dict)
    plan: Plan = field(default_factory=Plan)
    apply: Apply = field(default_factory=Apply)
    events: list[RunEvent] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    canceling: bool = False
    base_state: str | None = None
    subjects: dict[str, str] = field(default_factory=dict)
    terraform_version: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.terraform_version = self.workspace.settings.terraform_version
        self.record("created")

    def move(self, status: str) -> None:
        self.status = status
        self.timestamps[f"{status.replace('_', '-')}-at"] = now()
        self.record(status)

    def record(self, action: str) -> None:
        self.events.append(RunEvent(action=action, description=f"Run {action.replace('_', ' ')}"))

    @property
    def operation(self) -> str:
        chosen = self.settings
        names = {
            "plan_only": chosen.plan_only,
            "destroy": chosen.is_destroy,
            "refresh_only": chosen.refresh_only,
            "save_plan": chosen.save_plan,
            "empty_apply": chosen.allow_empty_apply,
        }
        return next((name for name, applies in names.items() if applies), "plan_and_apply")

    @property
    def ignores_queue(self) -> bool:
        """Whether it plans whatever other runs do. A saved plan is queued when it is confirmed."""
        return self.settings.plan_only or self.settings.save_plan

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def is_confirmable(self) -> bool:
        return self.status in _CONFIRMABLE

    @property
    def is_discardable(self) -> bool:
        return self.status in _CONFIRMABLE | {PENDING}

    @property
    def is_cancelable(self) -> bool:
        return self.status in _WAITING | _WORKING

    @property
    def is_force_cancelable(self) -> bool:
        return self.canceling and not self.is_final

    def require(self, possible: bool, action: str) -> None:
        if not possible:
            raise ApiError(409, "transition not allowed", detail=f"a {self.status} run: {action}")

    def attributes(self) -> JsonObject:
        attributes: dict[str, Any] = {
            "actions": {
                "is-cancelable": self.is_cancelable,
                "is-confirmable": self.is_confirmable,
                "is-discardable": self.is_discardable,
                "is-force-cancelable": self.is_force_cancelable,
            },
            "allow-empty-apply": self.settings.allow_empty_apply,
            "auto-apply": self.settings.auto_apply,
            "has-changes": self.plan.has_changes,
            "is-destroy": self.settings.is_destroy,
            "message": self.settings.message,
            "permissions": dict.fromkeys(
                ("can-apply", "can-cancel", "can-discard", "can-force-cancel", "can-force-execute"),
                True,
            ),
            "plan-only": self.settings.plan_only,
            "position-in-queue": 0,
            "refresh": self.settings.refresh,
            "refresh-only": self.settings.refresh_only,
            "replace-addrs": self.settings.replace_addrs,
            "save-plan": self.settings.save_plan,
            "source": self.source,
            "status": self.status,
            "status-timestamps": self.timestamps,
            "target-addrs": self.settings.target_addrs,
            "terraform-version": self.terraform_version,
            "trigger-reason": self.trigger_reason,
            "variables": self.variables,
        }
        return attributes

    def relationships(self) -> JsonObject:
        return {
            "apply": self.apply.reference(),
            "comments": references(self.comments),
            "configuration-version": self.configuration.reference(),
            "created-by": reference("users", self.created_by),
            "plan": self.plan.reference(),
            "policy-checks": {"data": []},
            "run-events": {"data": [each.reference()["data"] for each in self.events]},
            "task-stages": {"data": []},
            "workspace": self.workspace.reference(),
        }

    def links(self) -> JsonObject:
        return {"self": f"/api/v2/runs/{self.id}"}
