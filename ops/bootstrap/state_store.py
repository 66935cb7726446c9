"""Where the state of the bootstrap layer is kept at last, read without Terraform."""

from __future__ import annotations

import json
import os
import pwd
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from modules.catalogue import Layer
from ops.bootstrap.existing import Mistake
from ops.common.aws_errors import error_code, if_exists
from ops.common.session import Session

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

    @property
    def migrating(self) -> Sequence[Sequence[str]]:
        """The commands of Terraform that move the local state there."""

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


class BucketStore:
    """The state in its S3 bucket."""

    migrating: Sequence[Sequence[str]] = (("init", "-migrate-state", "-force-copy"),)

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

    def _object(self, key: str) -> bytes | None:
        found = if_exists(
            lambda: self.s3.get_object(
                Bucket=self.bucket, Key=key, ExpectedBucketOwner=self._ops.aws.account
            )
        )
        return found["Body"].read() if found else None


def state_store(ops: Session) -> StateStore:
    """Return the store that the settings choose."""
    return BucketStore(ops)


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
