"""10,000 valid and damaged responses: none raises, exceeds a limit or reaches the next request."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import h11
import pytest
from reasoning.connection import Connection, Origin, TransportError
from reasoning.deadline import Deadline
from reasoning.response_parser import MAX_BODY_BYTES, Response

from tests.lambda_src.mutated_responses import Mutated, mutated_responses

SEED, COUNT, PARTS = 20_261_126, 10_000, 10
MARKER = b"the reply to the next request"
NEXT = Mutated("next", b"HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\n" + MARKER, valid=True)


class ScriptedSocket(socket.socket):
    """One end of a socket pair; the other end replies to each request with the next response."""

    def __init__(self, replies: Iterator[Mutated]) -> None:
        ours, self.peer = socket.socketpair()
        super().__init__(fileno=ours.detach())
        self._replies = replies

    def sendall(self, _data: object, _flags: int = 0) -> None:
        reply = next(self._replies)
        if len(reply.sent) < 100_000:
            self._reply(reply)
        else:  # more than the buffer of a socket holds
            threading.Thread(target=self._reply, args=[reply], daemon=True).start()

    def _reply(self, reply: Mutated) -> None:
        try:
            self.peer.sendall(reply.sent)
            if reply.closes:
                self.peer.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the client closed the connection


class Scripted:
    """A connection whose sockets all reply from one script."""

    def __init__(self, *replies: Mutated) -> None:
        self.opened: list[ScriptedSocket] = []
        self._replies = iter(replies)
        self._connection = Connection(Origin.parse("http://127.0.0.1"))
        self._connection._open = lambda _deadline: self._open()  # type: ignore[assignment]

    def _open(self) -> socket.socket:
        self.opened.append(ScriptedSocket(self._replies))
        return self.opened[-1]

    def request(self) -> Response:
        return self._connection.request(
            "POST", "/", headers={}, body=b"", deadline=Deadline.after(5)
        )

    def is_closed(self) -> bool:
        return self.opened[-1].fileno() < 0


def read_with_h11(sent: bytes) -> tuple[int, bytes, bool] | None:
    """Return status, body and whether the connection is reusable, None if h11 rejects it."""
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=2 * MAX_BODY_BYTES)
    client.send(h11.Request(method="POST", target="/", headers=[("Host", "h")]))
    client.send(h11.EndOfMessage())
    body, status = bytearray(), 0
    try:
        client.receive_data(sent)
        client.receive_data(b"")
        while True:
            event = client.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                clean = client.their_state is h11.DONE and not client.trailing_data[0]
                return status, bytes(body), clean
            elif not isinstance(event, h11.InformationalResponse):
                return None
    except h11.RemoteProtocolError:
        return None


@pytest.mark.parametrize(
    "part",
    # The unit tests read the first part, and `make full` all of them.
    [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, PARTS))],
)
def test_every_response_is_read_right_or_rejected(
    part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = 0
    for number, mutated in enumerate(mutated_responses(COUNT // PARTS, SEED + part)):
        case = f"part {part}, number {number}, {mutated.kind}: {mutated.sent[:300]!r}"
        pieces = (1, 7, 500, 32_768) if len(mutated.sent) < 10_000 else (32_768,)
        monkeypatch.setattr("reasoning.connection._RECEIVE_BYTES", pieces[number % len(pieces)])
        scripted = Scripted(mutated, NEXT)
        # h11 is more lenient, but what is accepted here must mean the same to it.
        expected = read_with_h11(mutated.sent)
        try:
            response = scripted.request()
        except TransportError:
            assert not mutated.valid, case
            assert scripted.is_closed(), case
        else:
            accepted += 1
            assert mutated.valid is not False, case
            assert expected is not None, case
            assert (response.status, response.body) == expected[:2], case

        assert scripted.request().body == MARKER, f"desynchronized: {case}"
        # The connection was kept only if nothing was left on it.
        assert len(scripted.opened) == 2 or (expected is not None and expected[2]), case
        for opened in scripted.opened:
            opened.peer.close()
    assert accepted > COUNT / PARTS / 10
