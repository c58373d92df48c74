"""The interpreter that all contenders use, and a link to it that can be attached to many times."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from belay_actors import DeviceOptions, Session, open_device, open_session_manager
from belay_actors.transport import Link, LocalLink, LocalTransport, Transport
from floor import BlockingClient

HEAP_SIZE = "4M"
URL = f"micropython:?heapsize={HEAP_SIZE}"


@asynccontextmanager
async def open_link() -> AsyncGenerator[LocalLink, None]:
    """A new interpreter."""
    link = await LocalTransport(URL, heap_size=HEAP_SIZE).connect()
    try:
        yield link
    finally:
        await link.aclose()


@asynccontextmanager
async def open_client() -> AsyncGenerator[BlockingClient, None]:
    """The floor, at the raw prompt of an interpreter of its own."""
    async with open_link() as link:
        client = BlockingClient(link)
        client.enter()
        yield client


@asynccontextmanager
async def open_session(options: DeviceOptions) -> AsyncGenerator[Session, None]:
    """A session on an interpreter of its own."""
    async with (
        open_device(URL, options=options) as device,
        open_session_manager() as manager,
        manager.open_session(device) as session,
    ):
        yield session


class _KeptLink(LocalLink):
    """A link that outlives its device, and that shows a prompt to begin with."""

    def __init__(self, link: LocalLink) -> None:
        super().__init__(link._descriptor, link._process)  # noqa: SLF001  # the same, once more

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


class KeptTransport(Transport):
    """Connects to an interpreter that runs already, so that only attaching is timed."""

    url = "kept:"

    def __init__(self, link: LocalLink) -> None:
        self._link = link

    async def connect(self) -> Link:
        await trio.lowlevel.checkpoint()
        return _KeptLink(self._link)


@asynccontextmanager
async def open_kept() -> AsyncGenerator[KeptTransport, None]:
    """A transport to an interpreter that runs, and has been attached to before."""
    async with open_link() as link:
        transport = KeptTransport(link)
        async with open_device(transport):
            pass
        yield transport
