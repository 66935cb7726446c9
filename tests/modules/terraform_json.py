"""Queries on synthesized stacks."""

from __future__ import annotations

import json
import re
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
        """Return the value at ``path``; fail with the path if it is missing."""
        value: Json = self.document
        for key in path:
            assert isinstance(value, dict), f"{self.name}: {path} ends before {key}"
            assert key in value, f"{self.name}: no {key} in {path}; there is {sorted(value)}"
            value = value[key]
        return value

    def resources(self) -> dict[str, dict[str, Json]]:
        """Return the arguments of each resource by address, without CDKTF's comments."""
        return {
            f"{kind}.{name}": {k: v for k, v in mapping(arguments).items() if k != "//"}
            for kind, named in mapping(self.document.get("resource", {})).items()
            for name, arguments in mapping(named).items()
        }

    def resource(self, address: str) -> dict[str, Json]:
        """Return the arguments of the resource at ``address``."""
        resources = self.resources()
        assert address in resources, f"{self.name}: no {address}; there is {sorted(resources)}"
        return resources[address]

    def counts(self) -> dict[str, int]:
        """Count the resources of each type."""
        return dict(Counter(address.partition(".")[0] for address in self.resources()))

    def provider(self) -> dict[str, Json]:
        """Return the arguments of the AWS provider of the stack's own Region."""
        providers = map(mapping, sequence(self.at("provider", "aws")))
        (provider,) = (one for one in providers if "alias" not in one)
        return provider

    def policies(self) -> Iterator[tuple[str, list[dict[str, Json]]]]:
        """Yield the address and the statements of each policy document."""
        for address, arguments in self.resources().items():
            for argument in ("policy", "assume_role_policy"):
                if argument in arguments:
                    text = arguments[argument]
                    assert isinstance(text, str)
                    data = re.fullmatch(r"\$\{data\.aws_iam_policy_document\.(\w+)\.json\}", text)
                    yield (
                        f"{address}.{argument}",
                        self._document(data[1]) if data else json.loads(text)["Statement"],
                    )

    def _document(self, name: str) -> list[dict[str, Json]]:
        """Return the statements of a data source as the provider renders them."""
        found: list[dict[str, Json]] = []
        for one in sequence(self.at("data", "aws_iam_policy_document", name, "statement")):
            block = mapping(one)
            principals = {
                str(mapping(each)["type"]): _single(mapping(each)["identifiers"])
                for each in sequence(block["principals"])
            }
            condition: dict[str, Json] = {}
            for each in map(mapping, sequence(block.get("condition", []))):
                test = mapping(condition.setdefault(str(each["test"]), {}))
                test[str(each["variable"])] = _single(each["values"])
            statement: dict[str, Json] = {
                "Sid": block["sid"],
                "Effect": block["effect"],
                "Principal": "*" if principals == {"*": "*"} else dict(principals),
                "Action": block["actions"],
                "Resource": block["resources"],
                "Condition": condition,
            }
            found.append({key: value for key, value in statement.items() if value})
        return found


def _single(value: Json) -> Json:
    values = sequence(value)
    return values[0] if len(values) == 1 else value


def mapping(value: Json) -> dict[str, Json]:
    """Return ``value``; fail unless it is a JSON object."""
    assert isinstance(value, dict), f"{value!r} is no object"
    return value


def sequence(value: Json) -> list[Json]:
    """Return ``value``; fail unless it is a JSON array."""
    assert isinstance(value, list), f"{value!r} is no array"
    return value


def assert_contains(found: Json, wanted: Json, path: str) -> None:
    """Assert that ``found`` contains ``wanted``: extra keys are allowed, extra items are not."""
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
