"""``ops bootstrap``, killed after each of its steps and at seeded moments between, and run again.

Most of a run is waiting: the provider waits for 55 seconds until a lifecycle configuration is the
same in several answers. So the cases run side by side.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ops.bootstrap.run import Step
from testing.emulator import Emulator, running_emulator
from tests.integration.bootstrapping import Site, copy_checkout
from tests.integration.terraform import Installation

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SEED = 12
MOMENTS = 20
# Lines that Terraform prints while it applies: it announces each resource, and reports its end.
_APPLY_LINES = 40
# The steps that take time, with the seconds that they need on a quiet machine.
_SECONDS = {Step.SYNTHESIZE: 1.0, Step.PLAN: 4.0, Step.MIGRATE: 1.5, Step.VERIFY: 4.0}
_SIDE_BY_SIDE = 4

Case = Callable[[Site, Path], None]


@pytest.fixture(scope="module")
def checkout(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Without Terraform and its provider, `installation` skips the test.
    return copy_checkout(tmp_path_factory.mktemp("killed") / "checkout")


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(tmp_path_factory.mktemp("emulator")) as running:
        yield running


def _after(step: Step) -> Case:
    def kill(site: Site, errors: Path) -> None:
        process = site.start("--yes", errors=errors)
        site.wait_for(errors, step.value, process)
        site.kill(process)

    return kill


def _within(step: Step, share: float) -> Case:
    """Kill within a step; all of its seconds have the same probability."""
    before = list(Step)[list(Step).index(step) - 1] if step is not Step.SYNTHESIZE else None

    def kill(site: Site, errors: Path) -> None:
        process = site.start("--yes", errors=errors)
        if before:
            site.wait_for(errors, before.value, process)
        time.sleep(share * _SECONDS[step])
        site.kill(process)

    return kill


def _while_applying(line: int, delay: float, *, terraform: bool) -> Case:
    """Kill after a line of Terraform; without ``terraform`` it survives, and works on."""

    def printed(site: Site) -> int:
        return site.log.read_bytes().count(b"\n") if site.log.exists() else 0

    def kill(site: Site, errors: Path) -> None:
        process = site.start("--yes", errors=errors)
        site.wait_until(lambda: printed(site) >= line, process)
        time.sleep(delay)
        site.kill(process, terraform=terraform)

    return kill


def _moments() -> dict[str, Case]:
    """Return seeded cases, half of them while Terraform applies."""
    chance = random.Random(SEED)
    cases: dict[str, Case] = {}
    for number in range(MOMENTS):
        if number % 2:
            step, share = chance.choice(list(_SECONDS)), chance.random()
            cases[f"{number}-{step.value}-{share:.2f}"] = _within(step, share)
        else:
            line, delay = chance.randrange(1, _APPLY_LINES), chance.random() / 2
            terraform = chance.random() < 0.7
            name = f"{number}-apply-line{line}-{delay:.2f}s" + (
                "" if terraform else "-terraform-survives"
            )
            cases[name] = _while_applying(line, delay, terraform=terraform)
    return cases


def _run(cases: dict[str, Case], prefix: str, checkout: Path, emulator: Emulator) -> None:
    def run(number: int, kill: Case) -> None:
        name = f"{prefix}{number:02}"
        errors = checkout / f"{name}.log"
        site = Site(checkout, emulator, name)
        kill(site, errors)
        answer = site.run("--yes")
        if answer.code == 0:
            site.check()
            return
        raise AssertionError(f"{errors.read_text('utf-8')}\nthen\n{answer.err}")

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        futures = {
            name: pool.submit(run, number, kill)
            for number, (name, kill) in enumerate(cases.items())
        }
    failed = {name: future.exception() for name, future in futures.items()}
    assert not any(failed.values()), "\n\n".join(
        f"killed at {name}: {error}" for name, error in failed.items() if error
    )


def test_killed_after_each_step(checkout: Path, emulator: Emulator) -> None:
    _run({step.value: _after(step) for step in Step}, "step", checkout, emulator)


def test_killed_at_seeded_moments(checkout: Path, emulator: Emulator) -> None:
    cases = _moments()
    assert len(cases) == MOMENTS
    _run(cases, "moment", checkout, emulator)
