"""Transcripts as CSV (RFC 4180): a row an utterance, with its newest text."""

import csv
import io
from collections.abc import Iterable, Mapping

from callscribe.domain.call import Channel
from callscribe.domain.utterance import Transcript, Utterance

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""
COLUMNS = (
    "call_id",
    "started_at",
    "trunk",
    "utterance_id",
    "channel",
    "role",
    "party",
    "address",
    "start_ms",
    "end_ms",
    "language",
    "text",
    "confidence",
    "engine",
    "reason",
)
"""`reason` is why the text is another than the first one; empty: it is the first."""


def plain_cell(text: str) -> str:
    """What others said or are called is text: a spreadsheet that opens the table must not reckon with it."""
    return f"'{text}" if text.startswith(FORMULA) else text


def to_csv(transcript: Transcript) -> str:
    """The call as a whole table."""
    return csv_header() + csv_rows(transcript)


def csv_header() -> str:
    """The names of the columns."""
    return _table([COLUMNS])


def csv_rows(transcript: Transcript) -> str:
    """A row for each utterance, in their order; empty where nothing was said."""
    channels = {channel.index: channel for channel in transcript.call.channels}
    return _table(_row(transcript, utterance, channels) for utterance in transcript.utterances)


def _row(transcript: Transcript, utterance: Utterance, channels: Mapping[int, Channel]) -> tuple[object, ...]:
    call, final, newest = transcript.call, utterance.final, utterance.newest
    channel = channels.get(final.channel, Channel(final.channel))
    return (
        call.id,
        call.started_at.isoformat(),
        plain_cell(call.trunk),
        utterance.id,
        final.channel,
        channel.role.value,
        plain_cell(channel.party.name if channel.party else ""),
        plain_cell(channel.party.address if channel.party else ""),
        transcript.ms(final.start),
        transcript.ms(final.end),
        final.language,
        plain_cell(newest.text),
        round(newest.confidence, 4),
        newest.engine,
        utterance.revisions[-1].reason if utterance.revisions else "",
    )


def _table(rows: Iterable[tuple[object, ...]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
