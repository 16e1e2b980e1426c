"""The line pool with real lines: PJSUA2 endpoints in child processes, called directly."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
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


async def test_an_m_line_added_later_starts_with_silence_up_to_its_own_instant(pool: LinePool, ledger: Ledger) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        first = await phone.invite(Media("1"))
        phone.play(first, 0, 440)
        await asyncio.sleep(1.0)
        second = await phone.invite(Media("1"), Media("2"))
        assert second.status == 200
        phone.play(second, 1, 880)
        await asyncio.sleep(1.5)
        await phone.bye()
    heard = await ledger.ended(call)
    assert heard.changes[-1] == (LineStream(0, "1", "PCMU"), LineStream(1, "2", "PCMU"))
    assert len(heard.audio[0]) == len(heard.audio[1]) == heard.samples * 2
    assert loudest(heard.seconds(1, 0.0, 0.9)) == 0
    assert loudest(heard.seconds(0, 1.5, 2.3)) == pytest.approx(440, abs=2)
    assert loudest(heard.seconds(1, 1.5, 2.3)) == pytest.approx(880, abs=2)


async def test_sounds_that_start_together_stay_together_on_all_channels(pool: LinePool, ledger: Ledger) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        reply = await phone.invite(*(Media(str(number)) for number in range(4)))
        await asyncio.sleep(0.7)
        for number in range(4):
            phone.play(reply, number, 300 + 100 * number)
        await asyncio.sleep(1.2)
        await phone.bye()
    heard = await ledger.ended(call)
    begins = [np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2")) > 1000)[0] for pcm in heard.audio.values()]
    assert len(begins) == 4
    assert max(begins) - min(begins) <= 0.04 * 8000
    assert begins[0] == pytest.approx(0.8 * 8000, abs=0.3 * 8000)


async def test_a_held_call_goes_on_with_zeros_and_is_heard_again_when_resumed(pool: LinePool, ledger: Ledger) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        offer = (Media("1"), Media("2"))
        reply = await phone.invite(*offer)
        phone.play(reply, 0, 440)
        await asyncio.sleep(0.8)
        held = await phone.invite(Media("1", "inactive"), Media("2", "inactive"))
        assert ["a=inactive" in section for section in held.media] == [True, True]
        await asyncio.sleep(1.0)
        resumed = await phone.invite(*offer)
        assert ["a=recvonly" in section for section in resumed.media] == [True, True]
        await asyncio.sleep(1.2)
        await phone.bye()
    heard = await ledger.ended(call)
    assert heard.samples / 8000 == pytest.approx(3.0, abs=0.3)
    assert loudest(heard.seconds(0, 0.3, 0.7)) == pytest.approx(440, abs=5)
    assert loudest(heard.seconds(0, 1.2, 1.7)) == 0
    assert loudest(heard.seconds(0, 2.3, 2.8)) == pytest.approx(440, abs=5)


async def test_an_offer_that_begins_on_hold_is_answered_and_has_its_channels(pool: LinePool, ledger: Ledger) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        reply = await phone.invite(Media("1", "inactive"), Media("2", "inactive"))
        assert reply.status == 200
        await asyncio.sleep(0.5)
        live = await phone.invite(Media("1"), Media("2"))
        phone.play(live, 1, 660)
        await asyncio.sleep(1.0)
        await phone.bye()
    heard = await ledger.ended(call)
    assert [(stream.index, stream.label) for stream in heard.streams] == [(0, "1"), (1, "2")]
    assert loudest(heard.seconds(1, 0.8, 1.3)) == pytest.approx(660, abs=5)


async def test_the_answer_keeps_order_and_count_of_rejected_and_video_lines(pool: LinePool, ledger: Ledger) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        offer = (Media("v", kind="video", payloads="96"), Media("a"), Media("x", rejected=True), Media("b"))
        reply = await phone.invite(*offer)
        assert [section[0].split()[0] for section in reply.media] == ["m=video", "m=audio", "m=audio", "m=audio"]
        assert [section[0].split()[1] == "0" for section in reply.media] == [True, False, True, False]
        await asyncio.sleep(0.3)
        await phone.bye()
    heard = await ledger.ended(call)
    assert heard.streams == (LineStream(0, "a", "PCMU"), LineStream(1, "b", "PCMU"))


@pytest.mark.parametrize(("headers", "direction"), [((), "sendrecv"), (("X-Callscribe-Dialect: siprec",), "recvonly")])
async def test_a_plain_call_is_answered_both_ways_and_a_recording_session_only_receives(
    pool: LinePool, ledger: Ledger, headers: tuple[str, ...], direction: str
) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call, headers) as phone:
        reply = await phone.invite(Media(direction="sendrecv"))
        assert f"a={direction}" in reply.media[0]
        await phone.bye()
    assert (await ledger.ended(call)).reason == "bye"


async def test_an_invite_without_a_call_id_is_refused(pool: LinePool, ledger: Ledger) -> None:
    async with Phone(pool.lines()[0].sip_port, None) as phone:
        assert (await phone.invite(Media())).status == 403
    assert ledger.calls == {}
    await asyncio.sleep(1.2)
    assert pool.counters()["invites_without_id"] == 1


async def test_an_offer_without_a_known_codec_is_refused(pool: LinePool, ledger: Ledger) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        assert (await phone.invite(Media(payloads="18"))).status == 488
    assert ledger.calls == {}


async def test_a_delayed_offer_is_answered_with_one_audio_line(pool: LinePool, ledger: Ledger) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        reply = await phone.invite(Media(), sdp="")
        assert reply.status == 200
        assert len(reply.media) == 1
        phone.play(reply, 0, 500)
        await asyncio.sleep(1.0)
        await phone.bye()
    heard = await ledger.ended(call)
    assert loudest(heard.seconds(0, 0.4, 0.8)) == pytest.approx(500, abs=5)


async def test_hanging_up_a_call_sends_bye_and_reports_its_length(pool: LinePool, ledger: Ledger) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        await phone.invite(Media())
        await asyncio.sleep(0.5)
        pool.hang_up(call)
        assert (await asyncio.wait_for(phone.requests.get(), 2)).startswith("BYE ")
    heard = await ledger.ended(call)
    assert heard.reason == "bye"
    assert heard.samples / 8000 == pytest.approx(0.5, abs=0.2)


async def test_stopping_the_pool_says_bye_to_its_calls(ledger: Ledger) -> None:
    pool = pool_of(ledger)
    await pool.start()
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        await phone.invite(Media())
        await asyncio.sleep(0.3)
        await pool.stop()
        assert (await asyncio.wait_for(phone.requests.get(), 2)).startswith("BYE ")
    assert ledger.calls[call].reason == "bye"
    assert ledger.lost == []


async def test_a_call_without_rtp_ends_and_one_on_hold_does_not(ledger: Ledger) -> None:
    pool = pool_of(ledger, media_timeout_s=1)
    await pool.start()
    silent, held = uuid4(), uuid4()
    port = pool.lines()[0].sip_port
    async with Phone(port, silent) as mute, Phone(port, held) as waiting:
        await mute.invite(Media())
        await waiting.invite(Media(direction="inactive"))
        assert (await asyncio.wait_for(mute.requests.get(), 4)).startswith("BYE ")
        assert (await ledger.ended(silent)).reason == "no-media"
        await asyncio.sleep(0.5)
        assert waiting.requests.empty()
        await waiting.bye()
    await pool.stop()
    assert ledger.calls[held].reason == "bye"


async def test_rtp_of_a_stranger_and_noise_on_the_port_are_not_heard(pool: LinePool, ledger: Ledger) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        reply = await phone.invite(Media())
        phone.play(reply, 0, 440)
        await asyncio.sleep(0.5)
        stranger = phone.play(reply, 0, 1200)
        for _ in range(50):
            stranger.say(b"no RTP at all")
            await asyncio.sleep(0.05)
        await phone.bye()
    heard = await ledger.ended(call)
    assert [loudest(heard.seconds(0, at, at + 0.4)) for at in (1.0, 2.0)] == pytest.approx([440, 440], abs=5)
    await asyncio.sleep(1.2)
    assert pool.counters()["rtp_discarded"] == 50


async def test_a_party_whose_rtp_comes_from_elsewhere_is_followed_and_counted(pool: LinePool, ledger: Ledger) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        reply = await phone.invite(Media())
        first = phone.play(reply, 0, 440)
        await asyncio.sleep(1.5)
        await first.stop()
        phone.play(reply, 0, 1200)
        await asyncio.sleep(2.5)
        await phone.bye()
    heard = await ledger.ended(call)
    assert [loudest(heard.seconds(0, at, at + 0.4)) for at in (0.8, 3.0)] == pytest.approx([440, 1200], abs=5)
    assert pool.counters()["rtp_source_changes"] == 1


async def test_a_killed_line_is_reported_with_its_calls_and_a_new_one_takes_calls(ledger: Ledger) -> None:
    pool = pool_of(ledger, count=2)
    await pool.start()
    doomed, other = uuid4(), uuid4()
    ports = [line.sip_port for line in pool.lines()]
    async with Phone(ports[0], doomed) as first, Phone(ports[1], other) as second:
        await first.invite(Media())
        second.play(await second.invite(Media()), 0, 440)
        await asyncio.sleep(0.3)
        os.kill(pool.pids()[0], signal.SIGKILL)
        begun = time.monotonic()
        while not (ledger.lost and pool.lines()[0].ready):
            await asyncio.sleep(0.01)
        assert time.monotonic() - begun < 2.0
        assert ledger.lost == [(0, (doomed,))]
        fresh = uuid4()
        async with Phone(pool.lines()[0].sip_port, fresh) as third:
            assert (await third.invite(Media())).status == 200
            await asyncio.sleep(0.3)
            await third.bye()
        assert (await ledger.ended(fresh)).reason == "bye"
        await second.bye()
    assert (await ledger.ended(other)).samples > 8000 * 0.5
    assert pool.counters()["lines_lost"] == 1
    await pool.stop()


async def test_a_line_that_stood_still_fills_the_time_with_zeros(pool: LinePool, ledger: Ledger) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        phone.play(await phone.invite(Media()), 0, 440)
        begun = time.monotonic()
        await asyncio.sleep(0.7)
        os.kill(pool.pids()[0], signal.SIGSTOP)
        await asyncio.sleep(2.0)
        os.kill(pool.pids()[0], signal.SIGCONT)
        await asyncio.sleep(1.5)
        await phone.bye()
        lasted = time.monotonic() - begun
    heard = await ledger.ended(call)
    assert heard.samples / 8000 == pytest.approx(lasted, abs=0.2)
    assert loudest(heard.seconds(0, 0.3, 0.7)) == pytest.approx(440, abs=5)
    assert loudest(heard.seconds(0, lasted - 0.6, lasted - 0.2)) == pytest.approx(440, abs=5)


async def test_lines_that_cannot_start_fail_the_pool_instead_of_being_retried_for_ever(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(LineUnavailable, match="does not start"):
        await pool_of(ledger, count=2).start()


async def test_too_few_rtp_ports_for_the_lines_are_told_at_once(ledger: Ledger) -> None:
    with pytest.raises(LineUnavailable, match=r"sip.rtp_port_max, or set sip.lines to 3"):
        LinePool(LinePoolSettings(4, 10001, 10001 + 100, "127.0.0.1"), ledger)


async def test_the_answer_names_the_advertised_address_and_ports_of_the_range(ledger: Ledger) -> None:
    first = free_range(32)
    pool = LinePool(LinePoolSettings(1, first, first + 31, "192.0.2.7"), ledger)
    await pool.start()
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        reply = await phone.invite(*(Media(str(number)) for number in range(4)))
        assert all("c=IN IP4 192.0.2.7" in section for section in reply.media)
        ports = [int(section[0].split()[1]) for section in reply.media]
        assert len(set(ports)) == 4
        assert all(first <= port < first + 32 and port % 2 == 0 for port in ports)
        await phone.bye()
    await pool.stop()


async def test_a_line_that_cannot_open_its_rtp_ports_refuses_the_call_and_stays_up(ledger: Ledger) -> None:
    first = free_range(32)
    pool = LinePool(LinePoolSettings(1, first, first + 31, "127.0.0.1", bind_address="203.0.113.9"), ledger)
    await pool.start()
    for _ in range(6):
        async with Phone(pool.lines()[0].sip_port, uuid4()) as phone:
            assert (await phone.invite(Media())).status == 500
    await pool.stop()
    assert ledger.lost == []


PARENT = """
import asyncio
from telephony.lines import LinePool, LinePoolSettings
class Deaf:
    def line_lost(self, line, calls): pass
async def main():
    pool = LinePool(LinePoolSettings(2, {first}, {first} + 63, "127.0.0.1", "127.0.0.1"), Deaf())
    await pool.start()
    print(*pool.pids(), flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def test_lines_die_with_a_parent_that_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(first=free_range(64))], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with parent:
        assert parent.stdout
        lines: list[int] = []
        while len(lines) != 2:
            words = parent.stdout.readline().split()
            lines = [int(word) for word in words] if all(word.isdigit() for word in words) else []
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 3
    while any(alive(pid) for pid in lines):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
