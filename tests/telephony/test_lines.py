"""The line pool with real lines: PJSUA2 endpoints in child processes, called directly."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import numpy as np
import pytest

from callscribe.domain.errors import LineUnavailable
from telephony.lines import LinePool, LinePoolSettings, LineStream
from tests.telephony.phone import Ledger, Media, Phone, loudest

pytestmark = pytest.mark.integration


def free_range(count: int) -> int:
    """The even start of a range of UDP ports that were free a moment ago."""
    for start in range(20000 + os.getpid() % 2000 * 4, 60000, 2 * count):
        try:
            for port in range(start, start + count):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return start
    raise AssertionError("no free ports")


def pool_of(ledger: Ledger, count: int = 1, media_timeout_s: int = 300) -> LinePool:
    first = free_range(32 * count)
    config = LinePoolSettings(
        count=count,
        rtp_port_min=first,
        rtp_port_max=first + 32 * count - 1,
        advertised_address="127.0.0.1",
        bind_address="127.0.0.1",
        media_timeout_s=media_timeout_s,
    )
    return LinePool(config, ledger)


@pytest.fixture
async def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
async def pool(ledger: Ledger) -> AsyncIterator[LinePool]:
    pool = pool_of(ledger)
    await pool.start()
    yield pool
    await pool.stop()
    assert ledger.faults == []


async def test_every_m_line_is_a_channel_with_its_label_and_its_own_sound(pool: LinePool, ledger: Ledger) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        reply = await phone.invite(Media("alpha"), Media("beta", payloads="8"))
        assert reply.status == 200
        assert ["a=recvonly" in section for section in reply.media] == [True, True]
        assert ["a=label:alpha" in reply.media[0], "a=label:beta" in reply.media[1]] == [True, True]
        assert "c=IN IP4 127.0.0.1" in reply.sdp
        phone.play(reply, 0, 440)
        await asyncio.sleep(2.0)
        assert pool.lines()[0].calls == 1
        assert (await phone.bye()).status == 200
    heard = await ledger.ended(call)
    assert heard.streams == (LineStream(0, "alpha", "PCMU"), LineStream(1, "beta", "PCMA"))
    assert heard.reason == "bye"
    assert loudest(heard.seconds(0, 0.5, 1.5)) == pytest.approx(440, abs=2)
    assert loudest(heard.seconds(1, 0.0, 1.5)) == 0
    assert len(heard.audio[0]) == len(heard.audio[1]) == heard.samples * 2
    assert heard.samples / 8000 == pytest.approx(2.0, abs=0.25)
    assert pool.lines()[0].calls == 0
