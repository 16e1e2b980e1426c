"""Which calls are linked into one conversation."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from psycopg.errors import DeadlockDetected
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from callscribe.domain.call import Call, CallEnd, Channel, OutsideIds, Party, Role
from callscribe.domain.errors import DatabaseUnavailable
from storage.calls import CallStore
from storage.conversations import MAX_CALLS, MAX_EVER, lock_conversation, of_conversations, repeat_deadlocked
from storage.database import Database
from storage.jobs import JobStore
from storage.models import CallRow
from storage.reader import CallReader
from storage.records import CallFilter, JobIntent, JobKind
from tests.storage.samples import ANN, BOB, ENDED, STARTED, make_call

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)


def call_known_as(*others: tuple[str, str], started: timedelta = timedelta(0), party: Party = ANN) -> Call:
    """A call of one channel."""
    fresh = make_call(started=STARTED + started)
    channels = (Channel(0, "1", Role.UNKNOWN, party),)
    return replace(fresh, outside_ids=OutsideIds(f"{fresh.id}@pbx", others=others), channels=channels)


def conversation(reader: CallReader, call: Call) -> UUID:
    return reader.call(call.id).conversation


def test_a_call_alone_is_its_own_conversation(calls: CallStore, reader: CallReader) -> None:
    call = call_known_as(("cisco-guid", "alone"))
    calls.save_call(call, "node-1")
    record = reader.call(call.id)
    assert (record.conversation, record.duplicate_of, record.linked) == (call.id, None, ())


@pytest.mark.parametrize("kind", ["siprec-group", "siprec-session", "cisco-guid", "cisco-refci", "ucid", "sip-call-id"])
def test_calls_with_an_id_in_common_are_one_conversation_of_the_first(
    calls: CallStore, reader: CallReader, kind: str
) -> None:
    first, second = call_known_as((kind, f"one-{kind}")), call_known_as((kind, f"one-{kind}"), party=BOB)
    later = replace(first, started_at=STARTED + timedelta(seconds=1))
    calls.save_call(second, "node-2")
    calls.save_call(later, "node-1")
    assert conversation(reader, later) == conversation(reader, second) == second.id
    assert reader.call(later.id).linked == (second.id,)
    assert reader.call(later.id).duplicate_of is None
    found = reader.list_calls(CallFilter(conversation=second.id)).calls
    assert {summary.call.id for summary in found} == {later.id, second.id}
    assert {summary.conversation for summary in found} == {second.id}


def test_an_id_that_comes_later_links_and_joins_conversations(calls: CallStore, reader: CallReader) -> None:
    first, second = call_known_as(("ucid", "j-1")), call_known_as(("ucid", "j-2"), started=timedelta(seconds=2))
    third = call_known_as(("ucid", "j-2"), ("cisco-guid", "j-3"), started=timedelta(seconds=4), party=BOB)
    for call in (first, second, third):
        calls.save_call(call, "node-1")
    assert conversation(reader, third) == second.id
    calls.save_call(replace(first, outside_ids=replace(first.outside_ids, others=(("cisco-guid", "j-3"),))), "node-1")
    assert {conversation(reader, call) for call in (first, second, third)} == {first.id}


@pytest.mark.parametrize("other", ["user-to-user", "wav-name", "leg-call-id"])
def test_what_many_calls_may_have_in_common_links_nothing(calls: CallStore, reader: CallReader, other: str) -> None:
    first, second = (call_known_as((other, f"common-{other}"), party=party) for party in (ANN, BOB))
    for call in (first, second):
        calls.save_call(call, "node-1")
    assert conversation(reader, second) == second.id


def test_an_id_that_is_used_again_later_links_nothing(calls: CallStore, reader: CallReader) -> None:
    first = call_known_as(("siprec-group", "again"))
    second = call_known_as(("siprec-group", "again"), started=HOUR)
    calls.save_call(first, "node-1")
    calls.end_call(first.id, CallEnd(STARTED + HOUR / 2, 8000, "bye"), None)
    calls.save_call(second, "node-1")
    assert conversation(reader, second) == second.id


def test_a_transfer_may_go_on_in_a_call_that_begins_shortly_after(calls: CallStore, reader: CallReader) -> None:
    first = call_known_as(("siprec-group", "transfer"))
    second = call_known_as(("siprec-group", "transfer"), started=HOUR, party=BOB)
    calls.save_call(first, "node-1")
    calls.end_call(first.id, CallEnd(STARTED + HOUR - timedelta(seconds=5), 8000, "bye"), None)
    calls.save_call(second, "node-1")
    assert conversation(reader, second) == first.id


def test_an_id_that_every_call_has_links_nothing_more(calls: CallStore, reader: CallReader) -> None:
    crowd = [call_known_as(("siprec-group", "default")) for _ in range(MAX_CALLS + 1)]
    for call in crowd:
        calls.save_call(call, "node-1")
    assert conversation(reader, crowd[-1]) == crowd[-1].id


def test_an_id_that_very_many_calls_ever_had_links_nothing(calls: CallStore, reader: CallReader) -> None:
    for number in range(MAX_EVER):
        old = call_known_as(("siprec-group", "ever"), started=number * HOUR * -24)
        calls.save_call(old, "node-1")
        calls.end_call(old.id, CallEnd(old.started_at + HOUR, 8000, "bye"), None)
    first, second = (call_known_as(("siprec-group", "ever"), started=HOUR * 3) for _ in range(2))
    for call in (first, second):
        calls.save_call(call, "node-1")
    assert conversation(reader, second) == second.id


def test_the_same_parties_from_the_same_time_on_are_a_duplicate(calls: CallStore, reader: CallReader) -> None:
    first = call_known_as(("ucid", "twice"))
    second = call_known_as(("ucid", "twice"), started=timedelta(seconds=1))
    other = call_known_as(("ucid", "twice"), started=timedelta(seconds=2), party=BOB)
    for call in (second, other, first):
        calls.save_call(call, "node-1")
    assert [reader.call(call.id).duplicate_of for call in (first, second, other)] == [None, first.id, None]


def test_a_duplicate_is_known_when_its_party_is(calls: CallStore, reader: CallReader) -> None:
    first, second = call_known_as(("ucid", "late")), call_known_as(("ucid", "late"), started=timedelta(seconds=1))
    unknown = replace(first, channels=(Channel(0, "1"),))
    calls.save_call(unknown, "node-1")
    calls.save_call(second, "node-1")
    assert reader.call(second.id).duplicate_of is None
    calls.save_call(first, "node-1")
    assert reader.call(second.id).duplicate_of == first.id


def test_a_call_that_shares_an_id_with_the_duplicate_only_leaves_its_mark(calls: CallStore, reader: CallReader) -> None:
    first = call_known_as(("ucid", "mark"))
    second = call_known_as(("ucid", "mark"), ("cisco-guid", "mark"), started=timedelta(seconds=1))
    third = call_known_as(("cisco-guid", "mark"), started=timedelta(seconds=30), party=BOB)
    for call in (first, second, third):
        calls.save_call(call, "node-1")
    assert [reader.call(call.id).duplicate_of for call in (first, second, third)] == [None, first.id, None]
    assert conversation(reader, third) == first.id


def test_no_question_for_conversations_reads_all_calls(database: Database) -> None:
    question = select(CallRow.id).where(of_conversations((uuid4(), uuid4())))
    with database.transaction() as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        compiled = question.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        plan = "\n".join(session.scalars(text(f"EXPLAIN {compiled}")))
    assert "Seq Scan" not in plan
    assert "Index Cond: (conversation_id = ANY" in plan


def test_mixed_recordings_of_both_parties_are_no_duplicates(calls: CallStore, reader: CallReader) -> None:
    both = [call_known_as(("siprec-group", "mixed")) for _ in range(2)]
    for call in both:
        calls.save_call(replace(call, channels=(Channel(0, "", Role.MIXED),)), "node-1")
    assert [reader.call(call.id).duplicate_of for call in both] == [None, None]
    assert len({conversation(reader, call) for call in both}) == 1


def test_a_call_that_is_deleted_leaves_its_duplicate(database: Database, calls: CallStore, reader: CallReader) -> None:
    first, second = (call_known_as(("ucid", "gone"), started=timedelta(seconds=at)) for at in (0, 1))
    for call in (first, second):
        calls.save_call(call, "node-1")
    with database.transaction() as session:
        session.execute(text("DELETE FROM calls WHERE id = :id"), {"id": first.id})
    assert (reader.call(second.id).duplicate_of, reader.call(second.id).linked) == (None, ())


def test_a_job_that_is_over_holds_no_conversation_up(database: Database, calls: CallStore, jobs: JobStore) -> None:
    call = make_call()
    job = JobIntent.of(call.id, JobKind.SECOND_PASS)
    calls.save_call(call, "node-1")
    calls.end_call(call.id, ENDED, None, (job,))
    jobs.claim_due(1, 60)
    jobs.begin(job.id)
    assert jobs.complete(job.id)
    with database.transaction() as other, database.transaction() as session:
        other.execute(text("SELECT 1 FROM jobs WHERE state = 'done' FOR UPDATE"))
        session.execute(text("SET LOCAL lock_timeout = '1s'"))
        assert [row.id for row in lock_conversation(session, call.id)] == [call.id]


def test_who_was_chosen_to_end_a_deadlock_tries_once_more() -> None:
    tries: list[int] = []

    def deadlocked() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise DatabaseUnavailable from OperationalError("SELECT", None, DeadlockDetected())
        return len(tries)

    assert repeat_deadlocked(deadlocked) == 2


def test_a_database_that_is_away_is_not_tried_again() -> None:
    tries: list[int] = []

    def away() -> None:
        tries.append(1)
        raise DatabaseUnavailable

    with pytest.raises(DatabaseUnavailable):
        repeat_deadlocked(away)
    assert len(tries) == 1
