"""Frames and machines for the wire's tests. Bytes are written by hand; there is no board."""

from collections.abc import Callable

import pytest

from belay_actors.wire import RawRepl, Ready

TOKEN = "abcd"
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"


@pytest.fixture(scope="session")
def frame() -> Callable[..., bytes]:
    """Builds a frame as the board's core does."""

    def build(kind: str, key: int, payload: str = "", *, token: str = TOKEN) -> bytes:
        data = payload.encode()
        head = f"\x1e{token}{kind}{key};{len(data)};{sum(data, ord(kind))};"
        return head.encode() + data + b"\x1f"

    return build


@pytest.fixture(scope="session")
def make_idle() -> Callable[..., RawRepl]:
    """Makes machines of boards at their raw prompt."""

    def make(*, max_payload: int = 1_000_000, is_lossless: bool = False) -> RawRepl:
        machine = RawRepl(TOKEN, max_payload=max_payload, is_lossless=is_lossless)
        machine.resync()
        assert machine.receive(RAW_BANNER) == [Ready(b"")]
        return machine

    return make


@pytest.fixture
def idle(make_idle: Callable[..., RawRepl]) -> RawRepl:
    """A machine at the raw prompt."""
    return make_idle()


@pytest.fixture
def running(idle: RawRepl) -> RawRepl:
    """A machine in call 1, of which the code runs."""
    idle.submit(1, "f()")
    assert idle.receive(b"OK") == []
    return idle
