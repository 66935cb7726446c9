"""The four guards of fast synthesis, and its loud way back to the stock one.

They fail when a new release of cdktf, the bindings or jsii breaks an assumption of
modules/fast_import/bindings.py, before anyone wonders why synthesis has become slow or different.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tarfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from modules import environments
from modules.fast_import.bindings import STOCK_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
HOOK = ROOT / "modules" / "fast_import" / "lazy-index.cjs"
PEAK_MB = 300


def _python(
    code: str, *, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CO2_")}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        env=clean | (variables or {}),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )


def _synthesize(output: Path, **variables: str) -> str:
    code = f"""
        import sys
        from modules.command import main
        sys.exit(main(["--output", {str(output)!r}]))
    """
    return _python(code, variables=variables).stderr


def _documents(output: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in output.rglob("cdk.tf.json")}


@pytest.mark.slow
def test_stock_and_fast_loading_write_the_same_bytes(tmp_path: Path) -> None:
    assert _synthesize(tmp_path / "fast") == ""
    _synthesize(tmp_path / "stock", **{STOCK_VARIABLE: "1"})
    fast = _documents(tmp_path / "fast")
    assert set(fast) == {
        environment.naming.stack(layer)
        for environment in environments.load()
        for layer in environment.layers
    }
    assert fast == _documents(tmp_path / "stock")


@pytest.mark.slow
def test_no_type_of_the_provider_refers_to_another_submodule() -> None:
    """Otherwise a lazily loaded submodule could be handed a type that nothing has imported."""
    references = list(_references())
    assert len(references) > 10_000, "the type description is no longer read as it is written"
    crossing = [
        f"{name} -> {reference}"
        for name, reference in references
        if reference.startswith("@cdktf/provider-aws.")
        and reference.split(".")[1] != name.split(".")[1]
    ]
    assert crossing == []


def _references() -> Iterator[tuple[str, str]]:
    """Each type of the provider with each type that it refers to."""
    spec = importlib.util.find_spec("cdktf_cdktf_provider_aws._jsii")
    assert spec is not None
    assert spec.origin is not None
    (archive,) = Path(spec.origin).parent.glob("*.jsii.tgz")
    with tarfile.open(archive) as tar:
        member = tar.extractfile("package/.jsii")
        assert member is not None
        assembly = json.load(member)
    for name, definition in assembly["types"].items():
        yield from ((name, reference) for reference in _named(definition))


def _named(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("fqn"), str) and len(value) == 1:
            yield value["fqn"]
        for key, inner in value.items():
            if key == "base" and isinstance(inner, str):
                yield inner
            elif key == "interfaces" and isinstance(inner, list):
                yield from (item for item in inner if isinstance(item, str))
            yield from _named(inner)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)


@pytest.mark.slow
def test_node_stays_small(tmp_path: Path) -> None:
    """A kernel that started without the hook needs twice as much: cdktf was imported too early."""
    code = f"""
        import resource, subprocess, sys
        command = [sys.executable, "main.py", "--output", {str(tmp_path / "out")!r}]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    """
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    assert int(_python(code).stdout) / unit < PEAK_MB


@pytest.mark.slow
def test_the_first_run_leaves_the_index_that_makes_the_second_fast(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    _synthesize(tmp_path / "out", JSII_RUNTIME_PACKAGE_CACHE_ROOT=str(cache))
    assert list(cache.glob("@cdktf/provider-aws/*/*/.jsii.runtime.v*.json"))


def test_an_early_import_of_cdktf_falls_back_and_says_so() -> None:
    code = """
        import cdktf
        from modules.fast_import import bindings
        bindings.load("cdktf_cdktf_provider_aws")
    """
    assert "cdktf was imported before" in _python(code).stderr


def test_an_unknown_python_layout_falls_back_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "strange_provider").mkdir()
    (tmp_path / "strange_provider" / "__init__.py").write_text("answer = 42\n", encoding="utf-8")
    code = f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        from modules.fast_import import bindings
        bindings.load("strange_provider")
        import strange_provider
        print(strange_provider.answer)
    """
    done = _python(code)
    assert "strange_provider has no _jsii folder" in done.stderr
    assert done.stdout == "42\n"


def _node(index: str, script: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    library = tmp_path / "node_modules" / "@cdktf" / "provider-aws" / "lib"
    library.mkdir(parents=True)
    (library / "index.js").write_text(index, encoding="utf-8")
    for name in ("one", "two"):
        (library / name).mkdir()
        code = f'console.log("loaded {name}"); exports.name = "{name}";'
        (library / name / "index.js").write_text(code, encoding="utf-8")
    return subprocess.run(
        ["node", "--require", str(HOOK), "-e", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


def test_a_resources_code_is_read_when_it_is_first_used(tmp_path: Path) -> None:
    index = 'exports.one = require("./one");\nexports.two = require("./two");\n'
    script = 'const p = require("@cdktf/provider-aws/lib"); console.log(p.two.name);'
    assert _node(index, script, tmp_path).stdout == "loaded two\ntwo\n"


def test_an_unknown_node_layout_is_loaded_whole_and_says_so(tmp_path: Path) -> None:
    index = 'module.exports = { one: require("./one"), two: require("./two") };\n'
    script = 'console.log(require("@cdktf/provider-aws/lib").two.name);'
    done = _node(index, script, tmp_path)
    assert done.stdout == "loaded one\nloaded two\ntwo\n"
    assert "unknown layout" in done.stderr
