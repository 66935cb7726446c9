"""Every setting says what happens when it is changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import get_args, get_type_hints

import pytest

from modules.schema.constraints import Between
from modules.schema.hints import Hint
from modules.schema.setting_docs import Doc
from modules.settings import Settings

_SHORTEST_TEXT = 10


def _hints(section: type, at: str = "") -> Iterator[tuple[str, object]]:
    plain = get_type_hints(section)
    for name, hint in get_type_hints(section, include_extras=True).items():
        yield f"{at}{name}", hint
        for kind in (plain[name], *get_args(plain[name])):
            if isinstance(kind, type) and dataclasses.is_dataclass(kind):
                yield from _hints(kind, f"{at}{name}.")


@pytest.mark.parametrize(("path", "hint"), list(_hints(Settings)))
def test_a_setting_has_one_line_that_says_what_it_does(path: str, hint: object) -> None:
    docs = Hint.of(hint).of_type(Doc)
    assert len(docs) == 1, f"{path} has no Doc: write Annotated[..., Doc('...')]"
    (doc,) = docs
    assert len(doc.text) > _SHORTEST_TEXT
    for line in (doc.text, doc.unit, doc.cost):
        assert "\n" not in line
        assert line == line.strip()
    assert doc.text.endswith("."), "a consequence is a sentence"
    units = [limits.unit for limits in Hint.of(hint).of_type(Between)]
    assert not (doc.unit and any(units)), "the constraint names the unit already"
