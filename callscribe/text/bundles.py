"""Transcripts of many calls as one stream of bytes: JSON lines, one CSV table, or a ZIP archive of documents."""

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from callscribe.domain.call import Call
from callscribe.domain.utterance import Transcript
from callscribe.text.formats import FORMATS, RecordedAudio, to_json
from callscribe.text.tables import csv_header, csv_rows

EARLIEST_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class BundleFormat:
    """How transcripts in one of FORMATS go together."""

    media_type: str
    suffix: str
    """Of a file's name, with its dot."""
    write: Callable[[Iterable[Transcript]], Iterator[bytes]]
    """The parts of the whole; memory is needed for one transcript at a time."""


def document_name(call: Call, suffix: str) -> str:
    """What the file of a call's document is called; names sort by the calls' starts."""
    return f"{call.started_at:%Y%m%d-%H%M%S}-{call.id}{suffix}"


def no_audio(transcript: Transcript) -> RecordedAudio | None:
    """Nothing is said of recordings."""
    return None


def bundle_format(style: str, audio_of: Callable[[Transcript], RecordedAudio | None] = no_audio) -> BundleFormat:
    """The format of many calls whose documents are in this one of FORMATS. A vCon is told of the call's recording."""
    if style == "json":
        return BundleFormat("application/x-ndjson", ".jsonl", _json_lines)
    if style == "csv":
        return BundleFormat("text/csv", ".csv", _csv)
    return BundleFormat("application/zip", ".zip", lambda transcripts: _zip(_documents(transcripts, style, audio_of)))


def _json_lines(transcripts: Iterable[Transcript]) -> Iterator[bytes]:
    for transcript in transcripts:
        yield json.dumps(json.loads(to_json(transcript)), ensure_ascii=False).encode() + b"\n"


def _csv(transcripts: Iterable[Transcript]) -> Iterator[bytes]:
    yield csv_header().encode()
    for transcript in transcripts:
        if rows := csv_rows(transcript):
            yield rows.encode()


class _Written:
    """A file that cannot be read: what was written to it is taken away."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """The archive is whole."""

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _documents(
    transcripts: Iterable[Transcript], style: str, audio_of: Callable[[Transcript], RecordedAudio | None]
) -> Iterator[tuple[zipfile.ZipInfo, str]]:
    kind = FORMATS[style]
    for transcript in transcripts:
        name = document_name(transcript.call, kind.suffix)
        audio = audio_of(transcript) if style == "vcon" else None
        yield zipfile.ZipInfo(name, _zip_time(transcript.call)), kind.render(transcript, audio)


def _zip(documents: Iterable[tuple[zipfile.ZipInfo, str]]) -> Iterator[bytes]:
    written = _Written()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, document in documents:
            archive.writestr(name, document, zipfile.ZIP_DEFLATED)
            yield written.take()
    yield written.take()


def _zip_time(call: Call) -> tuple[int, int, int, int, int, int]:
    return max(EARLIEST_ZIP_TIME, call.started_at.timetuple()[:6])
