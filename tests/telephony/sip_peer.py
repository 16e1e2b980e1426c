"""A SIP peer on a real socket, which sends what a test writes."""

import asyncio
import contextlib
import re
import socket
import ssl
from pathlib import Path

PEM = str(Path(__file__).with_name("test_front_tls.pem"))
"""A certificate for 127.0.0.1 and its key."""


class Peer:
    """A SIP peer on a socket of any transport; over UDP it has a stream's shape too."""

    def __init__(self, transport: str) -> None:
        self.transport = transport
        self._inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self.tag = "caller-tag"

    @property
    def call(self) -> str:
        """Its only Call-ID."""
        return f"call-{self.port}"

    async def connect(self, port: int) -> "Peer":
        loop = asyncio.get_running_loop()
        self._port = port
        if self.transport == "UDP":
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            self._socket.bind(("127.0.0.1", 0))
            self.port = self._socket.getsockname()[1]
            self._tasks.append(loop.create_task(self._read_datagrams()))
        else:
            context = None
            if self.transport == "TLS":
                context = ssl.create_default_context(cafile=PEM)
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            self.port = self._writer.get_extra_info("sockname")[1]
            self._tasks.append(loop.create_task(self._read_stream()))
        return self

    def write(self, data: bytes) -> None:
        if self.transport == "UDP":
            self._socket.sendto(data, ("127.0.0.1", self._port))
        else:
            self._writer.write(data)

    def ask(self, method: str, cseq: int, body: str = "", kind: str = "", to_tag: str = "") -> None:
        self.write(self.request(method, cseq, body, kind, to_tag))

    def request(self, method: str, cseq: int, body: str = "", kind: str = "", to_tag: str = "") -> bytes:
        suffix = "" if self.transport == "UDP" else f";transport={self.transport.lower()}"
        lines = [
            f"{method} sip:scribe@127.0.0.1 SIP/2.0",
            f"Via: SIP/2.0/{self.transport} 127.0.0.1:{self.port};branch=z9hG4bK{method}{cseq};rport",
            "Max-Forwards: 70",
            f"From: <sip:src@127.0.0.1>;tag={self.tag}",
            f"To: <sip:scribe@127.0.0.1>{f';tag={to_tag}' if to_tag else ''}",
            f"Call-ID: {self.call}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:src@127.0.0.1:{self.port}{suffix}>",
            *((f"Content-Type: {kind or 'application/sdp'}",) if body else ()),
            f"Content-Length: {len(body)}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    async def message(self) -> str:
        """The next message that is no 100."""
        while True:
            text = (await asyncio.wait_for(self._inbox.get(), 5)).decode()
            if not text.startswith("SIP/2.0 100"):
                return text

    async def is_closed(self) -> bool:
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(asyncio.shield(self._tasks[0]), 5)
        return True

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.transport == "UDP":
            self._socket.close()
        else:
            self._writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await self._writer.wait_closed()

    async def _read_datagrams(self) -> None:
        while True:
            self._inbox.put_nowait(await asyncio.get_running_loop().sock_recv(self._socket, 65536))

    async def _read_stream(self) -> None:
        while True:
            try:
                head = await self._reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError as error:
                if error.partial:
                    self._inbox.put_nowait(error.partial)
                return
            length = re.search(rb"Content-Length: (\d+)", head)
            self._inbox.put_nowait(head + await self._reader.readexactly(int(length[1]) if length else 0))
