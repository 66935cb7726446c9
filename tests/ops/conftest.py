"""One emulator for the tests of the operators' commands; each test has its own resources."""

from __future__ import annotations

import json as json_
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from modules.naming import Naming
from ops.cli import app
from testing.emulator import Emulator, running_emulator
from testing.storage import Storage

TOML = """\
region = "us-east-1"
retain = {retain}
{account}
[local_aws]
port = 4566
[state.local]
[table]
billing = "on-demand"
point_in_time_recovery = {retain}
[buckets]
versioning = {retain}
"""


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(tmp_path_factory.mktemp("emulator")) as running:
        yield running


@dataclass(frozen=True)
class Answer:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json_.loads(self.out)


Run = Callable[..., Answer]


@dataclass(frozen=True)
class Distribution:
    """A distribution in the emulator, and the seconds that commands waited for it."""

    cloudfront: Any
    id: str
    waits: list[float]

    def invalidated_paths(self) -> list[str]:
        made = self.cloudfront.list_invalidations(DistributionId=self.id)["InvalidationList"]
        return [
            path
            for one in made.get("Items", [])
            for path in self.cloudfront.get_invalidation(DistributionId=self.id, Id=one["Id"])[
                "Invalidation"
            ]["InvalidationBatch"]["Paths"]["Items"]
        ]


AddDistribution = Callable[[str], Distribution]


@pytest.fixture
def add_distribution(
    emulator: Emulator, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AddDistribution]:
    """Give an environment a frontend with a distribution."""
    waits: list[float] = []
    cloudfront = emulator.client("cloudfront")
    added: list[tuple[str, str]] = []
    monkeypatch.setattr("ops.cache.edge.time", SimpleNamespace(sleep=waits.append))

    def add(name: str) -> Distribution:
        with (settings / f"{name}.toml").open("a", encoding="utf-8") as file:
            file.write("[frontend]\n")
        created = cloudfront.create_distribution(
            DistributionConfig={
                "CallerReference": uuid.uuid4().hex,
                "Comment": Naming(environment=name).parameters,
                # Only a disabled one can be deleted.
                "Enabled": False,
                "Origins": {
                    "Quantity": 1,
                    "Items": [{"Id": "api", "DomainName": "api.example.org"}],
                },
                "DefaultCacheBehavior": {
                    "TargetOriginId": "api",
                    "ViewerProtocolPolicy": "https-only",
                },
            }
        )
        id_ = created["Distribution"]["Id"]
        added.append((id_, created["ETag"]))
        return Distribution(cloudfront, id_, waits)

    yield add
    for id_, etag in added:
        cloudfront.delete_distribution(Id=id_, IfMatch=etag)


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Return a folder with two environments: ``box``, and ``vault``, which retains its data."""
    folder = tmp_path / "environments"
    folder.mkdir()
    for name, retain in (("box", "false"), ("vault", "true")):
        text = TOML.format(retain=retain, account="")
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def ops(settings: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in this process."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "CO2_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CO2_SETTINGS", str(settings))

    def run(*arguments: str, typed: str | None = None, port: int | None = None) -> Answer:
        if port is not None:
            monkeypatch.setenv("CO2_LOCAL_PORT", str(port))
        found = CliRunner().invoke(app, list(arguments), input=typed)
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return Answer(found.exit_code, found.stdout, found.stderr)

    return run


def point_at(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands on a local environment use an emulator."""
    monkeypatch.setenv("CO2_LOCAL_PORT", str(emulator.ports.emulator))
    monkeypatch.setenv("CO2_LOCAL_CREDENTIALS", str(emulator.credentials_file))


@pytest.fixture
def storage(emulator: Emulator) -> Iterator[Storage]:
    """Build the storage layer of ``box`` in the emulator, and remove it afterwards."""
    built = Storage(emulator, Naming(environment="box"))
    built.build()
    yield built
    built.remove()


@pytest.fixture
def box(ops: Run, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run commands on the environment ``box`` in the emulator."""
    point_at(storage.emulator, monkeypatch)
    monkeypatch.setenv("CO2_ENV", "box")
    return ops
