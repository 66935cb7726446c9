"""Generates HTTP responses, valid and damaged, the same ones for the same seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

KIB, MIB = 1024, 1024 * 1024
# Marks a response whose body ends with the connection.
_UNTIL_END = b"X-Body: until the end"


@dataclass(frozen=True)
class Head:
    """A response before its body is framed."""

    status_line: bytes
    headers: tuple[bytes, ...]

    def bytes(self, *more: bytes, end: bytes = b"\r\n") -> bytes:
        return end.join([self.status_line, *self.headers, *more, b"", b""])


@dataclass(frozen=True)
class Mutated:
    """A response as sent.

    `valid` is None if only a parser can tell. The server may close the connection after it.
    """

    kind: str
    sent: bytes
    valid: bool | None
    closes: bool = True


def mutated_responses(count: int, seed: int) -> Iterator[Mutated]:
    """Yield `count` responses: every mutation in turn, with random content."""
    rng = random.Random(seed)
    for index in range(count):
        mutation = MUTATIONS[index % len(MUTATIONS)]
        made = mutation(rng)
        # After an incomplete response on an open connection the client waits for its deadline.
        complete = made.valid and _UNTIL_END not in made.sent
        yield replace(made, closes=not complete or rng.random() < 0.2)


# --- Valid responses ---------------------------------------------------------------------------


def _body(rng: random.Random) -> bytes:
    return rng.randbytes(rng.choice([0, 1, 5, 100, rng.randrange(3000)]))


def _head(rng: random.Random) -> Head:
    status = rng.choice([b"200 OK", b"200", b"200 ", b"400 Bad Request", b"408 Timeout", b"503 "])
    headers = [
        b"Server: Server",
        b"x-amzn-RequestId: 8GQB5CAJ4Q0",
        b"X-Odd:\t caf\xe9 ",
        b"X-Empty:",
    ]
    return Head(b"HTTP/1.1 " + status, tuple(rng.sample(headers, rng.randrange(len(headers)))))


def _with_length(head: Head, body: bytes) -> bytes:
    return head.bytes(b"Content-Length: %d" % len(body)) + body


def _chunks(rng: random.Random, body: bytes) -> list[bytes]:
    chunks = []
    while body:
        size = rng.randrange(1, len(body) + 1)
        extension = rng.choice([b"", b"", b";a=b", b" "])
        chunks.append(b"%x%s\r\n%s\r\n" % (size, extension, body[:size]))
        body = body[size:]
    return [*chunks, b"0\r\n"]


def _chunked(rng: random.Random, head: Head, body: bytes) -> bytes:
    trailers = rng.choice([b"", b"", b"X-Trailer: 1\r\n"])
    framing = rng.choice([b"Transfer-Encoding: chunked", b"transfer-encoding:Chunked"])
    return head.bytes(framing) + b"".join(_chunks(rng, body)) + trailers + b"\r\n"


def _until_end(head: Head, body: bytes) -> bytes:
    return head.bytes(_UNTIL_END) + body


def _valid(rng: random.Random) -> bytes:
    head, body = _head(rng), _body(rng)
    framed = (_with_length(head, body), _chunked(rng, head, body), _until_end(head, body))
    return rng.choice(framed)


def _self_delimiting(rng: random.Random) -> bytes:
    head, body = _head(rng), _body(rng)
    return rng.choice([_with_length(head, body), _chunked(rng, head, body)])


# --- Mutations -----------------------------------------------------------------------------------

Mutation = Callable[[random.Random], Mutated]


def _accept(kind: str, sent: bytes) -> Mutated:
    return Mutated(kind, sent, valid=True)


def _reject(kind: str, sent: bytes) -> Mutated:
    return Mutated(kind, sent, valid=False)


def valid(rng: random.Random) -> Mutated:
    return _accept("valid", _valid(rng))


def without_body(rng: random.Random) -> Mutated:
    status = rng.choice([b"204 No Content", b"304 Not Modified"])
    return _accept("without body", Head(b"HTTP/1.1 " + status, ()).bytes(b"Content-Length: 5"))


def chunk_size(rng: random.Random) -> Mutated:
    good = [b"5", b"05", b"5;x=y", b"5 ", b"000000000000005"]
    bad = [
        b"-5",
        b"-1",
        b"+5",
        b"0x5",
        b" 5",
        b"5_0",
        b"g",
        b"",
        b"5 5",
        b"5,5",
        b"\xd9\xa5",
        b"5\x00",
    ]
    huge = [b"f" * digits for digits in (6, 8, 15, 16, 20, 300, 5000)]
    size = rng.choice([*good, *bad, *huge])
    head = _head(rng).bytes(b"Transfer-Encoding: chunked")
    sent = head + size + b"\r\nabcde\r\n0\r\n\r\n"
    kind = f"chunk size {size[:20]!r}"
    return _accept(kind, sent) if size in good else _reject(kind, sent)


def chunk_end(rng: random.Random) -> Mutated:
    head = _head(rng).bytes(b"Transfer-Encoding: chunked")
    end = rng.choice([b"", b"\n", b"\r", b"x\r\n", b"\n\r", b"  "])
    return _reject(f"chunk end {end!r}", head + b"5\r\nabcde" + end + b"0\r\n\r\n")


def trailers(rng: random.Random) -> Mutated:
    head = _head(rng).bytes(b"Transfer-Encoding: chunked") + b"5\r\nabcde\r\n0\r\n"
    bad = rng.choice([b"no colon\r\n", b" folded: 1\r\n", b"A: \x00\r\n", b"A: 1\r\n" * 200])
    return _reject("trailers", head + bad + b"\r\n")


def content_length(rng: random.Random) -> Mutated:
    good = [b"5", b" 5 ", b"\t5", b"05"]
    bad = [b"-5", b"-1", b"+5", b"0x5", b"5, 6", b"5,6", b"", b"1e0", b"5_0", b"5.0", b"\xd9\xa5",
           b"1048577", b"9" * 20, b"9" * 5000]  # fmt: skip
    length = rng.choice([*good, *bad])
    sent = _head(rng).bytes(b"Content-Length:" + length) + b"abcde"
    kind = f"content length {length[:20]!r}"
    return _accept(kind, sent) if length in good else _reject(kind, sent)


def two_lengths(rng: random.Random) -> Mutated:
    lengths = rng.sample([b"5", b"6", b"0", b"-1", b"99"], 2)
    head = _head(rng).bytes(*(b"Content-Length: " + length for length in lengths))
    return _reject("conflicting lengths", head + b"abcde" * 20)


def equal_lengths(rng: random.Random) -> Mutated:
    headers = rng.choice([[b"Content-Length: 5", b"content-length: 5"], [b"Content-Length: 5, 5"]])
    return _reject("equal lengths", _head(rng).bytes(*headers) + b"abcde")


def both_framings(rng: random.Random) -> Mutated:
    framing = [b"Content-Length: 15", b"Transfer-Encoding: chunked"]
    rng.shuffle(framing)
    return _reject("both framings", _head(rng).bytes(*framing) + b"5\r\nabcde\r\n0\r\n\r\n")


def transfer_encoding(rng: random.Random) -> Mutated:
    lists = [b"gzip, chunked", b"chunked, chunked", b"chunked, identity"]
    other = [b"identity", b"xchunked", b"", b"chunked;q=1", b"\x0bchunked", b"chunked\x85"]
    value = rng.choice(lists + other)
    head = _head(rng).bytes(b"Transfer-Encoding: " + value)
    return _reject(f"transfer encoding {value!r}", head + b"5\r\nabcde\r\n0\r\n\r\n")


def old_version(rng: random.Random) -> Mutated:
    head = Head(b"HTTP/1.0 200 OK", (b"Connection: keep-alive",))
    if rng.random() < 0.5:
        return _reject("HTTP/1.0 chunked", head.bytes(b"Transfer-Encoding: chunked") + b"0\r\n\r\n")
    return _accept("HTTP/1.0", _with_length(head, _body(rng)))


def informational(rng: random.Random) -> Mutated:
    early = rng.choice([b"100 Continue", b"102 Processing", b"103 Early Hints", b"199 Odd"])
    hints = Head(b"HTTP/1.1 " + early, (b"Link: </style.css>; rel=preload",)).bytes()
    count = rng.choice([1, 2, 3, 50, 1000])
    sent = hints * count + _valid(rng)
    return (_accept if count <= 3 else _reject)(f"{count} times {early.decode()}", sent)


def switching_protocols(rng: random.Random) -> Mutated:
    head = Head(b"HTTP/1.1 101 Switching Protocols", (b"Upgrade: h2c", b"Connection: upgrade"))
    return _reject("101", head.bytes() + _valid(rng))


def only_informational(rng: random.Random) -> Mutated:
    return _reject("103 only", Head(b"HTTP/1.1 103 Early Hints", ()).bytes())


def surplus(rng: random.Random) -> Mutated:
    once = _self_delimiting(rng)
    unsolicited = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
    more = rng.choice([once, once[:9], unsolicited, b"\r\n", b"\x00", rng.randbytes(40)])
    return _accept("surplus", once + more)


def truncated(rng: random.Random) -> Mutated:
    sent = _self_delimiting(rng)
    return _reject("truncated", sent[: rng.randrange(len(sent))])


def header_flood(rng: random.Random) -> Mutated:
    count = rng.choice([97, 101, 500, 5000])
    sent = _with_length(Head(b"HTTP/1.1 200 OK", (b"A: 1",) * count), b"abcde")
    return (_accept if count < 100 else _reject)(f"{count} headers", sent)


def large_header(rng: random.Random) -> Mutated:
    size = rng.choice([60 * KIB, 66 * KIB, 150 * KIB])
    header = rng.choice([b"A: " + b"a" * size, b"a" * size + b": 1"])
    sent = _with_length(Head(b"HTTP/1.1 200 OK", (header,)), b"abcde")
    return (_accept if size < 64 * KIB else _reject)(f"header of {size} bytes", sent)


def bare_line_end(rng: random.Random) -> Mutated:
    sent, end = _head(rng).bytes(b"Content-Length: 0"), rng.choice([b"\n", b"\r"])
    if rng.random() < 0.5:
        return _reject("bare line ends", sent.replace(b"\r\n", end))
    at = rng.choice([match.start() for match in re.finditer(b"\r\n", sent)])
    return _reject("bare line end", sent[:at] + end + sent[at + 2 :])


def folded(rng: random.Random) -> Mutated:
    fold = rng.choice([b" folded", b"\tfolded", b" ", b" Content-Length: 9"])
    return _reject("folded", _head(rng).bytes(b"A: 1", fold, b"Content-Length: 5") + b"abcde")


def control_character(rng: random.Random) -> Mutated:
    character = bytes([rng.choice([0, 1, 8, 11, 12, 27, 127])])
    line = rng.choice([b"A: a%sb", b"A%s: b", b"%sA: b", b"A: b%s", b"A:%s"]) % character
    if rng.random() < 0.2:
        head = Head(b"HTTP/1.1 200 O%sK" % character, ())
        return _reject("control character", _with_length(head, b"abcde"))
    return _reject("control character", _head(rng).bytes(line, b"Content-Length: 5") + b"abcde")


def header_line(rng: random.Random) -> Mutated:
    line = rng.choice(
        [b"no colon", b": no name", b"Content-Length : 5", b"A B: 1", b"\xe9: 1", b"(A): 1"]
    )
    return _reject(f"header {line!r}", _head(rng).bytes(line, b"Content-Length: 5") + b"abcde")


def status_line(rng: random.Random) -> Mutated:
    version = [b"HTTP/2 200 OK", b"http/1.1 200 OK", b"HTTP/11 200 OK", b"200 OK", b"HTTP/1.1"]
    status = [
        b"2000 OK",
        b"20 OK",
        b"-20 OK",
        b"000 OK",
        b"2\xb20 OK",
        b" 200 OK",
        b"200OK",
        b"600",
    ]
    other = [b"", b"SSH-2.0-OpenSSH", b"\x16\x03\x01\x02", b" HTTP/1.1 200", b"\r\nHTTP/1.1 200"]
    line = rng.choice([*version, *(b"HTTP/1.1 " + one for one in status), *other])
    return _reject(f"status line {line!r}", _with_length(Head(line, ()), b"abcde"))


def large_body(rng: random.Random) -> Mutated:
    # Few, because they take longer than all others.
    if rng.random() < 0.8:
        return valid(rng)
    excess = rng.choice([0, 1])
    body, head = bytes(MIB + excess), _head(rng)
    framed = (_with_length(head, body), _chunked(rng, head, body), _until_end(head, body))
    return (_reject if excess else _accept)("large body", rng.choice(framed))


def random_damage(rng: random.Random) -> Mutated:
    sent = bytearray(rng.choice([_valid, _self_delimiting])(rng))
    for _ in range(rng.randrange(1, 6)):
        at, size = rng.randrange(len(sent)), rng.randrange(1, 9)
        piece = bytes(sent[at : at + size])
        sent[at : at + size] = rng.choice(
            [b"", piece + piece, rng.randbytes(size), b"\r\n", b"\n", b"\x00", b"-", piece[::-1]]
        )
        sent = sent or bytearray(b"x")
    return Mutated("random damage", bytes(sent), valid=None)


MUTATIONS: tuple[Mutation, ...] = (
    valid,
    without_body,
    chunk_size,
    chunk_end,
    trailers,
    content_length,
    two_lengths,
    equal_lengths,
    both_framings,
    transfer_encoding,
    old_version,
    informational,
    switching_protocols,
    only_informational,
    surplus,
    truncated,
    header_flood,
    large_header,
    bare_line_end,
    folded,
    control_character,
    header_line,
    status_line,
    large_body,
    *(random_damage,) * 16,
)
