"""The PJSUA2 caller against a real line and against a callee of the tests' own. PJSUA2 runs in child processes only."""

import asyncio
import shutil
import ssl
import struct
import subprocess
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4
from xml.etree import ElementTree

import numpy as np
import pytest

from callscribe.domain.call import Party
from callscribe.domain.errors import CallRefused, TelephonyError, UnreadableAudio
from telephony.caller import CallPlan, CallProgress, CallResult, place_call
from telephony.caller.metadata import parties_for, write_metadata
from telephony.caller.wav import read_wav
from telephony.lines import LinePool
from tests.telephony.phone import Ledger, loudest, mulaw, tone
from tests.telephony.test_lines import pool_of


def save(path: Path, frequency: float, seconds: float, rate: int = 8000) -> str:
    samples = np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate) * 8000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return str(path)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
async def pool(ledger: Ledger) -> AsyncIterator[LinePool]:
    pool = pool_of(ledger)
    await pool.start()
    yield pool
    await pool.stop()
    assert ledger.faults == []


def plan_for(pool: LinePool, call: UUID, *play: str) -> CallPlan:
    uri = f"sip:scribe@127.0.0.1:{pool.lines()[0].sip_port}"
    return CallPlan(uri, play, headers=(("X-Callscribe-Call", str(call)),))


@pytest.mark.integration
@pytest.mark.parametrize(("codec", "srtp"), [("PCMU", False), ("PCMA", True)])
async def test_each_file_is_heard_on_its_own_channel_from_the_same_sample(
    pool: LinePool, ledger: Ledger, tmp_path: Path, codec: str, srtp: bool
) -> None:
    call = uuid4()
    files = (save(tmp_path / "a.wav", 440, 1.5), save(tmp_path / "b.wav", 880, 1.0, rate=16000))
    plan = replace(plan_for(pool, call, *files), codec=codec, srtp=srtp)
    seen: list[CallProgress] = []
    result = await asyncio.to_thread(place_call, plan, seen.append)
    heard = await ledger.ended(call)
    assert [stream.codec for stream in heard.streams] == [codec, codec]
    begins = [int(np.flatnonzero(np.abs(np.frombuffer(heard.audio[c], "<i2")) > 1000)[0]) for c in (0, 1)]
    assert abs(begins[0] - begins[1]) <= 8
    start = begins[0] / 8000
    assert loudest(heard.seconds(0, start + 0.1, start + 1.3)) == pytest.approx(440, abs=2)
    assert loudest(heard.seconds(1, start + 0.1, start + 0.9)) == pytest.approx(880, abs=2)
    assert result.ended_by == "caller"
    assert result.status == 200
    assert result.seconds == pytest.approx(1.9, abs=0.3)
    assert min(result.packets) > 75
    assert [progress.state for progress in seen][-2:] == ["playing", "ended"]


@pytest.mark.integration
async def test_wide_band_is_played_at_16_khz(ledger: Ledger, tmp_path: Path) -> None:
    """A tone that narrow band has no place for."""
    wide, call = pool_of(ledger, sample_rate=16_000), uuid4()
    await wide.start()
    sound = save(tmp_path / "a.wav", 6000, 1.5, rate=16_000)
    await asyncio.to_thread(place_call, replace(plan_for(wide, call, sound), codec="G722"))
    await wide.stop()
    heard = await ledger.ended(call)
    assert (heard.sample_rate, heard.streams[0].codec) == (16_000, "G722")
    samples = np.frombuffer(heard.audio[0], "<i2")
    begin = int(np.flatnonzero(np.abs(samples) > 1000)[0])
    spectrum = np.abs(np.fft.rfft(samples[begin + 1600 : begin + 17_600]))
    assert int(spectrum.argmax()) == pytest.approx(6000, abs=5)


@pytest.mark.integration
async def test_the_call_ends_after_the_planned_seconds(pool: LinePool, ledger: Ledger, tmp_path: Path) -> None:
    call = uuid4()
    plan = replace(plan_for(pool, call, save(tmp_path / "a.wav", 440, 20)), seconds=0.5)
    result = await asyncio.to_thread(place_call, plan)
    assert result.seconds == pytest.approx(0.5, abs=0.2)
    assert (await ledger.ended(call)).reason == "bye"


@pytest.mark.integration
async def test_the_callee_may_hang_up_first(pool: LinePool, ledger: Ledger) -> None:
    call = uuid4()
    placed = asyncio.create_task(asyncio.to_thread(place_call, plan_for(pool, call)))
    while call not in ledger.calls:
        await asyncio.sleep(0.02)
    pool.hang_up(call)
    result: CallResult = await asyncio.wait_for(placed, 5)
    assert result.ended_by == "callee"


@pytest.mark.integration
async def test_an_interrupt_in_the_calling_thread_says_bye(pool: LinePool, ledger: Ledger) -> None:
    call = uuid4()

    def interrupt(progress: CallProgress) -> None:
        if progress.state == "playing":
            raise KeyboardInterrupt

    def place() -> str:
        try:
            place_call(plan_for(pool, call), interrupt)
        except KeyboardInterrupt:
            return "interrupted"
        return "ran on"

    assert await asyncio.to_thread(place) == "interrupted"
    assert (await ledger.ended(call)).reason == "bye"


@pytest.mark.integration
async def test_a_refusal_tells_status_and_reason(pool: LinePool) -> None:
    plan = replace(plan_for(pool, uuid4()), headers=())
    with pytest.raises(CallRefused, match="403 Forbidden"):
        await asyncio.to_thread(place_call, plan)


# A callee that keeps the INVITE and declines


class Decliner(asyncio.DatagramProtocol):
    """Declines over UDP and keeps the INVITE."""

    def __init__(self) -> None:
        self.invite: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.DatagramTransport | None = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data.startswith(b"INVITE ") and self.transport:
            self.transport.sendto(declined(data.decode()), addr)
            if not self.invite.done():
                self.invite.set_result(data.decode())


@asynccontextmanager
async def decline_over_udp() -> AsyncIterator[tuple[int, asyncio.Future[str]]]:
    loop = asyncio.get_running_loop()
    transport, decliner = await loop.create_datagram_endpoint(Decliner, local_addr=("127.0.0.1", 0))
    decliner.transport = transport
    yield transport.get_extra_info("sockname")[1], decliner.invite
    transport.close()


@asynccontextmanager
async def decline_over_stream(context: ssl.SSLContext | None) -> AsyncIterator[tuple[int, asyncio.Future[str]]]:
    invite: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        text = (await reader.readuntil(b"\r\n\r\n")).decode()
        if not invite.done():
            invite.set_result(text)
        writer.write(declined(text))
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1], invite


def declined(invite: str) -> bytes:
    names = ("via:", "from:", "to:", "call-id:", "cseq:")
    kept = [line for line in invite.partition("\r\n\r\n")[0].split("\r\n") if line.lower().startswith(names)]
    return "\r\n".join(["SIP/2.0 603 Decline", *kept, "Content-Length: 0", "", ""]).encode()


@pytest.mark.integration
async def test_a_recording_session_of_three_offers_labels_and_metadata(tmp_path: Path) -> None:
    files = (save(tmp_path / "a.wav", 440, 0.1),) * 3
    parties = (Party("sip:1001@example.com", "Ann & Co"), Party("sip:2002@example.com", "Bob"))
    async with decline_over_udp() as (port, received):
        plan = CallPlan(f"sip:srs@127.0.0.1:{port}", files, siprec=True, parties=parties)
        with pytest.raises(CallRefused, match="603 Decline"):
            await asyncio.to_thread(place_call, plan)
        invite = await received
    head, _, body = invite.partition("\r\n\r\n")
    assert "Require: siprec" in head
    assert "+sip.src" in head
    assert "multipart/mixed" in head
    assert "Content-Type: application/rs-metadata+xml" in body
    assert "Content-Disposition: recording-session" in body
    assert body.count("a=sendonly") == 3
    assert [body.count(f"a=label:{number}") for number in (1, 2, 3)] == [1, 1, 1]
    xml = body[body.index("<?xml") : body.index("</recording>") + len("</recording>")]
    assert "Ann &amp; Co" in xml
    ElementTree.fromstring(xml)


@pytest.mark.integration
async def test_metadata_that_does_not_fit_names_the_limit() -> None:
    plan = CallPlan("sip:srs@127.0.0.1:9", siprec=True, metadata="<x>" + "y" * 4000 + "</x>")
    with pytest.raises(TelephonyError, match="4000 bytes"):
        await asyncio.to_thread(place_call, plan)


@pytest.mark.integration
@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_calls_go_out_over_streams(transport: str, tmp_path: Path) -> None:
    context = certificate(tmp_path) if transport == "tls" else None
    async with decline_over_stream(context) as (port, received):
        with pytest.raises(CallRefused, match="603 Decline"):
            await asyncio.to_thread(place_call, CallPlan(f"sip:x@127.0.0.1:{port}", transport=transport))
        assert f"SIP/2.0/{transport.upper()}" in await received


def certificate(folder: Path) -> ssl.SSLContext:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    key, chain = folder / "key.pem", folder / "cert.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout {key} -out {chain}"
    subprocess.run(command.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


# Plans, files and metadata


def test_a_plan_survives_its_way_to_the_child() -> None:
    plan = CallPlan(
        "sip:a@127.0.0.1",
        ("x.wav",),
        siprec=True,
        parties=(Party("sip:b@c", "B"),),
        headers=(("X-A", "b"),),
        seconds=2.5,
    )
    assert CallPlan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize(
    ("uri", "codec", "transport"),
    [("sip:a@127.0.0.1", "G729", "udp"), ("sip:a@127.0.0.1", "PCMU", "sctp"), ("127.0.0.1", "PCMU", "udp")],
)
def test_a_plan_that_cannot_be_called_is_refused(uri: str, codec: str, transport: str) -> None:
    with pytest.raises(ValueError, match="must"):
        CallPlan(uri, codec=codec, transport=transport)


def riff(coding: int, channels: int, rate: int, bits: int, data: bytes) -> bytes:
    head = struct.pack("<HHIIHH", coding, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)
    chunks = b"fmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def test_every_usual_wav_coding_gives_the_same_samples(tmp_path: Path) -> None:
    samples = tone(440, 0.5)
    wide = samples.astype(np.int32)
    codings = {
        "pcm16": riff(1, 1, 8000, 16, samples.astype("<i2").tobytes()),
        "pcm24": riff(1, 1, 8000, 24, b"".join(int(v).to_bytes(3, "little", signed=True) for v in wide * 256)),
        "float": riff(3, 1, 8000, 32, (samples / 32768).astype("<f4").tobytes()),
        "mulaw": riff(7, 1, 8000, 8, mulaw(samples)),
        "stereo": riff(1, 2, 8000, 16, np.repeat(samples, 2).astype("<i2").tobytes()),
    }
    for name, content in codings.items():
        path = tmp_path / f"{name}.wav"
        path.write_bytes(content)
        heard = np.frombuffer(read_wav(path, 8000), "<i2").astype(np.int32)
        assert len(heard) == len(samples), name
        assert np.abs(heard - wide).max() <= (260 if name == "mulaw" else 2), name


def test_a_law_is_read_by_the_tables_of_g711(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(riff(6, 1, 8000, 8, bytes([0xD5, 0x55, 0xAA, 0x2A, 0x80])))
    assert np.frombuffer(read_wav(path, 8000), "<i2").tolist() == pytest.approx([8, -8, 32256, -32256, 5504], abs=2)


def test_other_rates_are_resampled(tmp_path: Path) -> None:
    pcm = read_wav(Path(save(tmp_path / "a.wav", 440, 1.0, rate=44100)), 8000)
    assert len(pcm) // 2 == pytest.approx(8000, abs=1)
    assert loudest(pcm) == pytest.approx(440, abs=1)


@pytest.mark.parametrize("content", [b"", b"ID3 no wave", b"RIFF\x04\0\0\0WAVE", riff(85, 1, 8000, 0, b"mp3")])
def test_what_is_no_wav_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "wrong.wav"
    path.write_bytes(content)
    with pytest.raises(UnreadableAudio, match=r"wrong\.wav"):
        read_wav(path, 8000)


def test_a_missing_file_is_told_by_place_call(tmp_path: Path) -> None:
    with pytest.raises(UnreadableAudio, match="No such file"):
        place_call(CallPlan("sip:x@127.0.0.1:9", (str(tmp_path / "none.wav"),)))


def test_metadata_maps_each_party_to_the_label_of_its_m_line() -> None:
    xml = write_metadata(parties_for(3, (Party("tel:+15550100", "A <b>"),)), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    space = {"r": "urn:ietf:params:xml:ns:recording:1"}
    root = ElementTree.fromstring(xml)
    labels = {s.get("stream_id"): s.findtext("r:label", "", space) for s in root.findall("r:stream", space)}
    names = {
        p.get("participant_id"): (n.get("aor"), n.findtext("r:name", "", space))
        for p in root.findall("r:participant", space)
        if (n := p.find("r:nameID", space)) is not None
    }
    sends = {
        labels[a.findtext("r:send", "", space)]: names[a.get("participant_id")]
        for a in root.findall("r:participantstreamassoc", space)
    }
    assert sends == {
        "1": ("tel:+15550100", "A <b>"),
        "2": ("sip:customer@example.com", "Customer"),
        "3": ("sip:party3@example.com", "Party 3"),
    }
    assert root.findtext("r:session/r:start-time", "", space) == "2026-01-02T03:04:05Z"
