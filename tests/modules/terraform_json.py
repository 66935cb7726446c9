"""Read synthesized stacks the way a reviewer would ask about them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One stack's Terraform JSON."""

    name: str
    folder: Path
    document: dict[str, Json]

    @classmethod
    def read(cls, output: Path, name: str) -> Stack:
        folder = output / "stacks" / name
        document = json.loads((folder / "cdk.tf.json").read_text(encoding="utf-8"))
        return cls(name=name, folder=folder, document=document)

    def at(self, *path: str) -> Json:
        """The value at ``path``; fails with the path where there is none."""
        value: Json = self.document
        for key in path:
            assert isinstance(value, dict), f"{self.name}: {path} ends before {key}"
            assert key in value, f"{self.name}: no {key} in {path}; there is {sorted(value)}"
            value = value[key]
        return value

    def resources(self) -> dict[str, dict[str, Json]]:
        """The arguments of every resource by its Terraform address, without CDKTF's comments."""
        return {
            f"{kind}.{name}": {k: v for k, v in mapping(arguments).items() if k != "//"}
            for kind, named in mapping(self.document.get("resource", {})).items()
            for name, arguments in mapping(named).items()
        }

    def resource(self, address: str) -> dict[str, Json]:
        """The arguments of the resource at ``address``."""
        resources = self.resources()
        assert address in resources, f"{self.name}: no {address}; there is {sorted(resources)}"
        return resources[address]

    def counts(self) -> dict[str, int]:
        """How many resources of each type there are."""
        return dict(Counter(address.partition(".")[0] for address in self.resources()))

    def provider(self) -> dict[str, Json]:
        """The arguments of the stack's AWS provider for its own Region."""
        providers = map(mapping, sequence(self.at("provider", "aws")))
        (provider,) = (one for one in providers if "alias" not in one)
        return provider

    def policies(self) -> Iterator[tuple[str, list[dict[str, Json]]]]:
        """Every policy document: its address and its statements."""
        for address, arguments in self.resources().items():
            for argument in ("policy", "assume_role_policy"):
                if argument in arguments:
                    text = arguments[argument]
                    assert isinstance(text, str)
                    yield f"{address}.{argument}", json.loads(text)["Statement"]


def mapping(value: Json) -> dict[str, Json]:
    """``value``, which must be a JSON object."""
    assert isinstance(value, dict), f"{value!r} is no object"
    return value


def sequence(value: Json) -> list[Json]:
    """``value``, which must be a JSON array."""
    assert isinstance(value, list), f"{value!r} is no array"
    return value


def assert_contains(found: Json, wanted: Json, path: str) -> None:
    """Assert that ``wanted`` is a part of ``found``: keys may be missing from it, items may not."""
    if isinstance(wanted, Mapping):
        assert isinstance(found, Mapping), f"{path}: {found!r} is no mapping"
        for key, value in wanted.items():
            assert key in found, f"{path}.{key} is missing; there is {sorted(found)}"
            assert_contains(found[key], value, f"{path}.{key}")
    elif isinstance(wanted, list):
        assert isinstance(found, list), f"{path}: {found!r} is no list"
        assert len(found) == len(wanted), f"{path}: {found!r} is not {wanted!r}"
        for index, (one, other) in enumerate(zip(found, wanted, strict=True)):
            assert_contains(one, other, f"{path}[{index}]")
    else:
        assert found == wanted, f"{path}: {found!r} is not {wanted!r}"
