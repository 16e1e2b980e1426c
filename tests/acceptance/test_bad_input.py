"""Bad input gets a clear answer and is counted, and a call that goes on meanwhile loses no word."""

import json
import random
import socket
import struct
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from callscribe.cli.ports import free_port
from storage import schema
from storage.embedded import EmbeddedPostgres
from tests.acceptance import siprec
from tests.acceptance.counting import counted, nobody_dies
from tests.acceptance.flood import Flood
from tests.acceptance.fuzz import Fuzz
from tests.acceptance.raw_sip import AUDIO_OFFER, Asked, RawPeer
from tests.acceptance.recording import Company, pause, start_session, start_speaking, undisturbed
from tests.acceptance.role import running_role
from tests.acceptance.service import RtpPorts, RunningService, wait_for
from tests.acceptance.sipp import Scenario
from tests.acceptance.speech import excerpt
from tests.acceptance.transcripts import assert_spoken

pytestmark = pytest.mark.acceptance

SPEECH = excerpt(2)
OFFER = AUDIO_OFFER.format(port=40000)
TRANSPORTS = ("UDP", "TCP", "TLS")


@pytest.fixture(scope="module")
def company(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    company = Company(service, Path(tmp_path_factory.mktemp("company")))
    yield company
    company.part()


@pytest.fixture
def good_call(company: Company) -> None:
    """A call goes on for the next seconds; that it lost nothing is seen when it ends, at the latest after all tests."""
    company.keep(12.0)


def sip_port(service: RunningService, transport: str) -> int:
    return service.tls_port if transport == "TLS" else service.sip_port


def invite(
    body: str = OFFER, *, content_type: str = "application/sdp", start: str = "", **headers: str | None
) -> Asked:
    named = {name.replace("_", " " if name == "no_header" else "-"): value for name, value in headers.items()}
    return Asked(body=body, content_type=content_type, headers=named, start=start)


def test_a_malformed_invite_is_refused_by_name_on_every_transport(service: RunningService, good_call: None) -> None:
    with counted(service, requests_malformed=7 * 3, extensions_refused=2, requests_looping=3):
        for transport in TRANSPORTS:
            for malformed, status, reason in (
                (invite(no_header="x"), 400, "Bad Request: a line that is no header field"),
                (invite(CSeq=None), 400, "Missing CSeq header"),
                (invite(From=None), 400, "Missing From header"),
                (invite(CSeq="1 BYE"), 400, "CSeq method differs from the request's"),
                (invite(CSeq="99999999999 INVITE"), 400, "Bad CSeq header"),
                (invite(start='INVITE sip:a b"c@127.0.0.1 SIP/2.0'), 400, "Bad Request-URI"),
                (invite(start="INVITE http://127.0.0.1/ SIP/2.0"), 416, "Unsupported URI Scheme"),
                (invite(start="INVITE sip:scribe@127.0.0.1 SIP/3.0"), 505, "Version Not Supported"),
                (invite(Proxy_Require="teleport"), 420, "Bad Extension"),
                (invite(Max_Forwards="0"), 483, "Too Many Hops"),
            ):
                with RawPeer(transport, sip_port(service, transport)) as peer:
                    peer.send(malformed.data(transport, peer.port))
                    reply = peer.receive(5)
                assert reply is not None, reason
                assert reply.head.startswith(f"SIP/2.0 {status} {reason}\r\n")


def test_what_is_no_message_at_all_is_counted_and_costs_only_its_own_connection(
    service: RunningService, good_call: None
) -> None:
    nonsense = (
        b"INVITE\r\n\r\n",
        b"\x16\x03\x01" * 8 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"a" * 40_000,
    )
    with counted(service, messages_unreadable=3 * len(nonsense)):
        for data in nonsense:
            with RawPeer("UDP", service.sip_port) as peer:
                peer.send(data)
                assert peer.ask(Asked("OPTIONS")).status == 200
            for transport in ("TCP", "TLS"):
                with RawPeer(transport, sip_port(service, transport)) as peer:
                    peer.send(data)
                    assert peer.is_closed(30)


def test_an_offer_without_audio_is_refused_and_told_what_to_offer(service: RunningService, good_call: None) -> None:
    with counted(service, offers_without_audio=12, bodies_unknown=3):
        for transport in TRANSPORTS:
            with RawPeer(transport, sip_port(service, transport)) as peer:
                for body in (OFFER.replace("m=audio", "m=video"), AUDIO_OFFER.format(port=0), "v=0\r\n"):
                    reply = peer.establish(invite(body))
                    assert reply.status == 488
                    assert "offer at least one m=audio with a port" in reply.header("Warning")
                reply = peer.establish(invite(OFFER.replace("RTP/AVP 0", "RTP/AVP 18").replace("0 PCMU", "18 G729")))
                assert reply.status == 488
                assert "offer PCMU or PCMA" in reply.header("Warning")
                reply = peer.establish(invite("Come here, I want to see you.", content_type="text/plain"))
                assert reply.status == 415
                assert "application/sdp" in reply.header("Accept")


def test_an_offer_whose_addresses_are_none_is_answered_and_costs_nobody_a_line(
    service: RunningService, good_call: None
) -> None:
    """PJSIP ends its process where one is longer than 253 bytes, or where a declined m-line has none."""
    connection = "c=IN IP4 127.0.0.1"
    session, media = OFFER.replace(f"{connection}\r\n", "").split("m=audio")
    declined = f"{session}m=video 5000 RTP/AVP 99\r\n{connection}\r\nm=audio{media}{connection}\r\n"
    with nobody_dies(service), RawPeer("UDP", service.sip_port) as peer:
        for address in ("a" * 300, "1" * 300, "pbx.example.com"):
            named = OFFER.replace(connection, f"c=IN IP4 {address}")
            for body in (named, f"{OFFER}a=rtcp:40001 IN IP4 {address}\r\n", declined):
                asked = invite(body)
                reply = peer.establish(asked)
                assert reply.status == 200
                assert peer.hang_up(asked, reply).status == 200


def test_metadata_that_is_no_xml_costs_its_call_only_the_names(
    service: RunningService, good_call: None, tmp_path: Path
) -> None:
    def scenario(ports: Sequence[int]) -> Scenario:
        body = siprec.multipart(siprec.offer(ports), metadata="{ this is <no XML & never was ]]>")
        return Scenario(body, siprec.CONTENT_TYPE, siprec.HEADERS, pause(SPEECH))

    with counted(service, repaired_metadata_invalid=1):
        session = start_speaking(scenario, SPEECH, service.sip_port, tmp_path)
        session.finish()
        call = service.wait_call(session.sip_call_id)
    assert call["quirks"] == ["metadata-invalid", "party-unknown"]
    assert [(channel["label"], channel["party"]) for channel in call["channels"]] == [("1", None), ("2", None)]
    assert_spoken(service, call["id"], SPEECH)


def test_rtp_from_nowhere_is_not_heard(service: RunningService, tmp_path: Path) -> None:
    chance = random.Random(7)
    with (
        counted(service, rtp_kept_out=1000),
        undisturbed(service, tmp_path, SPEECH) as session,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
    ):
        time.sleep(0.5)  # who sends first is taken for the party
        # A port of the range that no call uses.
        targets = [*session.media_ports, max(session.media_ports) + 20]
        for number in range(int((SPEECH.seconds - 0.5) * 50)):
            header = struct.pack("!BBHII", 0x80, 0, number, number * 160, 0xBAD)
            for port in targets:
                if number % 5 == 0:
                    stranger.sendto(header + chance.randbytes(160), ("127.0.0.1", port))
                stranger.sendto(bytes((chance.randrange(64),)) + chance.randbytes(60), ("127.0.0.1", port))
                stranger.sendto(chance.randbytes(chance.randrange(1, 80)), ("127.0.0.1", port + 1))
            time.sleep(0.02)


def test_a_flood_of_invites_is_refused_with_a_time_to_come_again(service: RunningService, good_call: None) -> None:
    flood = Flood(service.sip_port, calls=400, seconds=3.0)
    counts = counted(service, invites_refused_source_rate=100, calls_answered=30)
    with counts, nobody_dies(service):
        flood.run()
    assert set(flood.statuses) == {200, 503}
    assert flood.statuses.total() == 400
    assert flood.without_retry_after == 0
    assert flood.hung_up == flood.statuses[200]
    with RawPeer("UDP", service.sip_port) as peer:
        asked = invite()
        reply = peer.establish(asked)
        assert reply.status == 200
        assert peer.hang_up(asked, reply).status == 200


def test_noise_at_the_udp_port_ends_nothing(service: RunningService, good_call: None) -> None:
    fuzz = Fuzz(service.sip_port, seed=20261121)
    counts = counted(service, messages_unreadable=300, requests_malformed=100)
    with counts, nobody_dies(service):
        fuzz.run(10.0)
    assert fuzz.sent > 1000
    assert fuzz.answers > 100
    with RawPeer("UDP", service.sip_port) as peer:
        assert peer.ask(Asked("OPTIONS")).status == 200


def test_half_a_message_over_tcp_is_not_waited_for_for_ever(service: RunningService, good_call: None) -> None:
    with (
        counted(service, messages_unfinished=2),
        RawPeer("TCP", service.sip_port) as headless,
        RawPeer("TLS", service.tls_port) as bodiless,
    ):
        whole = invite()
        headless.send(whole.data("TCP", headless.port)[:100])
        bodiless.send(whole.data("TLS", bodiless.port)[:-20])
        with RawPeer("TCP", service.sip_port) as other:
            assert other.ask(Asked("OPTIONS"), seconds=5.0).status == 200
        assert headless.is_closed(40)
        assert bodiless.is_closed(30)


def recognizer_port(service: RunningService) -> int:
    """Where one of the service's recognisers listens, from its process."""
    pid = service.pids("recognizer")[0]
    environment = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return int(next(value for value in environment if value.startswith("CALLSCRIBE_RECOGNIZER__PORT=")).split("=")[1])


def test_a_wire_client_that_sends_nonsense_is_told_so_and_left(service: RunningService, good_call: None) -> None:
    opening = {
        "type": "open", "number": 1, "offset": 0, "channel": 0, "rate": 8000, "language": "en", "hotwords": [],
        "update_ms": 500, "onset_ms": 128, "hang_ms": 480, "preroll_ms": 320, "max_utterance_s": 12, "correction": 0.8,
    }  # fmt: skip
    nonsense: tuple[str | bytes, ...] = (
        "hello", "[]", "[" * 50_000, '{"type": "dance", "number": 1}', b"\x01\x02", b"\0" * 12 + b"\x01" * 320,
        json.dumps({**opening, "rate": 44100}), json.dumps({**opening, "offset": float("nan")}),
    )  # fmt: skip
    address = f"ws://127.0.0.1:{recognizer_port(service)}"
    with counted(service, recognizer_refusals=len(nonsense) + 2):
        for message in nonsense:
            assert answer_to(address, message) == ("bad-message", 1008)
        assert answer_to(address, "x" * 600_000) == ("", 1009)
        assert answer_to(address, json.dumps({**opening, "language": "tlh"})) == ("unsupported-language", 0)
        # Not even a WebSocket.
        with socket.create_connection(("127.0.0.1", recognizer_port(service))) as raw:
            raw.sendall(b"INVITE sip:scribe@127.0.0.1 SIP/2.0\r\n\r\n")
            raw.settimeout(5)
            assert raw.recv(100) == b""


def answer_to(address: str, message: str | bytes) -> tuple[str, int]:
    """The code of the error that a recogniser answers with, and of its closing; 0 where it goes on."""
    code = ""
    with connect(address, compression=None) as client:
        client.send(message)
        try:
            while True:
                told = json.loads(client.recv(timeout=5))
                if told["type"] == "error":
                    code = told["code"]
                    if told["number"] is not None:
                        return code, 0
        except ConnectionClosed as closed:
            return code, closed.rcvd.code if closed.rcvd else 0


def test_a_web_client_that_asks_for_nonsense_is_told_what_is_wrong(service: RunningService, good_call: None) -> None:
    with counted(service, http_requests_total=6):
        for path, status, named in (
            ("/api/v1/calls/no-such-call", 404, "/api/v1/calls lists calls"),
            ("/api/v1/calls?limit=many", 422, "limit"),
            ("/api/v1/calls?cursor=%FF%00", 422, "cursor"),
            ("/api/v1/calls?colour=red", 422, "colour"),
            ("/api/v1/nothing/here", 404, ""),
            ("/api/v1/calls/" + "x" * 2000, 422, "key"),
        ):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"{service.web}{path}", timeout=10)
            assert refused.value.code == status
            problem = json.load(refused.value)
            assert problem["status"] == status
            assert named in problem["detail"]
        with socket.create_connection(("127.0.0.1", service.web_port)) as raw:
            raw.sendall(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
            raw.settimeout(5)
            assert raw.recv(200).startswith(b"HTTP/1.1 400 ")


def test_a_node_without_its_database_takes_calls_and_keeps_what_they_said(
    open_folder: Path, valkey_url: str, tmp_path: Path
) -> None:
    server = EmbeddedPostgres(open_folder / "absent")
    url = server.start()
    schema.upgrade(url)
    server.stop()
    node, ports = RunningService(tmp_path, sip_port=free_port(), web_port=free_port()), RtpPorts()
    recognizer = str(free_port())
    settings = {
        "database.url": url, "events.url": valkey_url, "recognizer.urls": f'["ws://127.0.0.1:{recognizer}"]',
        "recognizer.port": recognizer, "node.data_folder": str(tmp_path / "data"), "node.name": "absent",
        "sip.host": "127.0.0.1", "sip.port": str(node.sip_port), "sip.lines": "1",
        "sip.rtp_port_min": str(ports.first), "sip.rtp_port_max": str(ports.last), "web.port": str(node.web_port),
    }  # fmt: skip
    with (
        running_role("recognizer", tmp_path, settings),
        running_role("web", tmp_path, settings),
        running_role("sip", tmp_path, settings),
    ):
        session = start_session(node, tmp_path, SPEECH)
        wait_for(lambda: node.counter('callscribe_journal_pending{node="absent"') >= 3, "finals in the journal")
        assert node.counter("callscribe_database_up") == 0
        with pytest.raises(urllib.error.HTTPError) as unready:
            node.get("/readyz")
        assert unready.value.code == 503
        assert "database.url" in json.load(unready.value)["database"]
        session.finish()
        assert node.find_call(session.sip_call_id) is None
        server.start()
        try:
            call = node.wait_call(session.sip_call_id)
            assert call["end_reason"] == "bye"
            assert_spoken(node, call["id"], SPEECH)
        finally:
            server.stop()
            ports.give_back()
