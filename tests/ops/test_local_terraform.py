"""Running Terraform on stacks, with a shell script as Terraform."""

import io
import json
import shlex
import signal
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ops.common.children import Children
from ops.common.display import Display
from ops.common.errors import MissingToolError, OperatorError, StoppedError
from ops.common.paths import LocalPaths
from ops.local import layers
from ops.terraform.runner import Changes, Terraform
from ops.terraform.stacks import Stack

Fake = Callable[[str], Terraform]


@pytest.fixture
def shown() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def display(shown: io.StringIO) -> Display:
    return Display(Console(file=shown, width=200))


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """Create a Terraform of shell lines; $1 is the stack's folder, $2 the command."""

    def make(lines: str) -> Terraform:
        program = tmp_path / "terraform"
        head = 'set -- "${1#-chdir=}" "$2"; stack=$(basename "$1")'
        program.write_text(
            f'#!/bin/sh\n{head}\necho "$2 $stack" >> {tmp_path}/calls\n{lines}\n', encoding="utf-8"
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return Terraform(
            program=str(program),
            environment={"PATH": "/usr/bin:/bin"},
            paths=LocalPaths(tmp_path),
            children=Children(),
        )

    return make


def _stack(root: Path, name: str, *needs: str) -> Stack:
    folder = root / "cdktf.out" / "stacks" / name
    folder.mkdir(parents=True, exist_ok=True)
    document = {"terraform": {"backend": {"local": {"path": f"../../../state/{name}"}}}}
    return Stack(name=name, folder=folder, needs=needs, document=document)


def _says(**event: Any) -> str:
    return f"printf '%s\\n' {shlex.quote(json.dumps(event))}"


def _summary(operation: str, add: int = 0, change: int = 0, remove: int = 0) -> str:
    counts = {"add": add, "change": change, "remove": remove, "operation": operation}
    return _says(type="change_summary", changes=counts)


def _calls(root: Path) -> list[str]:
    return (root / "calls").read_text(encoding="utf-8").splitlines()


def _never() -> None:
    pass


def test_progress_and_changes(fake: Fake, tmp_path: Path) -> None:
    hook = {"resource": {"addr": "aws_s3_bucket.geojson"}}
    terraform = fake(
        "\n".join(
            [
                "echo this is no JSON",
                _summary("plan", add=2, change=1),
                _says(type="apply_start", hook=hook),
                _says(type="apply_complete", hook=hook),
                _summary("apply", add=2, change=1),
                'printf \'{"type": "half a\'',
            ]
        )
    )
    said: list[str] = []
    changes = terraform.apply(_stack(tmp_path, "local-x"), said.append)
    assert changes == Changes(added=2, changed=1)
    assert str(changes) == "2 added, 1 changed"
    assert said == ["0/3 aws_s3_bucket.geojson", "1/3 aws_s3_bucket.geojson"]
    log = tmp_path / ".local" / "logs" / "local-x-apply.log"
    assert log.read_text(encoding="utf-8").startswith("this is no JSON\n")


def test_the_message_is_terraforms_diagnostic(fake: Fake, tmp_path: Path) -> None:
    diagnostic = {
        "summary": "creating S3 Bucket: BucketAlreadyExists",
        "address": "aws_s3_bucket.geojson",
        "detail": "The requested name\nis taken.\n",
    }
    failing = _says(**{"@level": "error", "diagnostic": diagnostic})
    with pytest.raises(OperatorError) as error:
        fake(f"{failing}\nexit 1").apply(_stack(tmp_path, "local-x"), lambda _: None)
    assert str(error.value) == (
        "local-x: terraform apply failed\n"
        "  creating S3 Bucket: BucketAlreadyExists (aws_s3_bucket.geojson)\n"
        "    The requested name\n"
        "    is taken."
    )
    assert ".local/logs/local-x-apply.log" in str(error.value.remedy)


def test_initializes_once_for_the_same_versions_and_backend(fake: Fake, tmp_path: Path) -> None:
    terraform = fake('mkdir -p "$TF_DATA_DIR"; touch "$1/.terraform.lock.hcl"')
    stack = _stack(tmp_path, "local-x")
    terraform.initialize(stack)
    terraform.initialize(stack)
    assert _calls(tmp_path) == ["init local-x"]
    (stack.folder / ".terraform.lock.hcl").unlink()
    terraform.initialize(stack)
    changed = {"terraform": {**stack.document["terraform"], "required_version": ">= 1.10"}}
    moved = Stack(name=stack.name, folder=stack.folder, needs=(), document=changed)
    terraform.initialize(moved)
    assert _calls(tmp_path) == ["init local-x"] * 3


def test_a_failed_initialization_is_repeated(fake: Fake, tmp_path: Path) -> None:
    terraform = fake('mkdir -p "$TF_DATA_DIR"; touch "$1/.terraform.lock.hcl"; exit 1')
    for _ in range(2):
        with pytest.raises(OperatorError, match="terraform init failed"):
            terraform.initialize(_stack(tmp_path, "local-x"))
    assert _calls(tmp_path) == ["init local-x"] * 2


@pytest.mark.parametrize(
    ("summary", "missing"),
    [
        ("Failed to query available provider packages", True),
        ("Incompatible provider version", True),
        ("Failed to install provider", True),
        ("Error loading state", False),
    ],
)
def test_a_provider_that_cannot_be_installed_is_a_missing_tool(
    fake: Fake, tmp_path: Path, summary: str, missing: bool
) -> None:
    failing = _says(**{"@level": "error", "diagnostic": {"summary": summary}})
    with pytest.raises(OperatorError, match=summary) as error:
        fake(f"{failing}\nexit 1").initialize(_stack(tmp_path, "local-x"))
    assert isinstance(error.value, MissingToolError) == missing
    assert ("TF_PLUGIN_MIRROR" in str(error.value.remedy)) == missing


_INITIALIZED = 'if [ "$2" = init ]; then mkdir -p "$TF_DATA_DIR"; exit; fi'


def _order(root: Path, command: str) -> list[str]:
    return [name for call in _calls(root) for kind, name in [call.split()] if kind == command]


def test_applies_forwards_and_destroys_backwards(
    fake: Fake, tmp_path: Path, display: Display, shown: io.StringIO
) -> None:
    stacks = [
        _stack(tmp_path, "base"),
        _stack(tmp_path, "storage", "base"),
        _stack(tmp_path, "compute", "base", "storage"),
    ]
    summaries = _summary("plan", add=1), _summary("apply", add=1)
    terraform = fake("\n".join([_INITIALIZED, "sleep 0.05", *summaries]))
    results = layers.apply(stacks, terraform, display, _never)
    assert [result.name for result in results] == ["base", "storage", "compute"]
    assert results[0].changes == Changes(added=1)
    assert _order(tmp_path, "apply") == ["base", "storage", "compute"]
    layers.destroy(stacks, terraform, display, _never)
    assert _order(tmp_path, "destroy") == ["compute", "storage", "base"]
    assert "base           0 resources, 1 added" in shown.getvalue()


def test_dependents_of_a_failed_layer_are_not_applied(
    fake: Fake, tmp_path: Path, display: Display
) -> None:
    stacks = [
        _stack(tmp_path, "base"),
        _stack(tmp_path, "storage", "base"),
        _stack(tmp_path, "compute", "storage"),
        _stack(tmp_path, "pages"),
    ]
    terraform = fake(f'{_INITIALIZED}\nif [ "$stack" = base ]; then exit 1; fi')
    with pytest.raises(OperatorError, match="base: terraform apply failed"):
        layers.apply(stacks, terraform, display, _never)
    assert sorted(_order(tmp_path, "apply")) == ["base", "pages"]


def _when_applying(root: Path, then: Callable[[], None]) -> Callable[[], None]:
    def watch() -> None:
        if "apply base" in _calls(root):
            then()

    return watch


def test_after_a_signal_terraform_can_save_its_state(
    fake: Fake, tmp_path: Path, display: Display
) -> None:
    # An interrupted shell would wait for its sleep, so the sleep is in the background.
    saving = f"trap 'echo saved >> {tmp_path}/calls; exit 1' INT; sleep 60 & wait"
    terraform = fake(f"{_INITIALIZED}\n{saving}")

    def stop() -> None:
        raise StoppedError("stopped", signal_number=signal.SIGTERM)

    stacks = [_stack(tmp_path, "base"), _stack(tmp_path, "storage", "base")]
    with pytest.raises(StoppedError), terraform.children.handling_signals():
        layers.apply(stacks, terraform, display, _when_applying(tmp_path, stop))
    assert "saved" in _calls(tmp_path)
    assert _order_of_applies(tmp_path) == ["base"]


def _order_of_applies(root: Path) -> list[str]:
    return [call.removeprefix("apply ") for call in _calls(root) if call.startswith("apply ")]


def test_without_an_emulator_terraform_is_not_waited_for(
    fake: Fake, tmp_path: Path, display: Display
) -> None:
    terraform = fake(f"{_INITIALIZED}\ntrap '' INT TERM; sleep 60")

    def gone() -> None:
        raise OperatorError("the emulator ended")

    begin = time.monotonic()
    with pytest.raises(OperatorError, match="the emulator ended"):
        layers.apply([_stack(tmp_path, "base")], terraform, display, _when_applying(tmp_path, gone))
    assert time.monotonic() - begin < 10
    assert terraform.children.killed


def test_nothing_is_started_after_a_stop() -> None:
    children = Children()
    children.interrupt(grace_seconds=0)
    with pytest.raises(OperatorError):
        children.start(["true"])


def test_the_second_signal_ends_the_grace_time(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    children = Children()
    process = children.start(
        ["/bin/sh", "-c", f"trap '' INT; touch '{ready}'; sleep 60 & wait; wait"]
    )
    while not ready.exists():
        time.sleep(0.01)
    threading.Timer(0.2, children.kill).start()
    begin = time.monotonic()
    children.interrupt(grace_seconds=30)
    assert time.monotonic() - begin < 10
    assert children.finish(process) == -signal.SIGKILL
