"""The scripts of the workflows and of GitLab's pipeline: Bash reads them, and the note is one."""

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
SCRIPTS = {
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
OPS = """\
#!/bin/sh
echo '<!-- ops-review -->' > note.md
exit "$CODE"
"""


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


@pytest.mark.skipif(shutil.which("jq") is None, reason="JQ IS NOT INSTALLED, so no note is tested")
@pytest.mark.parametrize(("code", "fails"), [(0, False), (2, False), (3, True)])
@pytest.mark.parametrize("exists", [True, False])
def test_a_merge_request_keeps_one_note_of_our_own(
    tmp_path: Path, code: int, *, fails: bool, exists: bool
) -> None:
    _program(tmp_path / ".venv" / "bin" / "python", OPS)
    _program(tmp_path / "bin" / "glab", GLAB)
    strangers = {"id": 1, "author": {"username": "stranger"}, "body": "<!-- ops-review -->\nok"}
    ours = {**strangers, "id": 2, "author": {"username": "project_1_bot"}}
    # glab prints one array for each page.
    pages = [[strangers], [ours] if exists else []]
    (tmp_path / "notes.json").write_text("".join(map(json.dumps, pages)), encoding="utf-8")

    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", SCRIPTS["GitLab: review script"]],
        cwd=tmp_path,
        env={
            "PATH": f"{tmp_path}/bin:/usr/local/bin:/usr/bin:/bin",
            "CODE": str(code),
            "NOTES": "N",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode != 0) == fails, done.stderr
    *_, sent = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    how = "--method PUT N/2" if exists else "--method POST N"
    assert sent == f"api {how} --field body=@note.md"
