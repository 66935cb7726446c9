"""Find the plans that a command names: saved plans, their JSON, or folders with many of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from modules.catalogue import Layer
from ops.common.environment import scrubbed
from ops.common.errors import OperatorError
from ops.review import plan
from ops.review.plan import Json, PlanError
from ops.review.reviewing import Source

_SAVED = b"PK\x03\x04"
_SUFFIXES = {".json", ".tfplan", ".plan"}
_STEMS = {"plan", "tfplan"}
_NO_PLANS = {"manifest.json"}
_ASSETS = "assets"  # what cdktf puts into a stack's folder
_LAYERS = {layer.key for layer in Layer}
_TIMEOUT_SECONDS = 300


def load(arguments: Iterable[Path]) -> list[Source]:
    """Read the plans.

    Raises:
        OperatorError: One cannot be read.

    """
    sources = [_read(file) for argument in arguments for file in _files(argument)]
    names = [source.name for source in sources]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise OperatorError(
            f"there are several plans of {', '.join(twice)}",
            remedy="name one of each stack; files and folders are named like their stack",
        )
    return sources


def _files(argument: Path) -> Iterator[Path]:
    if not argument.is_dir():
        yield argument
        return
    found = [
        file
        for file in sorted(argument.rglob("*"))
        if file.is_file() and _may_be_plan(file.relative_to(argument))
    ]
    if not found:
        raise OperatorError(
            f"{argument} has no plans",
            remedy="save them there: `terraform plan -out=STACK.tfplan`, or the JSON of"
            " `terraform show -json` as STACK.json",
        )
    # Where a saved plan and its JSON are side by side, the JSON needs no Terraform.
    has_json = {file.with_suffix("") for file in found if file.suffix == ".json"}
    yield from (
        one for one in found if one.suffix == ".json" or one.with_suffix("") not in has_json
    )


def _may_be_plan(path: Path) -> bool:
    if any(part.startswith(".") or part == _ASSETS for part in path.parts):
        return False
    if path.name.endswith(".tf.json"):
        return False
    return path.name not in _NO_PLANS and (path.suffix in _SUFFIXES or path.name in _STEMS)


def _read(file: Path) -> Source:
    name = _name(file)
    try:
        with file.open("rb") as opened:
            is_saved = opened.read(len(_SAVED)) == _SAVED
        text = _shown(file) if is_saved else file.read_bytes()
    except OSError as error:
        raise OperatorError(
            f"{file} cannot be read: {error.strerror}", remedy="name a plan, or a folder of plans"
        ) from error
    try:
        document = plan.parse(text)
        waiting = _waiting(document)
        if waiting:
            waits_for, because = waiting
            return Source(name=name, file=_uri(file), waits_for=waits_for, waits_because=because)
        return Source(name=name, file=_uri(file), plan=plan.read(document))
    except PlanError as error:
        raise PlanError(f"{file}: {error}", remedy=error.remedy) from error


def _waiting(document: Json) -> tuple[tuple[str, ...], str] | None:
    """Return what a stack without a plan waits for, and why.

    Whoever plans writes ``{"deferred": {"until": ["dev-base"], "reason": "..."}}`` in its place.
    """
    if not isinstance(document, dict) or document.keys() != {"deferred"}:
        return None
    deferred = document["deferred"]
    until = deferred.get("until", []) if isinstance(deferred, dict) else None
    reason = deferred.get("reason", "") if isinstance(deferred, dict) else None
    if not (isinstance(until, list) and isinstance(reason, str) and (until or reason)):
        raise PlanError(
            "it defers a stack without a reason",
            remedy='write {"deferred": {"until": ["STACK"], "reason": "TEXT"}}',
        )
    return tuple(str(one) for one in until), reason


def _shown(file: Path) -> bytes:
    """Return the JSON of a saved plan, as Terraform in the stack's folder prints it."""
    program = shutil.which("terraform")
    if program is None:
        raise OperatorError(
            f"{file} is a saved plan, and terraform is not installed",
            remedy="install it, or name the JSON of `terraform show -json`",
        )
    file = file.resolve()
    folder = next((one for one in file.parents if (one / ".terraform").is_dir()), file.parent)
    try:
        done = subprocess.run(
            [program, "show", "-json", "-no-color", str(file)],
            cwd=folder,
            env={**scrubbed(os.environ), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"},
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OperatorError(
            f"terraform show -json {file} takes longer than {_TIMEOUT_SECONDS} s",
            remedy="run it yourself, and name its output",
        ) from error
    if done.returncode:
        reason = " ".join(done.stderr.decode(errors="replace").split())[:300]
        raise OperatorError(
            f"terraform show -json {file} failed: {reason}",
            remedy=f"run `terraform init` in {folder}, with the version that made the plan",
        )
    return done.stdout


def _name(file: Path) -> str:
    """Return the stack's name: that of the file, or of its folder where the file is just a plan."""
    stem = file.name.partition(".")[0]
    if stem.rpartition("-")[2] in _LAYERS:
        return stem
    folder = file.resolve().parent.name
    return folder if stem in _STEMS or folder.rpartition("-")[2] in _LAYERS else stem


def _uri(file: Path) -> str:
    """Return a path relative to where the command runs, if possible."""
    full = file.resolve()
    here = Path.cwd()
    return (full.relative_to(here) if full.is_relative_to(here) else full).as_posix()
