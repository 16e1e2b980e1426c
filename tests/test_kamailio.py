"""The proxy in front of several nodes: Kamailio with the configuration of deploy/, and nodes that answer as told."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from tests.acceptance.raw_sip import AUDIO_OFFER, Asked, RawPeer
from tests.acceptance.service import wait_for
from tests.acceptance.tls import make_certificate
from tests.kamailio import running_kamailio, sip_port

OFFER = AUDIO_OFFER.format(port=40000)
_ECHOED = re.compile(r"^(?:via|record-route|from|call-id|cseq):.*$", re.IGNORECASE | re.MULTILINE)

pytestmark = pytest.mark.integration


def answer(request: str, status: int, tag: str, contact: str) -> bytes:
    echoed = [line.rstrip() for line in _ECHOED.findall(request)]
    to = re.findall(r"^To:\s*(.*?)\r?$", request, re.IGNORECASE | re.MULTILINE)[0]
    lines = [f"SIP/2.0 {status} Told", *echoed, f"To: {to}" if ";tag=" in to else f"To: {to};tag={tag}"]
    return "\r\n".join([*lines, f"Contact: <{contact}>", "Content-Length: 0", "", ""]).encode()


@dataclass(slots=True)
class Node:
    """A stand-in for a node: answers INVITEs and OPTIONS as told, remembers what came and over which transport."""

    status: int = 200
    options_status: int = 200
    port: int = field(default_factory=sip_port)
    seen: list[tuple[str, str]] = field(default_factory=list)
    """Transport and text of every request that is no OPTIONS, oldest first."""
    _sockets: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> Self:
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener = socket.socket()
        for opened in (datagrams, listener):
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(("127.0.0.1", self.port))
            self._sockets.append(opened)
        listener.listen()
        threading.Thread(target=self._serve_datagrams, args=(datagrams,), daemon=True).start()
        threading.Thread(target=self._serve_streams, args=(listener,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for opened in self._sockets:
            # A blocked accept or recv is not woken by close alone.
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()

    def methods(self) -> list[str]:
        return [text.split(" ")[0] for _, text in self.seen]

    def _serve_datagrams(self, opened: socket.socket) -> None:
        while True:
            try:
                data, source = opened.recvfrom(65535)
            except OSError:
                return
            if data and (reply := self._take("UDP", data.decode())):
                opened.sendto(reply, source)

    def _serve_streams(self, listener: socket.socket) -> None:
        while True:
            try:
                stream, _ = listener.accept()
            except OSError:
                return
            self._sockets.append(stream)
            threading.Thread(target=self._serve_stream, args=(stream,), daemon=True).start()

    def _serve_stream(self, stream: socket.socket) -> None:
        held = b""
        while True:
            try:
                data = stream.recv(65535)
            except OSError:
                return
            if not data:
                return
            held += data
            while (size := _whole(held)) > 0:
                message, held = held[:size], held[size:]
                if reply := self._take("TCP", message.decode()):
                    stream.sendall(reply)

    def _take(self, transport: str, text: str) -> bytes:
        method = text.split(" ")[0]
        if method != "OPTIONS":
            self.seen.append((transport, text))
        if method == "ACK":
            return b""
        status = {"INVITE": self.status, "OPTIONS": self.options_status}.get(method, 200)
        return answer(text, status, f"node-{self.port}", f"sip:node@127.0.0.1:{self.port}")


def _whole(held: bytes) -> int:
    """Bytes of the first message, 0 while it is not whole."""
    head, end, _ = held.partition(b"\r\n\r\n")
    length = re.search(rb"content-length\s*:\s*(\d+)", head, re.IGNORECASE)
    size = len(head) + 4 + (int(length[1]) if length else 0)
    return size if end and len(held) >= size else 0


@contextmanager
def proxy(nodes: list[Node], *options: str, maxload: int = 4) -> Iterator[int]:
    """Kamailio before the nodes; its port."""
    with ExitStack() as stack:
        for node in nodes:
            stack.enter_context(node)
        yield stack.enter_context(running_kamailio([node.port for node in nodes], *options, maxload=maxload))


def test_a_call_and_its_bye_reach_one_node() -> None:
    node = Node()
    with proxy([node]) as port, RawPeer("UDP", port) as caller:
        asked = Asked(body=OFFER)
        reply = caller.establish(asked)
        assert reply.status == 200
        assert caller.hang_up(asked, reply).status == 200
        wait_for(lambda: sorted(node.methods()) == ["ACK", "BYE", "INVITE"], "the call at the node")


def test_a_node_that_is_full_passes_its_call_on() -> None:
    full, free = Node(status=503), Node()
    with proxy([full, free]) as port, RawPeer("UDP", port) as caller:
        replies = [caller.ask(Asked(body=OFFER)) for _ in range(4)]
        assert [reply.status for reply in replies] == [200] * 4
        assert all(f"node-{free.port}" in reply.header("To") for reply in replies)
        assert "INVITE" in full.methods()


def test_a_node_that_drains_gets_no_call_until_it_takes_some_again() -> None:
    draining, free = Node(options_status=503), Node()

    def gets_a_call() -> bool:
        before = draining.methods().count("INVITE")
        with RawPeer("UDP", port) as peer:
            assert peer.establish(Asked(body=OFFER)).status == 200
        return draining.methods().count("INVITE") > before

    with proxy([draining, free], maxload=1000) as port:
        wait_for(lambda: not any(gets_a_call() for _ in range(4)), "that the proxy takes the node out")
        draining.options_status = 200
        wait_for(gets_a_call, "that the proxy takes the node in again")


@pytest.mark.parametrize("padding", [0, 4000], ids=["udp", "tcp"])
def test_a_node_that_is_gone_passes_its_call_on(padding: int) -> None:
    gone, free = Node(), Node()
    with proxy([gone, free]) as port, RawPeer("UDP", port) as caller:
        gone.close()
        for _ in range(2):
            assert caller.ask(Asked(body=OFFER + "a=x" * padding), 10).status == 200
        assert free.methods().count("INVITE") == 2


def test_calls_beyond_what_all_nodes_carry_are_told_to_come_again() -> None:
    nodes = [Node(), Node()]
    with proxy(nodes, maxload=2) as port, RawPeer("UDP", port) as caller:
        replies = [caller.ask(Asked(body=OFFER)) for _ in range(5)]
        assert [reply.status for reply in replies] == [200] * 4 + [503]
        assert replies[-1].header("Retry-After") == "5"
        assert [node.methods().count("INVITE") for node in nodes] == [2, 2]


def test_recording_metadata_of_64_kib_goes_to_the_node_over_tcp() -> None:
    node = Node()
    metadata = "<recording>" + "x" * (64 * 1024) + "</recording>"
    body = (
        f"--b\r\nContent-Type: application/sdp\r\n\r\n{OFFER}\r\n"
        f"--b\r\nContent-Type: application/rs-metadata+xml\r\n\r\n{metadata}\r\n--b--\r\n"
    )
    with proxy([node]) as port, RawPeer("TCP", port) as caller:
        reply = caller.ask(Asked(body=body, content_type="multipart/mixed;boundary=b"))
        assert reply.status == 200
        transport, text = node.seen[0]
        assert transport == "TCP"
        assert text.partition("\r\n\r\n")[2] == body


def test_a_call_over_tls_reaches_a_node_that_has_none(tmp_path: Path) -> None:
    node, tls_port = Node(), sip_port()
    certificate, key = make_certificate(tmp_path)
    files = ("-A", f'TLS_CERTIFICATE="{certificate}"', "-A", f'TLS_KEY="{key}"')
    options = ("-A", "WITH_TLS=1", *files, "-l", f"tls:127.0.0.1:{tls_port}")
    with proxy([node], *options), RawPeer("TLS", tls_port) as caller:
        asked = Asked(body=OFFER)
        reply = caller.establish(asked)
        assert reply.status == 200
        assert caller.hang_up(asked, reply).status == 200
        wait_for(lambda: sorted(node.methods()) == ["ACK", "BYE", "INVITE"], "the call at the node")
    assert {transport for transport, _ in node.seen} <= {"UDP", "TCP"}


def test_who_is_in_no_network_of_callers_is_refused() -> None:
    node = Node()
    with proxy([node], "-A", 'CALLERS="192.0.2.0/24"') as port, RawPeer("UDP", port) as caller:
        assert caller.ask(Asked(body=OFFER)).status == 403
        assert node.seen == []
