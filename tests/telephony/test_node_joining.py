"""What front and line tell, joined into calls."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call, CallEnd, Dialect, OutsideIds, Party, Role
from telephony.front.offer import CallOffer
from telephony.lines import LineStream
from telephony.node import SipNode
from telephony.settings import RoleRule, SipSettings, TrunkSettings
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

    def call_started(self, call: Call) -> None:
        self.told.append("started")
        self.calls.append(call)

    def call_updated(self, call: Call) -> None:
        self.told.append("updated")
        self.calls.append(call)

    def audio(self, call_id: UUID, chunk: AudioChunk) -> None:
        self.told.append("audio")

    def call_ended(self, call_id: UUID, end: CallEnd) -> None:
        self.told.append("ended")
        self.ends.append(end)


def node_and_sink(roles: RoleRule | None = None) -> tuple[SipNode, Sink]:
    sink = Sink()
    trunk = TrunkSettings(name="pbx", roles=roles or RoleRule())
    return SipNode(SipSettings(host="127.0.0.1", port=0, lines=1), (trunk,), sink), sink


def offer(dialect: Dialect = Dialect.PLAIN, metadata: bytes | None = None) -> CallOffer:
    return CallOffer(
        id=uuid4(),
        trunk="pbx",
        dialect=dialect,
        caller=CALLER,
        callee=CALLEE,
        outside_ids=OutsideIds("call-id", others=(("ucid", "1"),)),
        metadata=metadata,
        quirks=("sdp-c-missing",),
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
    assert sink.calls[0].quirks == ("sdp-c-missing", "metadata-invalid")
    assert [c.party for c in sink.calls[0].channels] == [None, None]
    assert sink.calls[0].caller == CALLER
    # Once for the call, and not again what the front has counted.
    node.metadata_changed(offered.id, b"still not xml")
    assert node.counters() == {"repaired_metadata_invalid": 1}


def test_metadata_may_come_before_the_answer_or_long_after() -> None:
    node, sink = node_and_sink()
    early, late = offer(Dialect.SIPREC), offer(Dialect.SIPREC)
    for offered in (early, late):
        node.call_offered(offered)
    node.metadata_changed(early.id, COMPLETE.encode())
    node.line_answered(early.id, STREAMS)
    node.line_answered(late.id, STREAMS)
    assert [c.party for c in sink.calls[0].channels] == [ANN, BOB]
    assert sink.calls[1].quirks == ("sdp-c-missing", "metadata-missing")
    node.metadata_changed(late.id, COMPLETE.encode())
    node.metadata_changed(late.id, COMPLETE.encode())
    assert sink.told == ["started", "started", "updated"]
    assert [c.party for c in sink.calls[2].channels] == [ANN, BOB]
    assert sink.calls[2].started_at == sink.calls[1].started_at


def test_a_party_stays_on_its_channel_while_the_call_is_on_hold() -> None:
    node, sink = node_and_sink()
    offered = offer(Dialect.SIPREC, COMPLETE.encode())
    node.call_offered(offered)
    node.line_answered(offered.id, STREAMS)
    held = COMPLETE.replace("<send>str-1</send>", "").replace("<send>str-2</send>", "")
    node.metadata_changed(offered.id, held.encode())
    assert sink.told == ["started"]


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
    node.line_call_ended(offered.id, 1600, "no-media")
    node.line_audio(offered.id, chunk)
    assert sink.told == ["started", "audio", "ended"]
    assert (sink.ends[0].samples, sink.ends[0].reason, sink.ends[0].interrupted) == (1600, "no-media", False)
    assert node.active == 0


def test_a_call_that_is_never_answered_is_never_told() -> None:
    node, sink = node_and_sink()
    abandoned, rejected = offer(), offer()
    node.call_offered(abandoned)
    node.call_offered(rejected)
    node.call_abandoned(abandoned.id)
    node.line_call_ended(rejected.id, 0, "rejected")
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
