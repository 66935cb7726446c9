"""Rewrite the resource counts of the inventories; the asserted values stay as written.

Run it with ``make inventories``.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from modules import environments
from modules.app import synthesize
from modules.packaging import ROOT
from tests.modules.terraform_json import Stack

INVENTORIES = Path(__file__).parent


def with_counts(text: str, counts: Mapping[str, Mapping[str, int]]) -> str:
    """Return an inventory with new ``counts`` by layer and type, and with these layers alone."""
    head, *sections = re.split(r"(?m)^(?=[a-z]+:\n)", text)
    written = {section.partition(":")[0]: section for section in sections}
    renewed = []
    for layer, counted in counts.items():
        lines = "".join(f"    {kind}: {count}\n" for kind, count in sorted(counted.items()))
        old = written.get(layer, "  values: {}")
        by_hand = re.sub(rf"\A{layer}:\n  resources:\n(    .*\n)*", "", old)
        renewed.append(f"{layer}:\n  resources:\n{lines}{by_hand.rstrip()}\n")
    return head + "\n".join(renewed)


def main() -> None:
    """Synthesize every environment of the checkout and write its inventory."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out"
        shipped = environments.load(environments.names())
        synthesize(shipped, output=output)
        for environment in shipped:
            name = environment.naming.environment
            path = INVENTORIES / f"{name}.yaml"
            old = path.read_text(encoding="utf-8") if path.exists() else f"# Resources of {name}.\n"
            counts = {
                layer.key: Stack.read(output, environment.naming.stack(layer)).counts()
                for layer in environment.layers
            }
            path.write_text(with_counts(old, counts), encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
