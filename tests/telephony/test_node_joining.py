"""What front and line tell, joined into calls."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call, CallEnd, ChannelMedia, Dialect, DtmfDigit, OutsideIds, Party, Role
from telephony.front.offer import CallOffer, Description
from telephony.line.wire import Dtmf, Ended, LineStream, RtpCounts
from telephony.node import SipNode
from telephony.settings import RoleRule, SipSettings, TrunkSettings
from telephony.siprec.attribution import Claim, Source
from tests.telephony.test_siprec import ANN, BOB, COMPLETE

CALLER = Party("sip:caller@example.com", "Carl")
CALLEE = Party("sip:1001@example.com")
STREAMS = (LineStream(0, "97", "PCMU"), LineStream(1, "96", "PCMA"))


class Sink:
    """Keeps what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.calls: list[Call] = []
        self.ends: list[CallEnd] = []
        self.pressed: list[DtmfDigit] = []
        self.corrected: list[tuple[int, ...]] = []

    def admits(self, trunk: TrunkSettings) -> bool:
        return True

    def call_started(self, call: Call) -> None:
        self.told.append("started")
        self.calls.append(call)

    def call_updated(self, call: Call) -> None:
        self.told.append("updated")
        self.calls.append(call)

    def call_corrected(self, call: Call, channels: tuple[int, ...]) -> None:
        self.told.append("corrected")
        self.calls.append(call)
        self.corrected.append(channels)

    def audio(self, call_id: UUID, chunk: AudioChunk) -> None:
        self.told.append("audio")

    def dtmf(self, call_id: UUID, pressed: DtmfDigit) -> None:
        self.told.append("dtmf")
        self.pressed.append(pressed)

    def pause_asked(self, call_id: UUID, *, paused: bool) -> None:
        self.told.append("paused" if paused else "resumed")

    def call_ended(self, call_id: UUID, end: CallEnd) -> None:
        self.told.append("ended")
        self.ends.append(end)


def node_and_sink(roles: RoleRule | None = None, dtmf: str = "masked") -> tuple[SipNode, Sink]:
    sink = Sink()
    trunk = TrunkSettings(name="pbx", roles=roles or RoleRule(), dtmf=dtmf)
    return SipNode(SipSettings(host="127.0.0.1", port=0, lines=1), (trunk,), sink), sink


def offer(dialect: Dialect = Dialect.PLAIN, metadata: bytes | None = None) -> CallOffer:
    return CallOffer(
        id=uuid4(),
        trunk="pbx",
        dialect=dialect,
        caller=CALLER,
        callee=CALLEE,
        outside_ids=OutsideIds("call-id", others=(("ucid", "1"),)),
        description=Description(metadata, quirks=("sdp-c-missing",)),
        line=0,
    )


def test_a_plain_call_has_one_channel_with_the_caller_on_it() -> None:
    node, sink = node_and_sink(RoleRule(agent_is="callee"))
    offered = offer()
    node.call_offered(offered)
    before = datetime.now(UTC)
    node.line_answered(offered.id, (LineStream(0, "", "PCMU"),))
    call = sink.calls[0]
    assert (call.id, call.trunk, call.dialect, call.sample_rate) == (offered.id, "pbx", Dialect.PLAIN, 8000)
    assert (call.caller, call.callee, call.quirks) == (CALLER, CALLEE, ("sdp-c-missing",))
    assert [(c.index, c.party, c.role, c.codec) for c in call.channels] == [(0, CALLER, Role.CUSTOMER, "PCMU")]
    assert call.outside_ids.pairs() == (("sip-call-id", "call-id"), ("ucid", "1"))
    assert before <= call.started_at <= datetime.now(UTC)
    assert call.started_at.tzinfo is UTC


def test_a_trunk_of_conference_legs_has_mixed_channels() -> None:
    node, sink = node_and_sink(RoleRule(agent_is="callee", mixed=True))
    offered = offer()
    node.call_offered(offered)
    node.line_answered(offered.id, (LineStream(0, "", "PCMU"),))
    call = sink.calls[0]
    assert [(c.party, c.role) for c in call.channels] == [(None, Role.MIXED)]
    assert (call.caller, call.callee) == (CALLER, CALLEE)


def test_a_call_that_becomes_a_conference_is_mixed_from_then_on() -> None:
    node, sink = node_and_sink(RoleRule(agent_is="callee"))
    offered = offer()
    node.call_offered(offered)
    node.line_answered(offered.id, (LineStream(0, "", "PCMU"),))
    node.call_described(offered.id, Description(mixed=True))
    node.call_described(offered.id, Description())
    assert [call.channels[0].role for call in sink.calls] == [Role.CUSTOMER, Role.MIXED]
    assert sink.told == ["started", "updated"]


def test_a_recording_session_has_its_parties_on_their_labels() -> None:
    node, sink = node_and_sink(RoleRule(agent_addresses=("bob@*",)))
    offered = offer(Dialect.SIPREC, COMPLETE.encode())
    node.call_offered(offered)
    node.line_answered(offered.id, STREAMS)
    call = sink.calls[0]
    assert [(c.label, c.party, c.role) for c in call.channels] == [
        ("97", ANN, Role.CUSTOMER),
        ("96", BOB, Role.AGENT),
    ]
    assert (call.caller, call.callee) == (BOB, ANN)
    assert (call.outside_ids.recording_session, call.outside_ids.group) == ("ses-1", "grp-1")
    assert ("session-id", "ab12;remote=cd34") in call.outside_ids.pairs()


def test_metadata_that_cannot_be_read_costs_a_quirk_and_no_call() -> None:
    node, sink = node_and_sink()
    offered = offer(Dialect.SIPREC, b"not xml")
    node.call_offered(offered)
    node.line_answered(offered.id, STREAMS)
    assert sink.calls[0].quirks == ("sdp-c-missing", "metadata-invalid", "party-unknown")
    assert [c.party for c in sink.calls[0].channels] == [None, None]
    assert sink.calls[0].caller == CALLER
    # Once for the call, and not again what the front has counted.
    node.call_described(offered.id, Description(b"still not xml"))
    assert node.counters() == {"repaired_metadata_invalid": 1, "repaired_party_unknown": 1}


def test_metadata_may_come_before_the_answer_or_long_after() -> None:
    node, sink = node_and_sink()
    early, late = offer(Dialect.SIPREC), offer(Dialect.SIPREC)
    for offered in (early, late):
        node.call_offered(offered)
    node.call_described(early.id, Description(COMPLETE.encode()))
    node.line_answered(early.id, STREAMS)
    node.line_answered(late.id, STREAMS)
    assert [c.party for c in sink.calls[0].channels] == [ANN, BOB]
    assert sink.calls[1].quirks == ("sdp-c-missing", "metadata-missing", "party-unknown")
    node.call_described(late.id, Description(COMPLETE.encode()))
    node.call_described(late.id, Description(COMPLETE.encode()))
    assert sink.told == ["started", "started", "updated"]
    assert [c.party for c in sink.calls[2].channels] == [ANN, BOB]
    assert sink.calls[2].started_at == sink.calls[1].started_at


def test_a_party_stays_on_its_channel_while_the_call_is_on_hold() -> None:
    node, sink = node_and_sink()
    offered = offer(Dialect.SIPREC, COMPLETE.encode())
    node.call_offered(offered)
    node.line_answered(offered.id, STREAMS)
    held = COMPLETE.replace("<send>str-1</send>", "").replace("<send>str-2</send>", "")
    node.call_described(offered.id, Description(held.encode()))
    assert sink.told == ["started"]


def test_a_signalled_pause_is_told_of_calls_that_go_on_only() -> None:
    node, sink = node_and_sink()
    offered = offer(Dialect.SIPREC, COMPLETE.encode())
    node.call_offered(offered)
    node.call_pause_asked(offered.id, paused=True)
    node.line_answered(offered.id, STREAMS)
    node.call_pause_asked(offered.id, paused=True)
    node.call_pause_asked(offered.id, paused=False)
    assert sink.told == ["started", "paused", "resumed"]


def test_a_re_invite_changes_the_channels() -> None:
    node, sink = node_and_sink()
    offered = offer(Dialect.SIPREC, COMPLETE.encode())
    node.call_offered(offered)
    node.line_answered(offered.id, STREAMS[:1])
    node.line_streams_changed(offered.id, STREAMS)
    assert [len(call.channels) for call in sink.calls] == [1, 2]
    assert sink.calls[1].channels[1].party == BOB


def test_audio_passes_between_start_and_end_only() -> None:
    node, sink = node_and_sink()
    offered = offer()
    chunk = AudioChunk(0, 800, b"\0" * 1600)
    node.call_offered(offered)
    node.line_audio(offered.id, chunk)
    node.line_answered(offered.id, STREAMS[:1])
    node.line_audio(offered.id, chunk)
    assert node.active == 1
    node.line_call_ended(Ended(offered.id, 1600, "no-media", (RtpCounts(packets=10, duplicated=1, jitter_us=500),)))
    node.line_audio(offered.id, chunk)
    assert sink.told == ["started", "audio", "ended"]
    assert (sink.ends[0].samples, sink.ends[0].reason, sink.ends[0].interrupted) == (1600, "no-media", False)
    assert sink.ends[0].media == (ChannelMedia(0, packets=10, duplicated=1, jitter_ms=0.5, mos=4.41),)
    assert node.active == 0


@pytest.mark.parametrize(("setting", "told"), [("masked", [""]), ("shown", ["7"]), ("off", [])])
def test_a_key_is_told_as_the_trunk_says(setting: str, told: list[str]) -> None:
    node, sink = node_and_sink(dtmf=setting)
    offered = offer()
    node.call_offered(offered)
    node.line_dtmf(Dtmf(offered.id, 0, 80, "5"))
    node.line_answered(offered.id, STREAMS[:1])
    node.line_dtmf(Dtmf(offered.id, 0, 800, "7"))
    assert sink.pressed == [DtmfDigit(0, 800, digit) for digit in told]


def test_a_call_that_is_never_answered_is_never_told() -> None:
    node, sink = node_and_sink()
    abandoned, rejected = offer(), offer()
    node.call_offered(abandoned)
    node.call_offered(rejected)
    node.call_abandoned(abandoned.id)
    node.line_call_ended(Ended(rejected.id, 0, "rejected"))
    node.line_answered(uuid4(), STREAMS)
    assert sink.told == []


def test_a_lost_line_ends_its_calls_with_what_was_heard() -> None:
    node, sink = node_and_sink()
    offered = offer()
    node.call_offered(offered)
    node.line_answered(offered.id, STREAMS[:1])
    node.line_audio(offered.id, AudioChunk(0, 800, b"\0" * 1600))
    node.line_lost(0, (offered.id,))
    assert (sink.ends[0].samples, sink.ends[0].reason, sink.ends[0].interrupted) == (1600, "line-lost", True)


def test_the_ends_of_a_recorded_call_are_those_that_its_metadata_calls_so() -> None:
    node, sink = node_and_sink()
    third = '<participant participant_id="p-eve"><nameID aor="sip:eve@example.com"/><callee/></participant>'
    fourth = (
        '<participant participant_id="p-odd"><nameID aor="sip:odd@example.com"/><x><caller/><callee/></x></participant>'
    )
    offered = offer(Dialect.SIPREC, COMPLETE.replace("<stream ", f"{third}{fourth}<stream ", 1).encode())
    node.call_offered(offered)
    node.line_answered(offered.id, STREAMS)
    assert (sink.calls[0].caller, sink.calls[0].callee.address) == (BOB, "sip:eve@example.com")


def test_parties_with_each_others_channels_are_told_by_labels_first_and_then_corrected() -> None:
    node, sink = node_and_sink(RoleRule(agent_addresses=("bob@*",)))
    offered = offer(Dialect.SIPREC, COMPLETE.encode())
    claims = (Claim(0, Party("", "bob"), Source.CNAME), Claim(1, Party("", "ann"), Source.CNAME))
    offered = replace(offered, description=replace(offered.description, claims=claims))
    node.call_offered(offered)
    node.line_answered(offered.id, (LineStream(0, "97", "PCMU", 0), LineStream(1, "96", "PCMU", 1)))
    assert (sink.told, sink.corrected) == (["started", "corrected"], [(0, 1)])
    assert [[channel.party for channel in call.channels] for call in sink.calls] == [[ANN, BOB], [BOB, ANN]]
    assert [channel.role for channel in sink.calls[1].channels] == [Role.AGENT, Role.CUSTOMER]
    node.call_described(offered.id, Description(COMPLETE.encode()))
    assert sink.told == ["started", "corrected"]


def test_a_party_that_gives_way_to_another_is_no_correction() -> None:
    node, sink = node_and_sink()
    offered = offer(Dialect.SIPREC, COMPLETE.encode())
    node.call_offered(offered)
    node.line_answered(offered.id, STREAMS)
    other = COMPLETE.replace("p-bob", "p-eve").replace("bob@", "eve@")
    node.call_described(offered.id, Description(other.encode()))
    assert (sink.told, sink.corrected) == (["started", "updated"], [])


def test_metadata_that_exchanges_its_streams_later_is_a_correction() -> None:
    node, sink = node_and_sink()
    offered = offer(Dialect.SIPREC, COMPLETE.encode())
    node.call_offered(offered)
    node.line_answered(offered.id, STREAMS)
    labels_exchanged = COMPLETE.replace(">96<", ">?<").replace(">97<", ">96<").replace(">?<", ">97<")
    node.call_described(offered.id, Description(labels_exchanged.encode()))
    assert sink.told == ["started", "corrected"]


def test_a_party_that_is_heard_elsewhere_now_stays_nowhere() -> None:
    node, sink = node_and_sink()
    offered = offer(Dialect.SIPREC, COMPLETE.encode())
    node.call_offered(offered)
    node.line_answered(offered.id, STREAMS)
    alone = COMPLETE.replace("<send>str-1</send>", "").replace("<send>str-2</send>", "<send>str-1</send>")
    node.call_described(offered.id, Description(alone.replace("<recv>str-1</recv>", "").encode()))
    assert [channel.party for channel in sink.calls[-1].channels] == [None, ANN]


def test_parties_that_change_places_with_a_new_session_are_no_correction() -> None:
    node, sink = node_and_sink()
    offered = offer(Dialect.SIPREC, COMPLETE.encode())
    node.call_offered(offered)
    node.line_answered(offered.id, STREAMS)
    labels_exchanged = COMPLETE.replace(">96<", ">?<").replace(">97<", ">96<").replace(">?<", ">97<")
    node.call_described(offered.id, Description(labels_exchanged.replace("ses-1", "ses-2").encode()))
    assert (sink.told, sink.corrected) == (["started", "updated"], [])
    assert [channel.party for channel in sink.calls[-1].channels] == [BOB, ANN]
    node.call_described(offered.id, Description(COMPLETE.replace("ses-1", "ses-2").encode()))
    assert (sink.told[2:], sink.corrected) == (["corrected"], [(0, 1)])


def test_what_was_claimed_in_an_earlier_session_overrules_nobody_in_a_new_one() -> None:
    node, sink = node_and_sink()
    claims = (Claim(0, Party("", "ann"), Source.CNAME), Claim(1, Party("", "bob"), Source.CNAME))
    offered = replace(offer(Dialect.SIPREC), description=Description(COMPLETE.encode(), claims))
    node.call_offered(offered)
    node.line_answered(offered.id, (LineStream(0, "97", "PCMU", 0), LineStream(1, "96", "PCMU", 1)))
    labels_exchanged = COMPLETE.replace(">96<", ">?<").replace(">97<", ">96<").replace(">?<", ">97<")
    node.call_described(offered.id, Description(labels_exchanged.replace("ses-1", "ses-2").encode()))
    assert [channel.party for channel in sink.calls[-1].channels] == [BOB, ANN]
    assert "parties-contradict" not in sink.calls[-1].quirks


def test_what_rtcp_calls_senders_corrects_labels_that_are_backwards() -> None:
    node, sink = node_and_sink()
    offered = offer(Dialect.SIPREC, COMPLETE.encode())
    node.call_offered(offered)
    first, second = LineStream(0, "97", "PCMU", 0), LineStream(1, "96", "PCMU", 1)
    node.line_answered(offered.id, (first, second))
    assert [channel.party for channel in sink.calls[-1].channels] == [ANN, BOB]
    node.line_streams_changed(offered.id, (replace(first, cname="bob@198.51.100.7"), second))
    assert sink.calls[-1].quirks[-1] == "parties-contradict"
    node.line_streams_changed(
        offered.id, tuple(replace(each, cname=name) for each, name in ((first, "bob"), (second, "ann")))
    )
    assert (sink.told, sink.corrected) == (["started", "updated", "corrected"], [(0, 1)])
    assert [channel.party for channel in sink.calls[-1].channels] == [BOB, ANN]


def test_what_rtcp_said_in_an_earlier_session_overrules_nobody_in_a_new_one() -> None:
    node, sink = node_and_sink()
    offered = offer(Dialect.SIPREC, COMPLETE.encode())
    node.call_offered(offered)
    streams = (LineStream(0, "97", "PCMU", 0, "ann@src"), LineStream(1, "96", "PCMU", 1, "bob@src"))
    node.line_answered(offered.id, streams)
    labels_exchanged = COMPLETE.replace(">96<", ">?<").replace(">97<", ">96<").replace(">?<", ">97<")
    node.call_described(offered.id, Description(labels_exchanged.replace("ses-1", "ses-2").encode()))
    node.line_streams_changed(offered.id, (streams[0], replace(streams[1], codec="PCMA")))
    assert [channel.party for channel in sink.calls[-1].channels] == [BOB, ANN]
    assert "parties-contradict" not in sink.calls[-1].quirks
