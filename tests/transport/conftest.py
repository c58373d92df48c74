"""Fixtures of the transports' tests."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from belay_actors import DeviceError
from belay_actors.transport import SerialLink, SerialSettings, SerialTransport
from ports import Port, count_descriptors


@pytest.fixture(autouse=True)
def no_descriptor_left() -> Iterator[None]:
    before = count_descriptors()
    yield
    assert count_descriptors() == before, "a descriptor was left open"


@pytest.fixture
def make_port() -> Iterator[Callable[[], Port]]:
    ports: list[Port] = []

    def make_port() -> Port:
        ports.append(Port())
        return ports[-1]

    yield make_port
    for port in ports:
        port.close()


@pytest.fixture
def port(make_port: Callable[[], Port]) -> Port:
    return make_port()


@pytest.fixture
async def link(port: Port) -> AsyncIterator[SerialLink]:
    """An open port."""
    link = await port.connect()
    yield link
    await link.aclose()


@pytest.fixture
def refusal() -> Callable[..., Awaitable[DeviceError]]:
    """Opens a port in vain, and returns the error."""

    async def refusal(path: str, **settings: Any) -> DeviceError:
        transport = SerialTransport(f"serial:{path}", path, SerialSettings(**settings))
        with pytest.raises(DeviceError) as caught:
            await transport.connect()
        assert caught.value.device == transport.url
        return caught.value

    return refusal
