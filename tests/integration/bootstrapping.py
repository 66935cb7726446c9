"""``ops bootstrap`` in a copy of the checkout, on the emulator as if it were AWS."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.catalogue import Layer
from modules.naming import Naming
from ops.common.environment import scrubbed
from ops.common.paths import LocalPaths
from ops.common.processes import with_argument
from ops.terraform.states import State, parse
from testing.emulator import Credentials, Emulator
from tests.integration.terraform import CHECKOUT

ACCOUNT = "000000000000"
COPIED = ("main.py", "modules", "lambda_src", "ops", "Pipfile.lock", "LICENSE")
TOML = f"""\
region = "us-east-1"
account_id = "{ACCOUNT}"
retain = false
[state.s3]
[bootstrap]
kms_key = "own"
principals = ["arn:aws:iam::{ACCOUNT}:role/team/deployers"]
[table]
billing = "on-demand"
"""

_MAX_SECONDS = 400
_POLL_SECONDS = 0.005


def copy_checkout(folder: Path) -> Path:
    """Copy what the command needs, so that the files of this checkout are not touched."""
    folder.mkdir()
    (folder / "environments").mkdir()
    for name in COPIED:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    return folder


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


def _signal(groups: list[int], number: int) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)


class Site:
    """An environment that is bootstrapped in an emulator."""

    def __init__(
        self, checkout: Path, emulator: Emulator, name: str, caller: Credentials | None = None
    ) -> None:
        self.name = name
        # Further variables of the shell.
        self.variables: dict[str, str] = {}
        self.checkout = checkout
        self.emulator = emulator
        key = emulator.key
        self.caller = caller or Credentials(access_key=key.id, secret_key=key.secret)
        self.naming = Naming(environment=name)
        self.bucket = self.naming.state_bucket
        self.key = self.naming.state_key(Layer.BOOTSTRAP)
        self.folder = checkout / ".local" / "bootstrap" / name
        self.log = LocalPaths(checkout).logs / f"{self.naming.stack(Layer.BOOTSTRAP)}-apply.log"
        self.configure(TOML)

    def configure(self, text: str) -> None:
        """Replace the settings."""
        file = self.checkout / "environments" / f"{self.name}.toml"
        file.write_text(text, encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a shell in which the emulator is AWS."""
        return {
            **scrubbed(os.environ),
            "AWS_ACCESS_KEY_ID": self.caller.access_key,
            "AWS_SECRET_ACCESS_KEY": self.caller.secret_key,
            "AWS_ENDPOINT_URL": self.emulator.ports.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            **self.variables,
        }

    def start(self, *options: str, errors: Path | None = None) -> subprocess.Popen[str]:
        """Start the command in a process group of its own; with ``errors`` only those are kept."""
        # They must not have any effect.
        hostile = {"TF_CLI_ARGS_apply": "-destroy", "TF_WORKSPACE": "other"}
        with contextlib.ExitStack() as opened:
            stderr = opened.enter_context(errors.open("w")) if errors else subprocess.PIPE
            return subprocess.Popen(
                [sys.executable, "-m", "ops", "bootstrap", "--env", self.name, *options],
                cwd=self.checkout,
                env={**self.environment, **hostile},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if errors else subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )

    def run(self, *options: str) -> Answer:
        """Run the command to its end."""
        process = self.start(*options)
        try:
            out, err = process.communicate(timeout=_MAX_SECONDS)
        finally:
            self.kill(process)
        return Answer(code=process.returncode, out=out, err=err)

    def kill(self, process: subprocess.Popen[str], *, terraform: bool = True) -> None:
        """Kill the command and, with ``terraform``, the Terraform that it runs."""
        command = [process.pid] if process.poll() is None else []
        # A stopped command starts no more Terraform.
        _signal(command, signal.SIGSTOP)
        _signal([*command, *(self.terraform if terraform else [])], signal.SIGKILL)
        process.wait()

    @property
    def terraform(self) -> list[int]:
        """The Terraform that the command has started."""
        stack = self.folder / "stacks" / self.naming.stack(Layer.BOOTSTRAP)
        return with_argument(f"-chdir={stack}")

    @property
    def objects(self) -> dict[str, bytes]:
        """The content of the state bucket."""
        s3 = self.emulator.client("s3")
        found = s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {
            one["Key"]: s3.get_object(Bucket=self.bucket, Key=one["Key"])["Body"].read()
            for one in found
        }

    def state(self) -> State:
        """Return the state in the bucket."""
        found = parse(self.objects[self.key], self.key)
        assert found
        return found

    def keys(self) -> list[str]:
        """Return the enabled KMS keys of the environment."""
        kms = self.emulator.client("kms")
        found = []
        for page in kms.get_paginator("list_keys").paginate():
            for key in page["Keys"]:
                tags = kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]
                if {"TagKey": "Environment", "TagValue": self.name} in tags:
                    found.append(key["KeyId"])
        return found

    def expected(self) -> frozenset[str]:
        """Return the addresses of the layer, from the last synthesis."""
        return frozenset(self._addresses())

    def _addresses(self) -> Iterator[str]:
        stack = self.naming.stack(Layer.BOOTSTRAP)
        output = self.folder.parent / f"{self.name}-expected"
        subprocess.run(
            [
                *(sys.executable, "main.py", "--env", self.name, "--layer", "bootstrap"),
                *("--output", str(output)),
            ],
            cwd=self.checkout,
            env=scrubbed(os.environ),
            capture_output=True,
            check=True,
        )
        document = json.loads((output / "stacks" / stack / "cdk.tf.json").read_text("utf-8"))
        for type_, resources in document["resource"].items():
            yield from (f"{type_}.{name}" for name in resources)

    def check(self) -> None:
        """Assert that there is one of everything, and that nothing is left on this machine."""
        s3 = self.emulator.client("s3")
        names = [one["Name"] for one in s3.list_buckets()["Buckets"]]
        assert [name for name in names if self.name in name] == [self.bucket]
        assert list(self.objects) == [self.key], "one state, and no lock"
        state = self.state()
        assert state.resources.keys() == self.expected()
        assert len(self.keys()) == 1
        assert self.keys()[0] in self.objects[self.key].decode()
        assert [path.name for path in self.folder.iterdir()] == ["lock"]

    def wait_for(self, errors: Path, step: str, process: subprocess.Popen[str]) -> None:
        """Wait until the command has printed that a step is done."""
        self.wait_until(lambda: f" s  {step} " in errors.read_text("utf-8"), process)

    def wait_until(self, condition: Any, process: subprocess.Popen[str]) -> None:
        """Wait until a condition holds, or the command has ended."""
        deadline = time.monotonic() + _MAX_SECONDS
        while not condition() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(_POLL_SECONDS)
