import json
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5

import pytest

from callscribe.domain.call import CallEnd, DtmfDigit, Party
from callscribe.domain.pause import Pause
from callscribe.domain.speaker import SpeakerTurn
from callscribe.domain.transcript import Correction, Final, Partial, Revision, Word, utterance_id
from callscribe.domain.utterance import Utterance
from callscribe.events.parts import EventParty, EventTurn
from callscribe.events.schema import (
    CallCorrected,
    CallEnded,
    CallErased,
    CallPaused,
    CallProcessed,
    CallResumed,
    CallStarted,
    CallUpdated,
    DtmfPressed,
    Event,
    UtteranceFinal,
    UtterancePartial,
    UtteranceRevised,
    UtteranceSpeakers,
    from_json,
    to_json,
)
from callscribe.events.settings import EventSettings
from tests.events.calls import AT, a_call, a_final, a_partial

CALL = a_call(UUID("11111111-2222-4333-8444-555555555555"))
SPOKEN = Final(0, 8000, 16000, "your order", 0.75, "moonshine", "en", (Word("your", 8000, 10000, 0.5),))
REVISION = Revision(utterance_id(CALL.id, 0, 8000), "Your order.", 0.9, "whisper", "second-pass", ())
TOLD_APART = Utterance(
    REVISION.utterance_id, SPOKEN, turns=(SpeakerTurn(1, 8000, 12000), SpeakerTurn(2, 12000, 16000, overlapped=True))
)


def test_a_started_call_tells_trunk_parties_channels_and_outside_ids() -> None:
    assert json.loads(to_json(CallStarted.of(CALL, AT))) == {
        "type": "call.started",
        "call_id": str(CALL.id),
        "at": "2026-11-21T09:30:15.250000Z",
        "started_at": "2026-11-21T09:30:00Z",
        "trunk": "sbc",
        "dialect": "siprec",
        "caller": {"name": "", "address": "sip:+15550100@carrier.example.com"},
        "callee": {"name": "Ada Lovelace", "address": "sip:1042@pbx.example.com"},
        "channels": [
            {
                "index": 0,
                "label": "1",
                "role": "agent",
                "codec": "PCMU",
                "party": {"name": "Ada Lovelace", "address": "sip:1042@pbx.example.com"},
            },
            {"index": 1, "label": "2", "role": "customer", "codec": "PCMU", "party": None},
        ],
        "outside_ids": {"sip-call-id": "abc@sbc", "siprec-session": "session-1", "ucid": "00042"},
    }


def test_a_partial_tells_committed_and_tentative_text_in_milliseconds_of_the_call() -> None:
    event = UtterancePartial.of(CALL, Partial(0, 8000, 14400, "your order", "has ship", 3), AT)
    assert json.loads(to_json(event)) == {
        "type": "utterance.partial",
        "call_id": str(CALL.id),
        "at": "2026-11-21T09:30:15.250000Z",
        "channel": 0,
        "role": "agent",
        "party": "Ada Lovelace",
        "utterance_id": str(uuid5(CALL.id, "0:8000")),
        "start_ms": 1000,
        "end_ms": 1800,
        "text": "your order has ship",
        "committed": "your order",
        "tentative": "has ship",
        "revision": 3,
    }


def test_a_final_tells_confidence_word_times_language_and_engine() -> None:
    written = json.loads(to_json(UtteranceFinal.of(CALL, SPOKEN, AT)))
    assert written["utterance_id"] == str(uuid5(CALL.id, "0:8000"))
    assert (written["start_ms"], written["end_ms"], written["text"]) == (1000, 2000, "your order")
    assert (written["confidence"], written["language"], written["engine"]) == (0.75, "en", "moonshine")
    assert written["words"] == [{"text": "your", "start_ms": 1000, "end_ms": 1250, "confidence": 0.5}]


def test_a_final_and_a_revision_tell_how_they_were_spoken_and_what_was_replaced() -> None:
    corrections = (Correction("acne", "Acme", 0.75),)
    final = replace(SPOKEN, text="5 for Acme", spoken="five for acne", corrections=corrections)
    revision = replace(REVISION, text="5 for Acme.", spoken="Five for acne.", corrections=corrections)
    events: tuple[Event, Event] = (
        UtteranceFinal.of(CALL, final, AT),
        UtteranceRevised.of(CALL, Utterance(REVISION.utterance_id, final), revision, AT),
    )
    for event, spoken in zip(events, ("five for acne", "Five for acne."), strict=True):
        assert from_json(to_json(event)) == event
        written = json.loads(to_json(event))
        assert written["spoken"] == spoken
        assert written["corrections"] == [{"heard": "acne", "phrase": "Acme", "score": 0.75}]


@pytest.mark.parametrize(("earlier", "replaces"), [((), "final"), ((REVISION,), 1), ((REVISION, REVISION), 2)])
def test_a_revision_tells_what_it_replaces(earlier: tuple[Revision, ...], replaces: str | int) -> None:
    before = Utterance(REVISION.utterance_id, SPOKEN, earlier)
    event = UtteranceRevised.of(CALL, before, REVISION, AT)
    assert event.replaces == replaces
    assert (event.text, event.engine, event.reason) == ("Your order.", "whisper", "second-pass")
    assert (event.utterance_id, event.start_ms, event.end_ms) == (REVISION.utterance_id, 1000, 2000)


def test_speakers_are_told_with_their_parts_of_the_newest_text() -> None:
    event = UtteranceSpeakers.of(CALL, TOLD_APART, AT)
    assert (event.text, event.channel, event.start_ms, event.end_ms) == ("your order", 0, 1000, 2000)
    assert event.turns == (EventTurn(1, 1000, 1500, False, "your"), EventTurn(2, 1500, 2000, True, "order"))


def test_a_revision_tells_speakers_that_were_told_apart_before() -> None:
    event = UtteranceRevised.of(CALL, TOLD_APART, REVISION, AT)
    assert [(turn.speaker, turn.text) for turn in event.turns] == [(1, "Your"), (2, "order.")]
    alone = UtteranceRevised.of(CALL, replace(TOLD_APART, turns=()), REVISION, AT)
    assert alone.turns == ()


def test_an_ended_call_tells_its_length_and_reason() -> None:
    event = CallEnded.of(CALL, CallEnd(AT, 80_000, "line-lost", interrupted=True), AT)
    assert (event.duration_ms, event.reason, event.interrupted, event.ended_at) == (10_000, "line-lost", True, AT)


def test_a_key_is_told_with_its_time_and_what_may_be_known_of_it() -> None:
    masked = DtmfPressed.of(CALL, DtmfDigit(1, 4000, ""), AT)
    shown = DtmfPressed.of(CALL, DtmfDigit(1, 4000, "#"), AT)
    assert (masked.digit, masked.masked, shown.digit, shown.masked) == ("x", True, "#", False)
    assert (shown.channel, shown.start_ms) == (1, 500)


def test_a_pause_is_told_by_channel_time_and_who_wanted_it_and_is_open_until_it_ends() -> None:
    paused = CallPaused.of(CALL, (Pause(1, 4000, None, "api", "card payment"),), "api", AT)
    assert json.loads(to_json(paused)) == {
        "type": "call.paused",
        "call_id": str(CALL.id),
        "at": "2026-11-21T09:30:15.250000Z",
        "by": "api",
        "pauses": [{"channel": 1, "start_ms": 500, "end_ms": None, "by": "api", "reason": "card payment"}],
    }
    resumed = CallResumed.of(CALL, (Pause(1, 4000, 12000, "api"),), "limit", AT)
    assert (resumed.by, resumed.pauses[0].end_ms) == ("limit", 1500)


def test_a_channel_the_call_does_not_know_has_no_party_and_an_unknown_role() -> None:
    event = a_final(CALL, "hello", channel=7)
    assert (event.role.value, event.party) == ("unknown", "")


@pytest.mark.parametrize(
    "event",
    [
        CallStarted.of(CALL, AT),
        CallUpdated.of(CALL, AT),
        replace(CallCorrected.of(CALL, AT), corrected=(0, 1)),
        a_partial(CALL, "hel"),
        UtteranceFinal.of(CALL, SPOKEN, AT),
        UtteranceRevised.of(CALL, Utterance(REVISION.utterance_id, SPOKEN), REVISION, AT),
        UtteranceRevised.of(CALL, TOLD_APART, REVISION, AT),
        UtteranceSpeakers.of(CALL, TOLD_APART, AT),
        UtteranceRevised.of(CALL, Utterance(REVISION.utterance_id, SPOKEN, (REVISION,)), REVISION, AT),
        DtmfPressed.of(CALL, DtmfDigit(1, 4000, ""), AT),
        DtmfPressed.of(CALL, DtmfDigit(0, 4000, "7"), AT),
        CallPaused.of(CALL, (Pause(0, 8000, None, "api", "card payment"),), "api", AT),
        CallResumed.of(CALL, (Pause(0, 8000, 16000, "api"), Pause(1, 8000, 16000, "sip")), "limit", AT),
        CallEnded.of(CALL, CallEnd(AT, 8000, "bye"), AT),
        CallProcessed(call_id=CALL.id, at=AT, done=("recover", "second-pass"), failed=()),
        CallErased(call_id=CALL.id, at=AT),
        CallProcessed(id="17-3", call_id=CALL.id, at=AT, done=(), failed=("second-pass",)),
    ],
    ids=lambda event: event.type,
)
def test_every_event_comes_back_from_json_as_it_was(event: Event) -> None:
    assert from_json(to_json(event)) == event


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not an event"),
        ("[]", "not an event"),
        ('{"type":"call.vanished"}', "not an event"),
        (to_json(a_final(CALL, "x")).replace('"engine"', '"motor"'), "engine"),
        (to_json(a_final(CALL, "x")).replace('"channel":0', '"channel":"0"'), "channel"),
        (to_json(a_final(CALL, "x")).replace("15.250000Z", "15.250000"), "at"),
        (to_json(a_final(CALL, "x"))[:-1] + ',"more":1}', "more"),
    ],
)
def test_anything_else_is_refused_with_the_place_named(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        from_json(text)


def test_a_refusal_does_not_repeat_what_was_said() -> None:
    broken = to_json(a_final(CALL, "my card number")).replace('"text":"my card number"', '"text":["my card number"]')
    with pytest.raises(ValueError, match="text") as refusal:
        from_json(broken)
    assert "card" not in str(refusal.value)


def test_times_of_other_zones_are_written_in_utc() -> None:
    elsewhere = datetime.fromisoformat("2026-11-21T10:30:15+01:00")
    assert elsewhere.utcoffset() == timedelta(hours=1)
    event = CallProcessed(call_id=CALL.id, at=elsewhere, done=(), failed=())
    assert json.loads(to_json(event))["at"] == "2026-11-21T09:30:15Z"


def test_a_stream_keeps_at_least_one_event() -> None:
    with pytest.raises(ValueError, match="stream_length must be at least 1"):
        EventSettings(stream_length=0)


def test_half_a_character_is_replaced_and_the_event_is_still_one() -> None:
    call = replace(a_call(), caller=Party("sip:jos\udce9@example.com"))
    event = from_json(to_json(CallStarted.of(call, AT)))
    assert isinstance(event, CallStarted)
    assert event.caller.address == "sip:jos?@example.com"
    assert event.callee == EventParty.of(call.callee)
