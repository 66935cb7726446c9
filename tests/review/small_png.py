"""Make a screenshot small: at most 256 colours, and the best compression."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOURS = 256
_RGB, _PALETTE, _BITS = 2, 3, 8

Colour = tuple[int, int, int]


def smaller(png: bytes) -> bytes:
    """Return an RGB picture of eight bits a channel with a palette of its most frequent colours.

    Source: PNG specification, sections 9 (filters) and 11 (chunks).
    """
    chunks = list(_chunks(png))
    header = next(data for kind, data in chunks if kind == b"IHDR")
    width, height, bits, kind, *_ = struct.unpack(">IIBBBBB", header)
    if (bits, kind) != (_BITS, _RGB):
        raise ValueError("it is no RGB picture of eight bits a channel")
    data = zlib.decompress(b"".join(data for name, data in chunks if name == b"IDAT"))
    rows = [
        [(row[at], row[at + 1], row[at + 2]) for at in range(0, len(row), 3)]
        for row in _unfiltered(data, 3 * width)
    ]
    counted = Counter(colour for row in rows for colour in row)
    palette = [colour for colour, _ in counted.most_common(_COLOURS)]
    places = {colour: _nearest(colour, palette) for colour in counted}
    lines = b"".join(b"\0" + bytes(places[colour] for colour in row) for row in rows)
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, _BITS, _PALETTE, 0, 0, 0)),
            (b"PLTE", bytes(value for colour in palette for value in colour)),
            (b"IDAT", zlib.compress(lines, 9)),
            (b"IEND", b""),
        )
    )


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def _unfiltered(data: bytes, stride: int) -> Iterator[bytes]:
    above = bytes(stride)
    for start in range(0, len(data), stride + 1):
        kind, line = data[start], bytearray(data[start + 1 : start + 1 + stride])
        for at in range(stride):
            left, corner = (line[at - 3], above[at - 3]) if at >= 3 else (0, 0)
            guess = (
                0,
                left,
                above[at],
                (left + above[at]) // 2,
                _paeth(left, above[at], corner) if kind == 4 else 0,
            )[kind]
            line[at] = (line[at] + guess) & 255
        above = bytes(line)
        yield above


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda one: abs(guess - one))


def _nearest(colour: Colour, palette: list[Colour]) -> int:
    return min(
        range(len(palette)),
        key=lambda at: sum((a - b) ** 2 for a, b in zip(colour, palette[at], strict=True)),
    )
