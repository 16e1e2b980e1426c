"""A transcript as a document: JSON, plain text, subtitles, CSV or vCon. Shown is the newest text of each utterance."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import uuid5

from callscribe.domain.call import Call, Channel, Party, Role
from callscribe.domain.pause import Pause
from callscribe.domain.speaker import SpeakerTurn
from callscribe.domain.transcript import Final, Revision, Word
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.text.noted import iso, note_entries
from callscribe.text.speakers import Piece, pieces
from callscribe.text.tables import to_csv

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"

VCON_SYNTAX = "0.4.0"
"""draft-ietf-vcon-vcon-core section 4.1.1; deprecated there, and still asked for by readers."""
VCON_SCHEMA = "callscribe-transcript-1"
PAUSED = "(paused)"
"""Stands for what is not there because somebody wanted it so."""


@dataclass(frozen=True, slots=True)
class RecordedAudio:
    """What a document says of the recording that lies elsewhere."""

    sha512: bytes
    """Of the WAV's bytes."""
    url: str = ""
    """Where it can be had, over HTTPS; "": not told."""


@dataclass(frozen=True, slots=True)
class TranscriptFormat:
    """A kind of document."""

    media_type: str
    suffix: str
    """Of a file's name, with its dot."""
    write: Callable[[Transcript], str]
    with_audio: Callable[[Transcript, RecordedAudio | None], str] | None = None
    """As `write`, in a format that refers to the recording."""

    def render(self, transcript: Transcript, audio: RecordedAudio | None = None) -> str:
        """The whole document; it ends with a line break."""
        return self.write(transcript) if self.with_audio is None else self.with_audio(transcript, audio)


def render(transcript: Transcript, name: str) -> str:
    """The transcript in the format of that name. Raises ValueError for a name that FORMATS lacks."""
    if name not in FORMATS:
        raise ValueError(f"the formats are {', '.join(FORMATS)}")
    return FORMATS[name].render(transcript)


def speaker(call: Call, channel: int, number: int = 0) -> str:
    """Who speaks on the channel, for people: "Agent (Ann)", "Customer", "sip:1001@pbx" or "Channel 2".

    Of a channel that carries several people `number` says which of them: "Speaker 1", where the channel is not the
    call's only one "Channel 2, speaker 1", and "Agent (Ann), speaker 2" on what is known to be a party's.
    """
    if number and len(call.channels) == 1 and not _party(call, channel):
        return f"Speaker {number}"
    who = _party(call, channel) or f"Channel {channel + 1}"
    return f"{who}, speaker {number}" if number else who


def _party(call: Call, channel: int) -> str:
    """Role and name of the channel's party, as far as they are known."""
    known = _channel(call, channel)
    role = known.role.value.capitalize() if known.role in (Role.AGENT, Role.CUSTOMER) else ""
    name = _one_line(known.party.name or known.party.address) if known.party else ""
    if role and name:
        return f"{role} ({name})"
    return role or name


def to_json(transcript: Transcript) -> str:
    """An object with "call", "utterances" and "notes"; times within the call are milliseconds from its start."""
    call = transcript.call
    document: dict[str, Json] = {
        "call": {
            "id": str(call.id),
            "trunk": call.trunk,
            "dialect": call.dialect,
            "state": transcript.state,
            "started_at": iso(call.started_at),
            "ended_at": iso(transcript.ended_at) if transcript.ended_at else None,
            "sample_rate": call.sample_rate,
            "caller": _party_json(call.caller),
            "callee": _party_json(call.callee),
            "channels": [_channel_json(channel) for channel in call.channels],
            "outside_ids": [{"kind": kind, "value": value} for kind, value in call.outside_ids.pairs()],
            "quirks": list(call.quirks),
            "pauses": _pauses_json(transcript),
        },
        "utterances": [_utterance_json(transcript, utterance) for utterance in transcript.utterances],
        "notes": note_entries(transcript.notes),
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def to_txt(transcript: Transcript) -> str:
    """One line for what a speaker says of an utterance, or a pause: "[0:00:01] Agent (Ann): Hello." """
    return "".join(f"[{_clock(line.start_ms // 1000)}] {line.who}: {line.text}\n" for line in _lines(transcript))


def to_srt(transcript: Transcript) -> str:
    """SubRip. It has no escapes: an arrow in text or name becomes another, blank lines cannot come."""
    cues = [
        f"{number}\n{_span(line, ',')}\n{f'{line.who}: {line.text}'.replace('-->', '→')}\n"
        for number, line in enumerate(_lines(transcript), start=1)
    ]
    return "\n".join(cues)


def to_vtt(transcript: Transcript) -> str:
    """WebVTT with a voice for each speaker (W3C WebVTT sections 3.1 and 4.2). Cues of two channels may overlap."""
    cues = [
        f"{line.id}\n{_span(line, '.')}\n<v {_escape(line.who)}>{_escape(line.text)}\n" for line in _lines(transcript)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def to_vcon(transcript: Transcript, audio: RecordedAudio | None = None) -> str:
    """An unsigned vCon (draft-ietf-vcon-vcon-core-04): the call is its one dialog, the transcript an analysis.

    The audio stays where it is; the dialog refers to it by an HTTPS URL and a hash (section 2.4), where they are known.
    """
    call = transcript.call
    parties = _parties(call)
    heard = [_parties_of(channel, parties, call) for channel in call.channels]
    dialog: dict[str, Json] = {
        "type": "recording",
        "start": iso(call.started_at),
        "parties": heard,
        "mediatype": "audio/x-wav",
        "filename": f"{call.id}.wav",
        **_external(audio),
    }
    if transcript.ended_at is not None:
        dialog["duration"] = round((transcript.ended_at - call.started_at).total_seconds(), 3)
    if call.caller in parties and not _begins(heard, parties.index(call.caller)):
        dialog["originator"] = parties.index(call.caller)
    document: dict[str, Json] = {
        "vcon": VCON_SYNTAX,
        "uuid": str(call.id),
        "created_at": iso(transcript.ended_at or call.started_at),
        "parties": [_vcon_party(party) for party in parties],
        "dialog": [dialog],
        "analysis": [_transcript_analysis(transcript)],
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


FORMATS: Mapping[str, TranscriptFormat] = {
    "json": TranscriptFormat("application/json", ".json", to_json),
    "txt": TranscriptFormat("text/plain", ".txt", to_txt),
    "srt": TranscriptFormat("application/x-subrip", ".srt", to_srt),
    "vtt": TranscriptFormat("text/vtt", ".vtt", to_vtt),
    "csv": TranscriptFormat("text/csv", ".csv", to_csv),
    "vcon": TranscriptFormat("application/vcon", ".vcon.json", to_vcon, to_vcon),
}


@dataclass(frozen=True, slots=True)
class _Line:
    """What is shown of a stretch of a channel."""

    start_ms: int
    end_ms: int
    id: str
    who: str
    text: str
    """On one line."""


def _lines(transcript: Transcript) -> list[_Line]:
    """Utterances and pauses by their starts; utterances whose text a revision took away are left out."""
    paused = (_paused(transcript, pause) for pause in transcript.call.pauses)
    spoken = (line for utterance in transcript.utterances for line in _spoken(transcript, utterance))
    # Sorting keeps the order of what starts at the same time.
    return sorted((*(line for line in spoken if line.text), *paused), key=lambda line: line.start_ms)


def _spoken(transcript: Transcript, utterance: Utterance) -> Iterator[_Line]:
    """A line for each piece of the utterance where its speakers are known, else one."""
    final = utterance.final
    whole = (SpeakerTurn(1, final.start, final.end), utterance.text, 0)
    cut = [(piece.turn, piece.text, piece.turn.speaker) for piece in pieces(utterance)] or [whole]
    for number, (turn, text, who) in enumerate(cut, start=1):
        name = f"{utterance.id}.{number}" if len(cut) > 1 else str(utterance.id)
        start_ms, end_ms = transcript.ms(turn.start), transcript.ms(turn.end)
        yield _Line(start_ms, end_ms, name, speaker(transcript.call, final.channel, who), _one_line(text))


def _paused(transcript: Transcript, pause: Pause) -> _Line:
    """That nothing is there because it was wanted so; a pause without end lasts to the end of the call."""
    call, start_ms = transcript.call, transcript.ms(pause.start)
    if pause.end is not None:
        end_ms = transcript.ms(pause.end)
    elif transcript.ended_at is not None:
        end_ms = round((transcript.ended_at - call.started_at).total_seconds() * 1000)
    else:
        end_ms = start_ms
    name = str(uuid5(call.id, f"pause {pause.channel}:{pause.start}"))
    return _Line(start_ms, max(start_ms, end_ms), name, speaker(call, pause.channel), PAUSED)


def _channel(call: Call, index: int) -> Channel:
    return next((channel for channel in call.channels if channel.index == index), Channel(index))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _span(line: _Line, mark: str) -> str:
    """Start and end of a cue. A cue must last, so that one without length gets a millisecond."""
    end_ms = max(line.end_ms, line.start_ms + 1)
    return f"{_cue_time(line.start_ms, mark)} --> {_cue_time(end_ms, mark)}"


def _cue_time(ms: int, mark: str) -> str:
    seconds = ms // 1000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{ms % 1000:03}"


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
        "turns": [_turn_json(transcript, final.channel, piece) for piece in pieces(utterance)],
        "final": _reading_json(transcript, final),
        "revisions": [
            {
                "reason": revision.reason,
                "by": revision.by,
                "made_at": None if revision.made_at is None else iso(revision.made_at),
                **_reading_json(transcript, revision),
            }
            for revision in utterance.revisions
        ],
    }


def _turn_json(transcript: Transcript, channel: int, piece: Piece) -> Json:
    turn = piece.turn
    return {
        "speaker": turn.speaker,
        "name": speaker(transcript.call, channel, turn.speaker),
        "start_ms": transcript.ms(turn.start),
        "end_ms": transcript.ms(turn.end),
        "overlapped": turn.overlapped,
        "text": piece.text,
    }


def _pauses_json(transcript: Transcript) -> Json:
    return [
        {
            "channel": pause.channel,
            "start_ms": transcript.ms(pause.start),
            "end_ms": None if pause.end is None else transcript.ms(pause.end),
            "by": pause.by,
            "reason": pause.reason,
        }
        for pause in transcript.call.pauses
    ]


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
        "hotword_lists": [{"name": told.name, "version": told.version} for told in reading.hotword_lists],
        "redactions": [
            {"kind": masked.kind, "start_ms": transcript.ms(masked.start), "end_ms": transcript.ms(masked.end)}
            for masked in reading.redactions
        ],
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


def _transcript_analysis(transcript: Transcript) -> Json:
    """Section 4.5; with the encoding "json" the body is the value itself (section 2.3.2)."""
    return {
        "type": "transcript",
        "dialog": 0,
        "mediatype": "application/json",
        "vendor": "Callscribe",
        "schema": VCON_SCHEMA,
        "encoding": "json",
        "body": {
            "utterances": [_utterance_json(transcript, utterance) for utterance in transcript.utterances],
            "pauses": _pauses_json(transcript),
        },
    }


def _begins(parties: Sequence[Json], originator: int) -> bool:
    """Whether the first of a dialog's parties began it, which is then not told (section 4.3.5)."""
    first = parties[0] if parties else None
    return first == originator or (isinstance(first, list) and first[:1] == [originator])


def _external(audio: RecordedAudio | None) -> dict[str, Json]:
    """Sections 2.2 (ContentHash) and 2.4: the hash's name, a hyphen, and base64url without padding (RFC 7515)."""
    if audio is None:
        return {}
    token = base64.urlsafe_b64encode(audio.sha512).rstrip(b"=").decode()
    told: dict[str, Json] = {"url": audio.url} if audio.url else {}
    return told | {"content_hash": f"sha512-{token}"}


def _vcon_party(party: Party) -> Json:
    """Section 4.2: "tel" or "sip" by the address's scheme, and a name that nobody has validated."""
    told: dict[str, Json] = {}
    if party.address:
        told["tel" if party.address.lower().startswith("tel:") else "sip"] = party.address
    if party.name:
        told["name"] = party.name
        told["validation"] = "none"
    return told
