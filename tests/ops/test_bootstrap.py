"""`bootstrap` on a model of Terraform, an account and a backend, killed before every effect.

`tests/integration/test_bootstrap_killed.py` does the same with the real ones, at some moments.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pwd
import shutil
import socket
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops.bootstrap import run as module
from ops.bootstrap.existing import Mistake, Survey
from ops.bootstrap.losses import refuse_losses
from ops.bootstrap.run import Bootstrap, Report, Step
from ops.bootstrap.state_store import Lock
from ops.bootstrap.work import RecordedChildren, Work
from ops.common.confirmation import Consent
from ops.common.errors import BusyError, OperatorError, RefusedError
from ops.common.output import Output
from ops.common.session import Session
from ops.common.target import find
from ops.terraform.runner import Changes
from ops.terraform.stacks import Stack
from ops.terraform.states import parse

BUCKET, KEY, ROLE = "aws_s3_bucket.state", "aws_kms_key.state_key", "aws_iam_role.plan"
VERSIONING = "aws_s3_bucket_versioning.state_versioning"
CREATED = (KEY, BUCKET, ROLE, VERSIONING)
# Creating them again fails, or makes a second one.
UNIQUE = {BUCKET, KEY, ROLE}
ME = f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"
OPERATIONS = {"apply": "OperationTypeApply", "-migrate-state": "migration destination state"}
YES = Consent(yes=True)


class Killed(BaseException):
    """The process is gone."""


@dataclass
class World:
    """An account, a backend, and the moment at which the process is killed."""

    account: list[str] = field(default_factory=list)
    remote: bytes | None = None
    lock: Lock | None = None
    wrong: list[Mistake] = field(default_factory=list)
    effects: int = 0
    kill_before: int | None = None
    # What a plan deletes, as `terraform show -json` says it.
    deleted: list[Any] = field(default_factory=list)
    # Terraform's version of what it was told, if it is not to be believed.
    corrupt: Callable[[bytes], bytes] = bytes

    location = "s3://bucket/key"

    def effect(self) -> None:
        """Count an effect that is about to happen."""
        if self.effects == self.kill_before:
            raise Killed
        self.effects += 1

    # The backend.
    @property
    def exists(self) -> bool:
        return BUCKET in self.account

    def mistakes(self) -> list[Mistake]:
        return self.wrong

    def read(self) -> bytes | None:
        return self.remote

    def migrate(self, terraform: Any, stack: Stack, state: Path) -> None:
        assert (terraform.work.state, stack.name) == (state, "dev-bootstrap")
        terraform.text(stack, "init")

    def held(self) -> Lock | None:
        return self.lock

    def release(self, lock: Lock) -> None:
        assert self.lock == lock
        self.effect()
        self.lock = None

    def unlocking(self, lock: Lock) -> str:
        return f"unlock {lock.id}"


class Store:
    """The backend of a world, whose lock is a method."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.lock = world.held

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)


class Terraform:
    """Plans, applies and migrates as Terraform does."""

    def __init__(self, world: World, work: Work) -> None:
        self.world = world
        self.work = work
        self.planned: list[str] = []
        self.imported: list[str] = []

    def forget_backend(self, _: Stack) -> None:
        pass

    def initialize(self, stack: Stack) -> None:
        self.local = "local" in stack.document["terraform"]["backend"]

    def text(self, stack: Stack, command: str, *_: str, **__: object) -> tuple[int, str]:
        if command == "init":
            self._started(self._migrate, "-migrate-state")
            return 0, ""
        if command == "show":
            return 0, json.dumps({"format_version": "1.2", "resource_changes": self.world.deleted})
        self.imported = _imports(stack)
        known = self._addresses()
        self.planned = [one for one in CREATED if one not in known]
        new = len(self.planned) - len(self.imported)
        text = f"Terraform will perform\n{len(self.imported)} to import, {new} to add, 0 to change"
        return (2 if self.planned else 0), text if self.planned else "No changes."

    def apply_plan(self, *_: object, changes: int, **__: object) -> Changes:
        self._started(self._apply, "apply")
        return Changes(added=changes)

    def _apply(self, operation: str) -> None:
        with_lock = not self.local
        if with_lock:
            self._lock(operation)
        known = self._addresses()
        for address in self.planned:
            if address not in self.imported:
                assert not (address in UNIQUE and address in self.world.account), "a second one"
                self.world.effect()
                if address not in self.world.account:
                    self.world.account.append(address)
            known.append(address)
            self.world.effect()
            self._write(known)
        if with_lock:
            self._unlock()

    def _migrate(self, operation: str) -> None:
        self.local = False
        content = json.loads(self.work.state.read_bytes())
        self._lock(operation)
        self.world.effect()
        document = {**content, "lineage": uuid.uuid4().hex, "serial": 1}
        self.world.remote = self.world.corrupt(json.dumps(document).encode())
        self._unlock()

    def _started(self, run: Callable[[str], None], word: str) -> None:
        """Run with the record that the command keeps of a running Terraform."""
        self.work.record(["terraform", word])
        run(OPERATIONS[word])
        self.work.ended(["terraform", word])

    def _lock(self, operation: str) -> None:
        self.world.effect()
        assert self.world.lock is None, "the state is locked"
        self.world.lock = _lock(datetime.now(tz=UTC), operation=operation)

    def _unlock(self) -> None:
        self.world.effect()
        self.world.lock = None

    def _state(self) -> dict[str, Any]:
        content = self.world.remote
        if self.local:
            content = self.work.state.read_bytes() if self.work.state.exists() else None
        empty = {"version": 4, "lineage": uuid.uuid4().hex, "serial": 0, "outputs": {}}
        found: dict[str, Any] = json.loads(content) if content else {**empty, "resources": []}
        return found

    def _addresses(self) -> list[str]:
        return [f"{one['type']}.{one['name']}" for one in self._state()["resources"]]

    def _write(self, addresses: list[str]) -> None:
        state = self._state()
        state["serial"] += 1
        state["resources"] = [_resource(address) for address in addresses]
        content = json.dumps(state).encode()
        if self.local:
            self.work.state.write_bytes(content)
        else:
            self.world.remote = content


def _resource(address: str) -> dict[str, Any]:
    type_, _, name = address.partition(".")
    return {"mode": "managed", "type": type_, "name": name, "instances": [{}]}


def _imports(stack: Stack) -> list[str]:
    file = stack.folder / "imports.tf.json"
    if not file.exists():
        return []
    return [block["to"] for block in json.loads(file.read_text("utf-8"))["import"]]


def _lock(
    created: datetime | None,
    who: str = ME,
    operation: str = "OperationTypeApply",
    id_: str | None = None,
) -> Lock:
    id_ = uuid.uuid4().hex if id_ is None else id_
    return Lock(id=id_, who=who, operation=operation, created=created)


@dataclass
class Machine:
    """The command on one machine, in a world."""

    work: Work
    world: World
    session: Session

    def run(self, consent: Consent = YES) -> Report:
        report = Report(location=self.world.location, account="123456789012")
        run: Any = Bootstrap(
            ops=self.session,
            work=self.work,
            store=Store(self.world),
            consent=consent,
            user_environment={},
            terraform=Terraform(self.world, self.work),  # type: ignore[arg-type]
            report=report,
        )
        # As the command does, unless it is killed.
        try:
            run.run()
        except OperatorError:
            self.work.tidy()
            raise
        self.work.tidy()
        return report

    def steps(self) -> list[Step]:
        return [done.step for done in self.run().steps]

    def check(self) -> None:
        """Assert that there is one of everything, and that nothing is left on this machine."""
        state = parse(self.world.remote, "there")
        assert state
        assert state.resources.keys() == set(CREATED)
        assert sorted(self.world.account) == sorted(CREATED)
        assert self.world.lock is None
        assert list(self.work.folder.iterdir()) == []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    target = find("dev", variables={})
    work, world = Work(target, checkout=tmp_path), World()
    work.folder.mkdir(parents=True)
    aws: Any = SimpleNamespace(account="123456789012")
    session = Session(target=target, aws=aws, out=Output(as_json=True))

    class Account:
        """Finds what only its name makes unique."""

        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def survey(self, known: frozenset[str]) -> Survey:
            found = {one: one for one in world.account if one in UNIQUE and one not in known}
            return Survey(imports=found, mistakes=())

    def synthesize(_: Mapping[str, str]) -> Stack:
        folder = work.folder / "stacks" / "dev-bootstrap"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        document: dict[str, Any] = {"terraform": {"backend": {"s3": {}}}}
        return Stack(name="dev-bootstrap", folder=folder, needs=(), document=document)

    unlink = Path.unlink

    def counted(path: Path, *, missing_ok: bool = False) -> None:
        if path == work.state:
            world.effect()
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(module, "Account", Account)
    monkeypatch.setattr(work, "synthesize", synthesize)
    monkeypatch.setattr(Path, "unlink", counted)
    return Machine(work=work, world=world, session=session)


def test_from_nothing_to_a_state_in_its_place(machine: Machine) -> None:
    assert machine.steps() == list(Step)
    machine.check()


def test_run_again_there_is_nothing_to_do(machine: Machine) -> None:
    machine.run()
    effects = machine.world.effects

    assert machine.steps() == [Step.SYNTHESIZE, Step.INSPECT, Step.PLAN]
    assert machine.world.effects == effects
    machine.check()


def test_what_was_added_to_the_settings_is_applied_in_place(machine: Machine) -> None:
    machine.run()
    state = json.loads(machine.world.remote or b"")
    del state["resources"][-1]
    machine.world.remote = json.dumps(state).encode()

    # The state is in its place already.
    assert machine.steps() == [one for one in Step if one not in {Step.MIGRATE, Step.CLEAN}]
    machine.check()


def test_killed_before_every_effect_the_next_run_goes_on(machine: Machine) -> None:
    machine.run()
    total = machine.world.effects
    assert total > len(CREATED) * 2
    for moment in range(total):
        world = machine.world
        world.account, world.remote, world.lock = [], None, None
        world.effects, world.kill_before = 0, moment
        with pytest.raises(Killed):
            machine.run()
        world.kill_before = None
        machine.run()
        machine.check()


def test_killed_while_it_changes_what_is_in_place_the_next_run_goes_on(machine: Machine) -> None:
    machine.run()
    complete = json.loads(machine.world.remote or b"")
    incomplete = json.dumps({**complete, "resources": complete["resources"][1:3]}).encode()
    for moment in range(100):
        world = machine.world
        world.account, world.remote = [BUCKET, ROLE], incomplete
        world.effects, world.kill_before = 0, moment
        try:
            machine.run()
        except Killed:
            world.kill_before = None
            machine.run()
            machine.check()
        else:
            break
    assert moment > 4


def test_killed_twice_the_next_run_goes_on(machine: Machine) -> None:
    machine.run()
    total = machine.world.effects
    for first in range(total):
        for second in range(first % 2, total - first, 3):
            world = machine.world
            world.account, world.remote, world.lock = [], None, None
            for moment in (first, second):
                world.effects, world.kill_before = 0, moment
                try:
                    machine.run()
                except Killed:
                    continue
                break
            world.kill_before = None
            machine.run()
            machine.check()


def test_killed_elsewhere_the_run_here_goes_on(machine: Machine) -> None:
    machine.run()
    total = machine.world.effects
    for moment in range(total):
        world = machine.world
        world.account, world.remote, world.lock = [], None, None
        world.effects, world.kill_before = 0, moment
        with pytest.raises(Killed):
            machine.run()
        world.kill_before = None
        # Another machine has neither the local state nor the record of the killed Terraform.
        shutil.rmtree(machine.work.folder)
        machine.work.folder.mkdir()
        if world.lock:
            with pytest.raises(BusyError, match=f"locked by {ME}"):
                machine.run()
            world.lock = None
        machine.run()
        machine.check()


def test_a_dry_run_changes_nothing(machine: Machine) -> None:
    machine.run(Consent(dry_run=True))

    assert machine.world.effects == 0
    assert not machine.world.account
    assert list(machine.work.folder.iterdir()) == []


def test_a_dry_run_keeps_what_a_killed_run_left(machine: Machine) -> None:
    machine.world.kill_before = 4
    with pytest.raises(Killed):
        machine.run()
    machine.world.kill_before = None
    state, record = machine.work.state.read_bytes(), machine.work.running.read_bytes()

    machine.run(Consent(dry_run=True))
    assert machine.work.state.read_bytes() == state
    assert machine.work.running.read_bytes() == record
    assert len(list(machine.work.folder.iterdir())) == 2
    machine.run()
    machine.check()


def test_a_state_that_terraform_could_not_store_is_kept(machine: Machine) -> None:
    machine.run()
    errored = machine.work.folder / "stacks" / "dev-bootstrap" / "errored.tfstate"
    errored.parent.mkdir(parents=True)
    errored.write_text("{}", encoding="utf-8")

    machine.work.tidy()

    assert errored.exists()


def test_a_plan_is_private(machine: Machine) -> None:
    machine.work.plan.write_text("of a killed run", encoding="utf-8")
    machine.work.plan.chmod(0o644)

    plan = machine.work.private_plan()

    assert (plan.stat().st_mode & 0o777, plan.read_bytes()) == (0o600, b"")


def _left_by(machine: Machine, word: str) -> datetime:
    """Let a command be killed while its Terraform works; return a moment after its start."""
    machine.work.record(["terraform", word])
    return datetime.now(tz=UTC)


@pytest.mark.parametrize("word", OPERATIONS)
def test_a_dry_run_keeps_the_lock_that_a_killed_run_left(machine: Machine, word: str) -> None:
    machine.run()
    machine.world.lock = lock = _lock(_left_by(machine, word), operation=OPERATIONS[word])

    machine.run(Consent(dry_run=True))
    assert machine.world.lock == lock
    machine.run()
    machine.check()


@pytest.mark.parametrize(
    ("lock", "later"),
    [
        ({"who": "ann@laptop"}, timedelta()),
        ({}, timedelta(seconds=-1)),
        # Somebody at this machine, or this user in another folder, took it after the kill.
        ({}, timedelta(minutes=3)),
        ({}, timedelta(days=1)),
        ({"operation": "OperationTypePlan"}, timedelta()),
        ({"operation": "migration destination state"}, timedelta()),
        ({"id_": ""}, timedelta()),
    ],
)
def test_the_lock_of_others_stops_it(
    machine: Machine, lock: dict[str, Any], later: timedelta
) -> None:
    machine.run()
    machine.world.lock = held = _lock(_left_by(machine, "apply") + later, **lock)

    with pytest.raises(BusyError, match=r"locked by .* since") as error:
        machine.run()

    assert f"unlock {held.id}" in str(error.value.remedy)
    assert machine.world.lock == held


@pytest.mark.parametrize("record", ["", "{", "[]", "2026-11-25T00:00:00+00:00", '{"started": 1}'])
def test_without_a_readable_record_no_lock_was_left(machine: Machine, record: str) -> None:
    machine.work.running.write_text(record, encoding="utf-8")
    now = datetime.now(tz=UTC)

    assert not machine.work.left(_lock(now), gone=now)


def test_a_lock_that_was_taken_after_terraform_had_ended_was_not_left(machine: Machine) -> None:
    now = _left_by(machine, "apply")

    assert machine.work.left(_lock(now), gone=now)
    assert not machine.work.left(_lock(now + timedelta(seconds=1)), gone=now)
    assert not machine.work.left(_lock(None), gone=now)


def test_only_a_terraform_that_takes_the_lock_is_recorded(machine: Machine) -> None:
    children = RecordedChildren(machine.work)

    children.finish(children.start(["true", "plan"]))
    assert not machine.work.running.exists()
    locking = children.start(["true", "apply"])
    assert machine.work.running.exists()
    # A plan does not replace the record of a killed run.
    children.finish(children.start(["true", "plan"]))
    assert machine.work.running.exists()
    children.finish(locking)
    assert not machine.work.running.exists()


def test_a_state_that_is_a_folder_is_said(machine: Machine) -> None:
    machine.work.state.mkdir()

    with pytest.raises(OperatorError, match=r"terraform.tfstate .*\(is a directory\)") as error:
        machine.run()

    assert error.value.remedy


def test_all_that_is_wrong_is_said_before_anything_is_planned(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.world.wrong = [Mistake(what="no bucket", remedy="a bucket")]
    other = Survey(imports={}, mistakes=(Mistake(what="no provider", remedy="a provider"),))
    found = SimpleNamespace(survey=lambda _: other)
    monkeypatch.setattr(module, "Account", lambda *_, **__: found)

    with pytest.raises(RefusedError, match="nothing was changed") as error:
        machine.run()

    assert str(error.value).endswith("\n  - no bucket\n  - no provider")
    assert error.value.remedy == "a bucket; a provider"
    assert machine.world.effects == 0


def _change(address: str, *actions: str) -> dict[str, Any]:
    change = {"actions": list(actions)}
    return {"address": address, "type": address.partition(".")[0], "change": change}


def test_a_plan_that_deletes_what_nothing_brings_back_is_refused(machine: Machine) -> None:
    provider = "aws_iam_openid_connect_provider.github_provider"
    alias, encryption = "aws_kms_alias.state_key_alias", "aws_s3_bucket_versioning.state"
    machine.world.deleted = [
        _change(BUCKET, "delete"),
        _change(KEY, "delete", "create"),
        _change(alias, "create", "delete"),
        _change(encryption, "delete"),
        _change(provider, "delete"),
        _change(ROLE, "delete"),
        _change("aws_s3_bucket_logging.state", "delete"),
        _change("aws_s3_bucket.other", "update"),
    ]

    for consent in (YES, Consent(dry_run=True)):
        with pytest.raises(RefusedError) as error:
            machine.run(consent)
        lines = str(error.value).splitlines()[1:]
        assert [line.split()[1] for line in lines] == [BUCKET, KEY, alias, encryption, provider]
        assert f"{BUCKET} would be deleted, and with it the states of all layers" in lines[0]
        assert f"{KEY} would be replaced, and with it every state" in lines[1]
        removal = f"terraform state rm {BUCKET} {KEY} {alias} {encryption} {provider}"
        assert removal in str(error.value.remedy)
    assert machine.world.effects == 0


@pytest.mark.parametrize("text", ["", "{}", "null", "[]", '{"resource_changes": [{}]}'])
def test_a_plan_that_cannot_be_read_is_not_applied(text: str) -> None:
    with pytest.raises(OperatorError, match="printed no plan"):
        refuse_losses(text, stack="dev-bootstrap")


def test_a_state_that_was_not_moved_as_it_is_stays_here(machine: Machine) -> None:
    def without_a_resource(content: bytes) -> bytes:
        document = json.loads(content)
        return json.dumps({**document, "resources": document["resources"][1:]}).encode()

    machine.world.corrupt = without_a_resource
    with pytest.raises(OperatorError, match="is not the state that was applied"):
        machine.run()
    kept = parse(machine.work.state.read_bytes(), "here")
    assert kept
    assert kept.resources.keys() == set(CREATED)

    # It is not overwritten either: the two are not revisions of each other.
    with pytest.raises(RefusedError, match="two states of the same resources"):
        machine.run()
    assert machine.work.state.exists()


def test_a_later_local_state_replaces_the_one_in_place(machine: Machine) -> None:
    machine.run()
    earlier = json.loads(machine.world.remote or b"")
    later = {**earlier, "serial": earlier["serial"] + 1}
    earlier["resources"] = earlier["resources"][:2]
    machine.world.remote = json.dumps(earlier).encode()
    machine.work.state.write_text(json.dumps(later), encoding="utf-8")

    assert Step.MIGRATE in machine.steps()
    machine.check()


def test_the_summary_counts_what_the_plan_does(machine: Machine) -> None:
    machine.world.account = [BUCKET]

    report = machine.run()

    assert report.plan
    assert report.plan.counts == {"import": 1, "add": 3, "change": 0}
    assert report.plan.summary == "1 to import, 3 to add"
    assert dataclasses.replace(report.plan, counts={}).summary == "outputs only"
