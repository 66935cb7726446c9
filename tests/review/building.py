"""Plans written by hand, from the description of the format."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ops.review import plan
from ops.review.acceptance import Acceptances
from ops.review.report import Item, Review, Stack
from ops.review.reviewing import Source, review

UPDATE = ("update",)


def change(
    address: str,
    before: object = None,
    after: object = None,
    *,
    actions: Iterable[str] = UPDATE,
    **others: Any,
) -> dict[str, Any]:
    """Return a resource change; what is not of the resource belongs to its ``change``."""
    of_resource = {"previous_address", "deposed", "action_reason", "mode"}
    return {
        "address": address,
        "mode": "managed",
        "type": address.partition("[")[0].rsplit(".", 2)[-2],
        "name": address.rpartition(".")[2],
        **{key: value for key, value in others.items() if key in of_resource},
        "change": {
            "actions": list(actions),
            "before": before,
            "after": after,
            **{key: value for key, value in others.items() if key not in of_resource},
        },
    }


def document(*changes: dict[str, Any], **others: Any) -> dict[str, Any]:
    """Return a plan."""
    return {"format_version": "1.2", "resource_changes": list(changes), **others}


def reviewed(
    *changes: dict[str, Any],
    acceptances: Acceptances | None = None,
    name: str = "dev-storage",
    **others: Any,
) -> Review:
    """Review one plan."""
    return review([source(*changes, name=name, **others)], acceptances or Acceptances())


def source(*changes: dict[str, Any], name: str = "dev-storage", **others: Any) -> Source:
    """Return a plan as a source."""
    text = json.dumps(document(*changes, **others)).encode()
    return Source(name=name, file=f"plans/{name}.json", plan=plan.read(plan.parse(text)))


def stack(*changes: dict[str, Any], **others: Any) -> Stack:
    """Return the review of one plan's stack."""
    (only,) = reviewed(*changes, **others).stacks
    return only


def item(*changes: dict[str, Any], **others: Any) -> Item:
    """Return the only item of a plan."""
    (only,) = stack(*changes, **others).items
    return only


def kinds(one: Item) -> list[str]:
    """Return the kinds of an item's dangers."""
    return [judged.danger.kind for judged in one.dangers]


def shown(one: Item) -> list[str]:
    """Return an item's attributes as lines."""
    return [f"{line.path}: {line.before} -> {line.after}" for line in one.lines]
