"""The command line as a whole: help pages, start-up time, error messages."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from ops.cli import GROUPS
from ops.common.aws_errors import translate
from ops.common.errors import AccessError, MissingError, OperatorError, reported
from ops.common.session import translated_errors
from tests.ops.conftest import Run

ROOT = Path(__file__).resolve().parents[2]
# These run until they are stopped, so they have no result for --json.
OPERATING = sorted(GROUPS.keys() - {"local", "serve"})


def _commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name in OPERATING:
        command = get_command(importlib.import_module(f"ops.{name}.commands").app)
        inner = getattr(command, "commands", None)
        found += [(name, one) for one in inner] if inner else [(name,)]
    return found


@pytest.mark.parametrize("command", _commands(), ids=" ".join)
def test_every_help_page_has_an_example_and_the_exit_codes(
    ops: Run, command: tuple[str, ...]
) -> None:
    answer = ops(*command, "--help")
    assert answer.code == 0
    assert f"python -m ops {' '.join(command)}" in answer.out
    _, _, codes = answer.out.partition("exit codes:\n")
    numbers = [int(found) for found in re.findall(r"^ *(\d+)(?:\.\.\d+)?  ", codes, re.MULTILINE)]
    assert numbers
    assert numbers == sorted(numbers)
    assert "--json" in answer.out
    writes = {"delete", "clear", "import", "warm", "upload", "object", "table", "copy"}
    if command[-1] in writes and command != ("table",):
        assert "--dry-run" in answer.out
        assert "--confirm" in answer.out


def test_help_imports_neither_boto3_nor_the_settings() -> None:
    code = (
        "import sys; sys.argv = ['ops', '--help']\n"
        "from ops.cli import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "heavy = {'boto3', 'botocore', 'rich', 'pydantic', 'modules.settings', 'cdktf'}\n"
        "sys.exit(', '.join(heavy & sys.modules.keys()) or None)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in GROUPS)


def test_a_closed_stdout_is_one_line_and_a_remedy() -> None:
    command = f"{sys.executable} -m ops doctor --env prod >&-"
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: stdout or stderr is closed",
        "remedy: discard it with >/dev/null instead of >&-",
    ]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--confirm", "dev"), 2, "--confirm dev does not name this environment, prod"),
        (("--yes",), 5, "remedy: add --confirm prod"),
        ((), 5, "prod is not changed without a confirmation"),
    ],
)
def test_bootstrap_judges_the_consent_before_anything_else(
    options: tuple[str, ...], code: int, message: str, tmp_path: Path
) -> None:
    text = (ROOT / "environments" / "prod.toml").read_text("utf-8")
    # Without an account the credentials are not looked at yet.
    text = re.sub(r"(?m)^account_id.*$", "", text)
    (tmp_path / "prod.toml").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "ops", "bootstrap", "--env", "prod", *options],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "CO2_SETTINGS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code
    assert message in done.stderr


def test_debug_reraises_the_error(ops: Run) -> None:
    assert ops("cache", "recent", "--env", "nowhere").code == 2
    with pytest.raises(OperatorError):
        ops("cache", "recent", "--env", "nowhere", "--debug")


def _client_error(code: str) -> Exception:
    from botocore.exceptions import ClientError  # noqa: PLC0415

    error: Exception = ClientError({"Error": {"Code": code, "Message": "some\nreason"}}, "Scan")
    return error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ExpiredTokenException", AccessError),
        ("UnrecognizedClientException", AccessError),
        ("AccessDeniedException", AccessError),
        ("ResourceNotFoundException", MissingError),
        ("NoSuchBucket", MissingError),
    ],
)
def test_an_error_of_aws_becomes_one_line_and_a_remedy(
    code: str, kind: type[OperatorError]
) -> None:
    error = translate(_client_error(code))
    assert type(error) is kind
    assert "\n" not in str(error)
    assert error.remedy


def test_an_unknown_error_of_aws_is_shown_unchanged() -> None:
    error = translate(_client_error("TeapotException"))
    assert str(error) == "AWS answers TeapotException: Scan: some reason"


def test_no_credentials_is_one_line_and_a_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    from botocore.exceptions import NoCredentialsError  # noqa: PLC0415

    with pytest.raises(typer.Exit) as ended, reported(debug=False), translated_errors():
        raise NoCredentialsError
    assert ended.value.exit_code == 6
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["error", "remedy"]


def test_a_stopped_command_can_be_run_again() -> None:
    with pytest.raises(OperatorError) as error, translated_errors():
        raise KeyboardInterrupt
    assert error.value.exit_code == 130
    assert "run it again" in str(error.value.remedy)


def test_a_defect_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), translated_errors():
        raise ZeroDivisionError


def test_pipenv_runs_the_same_command() -> None:
    assert '\n[scripts]\nops = "python -m ops"\n' in (ROOT / "Pipfile").read_text("utf-8")


def test_sigint_stops_a_command_that_was_started_with_it_ignored() -> None:
    code = """
        import contextlib, runpy, signal, sys
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.argv = ["ops", "--help"]
        with contextlib.suppress(SystemExit):
            runpy.run_module("ops", run_name="__main__")
        print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("True\n")
