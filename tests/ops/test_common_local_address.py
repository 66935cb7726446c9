"""The key of the local AWS."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import botocore.session
import pytest

from ops.common.errors import OperatorError
from ops.common.local_address import Key


def test_a_key_survives_its_file_and_is_new_each_time(tmp_path: Path) -> None:
    file, key = tmp_path / "aws" / "credentials", Key.new()
    key.write(file)

    assert Key.read(file) == key
    assert Key.new() != key
    assert key.secret not in repr(key)


def test_only_its_user_can_read_the_file(tmp_path: Path) -> None:
    file = tmp_path / "aws" / "credentials"
    file.parent.mkdir()
    # Left behind by a write that was interrupted.
    file.with_suffix(".new").touch(mode=0o666)
    previous = os.umask(0)
    try:
        Key.new().write(file)
    finally:
        os.umask(previous)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not file.with_suffix(".new").exists()


def test_the_sdks_can_read_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, key = tmp_path / "credentials", Key.new()
    key.write(file)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)

    found = botocore.session.Session(profile="co2-analysis-local").get_credentials()

    assert found is not None
    assert (found.access_key, found.secret_key) == (key.id, key.secret)


@pytest.mark.parametrize("text", [None, "", "[other]\naws_access_key_id = x\n", "no file", "\0"])
def test_a_file_without_the_key_is_one_clear_line(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "credentials"
    if text is not None:
        file.write_text(text, encoding="utf-8")

    with pytest.raises(OperatorError, match="has no key of the local AWS") as error:
        Key.read(file)

    assert error.value.remedy
    assert "\n" not in str(error.value)
