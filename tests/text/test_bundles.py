"""Many transcripts as one stream: what a reader of JSON lines, CSV or ZIP makes of it."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest

from callscribe.domain.call import CallState, Channel, Party, Role
from callscribe.domain.transcript import Final, Revision, utterance_id
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.text.bundles import bundle_format
from callscribe.text.formats import FORMATS, render
from callscribe.text.tables import COLUMNS
from tests.text.test_formats import CALL, EMPTY, SECOND, TRANSCRIPT

OTHER = Transcript(replace(CALL, id=UUID(int=2)), CallState.ENDED, None, (SECOND,))


def whole(style: str, *transcripts: Transcript) -> bytes:
    return b"".join(bundle_format(style).write(transcripts))


def rows(document: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(document.decode(), newline="")))


def test_json_is_a_line_a_call() -> None:
    lines = whole("json", TRANSCRIPT, EMPTY).splitlines()
    assert [json.loads(line) for line in lines] == [json.loads(render(call, "json")) for call in (TRANSCRIPT, EMPTY)]


def test_csv_is_one_table_with_the_newest_texts() -> None:
    found = rows(whole("csv", TRANSCRIPT, EMPTY, OTHER))
    assert [row["call_id"] for row in found] == [str(CALL.id)] * 3 + [str(UUID(int=2))]
    assert found[:3] == rows(render(TRANSCRIPT, "csv").encode())
    first, _, last = found[:3]
    assert tuple(first) == COLUMNS
    assert (first["role"], first["address"], first["start_ms"], first["text"]) == (
        "customer", "tel:+15550100", "1280", "I want a --> b",
    )  # fmt: skip
    assert (last["text"], last["reason"], last["engine"]) == ("Late.", "second-pass", "whisper")
    assert rows(whole("csv")) == []


def test_no_cell_that_somebody_else_wrote_is_a_formula() -> None:
    caller = Channel(0, role=Role.CUSTOMER, party=Party("+4930", "=cmd|' /C calc'!A0"))
    final = Final(0, 0, 8000, '@SUM(1), she "said"\nthen', 0.9, "moonshine")
    said = Utterance(utterance_id(CALL.id, 0, 0), final, (Revision(SECOND.id, "-1", 0.5, "w", "r"),))
    call = replace(CALL, channels=(caller,))
    (row,) = rows(render(Transcript(call, CallState.ENDED, None, (said,)), "csv").encode())
    assert (row["party"], row["address"], row["text"]) == ("'=cmd|' /C calc'!A0", "'+4930", "'-1")


@pytest.mark.parametrize("style", ["txt", "srt", "vtt", "vcon"])
def test_other_formats_are_files_of_an_archive(style: str) -> None:
    with zipfile.ZipFile(io.BytesIO(whole(style, TRANSCRIPT, OTHER))) as archive:
        assert archive.testzip() is None
        suffix = FORMATS[style].suffix
        assert archive.namelist() == [f"20261121-093000-{CALL.id}{suffix}", f"20261121-093000-{UUID(int=2)}{suffix}"]
        assert archive.read(archive.namelist()[0]).decode() == render(TRANSCRIPT, style)
    with zipfile.ZipFile(io.BytesIO(whole(style))) as nothing:
        assert nothing.namelist() == []


@pytest.mark.parametrize("style", FORMATS)
def test_a_call_is_read_when_it_is_written(style: str) -> None:
    read: list[UUID] = []

    def calls() -> Iterator[Transcript]:
        for transcript in (TRANSCRIPT, OTHER):
            read.append(transcript.call.id)
            yield transcript

    parts = bundle_format(style).write(calls())
    assert next(part for part in parts if str(CALL.id).encode() in part)
    assert read == [CALL.id]
