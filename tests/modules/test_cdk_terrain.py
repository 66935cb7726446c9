"""CDK Terrain synthesizes the same output as CDKTF, except for the listed differences."""

from __future__ import annotations

import difflib
import json
import re
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.modules.conftest import VARIANTS
from tests.modules.interpreters import CDK_TERRAIN, CDKTF, ROOT, complaints, run_code, run_python

LOCK = json.loads((ROOT / "Pipfile.lock").read_text(encoding="utf-8"))
SETTINGS = {"environments": ROOT / "environments", "variants": VARIANTS}
TIMED_RUNS = 3


def _locked(category: str, package: str) -> str:
    version: str = LOCK[category][package]["version"]
    return version.removeprefix("==")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A text of CDKTF, CDK Terrain's replacement, and why they are equivalent."""

    reason: str
    pattern: str
    replacement: str


ALLOWED = (
    Difference(
        reason="Terraform expands the short source address to the same provider",
        pattern=r'"source": "aws"',
        replacement='"source": "hashicorp/aws"',
    ),
    Difference(
        reason="the version in the metadata is a comment, which Terraform ignores",
        pattern=f'"version": "{re.escape(_locked("default", "cdktf"))}"',
        replacement=f'"version": "{_locked("cdktn", "cdktn")}"',
    ),
    Difference(
        reason="CDKTF puts a line break into empty objects and arrays",
        pattern=r"([\[{])\n +([\]}])",
        replacement=r"\1\2",
    ),
)


def expected(text: str) -> str:
    """Return the text of CDK Terrain for ``text`` of CDKTF."""
    for difference in ALLOWED:
        text = re.sub(difference.pattern, difference.replacement, text)
    return text


@pytest.mark.slow
def test_only_the_listed_differences_exist(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not CDK_TERRAIN.exists():
        pytest.skip("CDK TERRAIN IS NOT INSTALLED, so nothing is compared: run `make cdktn`")
    for name, settings in SETTINGS.items():
        _synthesize(CDKTF, settings, tmp_path / "cdktf" / name)
        _synthesize(CDK_TERRAIN, settings, tmp_path / "cdktn" / name)
    written = _files(tmp_path / "cdktf")
    found = _files(tmp_path / "cdktn")

    stacks = {Path(name).parent.name for name in written if name.endswith("cdk.tf.json")}
    environments = {path.stem for folder in SETTINGS.values() for path in folder.glob("*.toml")}
    assert {stack.rpartition("-")[0] for stack in stacks} == environments
    assert set(found) == set(written)
    unexpected: list[str] = []
    for name, text in written.items():
        unexpected += difflib.unified_diff(
            expected(text).splitlines(keepends=True),
            found[name].splitlines(keepends=True),
            f"cdktf/{name}",
            f"cdktn/{name}",
        )
    assert not unexpected, "".join(unexpected)
    with capsys.disabled():
        print(f"\n{len(stacks)} stacks are equivalent. {_compared_times(tmp_path)}")


def _synthesize(python: Path, settings: Path, output: Path) -> float:
    """Synthesize all environments in ``settings``; return the wall time in seconds."""
    environments = [f"--env={path.stem}" for path in sorted(settings.glob("*.toml"))]
    start = time.monotonic()
    done = run_python(
        "main.py", f"--settings={settings}", f"--output={output}", *environments, python=python
    )
    assert complaints(done) == ""  # a fallback to stock loading is reported here
    return time.monotonic() - start


def _files(output: Path) -> dict[str, str]:
    """Read every file; latin-1 decodes each byte of a ZIP file as a character."""
    return {
        path.relative_to(output).as_posix(): path.read_bytes().decode("latin-1")
        for path in output.rglob("*")
        if path.is_file()
    }


def _compared_times(folder: Path) -> str:
    """Time both alternately, because the speed of a machine drifts."""
    ratios = []
    for _ in range(TIMED_RUNS):
        cdktf = _synthesize(CDKTF, SETTINGS["environments"], folder / "timed")
        cdktn = _synthesize(CDK_TERRAIN, SETTINGS["environments"], folder / "timed")
        ratios.append(cdktn / cdktf)
    return f"Wall time of CDK Terrain over CDKTF: {statistics.median(ratios):.2f}"


def test_the_listed_differences_are_expected() -> None:
    cdktf, cdktn = _locked("default", "cdktf"), _locked("cdktn", "cdktn")
    written = f'"outputs": {{\n    }}, "a": [\n  ], "version": "{cdktf}", "source": "aws"'
    assert expected(written) == (
        f'"outputs": {{}}, "a": [], "version": "{cdktn}", "source": "hashicorp/aws"'
    )


@pytest.mark.parametrize(
    ("cdktf", "cdktn"),
    [
        ('"source": "aws"', '"source": "aws"'),
        ('"source": "random"', '"source": "hashicorp/random"'),
        ('"version": ">= 5.0"', '"version": ">= 6.0"'),
        ('"a": {\n  "b": 1\n}', '"a": {"b": 1}'),
        ('"a": {\n}', '"a": null'),
        ('"policy": "{ }"', '"policy": "{}"'),
    ],
)
def test_any_other_difference_is_unexpected(cdktf: str, cdktn: str) -> None:
    assert expected(cdktf) != cdktn


@pytest.mark.parametrize(
    ("installed", "imported"),
    [(["cdktf", "cdktn"], "cdktf"), (["cdktn"], "cdktn"), (["cdktf"], "cdktf")],
)
def test_cdktf_is_used_where_it_is_installed(
    tmp_path: Path, installed: list[str], imported: str
) -> None:
    for package in installed:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    code = """
        import cdktf
        print(cdktf.__name__)
    """
    assert _with_packages(tmp_path, code) == f"{imported}\n"


def test_submodules_of_cdk_terrain_are_loaded_once(tmp_path: Path) -> None:
    (tmp_path / "cdktn").mkdir()
    provider = tmp_path / "cdktn_provider_aws" / "s3_bucket"
    provider.mkdir(parents=True)
    (provider / "__init__.py").write_text("class S3Bucket: ...", encoding="utf-8")
    code = """
        from cdktf_cdktf_provider_aws.s3_bucket import S3Bucket
        import cdktn_provider_aws.s3_bucket
        print(S3Bucket is cdktn_provider_aws.s3_bucket.S3Bucket, S3Bucket.__module__)
    """
    assert _with_packages(tmp_path, code) == "True cdktn_provider_aws.s3_bucket\n"


def test_the_error_names_cdktf_if_neither_is_installed(tmp_path: Path) -> None:
    code = """
        try:
            import cdktf
        except ModuleNotFoundError as error:
            print(error)
    """
    assert _with_packages(tmp_path, code) == "No module named 'cdktf'\n"


def _with_packages(folder: Path, code: str) -> str:
    """Run ``code`` after the alias is set up, with the packages in ``folder`` only."""
    setup = f"""
        import sys
        sys.path[:] = [path for path in sys.path if "site-packages" not in path]
        sys.path.insert(0, {str(folder)!r})
        from modules.fast_import.cdk_terrain import installed_packages
        installed_packages()
    """
    return run_code(setup + code).stdout
