"""A review for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from ops.common.output import table
from ops.review import text
from ops.review.report import Item, Review

_RED, _YELLOW, _GREEN, _BOLD, _END = "\33[31m", "\33[33m", "\33[32m", "\33[1m", "\33[0m"
_COLOURS = {"+": _GREEN, "~": _YELLOW, "-": _RED, "-/+": _RED, "x": _RED}


def lines(review: Review, *, colour: bool) -> Iterator[str]:
    """Yield the lines of a review."""

    def paint(line: str, how: str) -> str:
        return f"{how}{line}{_END}" if colour and how else line

    def item(one: Item) -> Iterator[str]:
        title = text.title(one)
        yield f"  {paint(title, _COLOURS.get(title.partition(' ')[0], ''))}"
        yield from (f"      {line}" for line in text.details(one))

    yield paint(review.verdict, _BOLD)
    yield ""
    yield from table(text.HEADER, text.matrix(review))
    for stack, one, judged in review.dangers():
        title, rest = text.danger(stack, one, judged)
        yield ""
        yield paint(title, "" if judged.accepted else _RED)
        yield from (f"  {line}" for line in rest)
    for stack in review.stacks:
        notes = list(text.notes(stack))
        outputs = list(text.outputs(stack))
        if not (stack.items or notes or outputs or stack.drift):
            continue
        yield ""
        yield paint(stack.name, _BOLD)
        yield from (f"  {line}" for line in notes)
        for one in stack.items:
            yield from item(one)
        yield from (f"  {line}" for line in outputs)
        if stack.drift:
            yield f"  {text.DRIFT}:"
            for one in stack.drift:
                yield from (f"  {line}" for line in item(one))
    remarks = list(text.remarks(review))
    if remarks:
        yield ""
        yield from remarks
