"""``ops pipeline`` in a copy of the checkout, on the emulator as if it were AWS."""

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
from pathlib import Path
from typing import Any

from modules.naming import Naming
from ops.common.environment import scrubbed
from testing.emulator import Emulator, running_emulator
from tests.integration.bootstrapping import ACCOUNT, Answer, copy_checkout

CHANGES, DANGEROUS, HELD, DRIFT = 2, 3, 10, 11

TOML = f"""\
region = "us-east-1"
account_id = "{ACCOUNT}"
retain = false
origin_access = "oac"
origin_identity = false
[table]
billing = "on-demand"
"""

_MAX_SECONDS = 400
_POLL_SECONDS = 0.02


class Team:
    """A checkout of a team, whose environment is in an emulator."""

    def __init__(
        self, checkout: Path, emulator: Emulator, name: str, state: str = "[state.s3]\n"
    ) -> None:
        self.checkout = checkout
        self.emulator = emulator
        self.name = name
        self.naming = Naming(environment=name)
        self.settings = f"{TOML}{state}"
        # Further variables of the shell.
        self.variables: dict[str, str] = {}
        self.configure()

    def configure(self, more: str = "") -> None:
        """Write the settings, with some more."""
        file = self.checkout / "environments" / f"{self.name}.toml"
        file.write_text(f"{self.settings}{more}", encoding="utf-8")

    @contextlib.contextmanager
    def edited(self, file: str, old: str, new: str) -> Iterator[None]:
        """Replace a text of the code for the length of the block."""
        path = self.checkout / file
        before = path.read_text(encoding="utf-8")
        assert before.count(old) == 1, f"{file} has {old!r} {before.count(old)} times"
        path.write_text(before.replace(old, new), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(before, encoding="utf-8")

    def plan(self, *options: str) -> Answer:
        """Plan, and require that it succeeds."""
        answer = self.run("plan", "--env", self.name, "--json", *options)
        assert answer.code == 0, answer.err
        return answer

    def review(self, *options: str) -> Answer:
        """Review what was planned."""
        return self.run("review", "--json", *options)

    def apply(self, *options: str) -> Answer:
        """Apply what was reviewed."""
        return self.run("apply", "--env", self.name, "--yes", "--json", *options)

    def drift(self, *options: str) -> Answer:
        """Look for drift."""
        return self.run("drift", "--env", self.name, "--json", *options)

    def start(self, *arguments: str, errors: Path | None = None) -> subprocess.Popen[str]:
        """Start a command of the pipeline in a process group of its own."""
        key = self.emulator.key
        with contextlib.ExitStack() as opened:
            stderr = opened.enter_context(errors.open("w")) if errors else subprocess.PIPE
            return subprocess.Popen(
                [sys.executable, "-m", "ops", "pipeline", *arguments],
                cwd=self.checkout,
                env={
                    **scrubbed(os.environ),
                    "AWS_ACCESS_KEY_ID": key.id,
                    "AWS_SECRET_ACCESS_KEY": key.secret,
                    "AWS_ENDPOINT_URL": self.emulator.ports.endpoint,
                    "AWS_EC2_METADATA_DISABLED": "true",
                    "AWS_CONFIG_FILE": os.devnull,
                    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                    # They must not have any effect.
                    "TF_CLI_ARGS_apply": "-destroy",
                    "TF_WORKSPACE": "other",
                    **self.variables,
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )

    def run(self, *arguments: str) -> Answer:
        """Run a command to its end."""
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=_MAX_SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        return Answer(code=process.returncode, out=out, err=err)

    def kill_after(self, line: str, errors: Path) -> None:
        """Start an apply, and kill it once it has printed a text."""
        process = self.start("apply", "--env", self.name, "--yes", errors=errors)
        deadline = time.monotonic() + _MAX_SECONDS
        while line not in errors.read_text("utf-8") and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(_POLL_SECONDS)
        assert process.poll() is None, errors.read_text("utf-8")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def ttl(self) -> str:
        """Return the days that an answer is served, as the function would read them."""
        name = f"{self.naming.parameters}/config/cache/ttl-days"
        return self.emulator.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]

    def stored(self) -> list[str]:
        """Return the keys of the stored bundles, in all versions."""
        found = self.emulator.client("s3").list_object_versions(
            Bucket=self.naming.state_bucket, Prefix=self.naming.saved_plans
        )
        return [one["Key"] for one in (*found.get("Versions", []), *found.get("DeleteMarkers", []))]

    def forget(self) -> None:
        """Remove what was planned before, as another job would begin."""
        shutil.rmtree(self.checkout / "build", ignore_errors=True)


@contextlib.contextmanager
def running_team(folder: Path) -> Iterator[Team]:
    """Yield a team with a state bucket in an emulator of its own."""
    (folder / "emulator").mkdir()
    with running_emulator(folder / "emulator") as emulator:
        team = Team(copy_checkout(folder / "checkout"), emulator, "team")
        s3, bucket = emulator.client("s3"), team.naming.state_bucket
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        yield team


def changed(answer: Answer) -> dict[str, Any]:
    """Return the changed resources of a review, by stack and address."""
    return {
        f"{stack['name']}/{item['address']}": item
        for stack in json.loads(answer.out)["stacks"]
        for item in stack["changes"]
    }


def dangers(answer: Answer) -> set[tuple[str, str]]:
    """Return the dangers of a review that nobody has accepted: addresses and kinds."""
    return {
        (name, danger["kind"])
        for name, item in changed(answer).items()
        for danger in item["dangers"]
        if not danger["accepted"]
    }
