"""What the Makefile installs is what the locks say, and the SBOMs list it."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from typing import Any

import pytest

from modules.packaging import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
LOCKS = ("Pipfile.lock", "policy/Pipfile.lock")


def _lock(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ROOT / name).read_text(encoding="utf-8"))
    del document["_meta"]
    return document


def test_nothing_is_installed_without_a_hash_and_no_script_of_a_package_is_run() -> None:
    installs = [
        line for line in MAKEFILE.splitlines() if re.search(r"\b(pip|npm) (install|ci)", line)
    ]
    assert len(installs) == 4
    for line in installs:
        assert "--require-hashes" in line or "npm ci --silent --ignore-scripts" in line, line


@pytest.mark.parametrize("lock", LOCKS)
def test_the_requirements_are_those_of_the_lock_with_their_hashes(lock: str) -> None:
    for category, packages in _lock(lock).items():
        rule = f'printed:;@$(PYTHON) -c "$$REQUIREMENTS" {lock} {category}'
        printed = subprocess.run(
            ["make", "--silent", f"--eval={rule}", "printed"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        found = {}
        for line in printed.splitlines():
            requirement, *hashes = line.split(" --hash=")
            name, _, rest = requirement.partition("==")
            found[name.partition("[")[0]] = (f"=={rest.partition(';')[0]}", set(hashes))
        expected = {
            name: (entry["version"], set(entry["hashes"])) for name, entry in packages.items()
        }
        assert found == expected


@pytest.mark.slow
def test_the_sboms_list_what_is_locked_with_hashes_and_are_reproducible() -> None:
    if not (ROOT / "build" / "cyclonedx" / ".installed").exists():
        pytest.skip("CYCLONEDX IS NOT INSTALLED, so no SBOM is tested: run `make sbom`")
    folder = ROOT / "build" / "sbom"
    written = []
    for _ in range(2):
        subprocess.run(["make", "--silent", "sbom"], cwd=ROOT, check=True, timeout=300)
        written.append([path.read_bytes() for path in sorted(folder.glob("*.cdx.json"))])
    assert written[0] == written[1]
    node, python = (json.loads(text) for text in written[0])

    (bundled,) = [one for one in python["components"] if one["name"] == "fastjsonschema"]
    lock = _lock("Pipfile.lock")
    locked = lock["default"]["fastjsonschema"]
    assert f"=={bundled['version']}" == locked["version"]
    hashes = {one["content"] for one in bundled["externalReferences"][0]["hashes"]}
    assert {f"sha256:{one}" for one in hashes} == set(locked["hashes"])
    listed = {one["name"] for one in python["components"]}
    assert listed == lock["default"].keys() | lock["develop"].keys()

    (cli,) = [one for one in node["components"] if one["name"] == "cdktf-cli"]
    packages = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    integrity = packages["node_modules/cdktf-cli"]["integrity"].removeprefix("sha512-")
    assert cli["hashes"] == [{"alg": "SHA-512", "content": base64.b64decode(integrity).hex()}]

    for document in (node, python):
        component = document["metadata"]["component"]
        assert component["name"] == "co2-analysis-infrastructure"
        assert "serialNumber" not in document
        assert "timestamp" not in document["metadata"]
