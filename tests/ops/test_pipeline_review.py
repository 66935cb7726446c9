"""``ops pipeline review``: one report of what several jobs have planned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.review import json_report, sources
from ops.review.acceptance import Acceptances
from ops.review.reviewing import review
from tests.ops.conftest import Run

PLANS = Path(__file__).resolve().parents[1] / "review" / "plans"
DANGER = "aws_dynamodb_table.cache"


def _planned(folder: Path, environment: str, plan: str) -> None:
    """Write what ``pipeline plan`` writes for an environment with one layer."""
    source = folder / f"{environment}-storage.json"
    folder.mkdir(exist_ok=True)
    source.write_bytes((PLANS / f"{plan}.json").read_bytes())
    made = review(sources.load([source]), Acceptances())
    source.unlink()
    (folder / environment).mkdir()
    document = json.dumps(json_report.document(made))
    (folder / environment / "review.json").write_text(document, encoding="utf-8")


def test_the_environments_are_in_one_report(ops: Run, tmp_path: Path) -> None:
    _planned(tmp_path / "all", "dev", "nothing")
    _planned(tmp_path / "all", "prod", "changes")
    comment = tmp_path / "comment.md"

    answer = ops("pipeline", "review", str(tmp_path / "all"), "--markdown", str(comment), "--json")

    assert answer.code == 3
    stacks = [one["name"] for one in json.loads(answer.out)["stacks"]]
    assert stacks == ["dev-storage", "prod-storage"]
    page = comment.read_text("utf-8")
    assert page.startswith("<!-- ops-review -->")
    assert "prod-storage" in page


def test_a_danger_is_accepted_where_the_file_says(ops: Run, tmp_path: Path) -> None:
    for environment in ("dev", "prod"):
        _planned(tmp_path / "all", environment, "changes")
    before = ops("pipeline", "review", str(tmp_path / "all"), "--json")
    rows = [
        f"[[accepted]]\naddress = {json.dumps(item['address'])}\nkind = {json.dumps(one['kind'])}\n"
        'stacks = ["dev-*"]\nwho = "Ada"\nwhy = "A test."\nuntil = "9999-12-31"\n'
        for stack in json.loads(before.out)["stacks"][:1]
        for item in stack["changes"]
        for one in item["dangers"]
    ]
    file = tmp_path / "accepted.toml"
    file.write_text("\n".join(rows), encoding="utf-8")

    answer = ops("pipeline", "review", str(tmp_path / "all"), "--acceptances", str(file), "--json")

    assert rows
    assert answer.code == 3
    left = [
        [one["accepted"] is not None for item in stack["changes"] for one in item["dangers"]]
        for stack in json.loads(answer.out)["stacks"]
    ]
    assert all(left[0])
    assert not any(left[1])


@pytest.mark.parametrize(
    ("prepare", "cause"),
    [
        ("nothing", "has no ENV/review.json"),
        ("twice", "several reviews of dev-storage"),
        ("text", "is not JSON"),
        ("other", "is no review that can be read"),
    ],
)
def test_a_folder_that_cannot_be_reviewed_is_named(
    ops: Run, tmp_path: Path, prepare: str, cause: str
) -> None:
    folder = tmp_path / "all"
    _planned(folder, "dev", "nothing")
    file = folder / "dev" / "review.json"
    if prepare == "nothing":
        file.unlink()
    elif prepare == "twice":
        (folder / "copy").mkdir()
        (folder / "copy" / "review.json").write_bytes(file.read_bytes())
    else:
        file.write_text("?" if prepare == "text" else "{}", encoding="utf-8")

    answer = ops("pipeline", "review", str(folder))

    assert answer.code == 1
    assert cause in answer.err
    assert "remedy: " in answer.err


def test_an_environment_that_was_not_planned_has_failed(ops: Run, tmp_path: Path) -> None:
    _planned(tmp_path / "all", "dev", "nothing")
    comment = tmp_path / "comment.md"
    expected = ("--expect", "dev", "--expect", "prod", "--commit", "0123abc")

    answer = ops("pipeline", "review", str(tmp_path / "all"), *expected, "--markdown", str(comment))

    assert answer.code == 1
    page = comment.read_text("utf-8")
    assert "### Plan review of `0123abc`" in page
    assert "#### `prod`" in page
    assert "it was not planned" in page


def test_whatever_fails_is_not_taken_for_changes(ops: Run, tmp_path: Path) -> None:
    _planned(tmp_path / "all", "dev", "nothing")

    answer = ops("pipeline", "review", str(tmp_path / "all"), "--comment", "5")

    assert answer.code == 1
    assert "no repository was named" in answer.err


@pytest.mark.parametrize("arguments", [["--comment", "0"], ["--limit", "1"], ["--no-such-option"]])
def test_an_invalid_option_is_not_taken_for_changes(ops: Run, arguments: list[str]) -> None:
    assert ops("pipeline", "review", *arguments).code == 1


@pytest.mark.parametrize("command", ["plan", "apply", "drift"])
def test_an_environment_without_shared_state_is_refused(
    ops: Run, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.toml").write_text(
        'region = "us-east-1"\nretain = false\n[state.local]\n[table]\nbilling = "on-demand"\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("CO2_SETTINGS", str(tmp_path))

    answer = ops("pipeline", command, "--env", "mine")

    assert answer.code == 2
    assert "mine has no state that a pipeline could share" in answer.err
