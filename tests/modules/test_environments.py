"""Environments are settings files, named by the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules import environments
from modules.problems import InputError

GOOD = """
region = "us-east-1"
retain = false
[state.local]
[table]
billing = "on-demand"
"""


def test_a_local_environment_is_excluded_by_default(tmp_path: Path) -> None:
    for name, text in (("one", GOOD), ("two", GOOD), ("local", f"{GOOD}[local_aws]\n")):
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    loaded = environments.load(folder=tmp_path)
    assert [e.naming.environment for e in loaded] == ["one", "two"]
    (local,) = environments.load(["local"], folder=tmp_path)
    assert local.naming.environment == "local"


def test_the_local_port_changes_both_endpoints() -> None:
    (local,) = environments.load(["local"], local_port=5000)
    assert local.settings.local_aws is not None
    assert local.settings.local_aws.endpoint == "http://127.0.0.1:5000"
    assert local.settings.gemini.endpoint == "http://127.0.0.1:5001"


def test_an_emulated_environment_never_calls_the_real_gemini(tmp_path: Path) -> None:
    gemini = 'endpoint = "https://gemini.example.org"\nhosts = ["gemini.example.org"]\n'
    text = f"{GOOD}[local_aws]\n[gemini]\n{gemini}"
    (tmp_path / "trial.toml").write_text(text, encoding="utf-8")
    (trial,) = environments.load(["trial"], folder=tmp_path)
    assert trial.settings.gemini.endpoint == "http://127.0.0.1:4567"
    assert trial.function_variables["GEMINI_HOSTS"] == "127.0.0.1"


def test_a_new_file_is_a_new_environment(tmp_path: Path) -> None:
    (tmp_path / "demo.toml").write_text(GOOD, encoding="utf-8")
    (demo,) = environments.load(folder=tmp_path)
    assert demo.naming.cache_table == "co2-analysis-demo-cache"


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("demo.toml", "region = ", "not valid TOML"),
        ("Demo.toml", GOOD, "lower-case"),
        ("a--b.toml", GOOD, "single hyphens"),
        ("demo.toml", f'{GOOD}[buckets]\nsuffix = "{"x" * 60}"', "S3 allows 63"),
        (f"{'a' * 50}.toml", GOOD, "over 64 characters"),
    ],
)
def test_the_message_names_the_invalid_file(
    file: str, text: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / file).write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        environments.load(folder=tmp_path)
    assert says in str(caught.value)
    assert file in str(caught.value)


def test_problems_of_all_files_are_reported_together(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.toml").write_text(GOOD.replace("us-", "u-"), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        environments.load(["one", "two", "three"], folder=tmp_path)
    assert {problem.where for problem in caught.value.problems} == {
        "one.toml",
        "two.toml",
        "--env",
    }


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \*\.toml"):
        environments.load(folder=tmp_path)


@pytest.mark.parametrize(
    ("vault", "fields"),
    [
        ("us-east-1:123456789012:backup-vault:co2-analysis-demo-backup",
         ["backup.copy_to_vault_arn"]),
        ("eu-west-1:123456789012:backup-vault:co2-analysis-demo-backup", []),
        ("us-east-1:210987654321:backup-vault:co2-analysis-demo-backup", []),
        ("us-east-1:123456789012:backup-vault:copies", []),
    ],
)  # fmt: skip
def test_backups_are_not_copied_to_their_own_vault(
    vault: str, fields: list[str], tmp_path: Path
) -> None:
    text = f'account_id = "123456789012"\n{GOOD}[buckets]\nversioning = true\n'
    text += f'[backup]\ncopy_to_vault_arn = "arn:aws:backup:{vault}"\n'
    (tmp_path / "demo.toml").write_text(text, encoding="utf-8")
    found: list[str] = []
    try:
        environments.load(folder=tmp_path)
    except InputError as error:
        found = [problem.field for problem in error.problems]
    assert found == fields
