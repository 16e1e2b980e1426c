"""What pages and the API read."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from callscribe.domain.call import CallState, OutsideIds
from callscribe.domain.errors import CallNotFound
from callscribe.domain.transcript import utterance_id
from storage.calls import CallStore
from storage.database import Database
from storage.jobs import MAX_ATTEMPTS
from storage.reader import CallReader
from storage.records import CallFilter, CallPage, JobIntent, JobKind
from tests.storage.samples import ENDED, STARTED, fail_once, make_call, make_final, make_recording

pytestmark = pytest.mark.integration


def ids(page: CallPage) -> Sequence[UUID]:
    return [summary.call.id for summary in page.calls]


def test_pages_go_from_the_newest_call_to_the_oldest_without_gap_or_double(
    calls: CallStore, reader: CallReader
) -> None:
    made = [make_call(started=STARTED + timedelta(seconds=second)) for second in (0, 1, 1, 1, 2)]
    for call in made:
        calls.save_call(call, "node-1")
    expected = [c.id for c in sorted(made, key=lambda c: (c.started_at, c.id), reverse=True)]
    first = reader.list_calls(limit=2)
    calls.save_call(make_call(started=STARTED + timedelta(seconds=3)), "node-1")
    second = reader.list_calls(limit=2, cursor=first.cursor)
    third = reader.list_calls(limit=2, cursor=second.cursor)
    assert [*ids(first), *ids(second), *ids(third)] == expected
    assert third.cursor is None


def test_a_page_that_ends_with_the_list_has_no_cursor(calls: CallStore, reader: CallReader) -> None:
    calls.save_call(make_call(), "node-1")
    calls.save_call(make_call(), "node-1")
    assert reader.list_calls(limit=2).cursor is None


@pytest.mark.parametrize("cursor", ["", "x", "!!", "MjAyNiBub3QtYS11dWlk", "é"])
def test_a_made_up_cursor_is_refused(reader: CallReader, cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        reader.list_calls(cursor=cursor)


@pytest.mark.parametrize("limit", [0, -1, 501])
def test_a_limit_has_bounds(reader: CallReader, limit: int) -> None:
    with pytest.raises(ValueError, match="1 to 500"):
        reader.list_calls(limit=limit)


def test_calls_are_filtered_by_state_trunk_time_and_outside_id(calls: CallStore, reader: CallReader) -> None:
    early = make_call(started=STARTED - timedelta(days=1), sip_call_id="early@pbx")
    plain, other = make_call(), make_call(trunk="backup", sip_call_id="other@pbx")
    for call in (early, plain, other):
        calls.save_call(call, "node-1")
    calls.end_call(early.id, ENDED, None)
    cases = [
        (CallFilter(state=CallState.ENDED), {early.id}),
        (CallFilter(state=CallState.ACTIVE, trunk="main"), {plain.id}),
        (CallFilter(since=STARTED), {plain.id, other.id}),
        (CallFilter(until=STARTED), {early.id}),
        (CallFilter(outside_id="other@pbx"), {other.id}),
        (CallFilter(outside_id="00FA08"), {early.id, plain.id, other.id}),
        (CallFilter(outside_id="00FA08;encoding=hex"), {early.id, plain.id, other.id}),
        (CallFilter(outside_id="nobody"), set()),
    ]
    for conditions, expected in cases:
        assert set(ids(reader.list_calls(conditions))) == expected, conditions


def test_a_summary_counts_utterances_and_failed_jobs(calls: CallStore, database: Database, reader: CallReader) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    calls.save_final(call.id, make_final(0, 0, "one"))
    calls.save_final(call.id, make_final(1, 0, "two"))
    job = JobIntent.of(call.id, JobKind.SECOND_PASS)
    calls.end_call(call.id, ENDED, make_recording(call), (job,))
    (summary,) = reader.list_calls().calls
    assert (summary.call, summary.state, summary.end) == (call, CallState.ENDED, ENDED)
    assert (summary.utterances, summary.failed_jobs, summary.recorded) == (2, 0, True)
    for _ in range(MAX_ATTEMPTS):
        fail_once(database, job.id, "The disk is full.")
    assert reader.list_calls().calls[0].failed_jobs == 1
    assert reader.call(call.id).jobs[0].error == "The disk is full."


def test_a_call_is_found_by_any_of_its_outside_ids(calls: CallStore, reader: CallReader) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    for key in (call.id, str(call.id), "abc@pbx", "session-1", "group-1", "00FA08"):
        assert reader.call(key).call.id == call.id
        assert reader.transcript(key).call.id == call.id


def test_of_calls_that_share_an_outside_id_the_newest_is_found(calls: CallStore, reader: CallReader) -> None:
    older, newer = make_call(), make_call(started=STARTED + timedelta(minutes=1))
    for call in (newer, older):
        calls.save_call(call, "node-1")
    assert reader.call("group-1").call.id == newer.id


def test_an_outside_id_may_look_like_a_uuid(calls: CallStore, reader: CallReader) -> None:
    guid = uuid4()
    call = replace(make_call(), outside_ids=OutsideIds(others=(("cisco-guid", str(guid)),)))
    calls.save_call(call, "node-1")
    assert reader.call(str(guid)).call == call


@pytest.mark.parametrize("key", [uuid4(), str(uuid4()), "nobody@nowhere", "", "a\x00b"])
def test_a_call_that_is_not_there_is_not_found(reader: CallReader, key: UUID | str) -> None:
    for read in (reader.call, reader.transcript):
        with pytest.raises(CallNotFound):
            read(key)


def test_utterances_come_in_the_order_they_were_begun(calls: CallStore, reader: CallReader) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    finals = [make_final(1, 8000, "second"), make_final(0, 0, "first"), make_final(0, 8000, "also second")]
    for final in finals:
        calls.save_final(call.id, final)
    transcript = reader.transcript(call.id)
    assert [u.final for u in transcript.utterances] == [finals[1], finals[2], finals[0]]
    assert transcript.utterances[0].id == utterance_id(call.id, 0, 0)
    assert (transcript.call, transcript.state, transcript.ended_at) == (call, CallState.ACTIVE, None)


def test_the_newest_finals_of_several_calls_come_in_the_order_they_were_stored(
    calls: CallStore, reader: CallReader
) -> None:
    busy, short, silent = make_call(), make_call(), make_call()
    for call in (busy, short, silent):
        calls.save_call(call, "node-1")
    finals = [make_final(0, 16_000, "said later, stored first"), make_final(1, 0, "said first"), make_final(0, 0, "x")]
    for final in finals:
        calls.save_final(busy.id, final)
    calls.save_final(short.id, finals[1])
    found = reader.newest_finals([busy.id, short.id, silent.id, uuid4()], 2)
    assert found == {busy.id: tuple(finals[1:]), short.id: (finals[1],)}
    assert reader.newest_finals([], 2) == {}


@pytest.mark.parametrize("value", ["a\x00b", "\ud800"])
def test_what_postgres_cannot_keep_is_found_as_it_was_stored(calls: CallStore, reader: CallReader, value: str) -> None:
    call = replace(make_call(), trunk=value, outside_ids=OutsideIds(sip_call_id=value))
    calls.save_call(call, "node-1")
    assert [found.call.id for found in reader.list_calls(CallFilter(trunk=value)).calls] == [call.id]
    assert [found.call.id for found in reader.list_calls(CallFilter(outside_id=value)).calls] == [call.id]
    assert reader.call(value).call.id == call.id
