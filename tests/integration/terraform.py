"""Real Terraform with the real provider on synthesized stacks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from ops.local.environment import scrubbed
from ops.local.mirror import PROVIDER, known_folders
from ops.local.paths import LocalPaths
from ops.local.provider import ask_registry, find_provider, terraform_environment
from ops.local.tools import find_tools
from testing.emulator import Emulator, process_group

CHECKOUT = Path(__file__).resolve().parents[2]
VARIANTS = Path(__file__).resolve().parent / "environments"

_LONGEST_SECONDS = 300
_START_SECONDS = 60
_POLL_SECONDS = 0.05
_NO_CHANGE, _CHANGES = 0, 2

# Nothing listens there, so what has no address of its own meets a closed port, and not AWS.
_NOWHERE = "http://127.0.0.1:9"

_CHANGED = re.compile(r"^  # (\S+) .*(?:will|must) be", re.MULTILINE)
_REATTACH = re.compile(r"TF_REATTACH_PROVIDERS='(.+)'")


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A synthesized stack: the folder in which Terraform runs, and what it finds there."""

    name: str
    folder: Path
    document: Mapping[str, Any] = field(repr=False)


def synthesize(
    *environments: str,
    output: Path,
    settings: Path | None = None,
    port: int | None = None,
) -> list[Stack]:
    """Write the stacks of ``environments``, or of all that live in AWS; return them in order."""
    options = ["--output", str(output)]
    for name in environments:
        options += ["--env", name]
    if settings:
        options += ["--settings", str(settings)]
    if port:
        options += ["--local-port", str(port)]
    run([sys.executable, "main.py", *options], folder=CHECKOUT, environment=scrubbed(os.environ))
    manifest = json.loads((output / "manifest.json").read_text(encoding="utf-8"))["stacks"]
    needs = {name: entry["dependencies"] for name, entry in manifest.items()}
    return [_stack(output, manifest[name]) for name in TopologicalSorter(needs).static_order()]


def _stack(output: Path, entry: Mapping[str, Any]) -> Stack:
    document = json.loads((output / entry["synthesizedStackPath"]).read_text(encoding="utf-8"))
    return Stack(name=entry["name"], folder=output / entry["workingDirectory"], document=document)


@dataclass(frozen=True, kw_only=True)
class Terraform:
    """Terraform in one folder, with a provider that runs already."""

    program: str
    folder: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str, accept: Iterable[int] = (0,)) -> str:
        """Run a command that must end with an accepted code; return what it said."""
        _, said = self.outcome(*arguments, accept=accept)
        return said

    def outcome(self, *arguments: str, accept: Iterable[int] = (0,)) -> tuple[int, str]:
        """Return the exit code, too."""
        return run(
            [self.program, *arguments],
            folder=self.folder,
            environment=self.environment,
            accept=accept,
        )

    @contextmanager
    def waiting(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run a command that talks with its user for the length of the block."""
        with process_group(
            [self.program, *arguments], environment=self.environment, folder=self.folder
        ) as process:
            yield process

    def apply(self) -> None:
        """Create what the stack describes."""
        self.run("init", "-input=false", "-no-color")
        self.run("apply", "-input=false", "-no-color", "-auto-approve")

    def pending_changes(self) -> dict[str, str]:
        """Return what a plan would change, by address, with the whole plan for the reader."""
        code, said = self.outcome(
            *("plan", "-input=false", "-no-color", "-detailed-exitcode"),
            accept=(_NO_CHANGE, _CHANGES),
        )
        if code == _NO_CHANGE:
            return {}
        return dict.fromkeys(_CHANGED.findall(said) or ["an output"], said)

    def destroy(self) -> None:
        """Destroy what the stack describes."""
        self.run("destroy", "-input=false", "-no-color", "-auto-approve")

    def outputs(self) -> dict[str, Any]:
        """Return the values of the stack's outputs."""
        said = json.loads(self.run("output", "-json"))
        return {name: output["value"] for name, output in said.items()}


@dataclass(frozen=True, kw_only=True)
class Installation:
    """Terraform and an installed provider.

    ``environment`` holds nothing of the user's AWS; in ``installing`` Terraform installs the
    provider by itself, too.
    """

    program: str
    provider: Path
    environment: Mapping[str, str]
    installing: Mapping[str, str]

    @contextmanager
    def running(self, folder: Path, *, endpoint: str = _NOWHERE) -> Iterator[Terraform]:
        """Run the provider for the length of the block, for the stack in ``folder``.

        Terraform itself would start it anew for each command, twice, and each time verify its
        700 MB. The provider looks for files in the folder in which it runs.
        """
        log = folder / "provider.log"
        with (
            log.open("wb") as output,
            process_group(
                [str(self.provider), "-debug"],
                environment={
                    **self.environment,
                    "AWS_ENDPOINT_URL": endpoint,
                    # It would log every call.
                    "TF_LOG_PROVIDER": "ERROR",
                    "TF_LOG_SDK": "ERROR",
                },
                folder=folder,
                output=output,
            ) as process,
        ):
            address = _address(log, process)
            yield Terraform(
                program=self.program,
                folder=folder,
                environment={**self.environment, "TF_REATTACH_PROVIDERS": address},
            )

    @contextmanager
    def applying(
        self, stacks: Mapping[str, Stack], emulator: Emulator
    ) -> Iterator[dict[str, Terraform]]:
        """Run a provider for each stack, since some of them work at the same time.

        A provider that runs already knows one Region only: what Terraform tells it of another would
        replace the first. So for a stack in two Regions Terraform starts its own.
        """
        endpoint = emulator.ports.endpoint
        for stack in stacks.values():
            take_endpoints_out(stack.folder, endpoint)
        with ExitStack() as running:
            yield {
                name: self._starting(stack.folder, endpoint)
                if len(stack.document["provider"]["aws"]) > 1
                else running.enter_context(self.running(stack.folder, endpoint=endpoint))
                for name, stack in stacks.items()
            }

    def _starting(self, folder: Path, endpoint: str) -> Terraform:
        return Terraform(
            program=self.program,
            folder=folder,
            environment={**self.installing, "AWS_ENDPOINT_URL": endpoint},
        )


def take_endpoints_out(folder: Path, endpoint: str) -> None:
    """Take the emulator's address out of a stack, whose provider is to find it in its environment.

    To check the block that it stands in, the provider works for seconds, several times for each
    command; with it these tests take four times as long.
    """
    file = folder / "cdk.tf.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    for provider in document["provider"]["aws"]:
        (endpoints,) = provider.pop("endpoints")
        assert set(endpoints.values()) == {endpoint}
    file.write_text(json.dumps(document), encoding="utf-8")


def _address(log: Path, process: subprocess.Popen[str]) -> str:
    give_up = time.monotonic() + _START_SECONDS
    while not (found := _REATTACH.search(log.read_text(encoding="utf-8"))):
        if process.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError(f"the provider did not start: {log.read_text(encoding='utf-8')}")
        time.sleep(_POLL_SECONDS)
    return found[1]


def install(home: Path, required_providers: Mapping[str, Any]) -> Installation:
    """Install the provider below ``home`` in the way the project finds it.

    Raises MissingToolError if Terraform or a source for the provider is missing.
    """
    tools = find_tools(os.environ)
    source = find_provider(
        os.environ,
        platform=tools.platform,
        versions=required_providers["aws"]["version"],
        folders=known_folders(os.environ, checkout=CHECKOUT),
        registry_answers=ask_registry,
    )
    nobody = {
        **scrubbed(os.environ),
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        # Twice the memory for half the work.
        "GOGC": "400",
    }
    installing = {
        **nobody,
        **terraform_environment(source, LocalPaths(home), os.environ),
        "AWS_ENDPOINT_URL": _NOWHERE,
    }
    document = {"terraform": {"required_providers": dict(required_providers)}}
    (home / "main.tf.json").write_text(json.dumps(document), encoding="utf-8")
    run(
        [tools.terraform, "init", "-input=false", "-no-color"],
        folder=home,
        environment=installing,
    )
    (provider,) = (home / ".terraform/providers" / PROVIDER).glob("*/*/terraform-provider-aws*")
    no_settings = home / "none.tfrc"
    no_settings.touch()
    return Installation(
        program=tools.terraform,
        provider=provider,
        environment={**nobody, "TF_CLI_CONFIG_FILE": str(no_settings)},
        installing=installing,
    )


def run(
    command: list[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    accept: Iterable[int] = (0,),
) -> tuple[int, str]:
    """Run a program; return its exit code and what it said, unless the code is not accepted."""
    with process_group(command, environment=environment, folder=folder) as process:
        said, _ = process.communicate(timeout=_LONGEST_SECONDS)
    if process.returncode not in accept:
        raise AssertionError(
            f"{' '.join(command)} in {folder} ended with {process.returncode}:\n{said}"
        )
    return process.returncode, said


def side_by_side(*tasks: Callable[[], object]) -> None:
    """Run functions at the same time; raise what the first failing one raised."""
    pool = ThreadPoolExecutor(len(tasks))
    try:
        for future in [pool.submit(task) for task in tasks]:
            future.result()
    finally:
        # After Ctrl-C nobody wants to wait for the others, and they fail when their provider ends.
        pool.shutdown(wait=False)
