"""The front's registrations on real sockets, at Kamailio."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from callscribe.domain.errors import SettingsError
from telephony.front.front import Front
from telephony.registration import RegistrationState
from telephony.settings import RegisterSettings, SipSettings, TrunkSettings
from telephony.trunks import Trunks
from tests.acceptance.raw_sip import Asked, RawPeer
from tests.registrar import EXTENSIONS, Registrar, running_registrar
from tests.telephony.sip_peer import PEM
from tests.telephony.test_front_sockets import Listener

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def pbx() -> Iterator[Registrar]:
    with running_registrar() as started:
        yield started


@asynccontextmanager
async def registering(*accounts: RegisterSettings) -> AsyncIterator[Front]:
    """A front whose trunks register."""
    trunks = tuple(TrunkSettings(f"{number}", allow=(), register=one) for number, one in enumerate(accounts))
    front = Front(SipSettings(host="127.0.0.1", port=0), "127.0.0.1", Trunks(trunks), lambda: (), Listener())
    await front.start()
    front.register()
    yield front
    front.drain()
    await front.stop()


async def states(front: Front, *wanted: RegistrationState) -> None:
    """Wait until the registrations are in these states, in their order."""
    async with asyncio.timeout(10):
        while [one.state for one in front.registrations()] != list(wanted):
            await asyncio.sleep(0.02)


def is_known(pbx: Registrar, extension: str) -> bool:
    """Whether the PBX sends a call of an extension anywhere."""
    with RawPeer("UDP", pbx.port) as peer:
        return peer.ask(Asked(start=f"INVITE sip:{extension}@pbx.test SIP/2.0", body="v=0\r\n")).status != 404


def answer_in_plain_text(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SIP/2.0 400 Bad Request\r\n\r\n")
    writer.close()


async def test_a_front_is_known_to_the_pbx_until_it_drains(pbx: Registrar) -> None:
    async with registering(*(pbx.account(transport) for transport in EXTENSIONS)) as front:
        await states(front, *[RegistrationState.REGISTERED] * len(EXTENSIONS))
        assert [one.expires_s for one in front.registrations()] == [10] * len(EXTENSIONS)
        known = [await asyncio.to_thread(is_known, pbx, extension) for extension in EXTENSIONS.values()]
        assert known == [True] * len(EXTENSIONS)
    known = [await asyncio.to_thread(is_known, pbx, extension) for extension in EXTENSIONS.values()]
    assert known == [False] * len(EXTENSIONS)


async def test_other_trunks_are_registered_and_those_that_are_gone_taken_back(pbx: Registrar) -> None:
    (kept, kept_extension), (gone, gone_extension), (new, new_extension) = EXTENSIONS.items()
    trunks = {name: TrunkSettings(name, allow=(), register=pbx.account(name)) for name in (kept, gone, new)}
    async with registering() as front:
        await states(front)
        front.take(Trunks((trunks[kept], trunks[gone])))
        await states(front, RegistrationState.REGISTERED, RegistrationState.REGISTERED)
        front.take(Trunks((trunks[kept], trunks[new])))
        await states(front, RegistrationState.REGISTERED, RegistrationState.REGISTERED)
        assert [one.trunk for one in front.registrations()] == [kept, new]
        async with asyncio.timeout(10):
            while await asyncio.to_thread(is_known, pbx, gone_extension):
                await asyncio.sleep(0.1)
        known = [await asyncio.to_thread(is_known, pbx, extension) for extension in (kept_extension, new_extension)]
        assert known == [True, True]


async def test_what_keeps_a_registrar_from_being_reached_is_told_apart(pbx: Registrar) -> None:
    over_tls = pbx.account("tls")
    plain = await asyncio.start_server(answer_in_plain_text, "127.0.0.1", 0)
    accounts = (
        replace(over_tls, tls_authorities=PEM),
        replace(over_tls, registrar=f"127.0.0.1:{plain.sockets[0].getsockname()[1]}"),
        replace(pbx.account("tcp"), registrar="127.0.0.1:9"),
        replace(pbx.account("udp"), registrar="no..name"),
        pbx.account("udp", password="another"),
    )
    async with registering(*accounts) as front:
        await states(
            front,
            RegistrationState.UNTRUSTED,
            RegistrationState.NO_TLS,
            RegistrationState.UNCONNECTED,
            RegistrationState.NAME_UNKNOWN,
            RegistrationState.PASSWORD_REFUSED,
        )
    plain.close()
    await plain.wait_closed()


async def test_a_file_of_authorities_that_cannot_be_read_is_named(pbx: Registrar) -> None:
    account = replace(pbx.account("tls"), tls_authorities=__file__)
    with pytest.raises(SettingsError, match=r"register\.tls_authorities of trunk 0 must be a PEM file"):
        async with registering(account):
            pass
