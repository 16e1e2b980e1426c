"""Transcripts of many calls as one stream of bytes: JSON lines, one CSV table, or a ZIP archive of documents."""

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from callscribe.domain.call import Call
from callscribe.domain.utterance import Transcript
from callscribe.text.formats import FORMATS, TranscriptFormat, to_json
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


def bundle_format(style: str) -> BundleFormat:
    """The format of many calls whose documents are in this one of FORMATS."""
    if style == "json":
        return BundleFormat("application/x-ndjson", ".jsonl", _json_lines)
    if style == "csv":
        return BundleFormat("text/csv", ".csv", _csv)
    return BundleFormat("application/zip", ".zip", lambda transcripts: _zip(transcripts, FORMATS[style]))


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


def _zip(transcripts: Iterable[Transcript], style: TranscriptFormat) -> Iterator[bytes]:
    written = _Written()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for transcript in transcripts:
            name = zipfile.ZipInfo(document_name(transcript.call, style.suffix), _zip_time(transcript.call))
            archive.writestr(name, style.render(transcript), zipfile.ZIP_DEFLATED)
            yield written.take()
    yield written.take()


def _zip_time(call: Call) -> tuple[int, int, int, int, int, int]:
    return max(EARLIEST_ZIP_TIME, call.started_at.timetuple()[:6])
