"""The choice of two adjacent ports."""

import socket

import pytest

from ops.common.errors import BadInputError, BusyError
from ops.local.services.ports import Ports, choose, is_free


def test_the_default_pair_if_it_is_free() -> None:
    assert choose(None, free=lambda _: True) == Ports(4566)
    assert Ports(4566).stand_in == 4567


@pytest.mark.parametrize(("busy", "expected"), [({4566}, 4568), ({4567}, 4568), ({4569}, 4566)])
def test_the_next_pair_if_one_of_the_default_is_busy(busy: set[int], expected: int) -> None:
    assert choose(None, free=lambda port: port not in busy).emulator == expected


def test_a_wanted_pair_is_never_replaced() -> None:
    assert choose(5000, free=lambda _: True) == Ports(5000)
    for busy in (5000, 5001):
        with pytest.raises(BusyError, match=f"port {busy} is in use") as error:
            choose(5000, free=lambda port, busy=busy: port != busy)  # type: ignore[misc]
        assert "--port" in str(error.value.remedy)


@pytest.mark.parametrize("port", [-1, 0, 80, 1023, 65535, 70000])
def test_ports_out_of_range(port: int) -> None:
    with pytest.raises(BadInputError, match="not between 1024 and 65534"):
        choose(port, free=lambda _: True)


def test_gives_up_when_everything_is_busy() -> None:
    with pytest.raises(BusyError, match="no two adjacent ports"):
        choose(None, preferred=65000, free=lambda _: False)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104  it listens for a moment
def test_a_port_with_a_listener_is_not_free(address: str) -> None:
    with socket.create_server((address, 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)
