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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.common.children import Children
from ops.common.environment import scrubbed
from ops.common.paths import LocalPaths
from ops.terraform import runner
from ops.terraform.provider import PROVIDER, find_provider
from ops.terraform.stacks import Stack, read_stacks
from ops.terraform.tools import find_tools
from testing.emulator import Emulator, process_group

CHECKOUT = Path(__file__).resolve().parents[2]
VARIANTS = Path(__file__).resolve().parent / "environments"

_MAX_SECONDS = 300
_START_SECONDS = 60
_POLL_SECONDS = 0.05
_NO_CHANGE, _CHANGES = 0, 2

# Nothing listens there, so a service without an endpoint fails instead of reaching AWS.
_NOWHERE = "http://127.0.0.1:9"

_CHANGED = re.compile(r"^  # (\S+) .*(?:will|must) be", re.MULTILINE)
_REATTACH = re.compile(r"TF_REATTACH_PROVIDERS='(.+)'")


def synthesize(
    *environments: str,
    output: Path,
    settings: Path | None = None,
    port: int | None = None,
) -> list[Stack]:
    """Synthesize ``environments``, by default all in AWS; return the stacks in dependency order."""
    options = ["--output", str(output)]
    for name in environments:
        options += ["--env", name]
    if settings:
        options += ["--settings", str(settings)]
    if port:
        options += ["--local-port", str(port)]
    run([sys.executable, "main.py", *options], folder=CHECKOUT, environment=scrubbed(os.environ))
    return read_stacks(output, place=output)


@dataclass(frozen=True, kw_only=True)
class Terraform:
    """Terraform in one folder, attached to a running provider."""

    program: str
    folder: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str, accept: Iterable[int] = (0,)) -> str:
        """Run a command that must end with an accepted exit code; return its output."""
        _, printed = self.outcome(*arguments, accept=accept)
        return printed

    def outcome(self, *arguments: str, accept: Iterable[int] = (0,)) -> tuple[int, str]:
        """Run a command as `run` does; return the exit code and the output."""
        return run(
            [self.program, *arguments],
            folder=self.folder,
            environment=self.environment,
            accept=accept,
        )

    @contextmanager
    def waiting(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run an interactive command for the length of the block."""
        with process_group(
            [self.program, *arguments], environment=self.environment, folder=self.folder
        ) as process:
            yield process

    def apply(self) -> None:
        """Initialize and apply the stack."""
        self.run("init", "-input=false", "-no-color")
        self.run("apply", "-input=false", "-no-color", "-auto-approve")

    def pending_changes(self) -> dict[str, str]:
        """Plan; map the address of each resource to change to the whole plan, for messages."""
        code, printed = self.outcome(
            *("plan", "-input=false", "-no-color", "-detailed-exitcode"),
            accept=(_NO_CHANGE, _CHANGES),
        )
        if code == _NO_CHANGE:
            return {}
        return dict.fromkeys(_CHANGED.findall(printed) or ["an output"], printed)

    def destroy(self) -> None:
        """Destroy the stack."""
        self.run("destroy", "-input=false", "-no-color", "-auto-approve")

    def outputs(self) -> dict[str, Any]:
        """Return the values of the stack's outputs."""
        found = json.loads(self.run("output", "-json"))
        return {name: output["value"] for name, output in found.items()}


@dataclass(frozen=True, kw_only=True)
class Installation:
    """Terraform and an installed provider.

    ``environment`` has none of the user's AWS settings; with ``installing`` Terraform can also
    install the provider.
    """

    program: str
    provider: Path
    environment: Mapping[str, str]
    installing: Mapping[str, str]

    @contextmanager
    def running(self, folder: Path, *, endpoint: str = _NOWHERE) -> Iterator[Terraform]:
        """Run the provider for the length of the block, for the stack in ``folder``.

        Terraform itself would start it twice for each command, and each time verify its 700 MB.
        The provider resolves relative paths in its working directory.
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

        A running provider has one configuration, so the one of a second Region would replace that
        of the first. For a stack in two Regions Terraform therefore starts the provider itself.
        """
        endpoint = emulator.ports.endpoint
        for stack in stacks.values():
            remove_endpoints(stack.folder, endpoint)
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


def remove_endpoints(folder: Path, endpoint: str) -> None:
    """Remove the endpoints from a stack; its provider gets them from the environment.

    The provider validates the endpoints block for seconds, several times for each command. With it
    these tests take four times as long.
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
    """Install the provider below ``home``, from the source that the project uses.

    Raises MissingToolError if Terraform or a source of the provider is missing.
    """
    tools, paths = find_tools(os.environ), LocalPaths(home)
    source = find_provider(paths, os.environ)
    nobody = {
        **scrubbed(os.environ),
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        # Fewer garbage collections: twice the memory, half the CPU time.
        "GOGC": "400",
    }
    installing = {
        **nobody,
        **source.configure(paths, os.environ),
        "AWS_ENDPOINT_URL": _NOWHERE,
    }
    document = {"terraform": {"required_providers": dict(required_providers)}}
    (home / "main.tf.json").write_text(json.dumps(document), encoding="utf-8")
    stack = Stack(name="installation", folder=home, needs=(), document=document)
    runner.Terraform(
        program=tools.terraform, environment=installing, paths=paths, children=Children()
    ).initialize(stack)
    installed = paths.terraform_data / stack.name / "providers" / PROVIDER
    (provider,) = installed.glob("*/*/terraform-provider-aws*")
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
    """Run a program; return its exit code and output, or raise if the code is not accepted."""
    with process_group(command, environment=environment, folder=folder) as process:
        printed, _ = process.communicate(timeout=_MAX_SECONDS)
    if process.returncode not in accept:
        raise AssertionError(
            f"{' '.join(command)} in {folder} ended with {process.returncode}:\n{printed}"
        )
    return process.returncode, printed


def side_by_side(*tasks: Callable[[], object]) -> None:
    """Run functions in parallel; raise the error of the first that fails."""
    pool = ThreadPoolExecutor(len(tasks))
    try:
        for future in [pool.submit(task) for task in tasks]:
            future.result()
    finally:
        # Do not wait for the others after Ctrl-C: they fail when their provider ends.
        pool.shutdown(wait=False)
