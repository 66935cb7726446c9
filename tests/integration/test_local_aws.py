"""`local up`, `status` and `down` in a copy of the checkout, with Terraform and its provider."""

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ops.common import processes
from ops.common.children import Children
from ops.common.display import Display
from ops.common.errors import MissingToolError, OperatorError
from ops.common.local_address import Key
from ops.common.paths import LocalPaths
from ops.common.processes import ProcessIdentity
from ops.local.context import LocalContext
from ops.local.services import emulator, gemini
from ops.local.services.ports import Ports, choose, is_free
from ops.local.up import up
from testing.emulator import Emulator

pytestmark = pytest.mark.integration

# With another home, jsii would spend ten seconds on unpacking this again.
JSII_CACHE = Path.home() / ".cache" / "aws" / "jsii" / "package-cache"
CHECKOUT = Path(__file__).resolve().parents[2]
COPIED = ("main.py", "modules", "lambda_src", "environments", "ops", "Pipfile.lock", "LICENSE")

# Variables of a developer's shell that must not have any effect.
HOSTILE = {
    "AWS_PROFILE": "production",
    "AWS_ACCESS_KEY_ID": "not-for-this",
    "AWS_ENDPOINT_URL": "https://example.invalid",
    "AWS_CA_BUNDLE": "/nonexistent/bundle.pem",
    "TF_CLI_ARGS_apply": "-destroy",
    "TF_CLI_CONFIG_FILE": "/nonexistent/terraformrc",
    "CO2_ENVIRONMENTS": "prod",
    "AUTH": "true",
    "GATEWAY_PORT": "1",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what `up` needs, so that the local AWS of this checkout is not touched."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in COPIED:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    return folder


@pytest.fixture
def ports() -> Ports:
    # Not the default ones, which the local AWS of this checkout may use. Each worker of
    # pytest-xdist has its own range: another's test would take the ports as soon as they are free.
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return choose(None, preferred=24566 + 100 * worker)


class _CommandLine:
    """``python -m ops local`` in a copy of the checkout."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout

    def start(
        self, *arguments: str, prefix: Sequence[str] = (), **variables: str
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*prefix, sys.executable, "-m", "ops", "local", *arguments],
            cwd=self.checkout,
            env={**os.environ, **HOSTILE, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **variables)
        out, err = process.communicate(timeout=400)
        return process.returncode, out, err

    def json(self, *arguments: str, code: int = 0) -> Any:
        found, out, err = self.run(*arguments, "--json")
        assert found == code, err
        return json.loads(out)


@pytest.fixture
def local(checkout: Path) -> Iterator[_CommandLine]:
    line = _CommandLine(checkout)
    yield line
    line.run("down")


@pytest.fixture
def paths(tmp_path: Path) -> LocalPaths:
    return LocalPaths(tmp_path)


def _start(paths: LocalPaths, ports: Ports) -> ProcessIdentity:
    process = emulator.start(paths, ports, os.environ)
    emulator.wait_until_ready(paths, ports, process)
    return process


def _parameters(paths: LocalPaths, ports: Ports) -> list[str]:
    found = Emulator(ports, paths.credentials).client("ssm").describe_parameters()
    return [parameter["Name"] for parameter in found["Parameters"]]


def test_the_emulator_is_reachable_from_this_machine_only(paths: LocalPaths, ports: Ports) -> None:
    process = _start(paths, ports)
    try:
        assert emulator.is_ready(ports)
        with socket.socket() as probe:
            # A server that listens on all addresses is reachable at this one too.
            assert probe.connect_ex(("127.0.0.2", ports.emulator)) != 0
    finally:
        assert processes.stop(process, grace_seconds=emulator.STOP_SECONDS)
    assert is_free(ports.emulator)


def test_an_emulator_keeps_its_data_after_a_stop_and_starts_empty_after_a_crash(
    paths: LocalPaths, ports: Ports
) -> None:
    process = _start(paths, ports)
    Emulator(ports, paths.credentials).client("ssm").put_parameter(
        Name="/a", Value="1", Type="String"
    )
    processes.stop(process, grace_seconds=emulator.STOP_SECONDS)

    first = Key.read(paths.credentials)
    process = _start(paths, ports)
    assert Key.read(paths.credentials) != first, "each start has a key of its own"
    assert _parameters(paths, ports) == ["/a"]
    os.kill(process.pid, signal.SIGKILL)
    while processes.is_running(process):
        time.sleep(0.05)

    process = _start(paths, ports)
    assert _parameters(paths, ports) == []
    processes.stop(process, grace_seconds=emulator.STOP_SECONDS)


def test_an_emulator_that_cannot_start_is_reported_with_its_log(
    paths: LocalPaths, ports: Ports
) -> None:
    with socket.create_server(("127.0.0.1", ports.emulator)):
        process = emulator.start(paths, ports, os.environ)
        with pytest.raises(OperatorError, match="already in use"):
            emulator.wait_until_ready(paths, ports, process)


def test_the_stand_in_starts_and_stops(checkout: Path, ports: Ports) -> None:
    paths = LocalPaths(checkout)
    process = gemini.start(paths, ports, os.environ)
    try:
        gemini.wait_until_ready(paths, ports, process)
        assert gemini.is_ready(ports)
    finally:
        processes.stop(process, grace_seconds=gemini.STOP_SECONDS)
    assert is_free(ports.stand_in)


def test_up_fails_if_the_requested_port_is_in_use(local: _CommandLine, ports: Ports) -> None:
    with socket.create_server(("127.0.0.1", ports.stand_in)):
        code, out, err = local.run("up", "--port", str(ports.emulator))
    assert code == 4
    assert f"error: port {ports.stand_in} is in use" in err
    assert "remedy: " in err
    assert "Traceback" not in out + err


def test_up_fails_without_terraform(local: _CommandLine, ports: Ports, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    node = shutil.which("node")
    assert node
    (programs / "node").symlink_to(node)
    code, out, err = local.run("up", "--port", str(ports.emulator), PATH=str(programs))
    assert code == 3
    assert "error: terraform is not on the PATH" in err
    assert "remedy: install Terraform 1.10 or newer" in err
    assert "Traceback" not in out + err
    assert is_free(ports.emulator)


def test_up_fails_with_invalid_settings(local: _CommandLine, ports: Ports) -> None:
    settings = local.checkout / "environments" / "local.toml"
    settings.write_text(
        settings.read_text(encoding="utf-8").replace("retain = false", 'retain = "maybe"'),
        encoding="utf-8",
    )
    code, _, err = local.run("up", "--port", str(ports.emulator))
    assert code == 2
    assert "local.toml" in err
    assert "retain" in err
    assert "Traceback" not in err


def test_up_fails_without_a_provider(checkout: Path, ports: Ports) -> None:
    context = LocalContext(
        display=Display(Console(file=io.StringIO())),
        children=Children(),
        paths=LocalPaths(checkout),
        user_environment={
            **os.environ,
            "TF_PLUGIN_MIRROR": str(checkout),
            "HOME": str(checkout),
            "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(JSII_CACHE),
        },
    )
    with pytest.raises(MissingToolError, match="hashicorp/aws was not found") as error:
        up(context, wanted_port=ports.emulator)
    assert error.value.exit_code == 3
    assert "TF_PLUGIN_MIRROR" in str(error.value.remedy)
    assert is_free(ports.emulator), "nothing is started"


def test_a_dry_run_starts_and_writes_nothing(local: _CommandLine, ports: Ports) -> None:
    plan = local.json("up", "--dry-run", "--port", str(ports.emulator))
    assert plan["emulator"] == "start"
    assert plan["apply"] == ["local-base", "local-storage", "local-compute"]
    assert not (local.checkout / ".local").exists()
    assert not (local.checkout / "cdktf.out").exists()
    assert is_free(ports.emulator)


def test_an_interrupt_reaches_a_background_job(local: _CommandLine, ports: Ports) -> None:
    # A shell starts its background jobs with SIGINT ignored.
    ignoring = ["/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh"]
    interrupted = local.start("up", "--port", str(ports.emulator), prefix=ignoring)
    assert interrupted.stderr is not None
    for line in interrupted.stderr:
        if "ports" in line:
            break
    interrupted.send_signal(signal.SIGINT)
    _, err = interrupted.communicate(timeout=60)
    assert interrupted.returncode == 130
    assert "stopped by SIGINT" in err
    assert is_free(ports.emulator)


def test_down_succeeds_if_nothing_runs(local: _CommandLine) -> None:
    code, out, _ = local.run("down")
    assert (code, out) == (0, "Nothing is running.\n")
    assert local.json("status", code=1)["running"] is False
    assert not (local.checkout / ".local").exists()


def test_up_again_killed_interrupted_and_down(local: _CommandLine, ports: Ports) -> None:
    report = local.json("up", "--port", str(ports.emulator))
    assert [answer["cache"] for answer in report["answers"]] == ["MISS", "HIT"]
    assert "not Gemini" in report["answers"][0]["text"]
    assert all(layer["changes"]["added"] == layer["resources"] for layer in report["layers"])
    first = local.json("status")

    again = local.json("up")
    assert [answer["cache"] for answer in again["answers"]] == ["MISS", "HIT"]
    assert not any(any(layer["changes"].values()) for layer in again["layers"])
    assert local.json("status") == first
    code, _, err = local.run("up", "--port", str(ports.emulator + 2))
    assert code == 4
    assert f"already runs, on port {ports.emulator}" in err

    os.kill(first["emulator"]["pid"], signal.SIGKILL)
    stopped = local.json("status", code=1)
    assert stopped["emulator"]["running"] is False
    interrupted = local.start("up")
    assert interrupted.stderr is not None
    for line in interrupted.stderr:
        if "local-base" in line and "resources" in line:
            break
    interrupted.send_signal(signal.SIGTERM)
    _, err = interrupted.communicate(timeout=60)
    assert interrupted.returncode == 143
    assert "stopped by SIGTERM" in err
    assert is_free(ports.emulator)
    assert is_free(ports.stand_in)

    recovered = local.json("up")
    assert [answer["cache"] for answer in recovered["answers"]] == ["MISS", "HIT"]
    assert recovered["port"] == ports.emulator
    last = local.json("status")

    code, out, err = local.run("down")
    assert code == 0, err
    assert "resources destroyed by Terraform" in out
    assert is_free(ports.emulator)
    assert is_free(ports.stand_in)
    for service in (last["emulator"], last["gemini_stand_in"]):
        assert processes.identify(service["pid"]) is None
    assert not (local.checkout / ".local").exists()
