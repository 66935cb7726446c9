"""Every setting documents what it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import pytest

from modules.catalogue import EDGE_REGION
from modules.schema.constraints import Between, Matches
from modules.schema.fields import Field, fields
from modules.settings import Settings

_SHORTEST_TEXT = 10


def _all(section: type, at: str = "") -> Iterator[tuple[str, Field]]:
    for field in fields(section):
        yield f"{at}{field.name}", field
        if field.is_section:
            yield from _all(field.kind, f"{at}{field.name}.")


@pytest.mark.parametrize(("path", "field"), list(_all(Settings)))
def test_a_setting_has_one_line_of_documentation(path: str, field: Field) -> None:
    doc = field.doc
    assert len(doc.text) > _SHORTEST_TEXT
    for line in (doc.text, doc.cost):
        assert "\n" not in line
        assert line == line.strip()
    assert doc.text.endswith("."), f"{path}: the documentation is a sentence"


def test_the_example_of_an_arn_is_an_arn_that_the_setting_accepts() -> None:
    arns = [
        (path, field.doc.text, field.constraint)
        for path, field in _all(Settings)
        if isinstance(field.constraint, Matches) and "ARN" in field.constraint.form
    ]
    assert {"encryption.table", "frontend.firewall.log_key_arn"} <= {path for path, _, _ in arns}
    for path, text, constraint in arns:
        assert constraint.example.startswith("arn:"), path
        assert constraint.violation(constraint.example) is None, path
        assert EDGE_REGION not in text or EDGE_REGION in constraint.example, path


def test_a_setting_without_documentation_is_an_error() -> None:
    @dataclass
    class Undocumented:
        number: Annotated[int, Between(1, 9)] = 1

    with pytest.raises(TypeError, match="number has no Doc"):
        fields(Undocumented)
