"""The scripts of the workflows and of GitLab's pipeline: Bash reads them, and some are run."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from modules.packaging import ROOT
from tests.workflows import WORKFLOWS

pytestmark = pytest.mark.integration

GITLAB = yaml.safe_load((ROOT / "docs" / "pipelines" / "gitlab-ci.yml").read_text("utf-8"))
SCRIPTS: dict[str, str] = {
    **{
        f"{name}: {id_} {number}": step["run"]
        for name, workflow in WORKFLOWS.items()
        for id_, job in workflow["jobs"].items()
        for number, step in enumerate(job.get("steps", []))
        if "run" in step
    },
    **{
        f"GitLab: {name} {part}": "\n".join(job[part])
        for name, job in GITLAB.items()
        for part in ("before_script", "script", "after_script")
        if isinstance(job, dict) and part in job
    },
}
GLAB = """\
#!/bin/sh
echo "$*" >> calls
case "$*" in
  "api user") echo '{"username": "project_1_bot"}' ;;
  *--paginate*) cat notes.json ;;
esac
"""
# Records its arguments, and prints what a dry run of an apply does.
OPS = """\
#!/bin/sh
echo "$*" > arguments
echo '<!-- ops-review -->' > note.md
echo "$PRINTED"
exit "${CODE:-0}"
"""
ENVIRONMENTS = json.dumps(["dev", "prod"])
needs_jq = pytest.mark.skipif(
    shutil.which("jq") is None, reason="JQ IS NOT INSTALLED, so no script that needs it is run"
)


@pytest.mark.parametrize("name", SCRIPTS)
def test_bash_reads_the_script(name: str) -> None:
    done = subprocess.run(
        ["bash", "-n"], input=SCRIPTS[name], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""


def _program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def _run(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder with a stand-in of `ops`, in the way of GitLab."""
    _program(folder / ".venv" / "bin" / "python", OPS)
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": f"{folder}/bin:/usr/local/bin:/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def _github(job: str, part: str) -> str:
    """Return the script of a job of GitHub that contains a text."""
    (found,) = (text for name, text in SCRIPTS.items() if f".yml: {job} " in name and part in text)
    return found


@needs_jq
@pytest.mark.parametrize(("code", "fails"), [(0, False), (1, True), (2, False), (3, True)])
@pytest.mark.parametrize("exists", [True, False])
def test_a_merge_request_keeps_one_note_of_our_own(
    tmp_path: Path, code: int, *, fails: bool, exists: bool
) -> None:
    _program(tmp_path / "bin" / "glab", GLAB)
    strangers = {"id": 1, "author": {"username": "stranger"}, "body": "<!-- ops-review -->\nok"}
    ours = {**strangers, "id": 2, "author": {"username": "project_1_bot"}}
    # glab prints one array for each page.
    pages = [[strangers], [ours] if exists else []]
    (tmp_path / "notes.json").write_text("".join(map(json.dumps, pages)), encoding="utf-8")

    done = _run(
        SCRIPTS["GitLab: review script"],
        tmp_path,
        CODE=str(code),
        NOTES="N",
        PIPELINE_ENVIRONMENTS=ENVIRONMENTS,
        CI_COMMIT_SHA="abc",
    )

    assert (done.returncode != 0) == fails, done.stderr
    *_, sent = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    how = "--method PUT N/2" if exists else "--method POST N"
    assert sent == f"api {how} --field body=@note.md"
    arguments = (tmp_path / "arguments").read_text(encoding="utf-8")
    assert " review --expect dev --expect prod --commit abc " in arguments
    # `--full` writes there, and nothing made it if no job planned.
    assert (tmp_path / "build" / "pipeline").is_dir()


@needs_jq
@pytest.mark.parametrize(("code", "fails"), [(0, False), (1, True), (2, False), (3, True)])
def test_the_review_of_a_pull_request_expects_all_environments(
    tmp_path: Path, code: int, *, fails: bool
) -> None:
    done = _run(
        _github("review", "pipeline review"),
        tmp_path,
        CODE=str(code),
        COMMIT="abc",
        ENVIRONMENTS=ENVIRONMENTS,
        NUMBER="7",
        RUN="R",
    )

    assert (done.returncode != 0) == fails, done.stderr
    arguments = (tmp_path / "arguments").read_text(encoding="utf-8")
    assert " review --expect dev --expect prod --commit abc --comment 7 " in arguments
    assert (tmp_path / "build" / "pipeline").is_dir()


@needs_jq
@pytest.mark.parametrize(("id_", "expected"), [("1-a", "1-a"), (None, "")])
def test_the_id_of_what_is_shown_is_handed_on_and_is_empty_if_there_is_nothing(
    tmp_path: Path, id_: str | None, expected: str
) -> None:
    printed, output = json.dumps({"id": id_}), tmp_path / "output"

    _run(_github("show", "pipeline apply"), tmp_path, PRINTED=printed, GITHUB_OUTPUT=str(output))
    _run(SCRIPTS["GitLab: .show script"], tmp_path, PRINTED=printed)

    assert output.read_text(encoding="utf-8") == f"plan={expected}\n"
    assert (tmp_path / "shown.env").read_text(encoding="utf-8") == f"PLAN={expected}\n"


@pytest.mark.parametrize(("plan", "applies"), [("1-a", True), ("", False)])
def test_gitlab_applies_what_was_shown_and_succeeds_if_that_is_nothing(
    tmp_path: Path, plan: str, *, applies: bool
) -> None:
    done = _run(SCRIPTS["GitLab: .apply script"], tmp_path, PLAN=plan, ENVIRONMENT="dev")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "arguments").exists() == applies


@pytest.mark.parametrize(("size", "cut"), [(None, False), (1000, False), (2_000_000, True)])
def test_the_summary_of_a_run_takes_a_review_of_any_size(
    tmp_path: Path, size: int | None, *, cut: bool
) -> None:
    """GitHub drops one of more than 1 MiB."""
    if size is not None:
        (tmp_path / "review.md").write_text("x" * size, encoding="utf-8")
    summary = tmp_path / "summary"

    done = _run(
        _github("show", "head"), tmp_path, GITHUB_STEP_SUMMARY=str(summary), ENVIRONMENT="dev"
    )

    assert done.returncode == 0, done.stderr
    text = summary.read_text(encoding="utf-8")
    assert len(text) < 2**20
    assert ("the artifact shown-dev has all of it" in text) == cut
    assert text.count("x") >= min(size or 0, 1_000_000)
