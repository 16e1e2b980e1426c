"""A transcript as a document: JSON, plain text, subtitles or vCon. Shown is the newest text of each utterance."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from callscribe.domain.call import Call, Channel, Party, Role
from callscribe.domain.transcript import Final, Revision, Word
from callscribe.domain.utterance import Transcript, Utterance

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"

VCON_SYNTAX = "0.4.0"
"""draft-ietf-vcon-vcon-core section 4.1.1; deprecated there, and still asked for by readers."""
VCON_SCHEMA = "callscribe-transcript-1"


@dataclass(frozen=True, slots=True)
class TranscriptFormat:
    """A kind of document."""

    media_type: str
    suffix: str
    """Of a file's name, with its dot."""
    render: Callable[[Transcript], str]
    """The whole document; it ends with a line break."""


def render(transcript: Transcript, name: str) -> str:
    """The transcript in the format of that name. Raises ValueError for a name that FORMATS lacks."""
    if name not in FORMATS:
        raise ValueError(f"the formats are {', '.join(FORMATS)}")
    return FORMATS[name].render(transcript)


def speaker(call: Call, channel: int) -> str:
    """Who speaks on the channel, for people: "Agent (Ann)", "Customer", "sip:1001@pbx" or "Channel 2"."""
    known = _channel(call, channel)
    role = known.role.value.capitalize() if known.role in (Role.AGENT, Role.CUSTOMER) else ""
    name = _one_line(known.party.name or known.party.address) if known.party else ""
    if role and name:
        return f"{role} ({name})"
    return role or name or f"Channel {channel + 1}"


def to_json(transcript: Transcript) -> str:
    """An object with "call" and "utterances"; times within the call are milliseconds from its start."""
    call = transcript.call
    document: dict[str, Json] = {
        "call": {
            "id": str(call.id),
            "trunk": call.trunk,
            "dialect": call.dialect,
            "state": transcript.state,
            "started_at": _iso(call.started_at),
            "ended_at": _iso(transcript.ended_at) if transcript.ended_at else None,
            "sample_rate": call.sample_rate,
            "caller": _party_json(call.caller),
            "callee": _party_json(call.callee),
            "channels": [_channel_json(channel) for channel in call.channels],
            "outside_ids": [{"kind": kind, "value": value} for kind, value in call.outside_ids.pairs()],
            "quirks": list(call.quirks),
        },
        "utterances": [_utterance_json(transcript, utterance) for utterance in transcript.utterances],
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def to_txt(transcript: Transcript) -> str:
    """One line an utterance: "[0:00:01] Agent (Ann): Hello." """
    lines = [
        f"[{_clock(transcript.ms(utterance.final.start) // 1000)}] {who}: {text}\n"
        for utterance, who, text in _spoken(transcript)
    ]
    return "".join(lines)


def to_srt(transcript: Transcript) -> str:
    """SubRip. It has no escapes: an arrow in text or name becomes another, blank lines cannot come."""
    cues = [
        f"{number}\n{_span(transcript, utterance, ',')}\n{f'{who}: {text}'.replace('-->', '→')}\n"
        for number, (utterance, who, text) in enumerate(_spoken(transcript), start=1)
    ]
    return "\n".join(cues)


def to_vtt(transcript: Transcript) -> str:
    """WebVTT with a voice for each speaker (W3C WebVTT sections 3.1 and 4.2). Cues of two channels may overlap."""
    cues = [
        f"{utterance.id}\n{_span(transcript, utterance, '.')}\n<v {_escape(who)}>{_escape(text)}\n"
        for utterance, who, text in _spoken(transcript)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def to_vcon(transcript: Transcript) -> str:
    """A vCon in its unsigned form (draft-ietf-vcon-vcon-core): the call is its one dialog, the transcript an analysis.

    The audio stays where it is: a vCon may refer to it only by an HTTPS URL and a hash, which a transcript has not.
    """
    call = transcript.call
    parties = _parties(call)
    dialog: dict[str, Json] = {
        "type": "recording",
        "start": _iso(call.started_at),
        "parties": [_parties_of(channel, parties, call) for channel in call.channels],
        "mediatype": "audio/x-wav",
        "filename": f"{call.id}.wav",
    }
    if transcript.ended_at is not None:
        dialog["duration"] = round((transcript.ended_at - call.started_at).total_seconds(), 3)
    if call.caller in parties:
        dialog["originator"] = parties.index(call.caller)
    spoken = {"utterances": [_utterance_json(transcript, utterance) for utterance in transcript.utterances]}
    document: dict[str, Json] = {
        "vcon": VCON_SYNTAX,
        "uuid": str(call.id),
        "created_at": _iso(transcript.ended_at or call.started_at),
        "parties": [_vcon_party(party) for party in parties],
        "dialog": [dialog],
        "analysis": [
            {
                "type": "transcript",
                "dialog": 0,
                "mediatype": "application/json",
                "vendor": "Callscribe",
                "schema": VCON_SCHEMA,
                "encoding": "json",
                "body": json.dumps(spoken, ensure_ascii=False),
            }
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


FORMATS: Mapping[str, TranscriptFormat] = {
    "json": TranscriptFormat("application/json", ".json", to_json),
    "txt": TranscriptFormat("text/plain", ".txt", to_txt),
    "srt": TranscriptFormat("application/x-subrip", ".srt", to_srt),
    "vtt": TranscriptFormat("text/vtt", ".vtt", to_vtt),
    "vcon": TranscriptFormat("application/vcon", ".vcon.json", to_vcon),
}


def _spoken(transcript: Transcript) -> Iterator[tuple[Utterance, str, str]]:
    """Each utterance with its speaker and its text on one line; those whose text a revision took away are left out."""
    for utterance in transcript.utterances:
        text = _one_line(utterance.text)
        if text:
            yield utterance, speaker(transcript.call, utterance.final.channel), text


def _channel(call: Call, index: int) -> Channel:
    return next((channel for channel in call.channels if channel.index == index), Channel(index))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _span(transcript: Transcript, utterance: Utterance, mark: str) -> str:
    """Start and end of a cue. A cue must last, so that one without length gets a millisecond."""
    start = transcript.ms(utterance.final.start)
    end = max(transcript.ms(utterance.final.end), start + 1)
    return f"{_cue_time(start, mark)} --> {_cue_time(end, mark)}"


def _cue_time(ms: int, mark: str) -> str:
    seconds = ms // 1000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{ms % 1000:03}"


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _party_json(party: Party | None) -> Json:
    return None if party is None else {"name": party.name, "address": party.address}


def _channel_json(channel: Channel) -> Json:
    return {
        "index": channel.index,
        "label": channel.label,
        "role": channel.role,
        "codec": channel.codec,
        "party": _party_json(channel.party),
    }


def _utterance_json(transcript: Transcript, utterance: Utterance) -> Json:
    final = utterance.final
    channel = _channel(transcript.call, final.channel)
    return {
        "utterance_id": str(utterance.id),
        "channel": final.channel,
        "role": channel.role,
        "party": channel.party.name if channel.party else "",
        "start_ms": transcript.ms(final.start),
        "end_ms": transcript.ms(final.end),
        "text": utterance.text,
        "language": final.language,
        "emotion": final.emotion,
        "audio_events": list(final.audio_events),
        "final": _reading_json(transcript, final),
        "revisions": [
            {"reason": revision.reason, **_reading_json(transcript, revision)} for revision in utterance.revisions
        ],
    }


def _reading_json(transcript: Transcript, reading: Final | Revision) -> dict[str, Json]:
    return {
        "text": reading.text,
        "confidence": reading.confidence,
        "engine": reading.engine,
        "words": [_word_json(transcript, word) for word in reading.words],
        "spoken": reading.spoken,
        "corrections": [
            {"heard": made.heard, "phrase": made.phrase, "score": made.score} for made in reading.corrections
        ],
        "cost": reading.cost,
    }


def _word_json(transcript: Transcript, word: Word) -> Json:
    return {
        "text": word.text,
        "start_ms": transcript.ms(word.start),
        "end_ms": transcript.ms(word.end),
        "confidence": word.confidence,
    }


def _parties(call: Call) -> list[Party]:
    """Everyone whom the call names, once: the caller, the callee, then the channels' parties."""
    named = (call.caller, call.callee, *(channel.party for channel in call.channels))
    return [party for party in dict.fromkeys(named) if party is not None and (party.address or party.name)]


def _parties_of(channel: Channel, parties: list[Party], call: Call) -> Json:
    """Indices of who may be heard on the channel: its party, or where that is not known both sides of the call."""
    if channel.party in parties:
        return parties.index(channel.party)
    return [parties.index(side) for side in dict.fromkeys((call.caller, call.callee)) if side in parties]


def _vcon_party(party: Party) -> Json:
    """Section 4.2: "tel" or "sip" by the address's scheme, and a name that nobody has validated."""
    told: dict[str, Json] = {}
    if party.address:
        told["tel" if party.address.lower().startswith("tel:") else "sip"] = party.address
    if party.name:
        told["name"] = party.name
        told["validation"] = "none"
    return told
