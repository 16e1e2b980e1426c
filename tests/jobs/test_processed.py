"""What is told of a call whose jobs are over."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from callscribe.jobs.processed import processed_event
from storage.records import JobKind, JobRecord, JobState

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def test_a_kind_of_which_there_were_two_is_told_once_as_the_later_went() -> None:
    kinds = [JobKind.BLEEP, JobKind.EVALUATE, JobKind.BLEEP, JobKind.EVALUATE]
    states = [JobState.DONE, JobState.FAILED, JobState.FAILED, JobState.DONE]
    jobs = [
        JobRecord(uuid4(), uuid4(), kind, state, 1, "", NOW, NOW + timedelta(seconds=n), NOW, NOW)
        for n, (kind, state) in enumerate(zip(kinds, states, strict=True))
    ]
    event = processed_event(jobs, None, NOW)
    assert (event.done, event.failed) == (("evaluate",), ("bleep",))
