"""Every dialect against the front and the joining of calls, with a line that is played."""

import random
import re
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from callscribe.domain.call import Call, Channel, Dialect, Role
from telephony.front.offer import CallOffer, Description
from telephony.joining import CallInProgress
from telephony.line.sdp import labels
from telephony.line.wire import LineStream
from telephony.sdp import media_lines
from telephony.settings import RoleRule
from telephony.sip.message import Request, Response
from tests.telephony.dialects.book import FIXTURES
from tests.telephony.dialects.fixture import MIXED, UNKNOWN, Dialog, Fixture, Place, Turn, request
from tests.telephony.proxy_bench import Bench

RTP = (40000, 40010, 40020)
STARTED_AT = datetime(2026, 11, 21, 10, tzinfo=UTC)


class Stage(Bench):
    """A bench whose calls are joined as the node does it."""

    def __init__(self) -> None:
        super().__init__()
        self.joined: dict[UUID, CallInProgress] = {}

    def call_offered(self, offer: CallOffer) -> None:
        super().call_offered(offer)
        self.joined[offer.id] = CallInProgress(offer, RoleRule())

    def call_described(self, call_id: UUID, description: Description) -> None:
        super().call_described(call_id, description)
        self.joined[call_id].describe(description)


class PlayedDialog:
    """One dialog on a stage, played turn by turn."""

    def __init__(self, number: int) -> None:
        self.stage = Stage()
        self.place = Place("192.0.2.10", 5062, RTP, f"dialect-{number}")
        self.streams: dict[int, LineStream] = {}
        self.call: Call | None = None
        self.corrected: list[tuple[int, ...]] = []
        self._cseq = 0
        self._to = "<sip:srs@example.com>"

    def play(self, turn: Turn) -> Response:
        """The answer to a turn; what it changes is in `call`."""
        self._cseq += 1
        self.stage.receive(request(turn, self.place, self._cseq, self._to))
        sent = self.stage.taken()
        answers = [s.message for s in sent if isinstance(s.message, Response) and s.message.status != 100]
        for asked in [s.message for s in sent if isinstance(s.message, Request)]:
            offered = asked.body.decode() or _own_offer()
            self._accept(offered)
            self.stage.line_says(asked, 200, _answer(offered))
            answers += self.stage.to_caller()
        (answer,) = answers
        self._to = answer.headers.first("to")
        if turn.method == "INVITE":
            acknowledgement = Turn(
                turn.ack, method="ACK", headers={"From": turn.headers.get("From", "<sip:src@example.com>")}
            )
            self.stage.receive(request(acknowledgement, self.place, self._cseq, self._to))
            self.stage.taken()
        self._tell()
        return answer

    def _accept(self, offered: str) -> None:
        """As a line does: a channel stays once it is there."""
        names = labels(offered)
        for media, line in enumerate(media_lines(offered.encode())):
            if line.kind == "audio" and line.port and media not in self.streams:
                self.streams[media] = LineStream(len(self.streams), names[media], "PCMU", media)
            elif names[media] and media in self.streams:
                self.streams[media] = replace(self.streams[media], label=names[media])

    def _tell(self) -> None:
        joined = self.stage.joined[self.stage.offers[0].id]
        streams = tuple(self.streams.values())
        if self.call is None:
            self.call = joined.start(streams, STARTED_AT, 8000)
        joined.take_streams(streams)
        change = joined.changed()
        if change:
            self.call = change.call
            self.corrected += [change.corrected] if change.corrected else []


def _answer(offered: str) -> str:
    """A line's answer: every audio m-line with a port is taken."""
    lines = ["v=0", "o=- 1 1 IN IP4 198.51.100.1", "s=-", "c=IN IP4 198.51.100.1", "t=0 0"]
    for line in media_lines(offered.encode()):
        taken = line.kind == "audio" and line.port
        lines += [
            f"m={line.kind} {20000 if taken else 0} RTP/AVP {line.formats[0]}",
            *(["a=recvonly"] if taken else []),
        ]
    return "\r\n".join(lines) + "\r\n"


def _own_offer() -> str:
    return "v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0\r\na=recvonly\r\n"


def media_of(sdp: str) -> tuple[str, ...]:
    """The m-lines of an answer as a fixture writes them."""
    found = re.findall(r"^m=(\w+) (\d+)", sdp, re.MULTILINE)
    return tuple(kind if int(port) else f"-{kind}" for kind, port in found)


def party_of(channel: Channel) -> str:
    """The party of a channel as a fixture writes it."""
    if channel.role is Role.MIXED:
        return MIXED
    return channel.party.address if channel.party else UNKNOWN


def played(dialog: Dialog, number: int = 1) -> PlayedDialog:
    """A dialog played to its end, each answer and the parties after each turn as they should be."""
    stage = PlayedDialog(number)
    for turn in dialog.turns:
        answer = stage.play(turn)
        body = answer.body.decode()
        assert answer.status == 200
        assert "multipart" not in answer.headers.first("content-type")
        assert media_of(body) == turn.media
        assert tuple(re.findall(r"^a=label:(\S+)", body, re.MULTILINE)) == turn.labels
        assert stage.call is not None
        assert tuple(party_of(channel) for channel in stage.call.channels) == turn.parties
    return stage


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.code)
def test_a_dialect_gets_the_right_answer_and_the_right_call(fixture: Fixture) -> None:
    for number, dialog in enumerate(fixture.dialogs):
        stage = played(dialog, number)
        call = stage.call
        assert call is not None
        assert call.dialect is Dialect.SIPREC
        assert sorted(call.quirks) == sorted(dialog.quirks)
        assert set(dialog.ids) <= set(call.outside_ids.pairs())
        assert stage.corrected == ([(0, 1)] if dialog.is_corrected else [])
        if dialog.ends:
            assert (call.caller.address, call.callee.address) == dialog.ends


def test_every_fact_has_a_fixture() -> None:
    codes = {re.sub(r"[a-z]$", "", fixture.code) for fixture in FIXTURES}
    assert {f"F{number}" for number in range(1, 25)} <= codes


@pytest.mark.parametrize("fixture", FIXTURES[::4], ids=lambda fixture: fixture.code)
def test_no_fault_of_the_metadata_costs_a_call(fixture: Fixture) -> None:
    """Its bytes are changed, cut and doubled; what is not metadata stays."""
    chance = random.Random(fixture.code)
    turn = fixture.dialogs[0].turns[0]
    begin, end = turn.body.find("<recording"), turn.body.rfind("</")
    for number in range(40 if begin >= 0 else 0):
        xml = list(turn.body[begin:end])
        for _ in range(chance.randint(1, 8)):
            at, length = chance.randrange(len(xml)), chance.randint(1, 60)
            match chance.randrange(3):
                case 0:
                    xml[at] = chance.choice("<>&\"'/\0é \x7fx")
                case 1:
                    del xml[at : at + length]
                case _:
                    xml[at:at] = xml[at : at + length]
        broken = replace(turn, body=turn.body[:begin] + "".join(xml) + turn.body[end:])
        stage = PlayedDialog(number)
        assert stage.play(broken).status == 200
        assert stage.call is not None
        assert len(stage.call.channels) == len(turn.parties)
