"""The command line: exit codes, messages and written files."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modules import environments
from modules.command import EXIT_BAD_INPUT, main, parse
from modules.problems import InputError

ROOT = Path(__file__).resolve().parents[2]
GOOD = (ROOT / "environments" / "dev.toml").read_text(encoding="utf-8")


def _run(
    *arguments: str, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CO2_")}
    return subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *arguments],
        cwd=ROOT,
        env=clean | (variables or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _stacks(output: Path) -> list[str]:
    return sorted(path.name for path in (output / "stacks").iterdir())


def test_one_environment_and_layer_can_be_selected(tmp_path: Path) -> None:
    done = _run("--env", "dev", "--layer", "storage", "--output", str(tmp_path / "out"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path / 'out'}/stacks: dev-storage\n"
    assert _stacks(tmp_path / "out") == ["dev-storage"]


def test_environment_variables_are_defaults_of_options(tmp_path: Path) -> None:
    variables = {
        "CO2_ENVIRONMENTS": "local",
        "CO2_LAYERS": "base",
        "CO2_LOCAL_PORT": "5000",
        "CDKTF_OUTDIR": str(tmp_path / "out"),
    }
    assert _run(variables=variables).returncode == 0
    assert _stacks(tmp_path / "out") == ["local-base"]
    text = (tmp_path / "out/stacks/local-base/cdk.tf.json").read_text(encoding="utf-8")
    assert "http://127.0.0.1:5000" in text


@pytest.mark.parametrize(
    ("arguments", "settings", "says"),
    [
        (("--env", "pord"), None, ["pord", ", ".join(environments.names())]),
        (("--layer", "stroage"), None, ["stroage", "base, storage, compute, frontend"]),
        (("--env", "local", "--layer", "frontend"), None, ["frontend", "none of the selected"]),
        (("--env", "dev", "--layer", "monitoring"), None, ["monitoring", "none of the selected"]),
        (("--local-port", "http"), None, ["http", "integer"]),
        (("--env", "pord", "--layer", "x"), None, ["pord", "--layer"]),
        ((), GOOD + "\n[tabel]\n", ["dev.toml", "tabel", '"table"']),
        ((), GOOD.replace("retain = false", ""), ["retain", "required"]),
        ((), GOOD.replace("retain = false", "retain = true"), ["point_in_time_recovery"]),
        ((), GOOD.replace('["*"]', '["example"]'), ["cors_origins[0]", "origin URL"]),
        ((), GOOD.replace("[state.s3]", "[state.s3]\nbucket='UPPER'"), ["state.s3.bucket"]),
        ((), "not toml", ["dev.toml", "not valid TOML"]),
    ],
)
def test_invalid_input_prints_one_message_and_writes_nothing(
    arguments: tuple[str, ...],
    settings: str | None,
    says: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if settings is not None:
        folder = tmp_path / "settings"
        folder.mkdir()
        (folder / "dev.toml").write_text(settings, encoding="utf-8")
        arguments = (*arguments, "--settings", str(folder))
    assert main([*arguments, "--output", str(tmp_path / "out")]) == EXIT_BAD_INPUT
    output, errors = capsys.readouterr()
    assert output == ""
    for part in (*says, "why:", "remedy:", "nothing was written"):
        assert part in errors
    assert not (tmp_path / "out").exists()


def test_an_interpreter_without_the_packages_names_the_remedy() -> None:
    for program, code in ((["main.py", "--env", "dev"], EXIT_BAD_INPUT), (["-m", "ops"], 3)):
        # -S: without the packages of this environment.
        done = subprocess.run(
            [sys.executable, "-S", *program],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stdout) == (code, "")
        first, remedy = done.stderr.splitlines()
        assert "not installed: " in first
        assert remedy.startswith("remedy: make install, then .venv/bin/python ")


@pytest.mark.parametrize("there", ["file", "parent is a file", "unwritable"])
def test_an_output_that_cannot_be_written_is_a_problem(
    there: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "out"
    if there == "file":
        output.write_text("mine", encoding="utf-8")
    elif there == "parent is a file":
        output.write_text("mine", encoding="utf-8")
        output /= "below"
    else:
        # The tests may be run by root, whom no mode stops.
        def read_only(**_: object) -> None:
            raise OSError(errno.EROFS, "Read-only file system")

        monkeypatch.setattr("tempfile.TemporaryFile", read_only)

    assert main(["--env", "dev", "--output", str(output)]) == EXIT_BAD_INPUT

    errors = capsys.readouterr().err
    assert f'--output: output = "{output}"' in errors
    assert "remedy: choose another folder" in errors


def test_invalid_input_prints_no_traceback(tmp_path: Path) -> None:
    done = _run("--env", "pord", "--output", str(tmp_path / "out"))
    assert (done.returncode, done.stdout) == (EXIT_BAD_INPUT, "")
    assert "pord" in done.stderr
    assert "Traceback" not in done.stderr


# What the owner of prod fills in, and what the file says until then.
FORGOTTEN = {
    "account_id",
    "buckets.cors_origins[0]",
    "frontend.domain",
    "monitoring.emails",
    "monitoring.monthly_budget_usd",
}


CERTIFICATE = "arn:aws:acm:us-east-1:210987654321:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"
DOMAIN = f"""
[frontend.domain]
names = ["co2.institute.test"]
certificate_arn = "{CERTIFICATE}"
"""


def _filled_in(folder: Path) -> str:
    """Write prod as its owner would complete it to ``folder``, and return that."""
    text = (ROOT / "environments" / "prod.toml").read_text(encoding="utf-8")
    for before, after in (
        ("retain = true", 'retain = true\naccount_id = "210987654321"'),
        ("www.example.org", "www.institute.test"),
        (
            "[monitoring]",
            '[monitoring]\nemails = ["operators@institute.test"]\nmonthly_budget_usd = 200',
        ),
    ):
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    text += DOMAIN
    if "[frontend.firewall]" not in text:
        text += "\n[frontend.firewall]\n"
    (folder / "prod.toml").write_text(text, encoding="utf-8")
    return str(folder)


def test_warnings_are_lines_on_stderr_and_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CO2_STRICT", raising=False)
    monkeypatch.setattr("modules.app.synthesize", lambda *_, **__: ["prod-base"])

    assert main(["--env", "prod", "--output", "out"]) == 0

    output, errors = capsys.readouterr()
    assert output == "out/stacks: prod-base\n"
    lines = errors.splitlines()
    assert {line.split(": ")[2] for line in lines} >= FORGOTTEN
    assert all(line.startswith("warning: prod.toml: ") for line in lines)
    assert (
        "warning: prod.toml: monitoring.emails: it is empty, so alarms have no recipient; "
        "add a recipient" in lines
    )


@pytest.mark.parametrize("variables", [{}, {"CO2_STRICT": "1"}])
def test_the_shipped_prod_is_not_fit_for_production(
    variables: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("CO2_STRICT", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    options = [] if variables else ["--strict"]

    done = main(["--env", "prod", *options, "--output", str(tmp_path / "out")])

    output, errors = capsys.readouterr()
    assert (done, output) == (EXIT_BAD_INPUT, "")
    assert all(f"prod.toml: {field} " in errors for field in FORGOTTEN)
    assert not (tmp_path / "out").exists()


def test_prod_is_fit_for_production_once_it_is_filled_in(tmp_path: Path) -> None:
    request = parse(["--env", "prod", "--strict", "--settings", _filled_in(tmp_path)], {})

    assert request.warnings == []


@pytest.mark.parametrize("value", ["", "0"])
def test_strictness_can_be_left_off_by_its_variable(value: str) -> None:
    assert parse(["--env", "prod"], {"CO2_STRICT": value}).warnings


def test_an_unknown_value_of_the_variable_is_reported() -> None:
    with pytest.raises(InputError, match='CO2_STRICT = "yes"'):
        parse(["--env", "dev"], {"CO2_STRICT": "yes"})


def test_help_shows_examples_and_exit_codes() -> None:
    done = _run("--help")
    assert done.returncode == 0
    assert "python main.py --env dev --layer storage" in done.stdout
    assert "python main.py --env prod --strict" in done.stdout
    assert "CO2_STRICT" in done.stdout
    assert "exit codes: 0 written" in done.stdout


def test_a_misspelt_option_exits_with_the_same_code() -> None:
    assert _run("--evn", "dev").returncode == EXIT_BAD_INPUT
