"""What the nodes write: once, however often it is written."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import delete, func, select

from callscribe.domain.call import CallEnd, CallState, Channel, ChannelHold, ChannelMedia, OutsideIds, Party, Role
from callscribe.domain.errors import CallNotFound, StorageError
from storage.calls import CallStore
from storage.database import Database
from storage.models import CallRow, ChannelRow, JobRow, OutsideIdRow, PartyRow, RecordingRow, UtteranceRow
from storage.reader import CallReader
from storage.records import ChannelRange, JobIntent, JobKind, JobState
from tests.storage.samples import ANN, BOB, ENDED, STARTED, make_call, make_final, make_recording

pytestmark = pytest.mark.integration


def test_a_call_comes_back_as_it_was_written(calls: CallStore, reader: CallReader) -> None:
    call = make_call()
    calls.save_call(call, "node-7")
    record = reader.call(call.id)
    assert record.call == call
    assert (record.node, record.state, record.end, record.recording) == ("node-7", CallState.ACTIVE, None, None)
    assert record.parties == (BOB, ANN)


def test_a_later_value_replaces_the_call_and_keeps_who_was_on_it(calls: CallStore, reader: CallReader) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    cid = Party("sip:1002@pbx.example", "Cid", "p-3")
    later = replace(
        call,
        callee=cid,
        channels=(call.channels[0], Channel(1, "97", Role.AGENT, cid, "PCMA"), Channel(2, "98")),
        outside_ids=OutsideIds("abc@pbx", "session-2", "group-1", (("ucid", "00FA08"), ("cisco-guid", "7"))),
        quirks=(),
    )
    calls.save_call(later, "node-1")
    record = reader.call(call.id)
    assert record.call == later
    assert record.parties == (BOB, ANN, cid)


def test_a_channel_that_is_no_longer_offered_stays(calls: CallStore, reader: CallReader) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    calls.save_call(replace(call, channels=call.channels[:1]), "node-1")
    assert reader.call(call.id).call.channels == call.channels


def test_parties_without_address_are_one_row_that_is_both_sides(calls: CallStore, reader: CallReader) -> None:
    call = replace(make_call(), caller=Party(""), callee=Party(""), channels=())
    calls.save_call(call, "node-1")
    assert reader.call(call.id).call == call


def test_names_that_postgres_cannot_hold_are_made_fit(calls: CallStore, reader: CallReader) -> None:
    call = replace(make_call(), caller=Party("sip:a\x00b@x", "\ud800" + "n" * 9000), channels=())
    call = replace(call, outside_ids=OutsideIds("é" * 9000))
    calls.save_call(call, "node-1")
    stored = reader.call(call.id).call
    assert stored.caller == Party("sip:ab@x", "?" + "n" * 511)
    assert stored.outside_ids == OutsideIds("é" * 512)


def test_a_final_is_stored_once(calls: CallStore, reader: CallReader) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    final = make_final(0, 8000, "hello there")
    assert calls.save_final(call.id, final) is True
    assert calls.save_final(call.id, replace(final, text="something else")) is False
    (utterance,) = reader.transcript(call.id).utterances
    assert utterance.final == final
    assert utterance.revisions == ()


def test_a_final_of_a_channel_not_yet_named_makes_the_channel(calls: CallStore, reader: CallReader) -> None:
    call = replace(make_call(), channels=())
    calls.save_call(call, "node-1")
    calls.save_final(call.id, make_final(1, 0, "early"))
    assert reader.call(call.id).call.channels == (Channel(1),)
    known = make_call(call.id)
    calls.save_call(known, "node-1")
    assert reader.call(call.id).call == known


def test_a_final_of_an_unknown_call_is_refused(calls: CallStore, reader: CallReader) -> None:
    with pytest.raises(CallNotFound):
        calls.save_final(uuid4(), make_final(0, 0, "lost"))


@pytest.mark.parametrize(("given", "kept"), [(1.0000001, 1.0), (-0.1, 0.0), (float("nan"), 0.0), (0.5, 0.5)])
def test_a_confidence_stays_within_0_and_1(calls: CallStore, reader: CallReader, given: float, kept: float) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    calls.save_final(call.id, make_final(0, 0, "yes", confidence=given))
    assert reader.transcript(call.id).utterances[0].final.confidence == kept


def test_a_call_ends_with_its_recording_and_its_jobs(calls: CallStore, reader: CallReader) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    second_pass = JobIntent.of(call.id, JobKind.SECOND_PASS)
    recover = JobIntent.of(call.id, JobKind.RECOVER, (ChannelRange(1, 800, 4000),))
    for _ in range(2):
        calls.end_call(call.id, ENDED, make_recording(call), (recover, second_pass))
    record = reader.call(call.id)
    assert (record.state, record.end) == (CallState.ENDED, ENDED)
    assert record.recording == make_recording(call)
    assert {(job.id, job.kind, job.state, job.attempts) for job in record.jobs} == {
        (recover.id, JobKind.RECOVER, JobState.QUEUED, 0),
        (second_pass.id, JobKind.SECOND_PASS, JobState.QUEUED, 0),
    }


def test_what_a_call_received_is_kept_by_channel(calls: CallStore, reader: CallReader) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    deaf = ChannelMedia(0)
    heard = ChannelMedia(
        1, packets=2**40, lost=2, reordered=3, duplicated=4, discarded=5, late=6, jitter_ms=1.25, mos=4.41
    )
    end = replace(ENDED, media=(deaf, heard))
    calls.end_call(call.id, end, None)
    assert reader.call(call.id).end == end
    # A description that is told again changes nothing of it.
    calls.save_call(call, "node-1")
    assert reader.call(call.id).end == end
    assert reader.list_calls().calls[0].end == end


def test_an_end_tells_when_channels_were_on_hold_where_anybody_knows(calls: CallStore, reader: CallReader) -> None:
    for holds in ((ChannelHold(0, 8000, 16_000), ChannelHold(1, 9000, 10_000)), (), None):
        call = make_call(sip_call_id=str(uuid4()))
        calls.save_call(call, "node-1")
        end = replace(ENDED, holds=holds)
        calls.end_call(call.id, end, None)
        assert reader.call(call.id).end == end


def test_the_first_end_stands_and_a_replay_does_not_reopen_the_call(calls: CallStore, reader: CallReader) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    cut_off = CallEnd(STARTED + timedelta(seconds=5), 40_000, "line-lost", interrupted=True)
    calls.end_call(call.id, cut_off, None)
    calls.save_call(call, "node-1")
    calls.end_call(call.id, ENDED, None)
    record = reader.call(call.id)
    assert (record.state, record.end) == (CallState.INTERRUPTED, cut_off)


def test_ending_an_unknown_call_is_refused_and_writes_nothing(calls: CallStore, reader: CallReader) -> None:
    call = make_call()
    with pytest.raises(CallNotFound):
        calls.end_call(call.id, ENDED, make_recording(call), (JobIntent.of(call.id, JobKind.SECOND_PASS),))
    assert reader.jobs(call.id) == ()


def test_a_recording_is_named_relative_to_its_folder(calls: CallStore) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    with pytest.raises(ValueError, match="relative"):
        calls.end_call(call.id, ENDED, make_recording(call).under(Path("/srv")), ())


def test_unfinished_calls_are_those_of_the_node_that_have_no_end(calls: CallStore) -> None:
    first, second = make_call(), make_call(started=STARTED - timedelta(hours=1))
    ended, elsewhere = make_call(), make_call()
    for call in (first, second, ended):
        calls.save_call(call, "node-1")
    calls.save_call(elsewhere, "node-2")
    calls.end_call(ended.id, ENDED, None)
    assert calls.unfinished("node-1") == (second, first)


def test_a_refused_row_says_which_rule_and_not_what_was_said(calls: CallStore) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    with pytest.raises(StorageError) as refused:
        calls.save_final(call.id, replace(make_final(0, 100, "secret number"), end=50))
    assert str(refused.value) == "the database refused a row: CheckViolation (ck_utterances_span)"
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_a_call_takes_everything_with_it_when_it_is_deleted(calls: CallStore, database: Database) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    calls.save_final(call.id, make_final(0, 0, "gone"))
    calls.end_call(call.id, ENDED, make_recording(call), (JobIntent.of(call.id, JobKind.SECOND_PASS),))
    with database.transaction() as session:
        session.execute(delete(CallRow).where(CallRow.id == call.id))
        for table in (PartyRow, ChannelRow, OutsideIdRow, RecordingRow, UtteranceRow, JobRow):
            assert session.scalar(select(func.count()).select_from(table)) == 0, table.__tablename__
