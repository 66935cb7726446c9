"""The guards of fast synthesis, and its fallback to stock loading with a warning.

They fail when a new release of CDKTF, CDK Terrain, the bindings or jsii breaks an assumption of
modules/fast_import/bindings.py, before synthesis becomes slow or different unnoticed.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from modules import environments
from modules.fast_import.bindings import STOCK_VARIABLE
from tests.modules.interpreters import INSTALLED, ROOT, complaints, run_code, run_python

HOOK = ROOT / "modules" / "fast_import" / "lazy-index.cjs"
PEAK_MB = 300

with_every_package = pytest.mark.parametrize("python", INSTALLED, ids=lambda path: path.parts[-3])


def _synthesize(python: Path, output: Path, **variables: str) -> str:
    return complaints(
        run_python("main.py", f"--output={output}", python=python, variables=variables)
    )


def _documents(output: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in output.rglob("cdk.tf.json")}


@pytest.mark.slow
@with_every_package
def test_stock_and_fast_loading_write_the_same_bytes(python: Path, tmp_path: Path) -> None:
    assert _synthesize(python, tmp_path / "fast") == ""
    _synthesize(python, tmp_path / "stock", **{STOCK_VARIABLE: "1"})
    fast = _documents(tmp_path / "fast")
    assert set(fast) == {
        environment.naming.stack(layer)
        for environment in environments.load()
        for layer in environment.layers
    }
    assert fast == _documents(tmp_path / "stock")


@pytest.mark.slow
def test_no_type_of_the_provider_refers_to_another_submodule() -> None:
    """Otherwise a lazily loaded submodule could receive a type that nothing has imported.

    The bindings of CDK Terrain import such a type themselves.
    """
    references = list(_references())
    assert len(references) > 10_000, "the format of the type description has changed"
    crossing = [
        f"{name} -> {reference}"
        for name, reference in references
        if reference.startswith("@cdktf/provider-aws.")
        and reference.split(".")[1] != name.split(".")[1]
    ]
    assert crossing == []


def _references() -> Iterator[tuple[str, str]]:
    """Yield each type of the provider with each type that it refers to."""
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
@with_every_package
def test_node_stays_within_its_memory_limit(python: Path, tmp_path: Path) -> None:
    """A kernel without the hook, started by an early import of cdktf, needs twice as much."""
    code = f"""
        import resource, subprocess, sys
        command = [sys.executable, "main.py", "--output", {str(tmp_path / "out")!r}]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    """
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    assert int(run_code(code, python=python).stdout) / unit < PEAK_MB


@pytest.mark.slow
@with_every_package
def test_the_first_run_writes_the_index_for_later_runs(python: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    _synthesize(python, tmp_path / "out", JSII_RUNTIME_PACKAGE_CACHE_ROOT=str(cache))
    assert list(cache.glob("*/provider-aws/*/*/.jsii.runtime.v*.json"))


def test_an_early_import_of_cdktf_falls_back_with_a_warning() -> None:
    code = """
        import cdktf
        from modules.fast_import import bindings
        bindings.load()
    """
    assert "cdktf was imported before" in run_code(code).stderr


def test_an_unknown_python_layout_falls_back_with_a_warning(tmp_path: Path) -> None:
    provider = tmp_path / "cdktf_cdktf_provider_aws"
    provider.mkdir()
    (provider / "__init__.py").write_text("answer = 42\n", encoding="utf-8")
    code = f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        from modules.fast_import import bindings
        bindings.load()
        import cdktf_cdktf_provider_aws
        print(cdktf_cdktf_provider_aws.answer)
    """
    done = run_code(code)
    assert "cdktf_cdktf_provider_aws has no _jsii folder" in done.stderr
    assert done.stdout == "42\n"


def _node(
    index: str, script: str, tmp_path: Path, scope: str = "@cdktf"
) -> subprocess.CompletedProcess[str]:
    library = tmp_path / "node_modules" / scope / "provider-aws" / "lib"
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


@pytest.mark.parametrize("scope", ["@cdktf", "@cdktn"])
def test_a_resource_submodule_is_loaded_on_first_use(scope: str, tmp_path: Path) -> None:
    index = 'exports.one = require("./one");\nexports.two = require("./two");\n'
    script = f'const p = require("{scope}/provider-aws/lib"); console.log(p.two.name);'
    assert _node(index, script, tmp_path, scope).stdout == "loaded two\ntwo\n"


def test_an_unknown_node_layout_loads_everything_with_a_warning(tmp_path: Path) -> None:
    index = 'module.exports = { one: require("./one"), two: require("./two") };\n'
    script = 'console.log(require("@cdktf/provider-aws/lib").two.name);'
    done = _node(index, script, tmp_path)
    assert done.stdout == "loaded one\nloaded two\ntwo\n"
    assert "unknown layout" in done.stderr
