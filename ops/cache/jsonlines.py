"""Items as JSON Lines, one ``{"Item": ...}`` each: the format of DynamoDB's exports to S3."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from ops.cache.items import KEY, Item
from ops.common.errors import BadInputError

_GZIP_MAGIC = b"\x1f\x8b"
_LONGEST_LINE = 2_000_000
_TYPES = frozenset({"S", "N", "SS", "NS", "M", "L", "NULL", "BOOL"})
_LONGEST_KEY = 2048


@contextmanager
def writer(path: str) -> Iterator[Callable[[Item], None]]:
    """Yield a function that writes an item to ``path``; ``-`` is stdout, ``.gz`` compresses.

    The file appears when it is complete; after a failure it does not exist.

    Raises:
        OSError: The file cannot be written.

    """
    if path == "-":
        yield lambda item: _write(sys.stdout, item)
        return
    target = Path(path)
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with _opened(draft, compressed=target.suffix == ".gz") as stream:
            yield lambda item: _write(stream, item)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _opened(path: Path, *, compressed: bool) -> Iterator[IO[str]]:
    # Readable by the owner only: the items hold users' questions and answers.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as raw:
        if not compressed:
            with io.TextIOWrapper(raw, encoding="utf-8") as stream:
                yield stream
            return
        with (
            gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as packed,
            io.TextIOWrapper(packed, encoding="utf-8") as stream,
        ):
            yield stream


def _write(stream: IO[str], item: Item) -> None:
    stream.write(json.dumps({"Item": item}, separators=(",", ":")) + "\n")


def read(path: Path) -> Iterator[Item]:
    """Yield the items of a file, compressed or not.

    Raises:
        BadInputError: A line is not an item; the message gives its number and the reason.

    """
    with path.open("rb") as raw:
        packed = raw.peek(2)[:2] == _GZIP_MAGIC
        stream = cast("IO[bytes]", gzip.GzipFile(fileobj=raw) if packed else raw)
        number = 0
        try:
            while line := stream.readline(_LONGEST_LINE):
                number += 1
                if line.strip():
                    yield _item(line, f"{path}, line {number}")
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise BadInputError(
                f"{path}: the compressed file is damaged after line {number}: {error}",
                remedy="copy it again",
            ) from error


def _item(line: bytes, place: str) -> Item:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _bad(place, "not valid JSON") from error
    item = document.get("Item") if isinstance(document, dict) else None
    if not isinstance(item, dict):
        raise _bad(place, 'not an object with an "Item"')
    for name, value in item.items():
        if not (isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _TYPES):
            raise _bad(place, f"{name!r} is not DynamoDB JSON like {{'S': 'text'}}")
    key = item.get(KEY, {}).get("S")
    if not isinstance(key, str) or not 0 < len(key.encode(errors="replace")) <= _LONGEST_KEY:
        raise _bad(place, f"it has no valid {KEY}")
    return item


def _bad(place: str, reason: str) -> BadInputError:
    return BadInputError(f"{place}: {reason}", remedy="use a file that `cache export` wrote")
