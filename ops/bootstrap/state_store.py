"""Where the state of the bootstrap layer is kept at last, read without Terraform."""

from __future__ import annotations

import json
import os
import pwd
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pytfe.models import Workspace, WorkspaceUpdateOptions

from modules.catalogue import Layer
from ops.bootstrap.existing import Mistake
from ops.common.aws_errors import error_code, if_exists
from ops.common.session import Session
from ops.hcp import access
from ops.hcp.client import Client
from ops.terraform.runner import Terraform
from ops.terraform.stacks import Stack

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NOT_OURS = frozenset({"403", "AccessDenied", "Forbidden"})


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A lock of a state: who holds it since when, and for which operation."""

    id: str
    who: str
    operation: str
    created: datetime | None

    @property
    def is_this_users(self) -> bool:
        """Whether a process of this user on this machine made it."""
        return self.who == f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"

    @property
    def text(self) -> str:
        """Return who holds it."""
        since = f" since {self.created:%Y-%m-%d %H:%M:%S} UTC" if self.created else ""
        return f"{self.who or 'somebody'}{since} ({self.operation or 'unknown operation'})"


class StateStore(Protocol):
    """The backend that the state is moved to."""

    location: str

    @property
    def exists(self) -> bool:
        """Whether there is a place for the state, in this account."""

    def mistakes(self) -> list[Mistake]:
        """Return why the state cannot be kept there."""

    def read(self) -> bytes | None:
        """Return the state, None if there is none."""

    def lock(self) -> Lock | None:
        """Return the lock of the state, None if nobody holds it."""

    def release(self, lock: Lock) -> None:
        """Release a lock that a killed process left."""

    def unlocking(self, lock: Lock) -> str:
        """Return the command that releases a lock."""

    def migrate(self, terraform: Terraform, stack: Stack, state: Path) -> None:
        """Move the local state there; the stack has its own backend again."""


class BucketStore:
    """The state in its S3 bucket."""

    def __init__(self, ops: Session) -> None:
        settings, naming = ops.target.settings, ops.target.naming
        state = settings.state.s3
        assert state  # noqa: S101 - only then is this class used
        self._ops = ops
        self._named = state.bucket
        self._creates = settings.creates_state_bucket
        self.bucket = state.bucket or naming.state_bucket
        self._region = state.region or settings.region
        self._key = naming.state_key(Layer.BOOTSTRAP)
        self._lock = naming.state_lock(Layer.BOOTSTRAP)
        self.location = f"s3://{self.bucket}/{self._key}"

    @property
    def s3(self) -> S3Client:
        """Client of the bucket's Region."""
        return self._ops.aws.client("s3", region_name=self._region)

    @property
    def exists(self) -> bool:
        """Whether the bucket exists and belongs to this account."""
        return self._answer == ""

    @property
    def _answer(self) -> str:
        """What is wrong with the bucket: "", "missing", "foreign", or the Region it is in."""
        try:
            found = self.s3.head_bucket(
                Bucket=self.bucket, ExpectedBucketOwner=self._ops.aws.account
            )
        except Exception as error:
            code = error_code(error)
            if code in _NOT_OURS:
                return "foreign"
            if code == "301":
                return "elsewhere"
            if code in {"404", "NoSuchBucket"}:
                return "missing"
            raise
        region = found.get("BucketRegion", self._region)
        return "" if region == self._region else region

    def mistakes(self) -> list[Mistake]:
        """Return what is wrong with the bucket."""
        wrong = self._answer
        if wrong == "foreign":
            return [
                Mistake(
                    what=f"the bucket {self.bucket} belongs to another account, or these "
                    "credentials may not see it (s3:ListBucket)",
                    remedy="set buckets.suffix, which makes the names unique, or state.s3.bucket"
                    if self._creates
                    else "check state.s3.bucket and the profile",
                )
            ]
        if wrong == "missing" and not self._creates:
            return [
                Mistake(
                    what=f"the bucket {self.bucket} does not exist",
                    remedy="create it, or remove state.s3.bucket: bootstrap then creates one",
                )
            ]
        if wrong not in {"", "missing"}:
            return [
                Mistake(
                    what=f"the bucket {self.bucket} is in another Region"
                    + (f", {wrong}" if wrong != "elsewhere" else ""),
                    remedy="set state.s3.region to it, or choose another name: buckets.suffix",
                )
            ]
        return []

    def read(self) -> bytes | None:
        """Return the object of the state."""
        return self._object(self._key)

    def lock(self) -> Lock | None:
        """Return the lock, an object beside the state."""
        content = self._object(self._lock)
        return None if content is None else parsed_lock(content)

    def release(self, lock: Lock) -> None:
        """Delete the lock, unless it is another one by now."""
        if self.lock() == lock:
            self.s3.delete_object(Bucket=self.bucket, Key=self._lock)

    def unlocking(self, lock: Lock) -> str:  # noqa: ARG002  HCP Terraform unlocks by its id
        """Return the command that deletes the lock."""
        return f"aws s3 rm s3://{self.bucket}/{self._lock}"

    def migrate(self, terraform: Terraform, stack: Stack, state: Path) -> None:  # noqa: ARG002
        """Let Terraform move the state, whose path it knows from the last backend."""
        terraform.text(stack, "init", "-input=false", "-no-color", "-migrate-state", "-force-copy")

    def _object(self, key: str) -> bytes | None:
        found = if_exists(
            lambda: self.s3.get_object(
                Bucket=self.bucket, Key=key, ExpectedBucketOwner=self._ops.aws.account
            )
        )
        return found["Body"].read() if found else None


class WorkspaceStore:
    """The state in its workspace of HCP Terraform, which never runs anything."""

    exists = False  # There is no bucket.

    def __init__(self, ops: Session) -> None:
        settings = ops.target.settings.state.hcp
        assert settings  # noqa: S101 - only then is this class used
        self._organization = settings.organization
        self._name = ops.target.naming.workspace(Layer.BOOTSTRAP)
        self._client = Client(access.find(settings.hostname), ops.out.note)
        self.location = f"{settings.hostname}/{settings.organization}/{self._name}"
        self._page = (
            f"https://{settings.hostname}/app/{settings.organization}/workspaces/{self._name}"
        )

    def mistakes(self) -> list[Mistake]:
        """Return nothing: Terraform creates the workspace."""
        return []

    def read(self) -> bytes | None:
        """Return the current state of the workspace."""
        workspace = self._workspace()
        if workspace is None:
            return None
        states = self._client.tfe.state_versions
        return self._client.read_if_exists(
            f"read the state of {self._name}", lambda: states.download_current(workspace.id)
        )

    def lock(self) -> Lock | None:
        """Return the lock of the workspace. HCP Terraform does not say since when it is held."""
        workspace = self._workspace()
        if workspace is None or not workspace.locked:
            return None
        return Lock(id=workspace.id, who="", operation=workspace.locked_reason or "", created=None)

    def release(self, lock: Lock) -> None:
        """Do nothing: whose lock it is cannot be proven."""

    def unlocking(self, lock: Lock) -> str:  # noqa: ARG002
        """Return where the workspace is unlocked."""
        return f"Settings, Locking of {self._page}"

    def migrate(self, terraform: Terraform, stack: Stack, state: Path) -> None:
        """Create the workspace, let it run nothing, and push the state."""
        terraform.forget_backend(stack)
        terraform.text(stack, "init", "-input=false", "-no-color")
        options = WorkspaceUpdateOptions.model_validate({"execution-mode": "local"})
        self._client.read(
            f"set the execution mode of {self._name}",
            lambda: self._client.tfe.workspaces.update(
                self._name, options, organization=self._organization
            ),
        )
        terraform.text(stack, "state push", str(state))

    def _workspace(self) -> Workspace | None:
        return self._client.read_if_exists(
            f"read the workspace {self._name}",
            lambda: self._client.tfe.workspaces.read(self._name, organization=self._organization),
        )


def state_store(ops: Session) -> StateStore:
    """Return the store that the settings choose."""
    return WorkspaceStore(ops) if ops.target.settings.state.hcp else BucketStore(ops)


def parsed_lock(content: bytes) -> Lock:
    """Return the lock that Terraform wrote; what is unreadable is a lock all the same."""
    found: dict[str, Any] = {}
    try:
        document = json.loads(content)
        found = document if isinstance(document, dict) else {}
        created = datetime.fromisoformat(str(found.get("Created", ""))).astimezone(UTC)
    except ValueError:
        created = None
    return Lock(
        id=str(found.get("ID", "")),
        who=str(found.get("Who", "")),
        operation=str(found.get("Operation", "")),
        created=created,
    )
