"""TLS handshakes on the public port: which succeed, and what is told of those that do not."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from callscribe.cli.ports import free_port
from telephony.front import tls
from telephony.front.front import Front
from telephony.front.hops import Hop, Transport
from telephony.front.offer import CallOffer, Description
from telephony.lines import LineStatus
from telephony.settings import RegisterSettings, SipSettings, TrunkSettings
from telephony.trunks import Trunks
from tests.acceptance.tls import Pair, make_pair
from tests.telephony.proxy_bench import Ask

pytestmark = pytest.mark.integration

TRUNKS = Trunks((TrunkSettings("plain", ("127.0.0.1/32",)), TrunkSettings("sure", ("127.0.0.5/32",), tls="verified")))


class Nobody:
    """Hears of no call, since none is placed."""

    def call_offered(self, offer: CallOffer) -> None: ...

    def call_described(self, call_id: UUID, description: Description) -> None: ...

    def call_pause_asked(self, call_id: UUID, *, paused: bool) -> None: ...

    def call_abandoned(self, call_id: UUID) -> None: ...


class Rig:
    """A front with a TLS port, and the certificates of everybody."""

    def __init__(self, folder: Path, trunks: Trunks = TRUNKS) -> None:
        self.own = make_pair(folder, "front", address="127.0.0.1")
        self.signer = make_pair(folder, "signer")
        self.peer = make_pair(folder, "peer", signer=self.signer)
        self.impostor = make_pair(folder, "impostor")
        settings = SipSettings(
            host="127.0.0.1",
            port=0,
            tls_port=free_port(),
            tls_certificate=str(self.own.certificate),
            tls_key=str(self.own.key),
            tls_client_ca=str(self.signer.certificate),
        )
        lines = (LineStatus(0, 1, True, 0, 4),)
        self.front = Front(settings, "127.0.0.1", trunks, lambda: lines, Nobody())

    def context(self, shown: Pair | None = None, trusted: Path | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(trusted or self.own.certificate))
        if shown:
            context.load_cert_chain(str(shown.certificate), str(shown.key))
        return context

    async def status(self, context: ssl.SSLContext, host: str = "127.0.0.1") -> int:
        """Of the answer to OPTIONS."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.front.ports.tls, ssl=context, local_addr=(host, 0)
        )
        try:
            writer.write(Ask("OPTIONS", transport="TLS").data())
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
            return int(head.split(b" ")[1])
        finally:
            await _close(writer)

    async def fault(self, context: ssl.SSLContext, host: str = "127.0.0.1") -> str:
        """What a handshake that cannot succeed is counted as."""
        before = dict(self.front.counters())
        await asyncio.to_thread(self._shake_hands, context, host)
        async with asyncio.timeout(5):
            while not (new := {name for name, n in self.front.counters().items() if n > before.get(name, 0)}):
                await asyncio.sleep(0.01)
        return new.pop()

    def _shake_hands(self, context: ssl.SSLContext, host: str) -> None:
        """By a blocking socket: asyncio's clients leave without the alert that tells why."""
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.front.ports.tls), 5, source_address=(host, 0)) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            secured.recv(1)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(tmp_path)
    await made.front.start()
    yield made
    await made.front.stop()


async def test_a_trunk_that_wants_a_certificate_takes_none_but_its_signers(rig: Rig) -> None:
    assert await rig.status(rig.context(), "127.0.0.5") == 403
    assert await rig.status(rig.context(rig.peer), "127.0.0.5") == 200
    assert await rig.status(rig.context()) == 200
    assert rig.front.counters() == {"requests_without_certificate": 1}


async def test_peers_of_other_trunks_may_show_any_signers_certificate(rig: Rig) -> None:
    assert await rig.status(rig.context(rig.impostor)) == 200


async def test_an_unlisted_address_is_asked_where_a_trunk_that_registers_wants_a_certificate(tmp_path: Path) -> None:
    account = RegisterSettings("192.0.2.1", "4711", transport="tls")
    for tls_rule, asked in (("optional", False), ("verified", True)):
        trunk = TrunkSettings("extension", allow=(), tls=tls_rule, register=account)
        assert Rig(tmp_path, Trunks((trunk,))).front.asks_certificate("127.0.0.1") is asked


async def test_every_failed_handshake_is_counted_by_its_reason_and_kept_with_its_source(rig: Rig) -> None:
    old = rig.context()
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    outdated = await rig.fault(old)
    # Which of the two depends on how Python's OpenSSL was built.
    assert outdated in {"tls_handshakes_failed_old_tls", "tls_handshakes_failed_no_cipher"}
    assert await rig.fault(rig.context(trusted=rig.signer.certificate)) == "tls_handshakes_failed_certificate_refused"
    impostor = rig.context(rig.impostor)
    assert await rig.fault(impostor, "127.0.0.5") == "tls_handshakes_failed_client_certificate"
    kept = rig.front.refusals.newest()
    assert [one.reason.rpartition("failed_")[2] for one in kept] == [
        "client_certificate", "certificate_refused", outdated.rpartition("failed_")[2],
    ]  # fmt: skip
    assert [(one.source, one.trunk, one.transport, one.status) for one in kept] == [
        ("127.0.0.5", "sure", "tls", 0), ("127.0.0.1", "plain", "tls", 0), ("127.0.0.1", "plain", "tls", 0),
    ]  # fmt: skip


async def test_plain_sip_on_the_tls_port_is_told_apart_from_a_peer_that_leaves(rig: Rig) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.front.ports.tls)
    writer.write(Ask("OPTIONS", transport="TCP").data())
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 60)
    await _close(writer)
    _, writer = await asyncio.open_connection("127.0.0.1", rig.front.ports.tls)
    await _close(writer)
    async with asyncio.timeout(5):
        while sum(rig.front.counters().values()) < 2:
            await asyncio.sleep(0.01)
    assert rig.front.counters() == {"tls_handshakes_failed_no_tls": 1, "tls_handshakes_failed_closed": 1}


async def test_what_comes_right_behind_the_handshake_is_heard(rig: Rig) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = rig.context().wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.front.ports.tls)
    while True:
        try:
            client.do_handshake()
            break
        except ssl.SSLWantReadError:
            writer.write(outgoing.read())
            incoming.write(await asyncio.wait_for(reader.read(65536), 60))
    # The end of the handshake and the first request in one segment.
    client.write(Ask("OPTIONS", transport="TLS").data())
    writer.write(outgoing.read())
    answer = b""
    while b"\r\n\r\n" not in answer:
        incoming.write(await asyncio.wait_for(reader.read(65536), 60))
        with contextlib.suppress(ssl.SSLWantReadError):
            answer += client.read()
    assert answer.startswith(b"SIP/2.0 200 ")
    await _close(writer)


async def test_a_certificate_that_is_renewed_on_disk_serves_the_next_handshake(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    renewed = make_pair(tmp_path / "new", "front", address="127.0.0.1")
    assert await rig.status(rig.context()) == 200
    renewed.certificate.replace(rig.own.certificate)
    # The certificate without its key: the old pair goes on.
    renewal = rig.context()
    with pytest.raises(ssl.SSLCertVerificationError):
        await rig.status(renewal)
    renewed.key.replace(rig.own.key)
    assert await rig.status(renewal) == 200


async def test_handshakes_at_once_are_bounded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "MAX_HANDSHAKES", 1)
    reader, silent = await asyncio.open_connection("127.0.0.1", rig.front.ports.tls)
    await asyncio.sleep(0.1)
    with pytest.raises(OSError):  # noqa: PT011 - reset or end of file
        await rig.status(rig.context())
    assert rig.front.counters() == {"connections_refused": 1}
    await _close(silent)
    assert await reader.read() == b""


async def test_peers_that_connections_are_opened_to_see_our_certificate_if_they_ask(tmp_path: Path) -> None:
    port, other_port = free_port(), free_port()
    account = RegisterSettings(
        f"127.0.0.1:{port}", "4711", transport="tls", tls_authorities=str(tmp_path / "front.pem")
    )
    rig = Rig(tmp_path, Trunks((TrunkSettings("extension", allow=(), register=account),)))
    asking = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(rig.own.certificate))
    asking.load_cert_chain(str(rig.own.certificate), str(rig.own.key))
    asking.verify_mode = ssl.CERT_REQUIRED
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            arrived.put_nowait(await reader.readuntil(b"\r\n"))
        await _close(writer)

    servers = [await asyncio.start_server(listen, "127.0.0.1", at, ssl=asking) for at in (port, other_port)]
    await rig.front.start()
    rig.front.send(Hop(Transport.TLS, "127.0.0.1", other_port), b"BYE of a caller\r\n")
    assert await asyncio.wait_for(arrived.get(), 60) == b"BYE of a caller\r\n"
    rig.front.register()
    assert (await asyncio.wait_for(arrived.get(), 60)).startswith(b"REGISTER sip:127.0.0.1")
    await rig.front.stop()
    for server in servers:
        server.close()
        await server.wait_closed()
