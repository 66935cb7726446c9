"""The `ops hcp` commands that docs/hcp-terraform.md shows with output are run in its order.

The runs are scripted: a line `...`, and `...` in a line, stand for what depends on the account.
"""

from __future__ import annotations

import re
import subprocess
import textwrap
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from ops.hcp.context import HcpContext
from ops.terraform.stacks import Stack
from testing.hcp.server import HcpStandIn
from tests.ops.conftest import Run

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "hcp-terraform.md").read_text(encoding="utf-8")
PROGRAM = "$ python -m ops "
ANYTHING = "..."


def _blocks(language: str) -> list[str]:
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", GUIDE, flags=re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in found]


def _steps() -> Iterator[tuple[str, list[str]]]:
    """Yield each command with the lines that the page shows of its output."""
    lines = "".join(_blocks("console")).splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in pairwise([*starts, len(lines)]):
        yield lines[start].removeprefix(PROGRAM), lines[start + 1 : end]


def _shows(shown: list[str], printed: list[str]) -> bool:
    """Return whether output is as shown, where a line ``...`` stands for any lines."""
    if not shown:
        return not printed
    if shown[0] == ANYTHING:
        return any(_shows(shown[1:], printed[skipped:]) for skipped in range(len(printed) + 1))
    pattern = re.escape(shown[0]).replace(re.escape(ANYTHING), ".*")
    return (
        bool(printed) and bool(re.fullmatch(pattern, printed[0])) and _shows(shown[1:], printed[1:])
    )


@pytest.fixture
def guide(ops: Run, settings: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Return the commands with the settings of the page, in an organization with nothing."""
    text = (ROOT / "environments" / "dev.toml").read_text(encoding="utf-8")
    account, _, chosen = _blocks("toml")[0].partition("\n")
    state, _, bootstrap = chosen.partition("[bootstrap.hcp]")
    text = text.replace("region =", f"{account}\nregion =", 1).replace("[state.s3]", state)
    text = text.replace("[bootstrap]", f"[bootstrap.hcp]{bootstrap}")
    (settings / "dev.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr("ops.hcp.workspace_runs._FIRST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr("ops.hcp.logs._PAUSE_SECONDS", 0.05)
    # The settings stay the same, so the stacks of the first command are those of all.
    synthesize = HcpContext.stacks.func  # type: ignore[attr-defined]
    found: list[Stack] = []

    def stacks(context: HcpContext) -> Sequence[Stack]:
        found.extend(() if found else synthesize(context))
        return found

    monkeypatch.setattr(HcpContext, "stacks", property(stacks))
    with HcpStandIn(organization="my-company") as hcp:
        monkeypatch.setenv("CO2_HCP_ADDRESS", hcp.address)
        monkeypatch.setenv("TF_TOKEN_app_terraform_io", hcp.token)
        yield ops


def test_every_command_prints_what_the_page_shows(guide: Run) -> None:
    steps = list(_steps())
    assert {command.split()[1] for command, _ in steps} == {"sync", "run", "status"}
    for command, shown in steps:
        answer = guide(*command.split())
        assert answer.code == 0, f"{command}\n{answer.err}"
        assert _shows(shown, answer.out.splitlines()), f"{command}\n{answer.out}"


def test_the_settings_of_the_notification_are_valid(
    ops: Run, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    *_, notification = _blocks("toml")
    minimal = '[state.hcp]\norganization = "my-company"\n[table]\nbilling = "on-demand"\n'
    text = f'region = "us-east-1"\nretain = false\n{minimal}{notification}'
    (settings / "dev.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("TFE_TOKEN", "x")
    monkeypatch.delenv("SLACK_WEBHOOK", raising=False)
    answer = ops("hcp", "sync", "--env", "dev")
    assert "SLACK_WEBHOOK" in answer.err


def test_gitignore_as_the_page_changes_it_commits_the_stacks_and_nothing_else(
    tmp_path: Path,
) -> None:
    (changed,) = _blocks("gitignore")
    text = (ROOT / ".gitignore").read_text(encoding="utf-8")
    assert "\ncdktf.out/\n" in text
    (tmp_path / ".gitignore").write_text(text.replace("cdktf.out/\n", changed), encoding="utf-8")
    stack = "cdktf.out/stacks/dev-compute"
    committed = {f"{stack}/cdk.tf.json", f"{stack}/assets/package/reasoning.zip"}
    ignored = {
        "cdktf.out/manifest.json",
        f"{stack}/.terraform/environment",
        f"{stack}/terraform.tfstate",
    }
    for name in committed | ignored:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout

    git("init", "--quiet")
    git("add", "--all")
    assert set(git("ls-files").split()) == committed | {".gitignore"}
