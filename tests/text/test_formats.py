"""A transcript as a document: exact texts."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from callscribe.domain.call import Call, CallState, Channel, Dialect, OutsideIds, Party, Role
from callscribe.domain.note import Note
from callscribe.domain.pause import Pause
from callscribe.domain.speaker import SpeakerTurn
from callscribe.domain.transcript import Correction, Final, Revision, Word, utterance_id
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.text.formats import FORMATS, RecordedAudio, render, speaker
from tests.vcon import check_vcon, sha512_of

CALL_ID = UUID("00000000-0000-4000-8000-000000000001")
STARTED = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
ANN = Party("sip:1001@pbx.example", "Ann & Co <sales>", "p-1")
BOB = Party("tel:+15550100")
CALL = Call(
    id=CALL_ID,
    trunk="main",
    dialect=Dialect.SIPREC,
    started_at=STARTED,
    sample_rate=8000,
    channels=(Channel(0, "96", Role.CUSTOMER, BOB, "PCMU"), Channel(1, "97", Role.AGENT, ANN, "PCMA")),
    caller=BOB,
    callee=ANN,
    outside_ids=OutsideIds("abc@pbx", others=(("ucid", "1"), ("ucid", "2"))),
    quirks=("metadata-invalid",),
)


def spoken(channel: int, start_ms: int, end_ms: int, text: str) -> Utterance:
    final = Final(
        channel, start_ms * 8, end_ms * 8, text, 0.75, "moonshine", "en", (Word("w", start_ms * 8, 80_000, 0.5),)
    )
    return Utterance(utterance_id(CALL_ID, channel, start_ms * 8), final)


FIRST = spoken(0, 1280, 3005, "I want a --> b")
SECOND = spoken(1, 2500, 4000, "is 1 < 2 & 3 > 2?\n\nyes")
THIRD = spoken(0, 3_723_004, 3_723_004, "late")
REVISION = Revision(
    utterance_id=THIRD.id,
    text="Late.",
    confidence=0.9,
    engine="whisper",
    reason="second-pass",
    words=(Word("Late.", 8, 16, 0.9),),
    spoken="late",
    corrections=(Correction("lade", "Late", 0.75),),
)
TRANSCRIPT = Transcript(
    CALL,
    CallState.ENDED,
    STARTED + timedelta(hours=1, milliseconds=250),
    (FIRST, SECOND, replace(THIRD, revisions=(REVISION,))),
)
EMPTY = Transcript(CALL, CallState.ACTIVE, None, ())


def test_plain_text_is_a_line_an_utterance() -> None:
    assert render(TRANSCRIPT, "txt") == (
        "[0:00:01] Customer (tel:+15550100): I want a --> b\n"
        "[0:00:02] Agent (Ann & Co <sales>): is 1 < 2 & 3 > 2? yes\n"
        "[1:02:03] Customer (tel:+15550100): Late.\n"
    )


def test_srt_overlaps_and_holds_no_arrow_or_blank_line_in_its_text() -> None:
    assert render(TRANSCRIPT, "srt") == (
        "1\n00:00:01,280 --> 00:00:03,005\nCustomer (tel:+15550100): I want a → b\n\n"
        "2\n00:00:02,500 --> 00:00:04,000\nAgent (Ann & Co <sales>): is 1 < 2 & 3 > 2? yes\n\n"
        "3\n01:02:03,004 --> 01:02:03,005\nCustomer (tel:+15550100): Late.\n"
    )


def test_vtt_overlaps_and_escapes() -> None:
    assert render(TRANSCRIPT, "vtt") == (
        "WEBVTT\n\n"
        f"{FIRST.id}\n00:00:01.280 --> 00:00:03.005\n<v Customer (tel:+15550100)>I want a --&gt; b\n\n"
        f"{SECOND.id}\n00:00:02.500 --> 00:00:04.000\n"
        "<v Agent (Ann &amp; Co &lt;sales&gt;)>is 1 &lt; 2 &amp; 3 &gt; 2? yes\n\n"
        f"{THIRD.id}\n01:02:03.004 --> 01:02:03.005\n<v Customer (tel:+15550100)>Late.\n"
    )


def test_json_tells_the_call_and_each_utterance_with_all_its_readings() -> None:
    document = json.loads(render(TRANSCRIPT, "json"))
    assert document["call"] == {
        "id": str(CALL_ID),
        "trunk": "main",
        "dialect": "siprec",
        "state": "ended",
        "started_at": "2026-11-21T09:30:00Z",
        "ended_at": "2026-11-21T10:30:00.250000Z",
        "sample_rate": 8000,
        "caller": {"name": "", "address": "tel:+15550100"},
        "callee": {"name": "Ann & Co <sales>", "address": "sip:1001@pbx.example"},
        "channels": [
            {
                "index": 0,
                "label": "96",
                "role": "customer",
                "codec": "PCMU",
                "party": {"name": "", "address": "tel:+15550100"},
            },
            {
                "index": 1,
                "label": "97",
                "role": "agent",
                "codec": "PCMA",
                "party": {"name": "Ann & Co <sales>", "address": "sip:1001@pbx.example"},
            },
        ],
        "outside_ids": [
            {"kind": "sip-call-id", "value": "abc@pbx"},
            {"kind": "ucid", "value": "1"},
            {"kind": "ucid", "value": "2"},
        ],
        "quirks": ["metadata-invalid"],
        "pauses": [],
    }
    assert [utterance["text"] for utterance in document["utterances"]] == [FIRST.text, SECOND.text, "Late."]
    assert document["utterances"][2] == {
        "utterance_id": str(THIRD.id),
        "channel": 0,
        "role": "customer",
        "party": "",
        "start_ms": 3_723_004,
        "end_ms": 3_723_004,
        "text": "Late.",
        "language": "en",
        "emotion": "",
        "audio_events": [],
        "turns": [],
        "final": {
            "text": "late",
            "confidence": 0.75,
            "engine": "moonshine",
            "words": [{"text": "w", "start_ms": 3_723_004, "end_ms": 10_000, "confidence": 0.5}],
            "spoken": "",
            "corrections": [],
            "cost": 0.0,
            "hotword_lists": [],
            "redactions": [],
        },
        "revisions": [
            {
                "reason": "second-pass",
                "by": "",
                "made_at": None,
                "text": "Late.",
                "confidence": 0.9,
                "engine": "whisper",
                "words": [{"text": "Late.", "start_ms": 1, "end_ms": 2, "confidence": 0.9}],
                "spoken": "late",
                "corrections": [{"heard": "lade", "phrase": "Late", "score": 0.75}],
                "cost": 0.0,
                "hotword_lists": [],
                "redactions": [],
            }
        ],
    }


def test_pauses_stand_where_they_were_until_their_end_or_the_calls() -> None:
    pauses = (Pause(1, 16_000, 24_000, "api", "card payment"), Pause(0, 28_796_000, None, "sip"))
    paused = replace(TRANSCRIPT, call=replace(CALL, pauses=pauses), utterances=(FIRST, SECOND))
    assert render(paused, "txt").splitlines() == [
        "[0:00:01] Customer (tel:+15550100): I want a --> b",
        "[0:00:02] Agent (Ann & Co <sales>): (paused)",
        "[0:00:02] Agent (Ann & Co <sales>): is 1 < 2 & 3 > 2? yes",
        "[0:59:59] Customer (tel:+15550100): (paused)",
    ]
    cues = render(paused, "srt").split("\n\n")
    assert cues[1] == "2\n00:00:02,000 --> 00:00:03,000\nAgent (Ann & Co <sales>): (paused)"
    assert cues[3] == "4\n00:59:59,500 --> 01:00:00,250\nCustomer (tel:+15550100): (paused)\n"
    told = json.loads(render(paused, "json"))["call"]["pauses"]
    assert told == [
        {"channel": 1, "start_ms": 2000, "end_ms": 3000, "by": "api", "reason": "card payment"},
        {"channel": 0, "start_ms": 3_599_500, "end_ms": None, "by": "sip", "reason": ""},
    ]
    assert json.loads(render(paused, "vcon"))["analysis"][0]["body"]["pauses"] == told


def test_vcon_is_one_recording_with_a_transcript_as_its_analysis() -> None:
    document = json.loads(render(TRANSCRIPT, "vcon"))
    check_vcon(document)
    (analysis,) = document.pop("analysis")
    assert document == {
        "vcon": "0.4.0",
        "uuid": str(CALL_ID),
        "created_at": "2026-11-21T10:30:00.250000Z",
        "parties": [
            {"tel": "tel:+15550100"},
            {"sip": "sip:1001@pbx.example", "name": "Ann & Co <sales>", "validation": "none"},
        ],
        "dialog": [
            {
                "type": "recording",
                "start": "2026-11-21T09:30:00Z",
                "parties": [0, 1],
                "mediatype": "audio/x-wav",
                "filename": f"{CALL_ID}.wav",
                "duration": 3600.25,
            }
        ],
    }
    body = analysis.pop("body")
    assert analysis == {
        "type": "transcript",
        "dialog": 0,
        "mediatype": "application/json",
        "vendor": "Callscribe",
        "schema": "callscribe-transcript-1",
        "encoding": "json",
    }
    assert body["utterances"] == json.loads(render(TRANSCRIPT, "json"))["utterances"]


def test_vcon_of_a_mixed_channel_names_both_sides_and_of_nobody_none() -> None:
    mixed = replace(CALL, channels=(Channel(0, role=Role.MIXED),))
    document = json.loads(render(replace(EMPTY, call=mixed), "vcon"))
    check_vcon(document)
    assert document["dialog"][0]["parties"] == [[0, 1]]
    assert "duration" not in document["dialog"][0]
    nobody = replace(mixed, caller=Party(""), callee=Party(""))
    document = json.loads(render(replace(EMPTY, call=nobody), "vcon"))
    check_vcon(document)
    assert (document["parties"], document["dialog"][0]["parties"]) == ([], [[]])
    assert "originator" not in document["dialog"][0]


def test_vcon_tells_who_called_where_the_first_channel_is_not_the_callers() -> None:
    turned = replace(CALL, channels=tuple(replace(each, index=1 - each.index) for each in reversed(CALL.channels)))
    document = json.loads(render(replace(TRANSCRIPT, call=turned), "vcon"))
    check_vcon(document)
    (dialog,) = document["dialog"]
    assert (dialog["parties"], dialog["originator"]) == ([1, 0], 0)


def test_vcon_refers_to_the_recording_by_address_and_hash() -> None:
    sha512 = hashlib.sha512(b"audio").digest()
    for url in ("https://calls.example/api/v1/calls/1/audio", ""):
        document = json.loads(FORMATS["vcon"].render(TRANSCRIPT, RecordedAudio(sha512, url)))
        check_vcon(document)
        (dialog,) = document["dialog"]
        assert dialog.get("url", "") == url
        assert sha512_of(dialog["content_hash"]) == sha512
    assert FORMATS["txt"].render(TRANSCRIPT, RecordedAudio(sha512)) == render(TRANSCRIPT, "txt")


def test_json_holds_what_people_wrote_beside_the_call() -> None:
    made_at, note = STARTED + timedelta(seconds=9), UUID(int=1)
    written = replace(TRANSCRIPT, notes=(Note(note, "Call back.", 1500, FIRST.id, "ann", made_at, made_at),))
    assert json.loads(render(written, "json"))["notes"] == [
        {
            "id": str(note),
            "text": "Call back.",
            "at_ms": 1500,
            "utterance_id": str(FIRST.id),
            "by": "ann",
            "made_at": "2026-11-21T09:30:09Z",
            "changed_at": "2026-11-21T09:30:09Z",
        }
    ]
    assert json.loads(render(TRANSCRIPT, "json"))["notes"] == []


def test_an_empty_transcript_is_still_a_document() -> None:
    assert {name: render(EMPTY, name) for name in ("txt", "srt", "vtt")} == {"txt": "", "srt": "", "vtt": "WEBVTT\n"}
    assert json.loads(render(EMPTY, "json"))["utterances"] == []
    assert json.loads(render(EMPTY, "json"))["call"]["ended_at"] is None


def test_an_utterance_that_a_revision_emptied_is_kept_in_json_only() -> None:
    gone = replace(FIRST, revisions=(Revision(FIRST.id, " ", 0.9, "whisper", "second-pass"),))
    transcript = replace(TRANSCRIPT, utterances=(gone, SECOND))
    assert render(transcript, "txt") == "[0:00:02] Agent (Ann & Co <sales>): is 1 < 2 & 3 > 2? yes\n"
    assert render(transcript, "srt").startswith("1\n00:00:02,500")
    assert len(json.loads(render(transcript, "json"))["utterances"]) == 2


@pytest.mark.parametrize(
    ("channel", "name"),
    [
        (Channel(0, role=Role.AGENT, party=Party("sip:1@x", "Ann")), "Agent (Ann)"),
        (Channel(0, role=Role.CUSTOMER), "Customer"),
        (Channel(0, party=Party("sip:1@x")), "sip:1@x"),
        (Channel(0, role=Role.MIXED), "Channel 1"),
        (Channel(0, role=Role.AGENT, party=Party("sip:1@x", " A\nB ")), "Agent (A B)"),
        (Channel(1), "Channel 1"),
    ],
)
def test_a_speaker_is_named_by_role_and_party(channel: Channel, name: str) -> None:
    assert speaker(replace(CALL, channels=(channel,)), 0) == name


@pytest.mark.parametrize(
    ("channels", "names"),
    [
        ((Channel(0, role=Role.MIXED),), ["Speaker 2"]),
        ((Channel(0, role=Role.MIXED), Channel(1)), ["Channel 1, speaker 2", "Channel 2, speaker 2"]),
        ((Channel(0, role=Role.AGENT, party=Party("sip:1@x", "Ann")),), ["Agent (Ann), speaker 2"]),
    ],
)
def test_who_shares_a_channel_has_a_number(channels: tuple[Channel, ...], names: list[str]) -> None:
    assert [speaker(replace(CALL, channels=channels), channel.index, 2) for channel in channels] == names


def diarized() -> Transcript:
    """An utterance of a mixed channel in which two speak, the second beside the first."""
    final = Final(0, 8000, 24_000, "Can I help? Yes please.", 0.9, "moonshine")
    turns = (SpeakerTurn(1, 8000, 17_000), SpeakerTurn(2, 17_000, 24_000, overlapped=True))
    said = Utterance(utterance_id(CALL_ID, 0, 8000), final, turns=turns)
    return replace(TRANSCRIPT, call=replace(CALL, channels=(Channel(0, role=Role.MIXED),)), utterances=(said,))


def test_text_and_subtitles_name_the_speakers_of_an_utterance() -> None:
    said = diarized().utterances[0].id
    assert render(diarized(), "txt") == "[0:00:01] Speaker 1: Can I help?\n[0:00:02] Speaker 2: Yes please.\n"
    assert render(diarized(), "srt") == (
        "1\n00:00:01,000 --> 00:00:02,125\nSpeaker 1: Can I help?\n\n"
        "2\n00:00:02,125 --> 00:00:03,000\nSpeaker 2: Yes please.\n"
    )
    assert render(diarized(), "vtt") == (
        f"WEBVTT\n\n{said}.1\n00:00:01.000 --> 00:00:02.125\n<v Speaker 1>Can I help?\n\n"
        f"{said}.2\n00:00:02.125 --> 00:00:03.000\n<v Speaker 2>Yes please.\n"
    )


def test_json_tells_the_speakers_beside_the_whole_text() -> None:
    (said,) = json.loads(render(diarized(), "json"))["utterances"]
    assert said["text"] == said["final"]["text"] == "Can I help? Yes please."
    assert said["turns"] == [
        {
            "speaker": 1,
            "name": "Speaker 1",
            "start_ms": 1000,
            "end_ms": 2125,
            "overlapped": False,
            "text": "Can I help?",
        },
        {
            "speaker": 2,
            "name": "Speaker 2",
            "start_ms": 2125,
            "end_ms": 3000,
            "overlapped": True,
            "text": "Yes please.",
        },
    ]


def test_formats_are_named_as_in_the_command_line_and_another_is_refused() -> None:
    assert {name: (kind.media_type, kind.suffix) for name, kind in FORMATS.items()} == {
        "json": ("application/json", ".json"),
        "txt": ("text/plain", ".txt"),
        "srt": ("application/x-subrip", ".srt"),
        "vtt": ("text/vtt", ".vtt"),
        "csv": ("text/csv", ".csv"),
        "vcon": ("application/vcon", ".vcon.json"),
    }
    with pytest.raises(ValueError, match="json, txt, srt, vtt, csv, vcon"):
        render(EMPTY, "pdf")


def test_an_arrow_in_a_name_does_not_end_a_subtitle_either() -> None:
    channels = (replace(CALL.channels[0], party=Party("sip:a@b", "Ann --> Lee")), *CALL.channels[1:])
    call = replace(CALL, channels=channels)
    document = render(Transcript(call, CallState.ENDED, None, (FIRST,)), "srt")
    assert document.count("-->") == 1
    assert "Ann → Lee" in document
