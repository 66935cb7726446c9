"""What was planned, in one file: stacks, lock file, plans, and which states they are about.

A bundle has a digest: that of what was synthesized and of the lock file in the checkout. Synthesis
is deterministic, so whoever synthesizes the same later finds the bundle by the digest. Bundles
contain plans, and therefore secrets.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ops.common.errors import OperatorError
from ops.pipeline import states
from ops.pipeline.deferral import Deferral
from ops.review import plan as plans
from ops.review.plan import Check, Plan
from ops.review.reviewing import Source
from ops.terraform.runner import LOCK_FILE
from ops.terraform.states import State

_FORMAT = 1
_INDEX = "bundle.json"
_LARGEST = 200_000_000
_MOST_FILES = 10_000
_UNREADABLE = (
    *(OSError, EOFError, tarfile.TarError, zlib.error, RecursionError),
    *(ValueError, KeyError, TypeError, AttributeError, OverflowError),
)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One stack: its plan (the JSON of ``terraform show -json``), or why there is none.

    ``state`` is the one that was planned against, None if there was none.
    """

    stack: str
    json: bytes | None = field(default=None, repr=False)
    deferral: Deferral | None = None
    error: str = ""
    state: State | None = None

    @property
    def plan(self) -> Plan | None:
        """The plan as values."""
        return None if self.json is None else plans.read(plans.parse(self.json))

    def source(self) -> Source:
        """Return it for a review."""
        waits = self.deferral or Deferral(until=(), reason="")
        failed = Check(address="terraform", status="error", problems=(self.error,))
        return Source(
            name=self.stack,
            file=f"stacks/{self.stack}",
            plan=Plan(format_version="1", errored=True, checks=(failed,))
            if self.error
            else self.plan,
            waits_for=waits.until,
            waits_because=waits.reason,
        )


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """All stacks of an environment, planned at one time with one version of Terraform.

    ``files`` are what was synthesized, by their paths; ``lock`` is the content of the lock file.
    """

    environment: str
    digest: str
    created: datetime
    terraform_version: str
    lock: str
    planned: Sequence[Planned]
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def of(self, stack: str) -> Planned:
        """Return what was planned for a stack; the stacks are part of the digest."""
        return next(one for one in self.planned if one.stack == stack)


def digest(files: Mapping[str, bytes], lock: str | None) -> str:
    """Return the digest of what was synthesized and of the lock file in the checkout, if any."""
    total = hashlib.sha256(json.dumps(lock).encode())
    for path, content in sorted(files.items()):
        total.update(json.dumps([path, hashlib.sha256(content).hexdigest()]).encode())
    return total.hexdigest()


def read_files(folder: Path, stacks: Sequence[str]) -> dict[str, bytes]:
    """Return what was synthesized for the stacks, by the paths below ``folder``."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for stack in stacks
        for path in sorted((folder / "stacks" / stack).rglob("*"))
        if path.is_file() and path.name != LOCK_FILE
    }


def pack(bundle: Bundle) -> bytes:
    """Return the bundle as an archive; the same bundle, the same bytes."""
    index = {
        "format": _FORMAT,
        "environment": bundle.environment,
        "digest": bundle.digest,
        "created": bundle.created.isoformat(),
        "terraform_version": bundle.terraform_version,
        "stacks": [
            {
                "name": one.stack,
                "plan": None if one.json is None else hashlib.sha256(one.json).hexdigest(),
                "state": states.document(one.state) if one.state else None,
                **(one.deferral.document() if one.deferral else {}),
            }
            for one in bundle.planned
        ],
    }
    content = {
        _INDEX: json.dumps(index, indent=2).encode(),
        LOCK_FILE: bundle.lock.encode(),
        **{f"plans/{one.stack}.json": one.json for one in bundle.planned if one.json is not None},
        **bundle.files,
    }
    body = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=body, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for path, data in content.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return body.getvalue()


def unpack(content: bytes, where: str) -> Bundle:
    """Return the bundle of an archive, whose digests are checked.

    Raises:
        OperatorError: It is not complete, was changed, or is of another format.

    """
    try:
        return _unpack(content)
    except _UNREADABLE as error:
        raise OperatorError(
            f"{where} is no bundle that can be read ({type(error).__name__}: {error})",
            remedy="plan again: python -m ops pipeline plan",
        ) from error


def _unpack(content: bytes) -> Bundle:
    files = _extract(content)
    index = json.loads(files.pop(_INDEX))
    if index["format"] != _FORMAT:
        raise ValueError(f"its format is {index['format']}, and this command reads {_FORMAT}")
    lock = files.pop(LOCK_FILE).decode()
    planned: list[Planned] = []
    for one in index["stacks"]:
        document = files.pop(f"plans/{one['name']}.json", None)
        found = None if document is None else hashlib.sha256(document).hexdigest()
        if found != one["plan"]:
            raise ValueError(f"the plan of {one['name']} is not the one that was stored")
        wait = one.get("deferred")
        planned.append(
            Planned(
                stack=one["name"],
                json=document,
                deferral=Deferral(until=tuple(wait["until"]), reason=wait["reason"])
                if wait
                else None,
                state=states.from_document(one["state"]) if one["state"] else None,
            )
        )
    return Bundle(
        environment=index["environment"],
        digest=index["digest"],
        created=datetime.fromisoformat(index["created"]),
        terraform_version=index["terraform_version"],
        lock=lock,
        planned=planned,
        files=files,
    )


def _extract(content: bytes) -> dict[str, bytes]:
    """Return the files of an archive; nothing is written to disk."""
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
        body = packed.read(_LARGEST + 1)
    if len(body) > _LARGEST:
        raise ValueError(f"it has more than {_LARGEST:,} bytes")
    found = {}
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:") as archive:
        for number, entry in enumerate(archive):
            file = archive.extractfile(entry) if entry.isreg() else None
            if file is None or number >= _MOST_FILES:
                raise ValueError("it has more than files, or too many")
            found[entry.name] = file.read()
    return found
