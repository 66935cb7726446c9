"""The parts of a review as lines of text, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from ops.common.output import printable
from ops.review.report import COLUMNS, Item, Judged, Line, Review, Stack

SIGNS = {"add": "+", "change": "~", "replace": "-/+", "destroy": "-", "forget": "x"}
HEADER = ("environment", "layer", *COLUMNS, "cost")

# Characters of a value, and of what it has in common with another one before they differ.
LONGEST = 240
_CONTEXT = 40
DRIFT = "Changed outside Terraform"
_MOST_LINES, _MOST_OF_NEW = 40, 12


def matrix(review: Review) -> list[tuple[str, ...]]:
    """Return the rows of the summary; there is no cost model yet."""
    return [
        (
            printable(stack.environment),
            stack.layer or "-",
            *(str(stack.counts[column] or "") for column in COLUMNS),
            "",
        )
        for stack in review.stacks
    ]


def title(item: Item) -> str:
    """Return the first line about a resource."""
    sign = next((SIGNS[one] for one in item.operations if one in SIGNS), "=")
    notes = [", ".join(item.operations)]
    if item.previous_address:
        notes.append(f"from {item.previous_address}")
    if item.imports is not None:
        notes.append(f"id {item.imports or 'known after apply'}")
    if item.deposed:
        notes.append(f"deposed object {item.deposed}")
    notes.append(item.reason or "")
    return printable(f"{sign} {item.address}  ({'; '.join(filter(None, notes))})")


def details(item: Item, *, whole: bool = False) -> Iterator[str]:
    """Yield the other lines about a resource, without indentation; all of them if ``whole``."""
    most = _MOST_OF_NEW if item.operations == ("add",) else _MOST_LINES
    lines = list(_details(item, whole=whole))
    if whole:
        most = len(lines)
    yield from map(printable, lines[:most])
    if len(lines) > most:
        yield f"... and {len(lines) - most:,} more lines"


def _details(item: Item, *, whole: bool) -> Iterator[str]:
    for line in item.lines:
        yield attribute(line, whole=whole)
    for path, rights in item.rights:
        yield f"{path}:"
        yield from (f"  {line}" for line in rights)
    if item.later:
        yield f"known after apply: {', '.join(item.later)}"
    if item.elsewhere:
        yield f"managed by other resources, or by none: {', '.join(item.elsewhere)}"
    if item.noise:
        what = "1 attribute" if item.noise == 1 else f"{item.noise:,} attributes"
        yield f"({what} from one empty value to another)"
    if item.operations == ("change",) and not (item.lines or item.rights or item.later):
        yield "(only formatting or empty values)"


def attribute(line: Line, *, whole: bool = False) -> str:
    """Return an attribute's change in one line; long values are cut if it is not the ``whole``."""
    owner = f"  [owner: {line.owner}]" if line.owner else ""
    before, after = (line.before, line.after) if whole else shortened(line.before, line.after)
    if line.before == "(absent)":
        return f"{line.path}: + {after}{owner}"
    if line.after == "(absent)":
        return f"{line.path}: - {before}{owner}"
    return f"{line.path}: {before} -> {after}{owner}"


def shortened(before: str, after: str) -> tuple[str, str]:
    """Return two texts that differ, cut to where they begin to."""
    if max(len(before), len(after)) <= LONGEST:
        return before, after
    pairs = enumerate(zip(before, after, strict=False))
    same = next((at for at, (one, other) in pairs if one != other), min(len(before), len(after)))
    start = max(0, same - _CONTEXT)
    left = "..." if start else ""
    one, other = (cut(f"{left}{text[start:]}") for text in (before, after))
    return one, other


def cut(text: str, longest: int = 0) -> str:
    """Return a text of at most ``longest`` characters, by default so many as a value may have."""
    longest = longest or LONGEST
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def danger(stack: Stack, item: Item, judged: Judged) -> tuple[str, list[str]]:
    """Return the title of a danger, and its other lines."""
    one = judged.danger
    lines = [f"because: {one.cause}", f"lost: {one.loses}"]
    # As --accept takes it.
    title = f"{one.rank.label}: {stack.name}/{item.address}:{one.kind}"
    if judged.accepted:
        title = f"accepted: {title}"
        lines.append(f"accepted by {judged.accepted.who}: {judged.accepted.why}")
    return printable(title), [printable(line) for line in lines]


def notes(stack: Stack) -> Iterator[str]:
    """Yield what is to be said about a whole stack."""
    if stack.errored:
        yield "PLAN FAILED: what it lists may not be all"
    if stack.is_deferred:
        until = f" until {', '.join(stack.waits_for)} is applied" if stack.waits_for else ""
        yield printable(f"deferred{until}: {stack.waits_because or 'no reason given'}")
    for address, status, problems in stack.failed_checks:
        yield printable(f"{address}: {status}: {'; '.join(problems)}")
    for item in stack.deferred:
        what = " ".join((*item.operations, item.address))
        yield printable(f"deferred: {what}: {(item.reason or '').replace('_', ' ')}")


def outputs(stack: Stack, *, whole: bool = False) -> Iterator[str]:
    """Yield the outputs that change."""
    for operation, line in stack.outputs:
        yield printable(f"{SIGNS[operation]} output {attribute(line, whole=whole)}")


def remarks(review: Review) -> Iterator[str]:
    """Yield what is to be said at the end."""
    if review.open_dangers:
        yield (
            "Whoever accepts a danger adds --accept 'STACK/ADDRESS:KIND', as above, or an entry to"
            " the acceptance file."
        )
    for one in review.expired:
        yield printable(f"expired acceptance: {one} ({one.who}, until {one.until})")
    for one in review.unneeded:
        yield printable(f"acceptance that is not needed: {one} ({one.who}): remove it")
    noise = sum(stack.noise for stack in review.stacks)
    if noise:
        what = "1 change" if noise == 1 else f"{noise:,} changes"
        yield f"Not shown: {what} from one empty value to another (null, [], {{}}, 0, false)."
