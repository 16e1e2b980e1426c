"""The line pool with real lines: PJSUA2 endpoints in child processes, called directly."""

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import uuid4

import numpy as np
import pytest

from callscribe.cli.ports import free_port
from callscribe.domain.errors import LineUnavailable
from telephony.lines import LinePool, LinePoolSettings, LineStream
from tests.telephony.phone import Ledger, Media, Phone, loudest

pytestmark = pytest.mark.integration


def free_range(count: int) -> int:
    """The even start of a range of UDP ports that were free a moment ago.

    Below are the ranges of the services that the acceptance tests call beside this, above what `free_port` offers.
    """
    for start in range(30000 + os.getpid() % 140 * 8, 31_500 - count, 2 * count):
        try:
            for port in range(start, start + count):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return start
    raise AssertionError("no free ports")


def pool_of(ledger: Ledger, count: int = 1, media_timeout_s: int = 300, sample_rate: int = 8000) -> LinePool:
    first = free_range(32 * count)
    config = LinePoolSettings(
        count=count,
        rtp_port_min=first,
        rtp_port_max=first + 32 * count - 1,
        advertised_address="127.0.0.1",
        bind_address="127.0.0.1",
        media_timeout_s=media_timeout_s,
        sample_rate=sample_rate,
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
    assert heard.streams == (LineStream(0, "alpha", "PCMU"), LineStream(1, "beta", "PCMA", 1))
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
    assert heard.changes[-1] == (LineStream(0, "1", "PCMU"), LineStream(1, "2", "PCMU", 1))
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
    assert heard.streams == (LineStream(0, "a", "PCMU", 1), LineStream(1, "b", "PCMU", 3))


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


async def test_after_a_delayed_offer_an_m_line_may_be_added(pool: LinePool, ledger: Ledger) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        await phone.invite(Media(), sdp="")
        reply = await phone.invite(Media("1"), Media("2"))
        assert [section[0].split()[1] == "0" for section in reply.media] == [False, False]
        phone.play(reply, 1, 500)
        await asyncio.sleep(1.0)
        await phone.bye()
    heard = await ledger.ended(call)
    assert [stream.label for stream in heard.changes[-1]] == ["1", "2"]
    assert loudest(heard.seconds(1, 0.5, 0.8)) == pytest.approx(500, abs=5)


async def test_an_m_line_that_is_taken_back_keeps_its_label(pool: LinePool, ledger: Ledger) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        await phone.invite(Media("1"), Media("2"))
        await phone.invite(Media("1"), Media("2", rejected=True))
        await asyncio.sleep(0.3)
        await phone.bye()
    heard = await ledger.ended(call)
    assert {tuple(stream.label for stream in streams) for streams in (heard.streams, *heard.changes)} == {("1", "2")}


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


async def test_noise_on_an_rtp_port_is_counted_and_not_heard(pool: LinePool, ledger: Ledger) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        party = phone.play(await phone.invite(Media()), 0, 440)
        await asyncio.sleep(0.5)
        for _ in range(50):
            party.say(b"no RTP at all")
            await asyncio.sleep(0.02)
        await phone.bye()
    heard = await ledger.ended(call)
    assert loudest(heard.seconds(0, 0.8, 1.2)) == pytest.approx(440, abs=5)
    await asyncio.sleep(1.2)
    assert pool.counters()["rtp_discarded"] == 50


async def test_strangers_who_were_there_first_are_not_heard_nor_is_a_word_lost_by_them(
    pool: LinePool, ledger: Ledger
) -> None:
    call, declared = uuid4(), free_port()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        reply = await phone.invite(Media(port=declared))
        for host in ("127.0.0.5", "127.0.0.6", "127.0.0.6"):
            phone.play(reply, 0, 1200, (host, 0))
        # Before the gate gives the party up.
        await asyncio.sleep(0.05)
        party = phone.play(reply, 0, 440, ("127.0.0.1", declared))
        await asyncio.sleep(2.0)
        # Nor does a short pause let them in.
        await party.pause(0.5)
        await asyncio.sleep(1.0)
        await phone.bye()
    heard = await ledger.ended(call)
    assert [loudest(heard.seconds(0, at, at + 0.2)) for at in (0.2, 0.5, 1.5, 3.0)] == pytest.approx([440] * 4, abs=5)
    await asyncio.sleep(1.2)
    assert pool.counters()["rtp_kept_out"] >= 300
    assert "rtp_source_changes" not in pool.counters()


async def test_an_m_line_that_comes_back_on_another_port_keeps_strangers_out_there(
    pool: LinePool, ledger: Ledger
) -> None:
    call, first, second = uuid4(), free_port(), free_port()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        before = await phone.invite(Media("1", port=first), Media("2", port=second))
        await phone.invite(Media("1", port=first), Media("2", rejected=True))
        after = await phone.invite(Media("1", port=first), Media("2", port=second))
        assert before.media[1][0].split()[1] != after.media[1][0].split()[1]
        phone.play(after, 1, 1200, ("127.0.0.5", 0))
        await asyncio.sleep(0.05)
        phone.play(after, 1, 440, ("127.0.0.1", second))
        await asyncio.sleep(1.5)
        await phone.bye()
    heard = await ledger.ended(call)
    assert [loudest(heard.seconds(1, at, at + 0.2)) for at in (0.6, 1.2)] == pytest.approx([440] * 2, abs=5)
    await asyncio.sleep(1.2)
    assert pool.counters()["rtp_kept_out"] >= 50
    assert "rtp_guards_failed" not in pool.counters()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.5"])
async def test_a_stranger_who_is_taken_for_the_party_is_kept_out_once_the_party_sends(
    pool: LinePool, ledger: Ledger, host: str
) -> None:
    call, declared = uuid4(), free_port()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        reply = await phone.invite(Media(port=declared))
        phone.play(reply, 0, 1200, (host, 0))
        await asyncio.sleep(1.0)
        phone.play(reply, 0, 440, ("127.0.0.1", declared))
        await asyncio.sleep(2.5)
        await phone.bye()
    heard = await ledger.ended(call)
    assert [loudest(heard.seconds(0, at, at + 0.4)) for at in (0.5, 2.4, 3.0)] == pytest.approx([1200, 440, 440], abs=5)


@pytest.mark.parametrize(("host", "begun_s"), [("127.0.0.1", 0.2), ("127.0.0.5", 0.7)])
async def test_a_party_that_is_not_where_it_declared_is_heard(
    pool: LinePool, ledger: Ledger, host: str, begun_s: float
) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        phone.play(await phone.invite(Media()), 0, 440, (host, 0))
        await asyncio.sleep(2.5)
        await phone.bye()
    heard = await ledger.ended(call)
    assert [loudest(heard.seconds(0, at, at + 0.3)) for at in (begun_s, 2.0)] == pytest.approx([440, 440], abs=5)


async def test_a_party_whose_rtp_comes_from_elsewhere_after_a_while_is_followed(pool: LinePool, ledger: Ledger) -> None:
    call, declared = uuid4(), free_port()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        reply = await phone.invite(Media(port=declared))
        first = phone.play(reply, 0, 440, ("127.0.0.1", declared))
        await asyncio.sleep(1.5)
        await first.stop()
        phone.play(reply, 0, 1200, ("127.0.0.5", 0))
        await asyncio.sleep(4.0)
        await phone.bye()
    heard = await ledger.ended(call)
    assert [loudest(heard.seconds(0, at, at + 0.4)) for at in (0.8, 4.5)] == pytest.approx([440, 1200], abs=5)
    await asyncio.sleep(1.2)
    assert pool.counters()["rtp_source_changes"] == 1
    assert "rtp_guards_failed" not in pool.counters()


async def test_a_key_is_told_once_on_its_channel_and_when_it_was_pressed(pool: LinePool, ledger: Ledger) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        reply = await phone.invite(Media(payloads="0 101"), Media(payloads="8 101"), Media())
        sources = [phone.play(reply, line, 440) for line in range(3)]
        await asyncio.sleep(1.0)
        for digit in "4#":
            sources[1].press(digit)
        await asyncio.sleep(0.5)
        sources[0].press("D")
        await asyncio.sleep(0.5)
        await phone.bye()
    heard = await ledger.ended(call)
    assert [(pressed.channel, pressed.digit) for pressed in heard.pressed] == [(1, "4"), (1, "#"), (0, "D")]
    assert [pressed.offset / 8000 for pressed in heard.pressed] == pytest.approx([1.0, 1.15, 1.5], abs=0.25)


@pytest.mark.parametrize("noise_type", [13, 19])
async def test_comfort_noise_is_silence_and_no_loss(pool: LinePool, ledger: Ledger, noise_type: int) -> None:
    call = uuid4()
    async with Phone(pool.lines()[0].sip_port, call) as phone:
        party = phone.play(await phone.invite(Media(payloads=f"0 {noise_type}")), 0, 440)
        await asyncio.sleep(1.0)
        await party.fall_silent(1.0, noise_type)
        await asyncio.sleep(1.0)
        await phone.bye()
    heard = await ledger.ended(call)
    assert [loudest(heard.seconds(0, at, at + 0.3)) for at in (0.5, 1.5, 2.5)] == pytest.approx([440, 0, 440], abs=5)
    assert (heard.rtp[0].lost, heard.rtp[0].discarded, heard.reason) == (0, 0, "bye")


async def test_a_line_of_16_khz_has_calls_of_both_rates(ledger: Ledger) -> None:
    pool = pool_of(ledger, sample_rate=16_000)
    await pool.start()
    try:
        wide, narrow = uuid4(), uuid4()
        port = pool.lines()[0].sip_port
        async with Phone(port, wide) as first, Phone(port, narrow) as second:
            await first.invite(Media(payloads="9"), Media(payloads="0"))
            second.play(await second.invite(Media(payloads="0 9")), 0, 440)
            await asyncio.sleep(2.0)
            await first.bye()
            await second.bye()
        heard = await ledger.ended(wide)
        assert (heard.sample_rate, [stream.codec for stream in heard.streams]) == (16_000, ["G722", "PCMU"])
        assert heard.samples / 16_000 == pytest.approx(2.0, abs=0.3)
        other = await ledger.ended(narrow)
        assert (other.sample_rate, other.streams[0].codec) == (8000, "PCMU")
        assert loudest(other.seconds(0, 0.5, 1.5)) == pytest.approx(440, abs=2)
    finally:
        await pool.stop()


async def test_a_call_that_begins_on_hold_has_the_rate_of_the_codec_that_it_goes_on_with(ledger: Ledger) -> None:
    pool = pool_of(ledger, sample_rate=16_000)
    await pool.start()
    try:
        wide, narrow = uuid4(), uuid4()
        port = pool.lines()[0].sip_port
        async with Phone(port, wide) as first, Phone(port, narrow) as second:
            for phone, payloads in ((first, "9 0"), (second, "0 9")):
                await phone.invite(Media(payloads=payloads, direction="inactive"))
            await asyncio.sleep(0.3)
            await first.invite(Media(payloads="9 0"))
            await asyncio.sleep(0.5)
            await first.bye()
            await second.bye()
        heard = await ledger.ended(wide)
        assert heard.sample_rate == 16_000
        assert heard.samples / 16_000 == pytest.approx(0.8, abs=0.3)
        assert (await ledger.ended(narrow)).sample_rate == 8000
    finally:
        await pool.stop()


async def test_a_call_that_gets_anothers_place_at_once_is_not_hung_up_with_it(pool: LinePool, ledger: Ledger) -> None:
    port = pool.lines()[0].sip_port
    calls = [uuid4() for _ in range(4 + 8)]
    async with AsyncExitStack() as stack:
        phones = [await stack.enter_async_context(Phone(port, call)) for call in calls]
        for phone in phones[:4]:
            await phone.invite(Media())
        for before, after in itertools.pairwise(phones[3:]):
            # Both are there before the line looks.
            goodbye, hello = asyncio.create_task(before.bye()), asyncio.create_task(after.invite(Media()))
            assert (await goodbye).status == 200
            assert (await hello).status == 200
        await asyncio.sleep(0.3)
        assert [phone.requests.qsize() for phone in phones] == [0] * len(phones)
        for phone in (*phones[:3], phones[-1]):
            assert (await phone.bye()).status == 200
    assert [(await ledger.ended(call)).reason for call in calls] == ["bye"] * len(calls)


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
        lasted = time.monotonic() - begun
        await phone.bye()
        answered = time.monotonic() - begun
    heard = await ledger.ended(call)
    assert lasted - 0.2 <= heard.samples / 8000 <= answered + 0.2
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
        await LinePool(LinePoolSettings(4, 10001, 10001 + 100, "127.0.0.1"), ledger).start()


def test_a_line_that_carries_more_calls_has_more_ports_and_fewer_lines_are_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    config = LinePoolSettings(0, 10001, 11000, "127.0.0.1")
    assert [config.places(calls) for calls in (4, 5, 30)] == [8, 7, 4]
    assert [config.line(index).rtp_ports(4) for index in (0, 1)] == [range(10002, 10034), range(10034, 10066)]
    assert config.line(3).rtp_ports(30) == range(10722, 10962)
    with pytest.raises(LineUnavailable, match=r"^4 lines of 32 calls need 1024 RTP ports: .* set sip.lines to 3$"):
        config.places(32)


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


RESTS = """
import ctypes, os
from telephony.line.taps import TICK_MS, ChannelKey, TapPool
from telephony.pjsip import EndpointPlan, leave, open_endpoint

python = ctypes.pythonapi
for name in "PyInterpreterState_Get", "PyInterpreterState_ThreadHead", "PyThreadState_Next":
    getattr(python, name).restype = ctypes.c_void_p

def thread_states():
    state, count = python.PyInterpreterState_ThreadHead(ctypes.c_void_p(python.PyInterpreterState_Get())), 0
    while state:
        state, count = python.PyThreadState_Next(ctypes.c_void_p(state)), count + 1
    return count

def threads():
    return len(os.listdir("/proc/self/task"))

endpoint, _ = open_endpoint(EndpointPlan(8000, TICK_MS, "test"), ("PCMU",))
pool = TapPool(8000, 8000)
for call in range(3):
    one, other = (pool.lease(ChannelKey(call, channel), 8000) for channel in range(2))
    one.startTransmit(other)
    began = pool.clock.position
    while pool.clock.position < began + 5:
        endpoint.libHandleEvents(10)
    busy = threads()
    one.stopTransmit(other)
    pool.release(one)
    pool.release(other)
    while threads() == busy:
        endpoint.libHandleEvents(10)
    print(thread_states(), flush=True)
leave(0)
"""


def test_a_line_that_rests_between_calls_keeps_nothing_of_the_threads_that_end_there() -> None:
    line = subprocess.run([sys.executable, "-c", RESTS], stdout=subprocess.PIPE, timeout=30, check=True)
    assert line.stdout.split() == [b"1"] * 3


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
