"""Make the plans of the corpus again: real Terraform, the real provider, the local AWS.

Run it with ``python -m tests.review.regenerate [STACK...]``. The plans are kept without what no
review reads (`_UNREAD`), one resource a line, and those of the pull request without the resources
to which nothing is done; nothing else is changed. What Terraform 1.11 cannot
make is in ``by_hand``.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ops.terraform.stacks import Stack
from testing.emulator import Emulator, running_emulator
from tests.integration.terraform import (
    Installation,
    Terraform,
    install,
    remove_endpoints,
    synthesize,
)

HERE = Path(__file__).parent
PLANS = HERE / "plans"
_FAILED, _CHANGES = 1, 2
_UNREAD = ("configuration", "planned_values", "prior_state", "variables", "timestamp")
_REQUIRED = {"aws": {"source": "hashicorp/aws", "version": ">= 5.100.0, < 7.0.0"}}


class _Folder:
    """A stack below ``terraform/``, whose configuration is one of several files."""

    def __init__(self, name: str, terraform: Terraform, emulator: Emulator) -> None:
        self._files = HERE / "terraform" / name
        self._terraform = terraform
        self.emulator = emulator

    def configure(self, step: str) -> None:
        shutil.copy(self._files / f"{step}.tf", self._terraform.folder / "main.tf")
        self.run("init", "-input=false", "-no-color")

    def apply(self, *options: str, accept: int = 0) -> None:
        self.run("apply", "-input=false", "-no-color", "-auto-approve", *options, accept=accept)

    def run(self, *arguments: str, accept: int = 0) -> str:
        return self._terraform.run(*arguments, accept=(accept,))

    def plan(self, name: str, *options: str, accept: int = _CHANGES) -> None:
        self.run(
            *("plan", "-input=false", "-no-color", "-detailed-exitcode", "-out=plan", *options),
            accept=accept,
        )
        write(PLANS / f"{name}.json", json.loads(self.run("show", "-json", "plan")))


def _changes(stack: _Folder) -> None:
    """Apply ``before``, change some of it by hand, and plan ``after``."""
    stack.configure("before")
    stack.apply()
    stack.plan("nothing", "-target=aws_dynamodb_table.cache", accept=0)
    ssm, tables = stack.emulator.client("ssm"), stack.emulator.client("dynamodb")
    ssm.put_parameter(Name="/review/model", Value="gemini-by-hand", Type="String", Overwrite=True)
    table = tables.describe_table(TableName="review-cache")["Table"]["TableArn"]
    tables.tag_resource(ResourceArn=table, Tags=[{"Key": "Owner", "Value": "somebody"}])
    stack.emulator.client("logs").create_log_group(logGroupName="/aws/lambda/adopted")
    stack.configure("after")
    stack.plan("changes")
    stack.plan("drift", "-refresh-only")
    stack.plan("destroy", "-destroy")
    stack.configure("failing")
    stack.plan("failed", accept=_FAILED)


def _kinds(stack: _Folder) -> None:
    """Plan each kind of action that Terraform 1.11 has."""
    stack.configure("before")
    stack.apply()
    stack.run("taint", "aws_sqs_queue.tainted")
    stack.emulator.client("ssm").delete_parameter(Name="/kinds/gone")
    for name in ("imported", "imported-changed"):
        stack.emulator.client("logs").create_log_group(logGroupName=f"/kinds/{name}")
    stack.configure("after")
    stack.plan("kinds", "-replace=aws_sqs_queue.requested")


def _deposed(stack: _Folder) -> None:
    """Replace a bucket that cannot be deleted, because it has an object."""
    stack.configure("before")
    stack.apply()
    stack.emulator.client("s3").put_object(Bucket="deposed-before", Key="kept", Body=b"1")
    stack.configure("after")
    stack.apply(accept=_FAILED)
    stack.plan("deposed")


def _in_two_steps(name: str) -> Callable[[_Folder], None]:
    def make(stack: _Folder) -> None:
        stack.configure("main")
        stack.apply("-var=step=1")
        stack.plan(name, "-var=step=2")

    return make


_MAKE: dict[str, Callable[[_Folder], None]] = {
    "changes": _changes,
    "kinds": _kinds,
    "deposed": _deposed,
    "secrets": _in_two_steps("secrets"),
    "unicode": _in_two_steps("unicode"),
}


# The pull request of docs/plan-review.md: a setting changes, and two lines of code.
_PULL_REQUEST = "pull_request"
_SETTINGS = """
region = "us-east-1"
retain = false
origin_access = "oac"
origin_identity = false
[local_aws]
port = 4566
[state.local]
[table]
billing = "on-demand"
[buckets]
cors_origins = ["https://map.example.org", "https://{origin}.example.org"]
[function]
log_retention_days = {days}
"""
_LAYERS = ("base", "storage", "compute")
_EDITS = {
    "storage": ('"cache_key"', '"question_hash"'),
    "compute": (r"[\"dynamodb:GetItem\"]", r"[\"dynamodb:*\"]"),
}


def _pull_request(home: Path, installation: Installation, emulator: Emulator) -> None:
    """Apply this project's stacks to the local AWS, change them, and plan them again."""
    settings = home / "settings"
    settings.mkdir()

    def written(**values: object) -> dict[str, Stack]:
        (settings / "dev.toml").write_text(_SETTINGS.format(**values), encoding="utf-8")
        stacks = synthesize(
            *("dev",),
            settings=settings,
            output=home / "cdktf.out",
            port=emulator.ports.emulator,
        )
        by_layer = {one.name.removeprefix("dev-"): one for one in stacks}
        return {layer: by_layer[layer] for layer in _LAYERS}

    with installation.applying(written(origin="old", days=90), emulator) as layers:
        for terraform in layers.values():
            terraform.apply()
        for layer, stack in written(origin="new", days=30).items():
            remove_endpoints(stack.folder, emulator.ports.endpoint)
            file = stack.folder / "cdk.tf.json"
            text = file.read_text(encoding="utf-8")
            old, new = _EDITS.get(layer, ("", ""))
            assert old in text
            file.write_text(text.replace(old, new) if old else text, encoding="utf-8")
            terraform = layers[layer]
            terraform.run("plan", "-input=false", "-no-color", "-out=plan")
            plan = json.loads(terraform.run("show", "-json", "plan"))
            write(HERE / _PULL_REQUEST / f"dev-{layer}.json", _without_the_unchanged(plan))


def _without_the_unchanged(plan: dict[str, Any]) -> dict[str, Any]:
    """Return a plan of many resources without those to which nothing is done."""
    kept = [one for one in plan["resource_changes"] if one["change"]["actions"] != ["no-op"]]
    return {**plan, "resource_changes": kept}


def main(names: list[str]) -> None:
    """Make the plans of the named stacks, or of all."""
    with environment() as (home, installation, emulator):
        for name in names or (*_MAKE, _PULL_REQUEST):
            if name == _PULL_REQUEST:
                _pull_request(home, installation, emulator)
                continue
            folder = home / name
            shutil.copytree(
                HERE / "terraform" / name, folder, ignore=shutil.ignore_patterns("*.tf")
            )
            for module in (HERE / "terraform" / name).glob("*/*.tf"):
                shutil.copy(module, folder / module.parent.name)
            shutil.copy(HERE / "terraform" / "provider.tf", folder)
            key = emulator.key
            credentials = f"aws_access_key_id = {key.id}\naws_secret_access_key = {key.secret}\n"
            (folder / "credentials").write_text(f"[default]\n{credentials}", encoding="utf-8")
            with installation.running(folder, endpoint=emulator.ports.endpoint) as terraform:
                _MAKE[name](_Folder(name, terraform, emulator))


@contextmanager
def environment() -> Iterator[tuple[Path, Installation, Emulator]]:
    """Yield an empty folder, Terraform with the provider, and the local AWS."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "terraform").mkdir()
        installation = install(home / "terraform", _REQUIRED)
        with running_emulator(home) as emulator:
            yield home, installation, emulator


def write(file: Path, plan: dict[str, Any]) -> None:
    """Write a plan without what no review reads, one resource a line."""
    lines = []
    for key, value in plan.items():
        if key in _UNREAD:
            continue
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list) and value:
            rows = ",\n  ".join(json.dumps(one, ensure_ascii=False) for one in value)
            text = f"[\n  {rows}\n ]"
        lines.append(f" {json.dumps(key)}: {text}")
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
