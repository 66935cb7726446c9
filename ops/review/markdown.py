"""A review as Markdown that fits a comment: what does not fit is counted, the worst comes first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ops.common.output import printable
from ops.review import text
from ops.review.report import Item, Review, Stack

# By which the comment is found again, to be edited.
MARKER = "<!-- ops-review -->"

# What GitHub accepts, and a margin for what a workflow adds.
GITHUB_LIMIT = 65_536
DEFAULT_LIMIT = 65_000
SMALLEST_LIMIT = 1_000

_LONGEST_POINTER = 300
_CHARACTERS_A_ROW = 1_000
_LONGEST_LINE = 600
_LONGEST_BLOCK = 4_000
# The other columns of the summary take room only if there is something in them.
_ALWAYS = {"environment", "layer", "add", "change", "replace", "destroy", "cost"}
_TICKS = re.compile("`+")


def comment(review: Review, *, limit: int, pointer: str = "") -> str:
    """Return the review in at most ``limit`` UTF-16 code units.

    ``pointer`` says where the full report is.
    """
    where = _inline(pointer[:_LONGEST_POINTER]) if pointer else "the output of `ops review --full`"
    page = _Page(limit, where)
    for block in _blocks(review, rows=limit // _CHARACTERS_A_ROW):
        page.add(block)
    return page.text()


def drift(review: Review, environment: str) -> str:
    """Return what was changed outside Terraform: what an apply would undo, and the rest."""
    page = _Page(DEFAULT_LIMIT, "`python -m ops pipeline drift`", marker="")
    count = sum(len(stack.undone) for stack in review.stacks)
    found = {0: "No resource was", 1: "1 resource was"}.get(count, f"{count:,} resources were")
    page.add(
        f"### Drift of {_inline(environment)}\n\n{found} changed outside Terraform in what it sets."
    )
    for stack in review.stacks:
        for block in _headed(_inline(stack.name), _items(stack.undone)):
            page.add(block)
    others = [item for stack in review.stacks for item in stack.drift if item not in stack.undone]
    for block in _headed(
        "Changed by their owners, or in what Terraform does not set", _items(others)
    ):
        page.add(block)
    return page.text()


def full(review: Review) -> str:
    """Return the whole review."""
    return "\n".join((MARKER, *_blocks(review, rows=len(review.stacks), whole=True)))


class _Page:
    """Takes blocks as long as they fit, and always has room for the last line."""

    def __init__(self, limit: int, pointer: str, *, marker: str = MARKER) -> None:
        self._parts = [marker] if marker else []
        self._pointer = pointer
        self._omitted = 0
        self._left = limit - size(f"{MARKER}\n") - size(self._tail(10**9))

    def add(self, block: str) -> None:
        needed = size(block) + 1
        if self._omitted or needed > self._left:
            self._omitted += 1
        else:
            self._parts.append(block)
            self._left -= needed

    def text(self) -> str:
        tail = [self._tail(self._omitted)] if self._omitted else []
        return "\n".join((*self._parts, *tail))

    def _tail(self, omitted: int) -> str:
        return (
            f"\n**Too long for a comment: {omitted:,} parts are left out. All: {self._pointer}**\n"
        )


def size(some: str) -> int:
    """Return the length of a text in UTF-16 code units."""
    return len(some.encode("utf-16-le", "surrogatepass")) // 2


def _blocks(review: Review, *, rows: int, whole: bool = False) -> Iterator[str]:
    """Yield the parts in order of importance; the summary has at most ``rows`` rows."""
    of = f" of {_inline(review.commit)}" if review.commit else ""
    yield f"### Plan review{of}\n\n**{review.verdict}**\n"
    yield _matrix(review, rows)
    found = list(review.dangers())
    if found:
        yield "#### Dangerous\n"
    for stack, item, judged in found:
        title, lines = text.danger(stack, item, judged)
        yield "\n".join((f"- {_inline(title)}", *(f"  - {_inline(line)}" for line in lines)))
    yield from _details(review.stacks, whole=whole)
    remarks = [f"- {_inline(line)}" for line in text.remarks(review)]
    if remarks:
        yield "\n".join(("\n#### Notes\n", *remarks, ""))


def _matrix(review: Review, most: int) -> str:
    """Return the summary; the stacks with the most dangerous changes, if there are very many."""
    rows = list(zip(review.stacks, text.matrix(review), strict=True))
    shown = sorted(rows, key=lambda row: _rank(row[0]))[:most]
    chosen = {id(row) for row in shown}
    cells = [row[1] for row in rows if id(row) in chosen]
    used = [
        at
        for at, title in enumerate(text.HEADER)
        if title in _ALWAYS or any(row[at] for row in cells)
    ]
    lines = [
        f"| {' | '.join(text.HEADER[at] for at in used)} |",
        f"|{' --- |' * len(used)}",
        *(f"| {' | '.join(_cell(row[at]) for at in used)} |" for row in cells),
    ]
    if len(rows) > len(shown):
        lines.append(f"\n... and {len(rows) - len(shown):,} more stacks")
    return "\n".join((*lines, ""))


def _details(stacks: Sequence[Stack], *, whole: bool) -> Iterator[str]:
    for stack in sorted(stacks, key=_rank):
        yield from _headed(_inline(stack.name), _stack(stack, whole=whole))
    for stack in stacks:
        title = f"{text.DRIFT}: {_inline(stack.name)}"
        yield from _headed(title, _items(stack.drift, whole=whole))


def _headed(title: str, blocks: Iterator[str]) -> Iterator[str]:
    """Yield blocks, the first with a heading."""
    head = f"\n#### {title}\n\n"
    for block in blocks:
        yield f"{head}{block}"
        head = ""


def _rank(stack: Stack) -> tuple[bool, int]:
    return not stack.errored, min((item.rank for item in stack.items), default=1000)


def _stack(stack: Stack, *, whole: bool) -> Iterator[str]:
    for note in text.notes(stack):
        yield f"- {_inline(note)}\n"
    yield from _items(stack.items, whole=whole)
    outputs = text.outputs(stack, whole=whole)
    yield from _blocks_of(([_coloured(line)] for line in outputs), whole=whole)


def _items(items: Sequence[Item], *, whole: bool = False) -> Iterator[str]:
    """Yield blocks with several resources each."""
    parts = (
        [_coloured(text.title(item)), *map(_indented, text.details(item, whole=whole))]
        for item in items
    )
    yield from _blocks_of(parts, whole=whole)


def _coloured(title: str) -> str:
    """Return a line with a sign that the diff language colours: + green, - red, ! orange."""
    return re.sub("^~", "!", title)


def _indented(line: str) -> str:
    """Return a line about a resource; the sign of a right begins it, so that it is coloured."""
    right = re.fullmatch("  ([-+~]) (.*)", line)
    return _coloured(f"{right[1]}     {right[2]}") if right else f"    {line}"


def _blocks_of(parts: Iterable[Sequence[str]], *, whole: bool) -> Iterator[str]:
    """Yield blocks with several parts each."""
    block: list[str] = []
    for part in parts:
        lines = list(part) if whole else [_cut(line) for line in part]
        if block and sum(map(len, block)) + sum(map(len, lines)) > _LONGEST_BLOCK:
            yield _fenced(block)
            block = []
        block += lines
    if block:
        yield _fenced(block)


def _fenced(lines: Sequence[str]) -> str:
    fence = "`" * max(3, _longest_run(lines) + 1)
    return "\n".join((f"{fence}diff", *lines, fence))


def _inline(some: str) -> str:
    """Return a text as code, in which nothing is markup or a mention."""
    some = _cut(printable(some)) or " "
    fence = "`" * (_longest_run([some]) + 1)
    room = " " if "`" in some or some != some.strip(" ") else ""
    return f"{fence}{room}{some}{room}{fence}"


def _longest_run(lines: Sequence[str]) -> int:
    return max((len(run) for line in lines for run in _TICKS.findall(line)), default=0)


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 3]}..."


def _cell(some: str) -> str:
    """Return a text in which nothing is markup, and no address becomes a link."""
    return re.sub(r"[^\w ,-]", "-", some)[:60].replace("_", r"\_")
