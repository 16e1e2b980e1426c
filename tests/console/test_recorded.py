"""When the recording of a call whose texts are masked may be given out."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from callscribe.console.recorded import is_bleeped
from storage.records import JobKind, JobRecord, JobState

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def job(name: str) -> JobRecord:
    """The job that "bleep done" says."""
    kind, state = name.split()
    return JobRecord(uuid4(), uuid4(), JobKind(kind), JobState(state), 1, "", NOW, NOW, NOW, None)


@pytest.mark.parametrize(
    ("jobs", "bleeped"),
    [
        (["second-pass done", "bleep done", "evaluate running"], True),
        (["second-pass failed", "bleep done", "evaluate done"], True),
        (["second-pass done", "bleep queued"], False),
        (["second-pass done", "bleep failed", "evaluate done"], False),
        (["second-pass failed"], False),
        (["second-pass failed", "evaluate done"], False),
        (["second-pass queued", "bleep done", "evaluate done"], False),
        (["recover running", "second-pass done", "bleep done", "evaluate done"], False),
        (["second-pass done", "bleep done", "bleep queued", "evaluate done"], False),
        (["second-pass done", "diarize done", "evaluate done"], True),
    ],
)
def test_a_recording_is_covered_when_nothing_that_was_masked_can_be_left_in_it(
    jobs: list[str], *, bleeped: bool
) -> None:
    assert is_bleeped([job(name) for name in jobs]) is bleeped
