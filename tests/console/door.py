"""A way to a server that can be cut, and that speaks TLS as a reverse proxy does."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from tests.acceptance.tls import Pair, make_pair

BLOCK = 1 << 16


class Door:
    """A port of loopback; what comes in goes on to the port `leads_to`, nothing while it is 0."""

    def __init__(self) -> None:
        self.port = 0
        self.leads_to = 0
        self._passing: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @asynccontextmanager
    async def stand(self, pair: Pair | None) -> AsyncIterator[None]:
        """With a certificate it speaks TLS."""
        context = None
        if pair is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.certificate, pair.key)
        server = await asyncio.start_server(self._take, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            await self.cut()

    async def cut(self) -> None:
        """Break every connection; new ones get nowhere until it leads somewhere again."""
        self.leads_to = 0
        passing = dict(self._passing)
        for task in passing:
            task.cancel()
        await asyncio.gather(*passing, return_exceptions=True)
        # One that was cancelled before its first step has closed nothing.
        for writer in passing.values():
            writer.transport.abort()

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._pass_on(reader, writer))
        self._passing[task] = writer
        task.add_done_callback(self._passing.pop)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            from_there, to_there = await asyncio.open_connection("127.0.0.1", self.leads_to)
            ways = [asyncio.ensure_future(_copy(*way)) for way in ((reader, to_there), (from_there, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                to_there.transport.abort()
        writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(BLOCK):
        writer.write(part)
        await writer.drain()


@contextmanager
def way_to(port: int) -> Iterator[tuple[Door, Callable[[], None]]]:
    """A door to a port of this machine, without TLS, and what cuts it."""
    door = Door()
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(door.stand(None)):
        door.leads_to = port
        yield door, lambda: portal.call(door.cut)


@contextmanager
def doors(folder: Path, count: int) -> Iterator[list[Door]]:
    """Doors with TLS that lead nowhere yet."""
    pair, made = make_pair(folder, "doors"), [Door() for _ in range(count)]
    with start_blocking_portal() as portal, contextlib.ExitStack() as stack:
        for door in made:
            stack.enter_context(portal.wrap_async_context_manager(door.stand(pair)))
        yield made
