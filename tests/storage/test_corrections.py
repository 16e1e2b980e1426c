"""People's texts: newest of their utterance, whatever a job writes; and what is counted of them."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest

from callscribe.domain.corrected import CorrectionFilter, WeekOfCorrections
from callscribe.domain.errors import CallNotFound, RevisionOutdated, UtteranceNotFound
from callscribe.domain.hotword import ListVersion
from callscribe.domain.redaction import Redaction, kinds_of
from callscribe.domain.transcript import Final, Revision, Word, utterance_id
from callscribe.domain.utterance import Utterance
from callscribe.text.correcting import corrected, undone
from callscribe.text.redaction.masking import RedactionPolicy
from storage.audit import AuditLog
from storage.calls import CallStore
from storage.corrections import CorrectionStore
from storage.database import Database
from storage.jobs import JobStore
from storage.reader import CallReader
from storage.records import JobIntent, JobKind, JobState
from tests.storage.samples import ENDED, STARTED, make_call

pytestmark = pytest.mark.integration

ANY = CorrectionFilter()


@dataclass(frozen=True, slots=True)
class Desk:
    """Calls of one utterance each, and people who correct it."""

    calls: CallStore
    jobs: JobStore
    reader: CallReader
    corrections: CorrectionStore

    def call(self, text: str, *, trunk: str = "main", week: int = 0, language: str = "en") -> UUID:
        call = make_call(started=STARTED + timedelta(weeks=week), trunk=trunk, sip_call_id=str(uuid4()))
        self.calls.save_call(call, "node-1")
        lists = (ListVersion("sales", 3),)
        final = Final(0, 0, 8000, text, 0.5, "moonshine", language, hotword_lists=lists)
        self.calls.save_final(call.id, final)
        self.calls.end_call(call.id, ENDED, None, (JobIntent.of(call.id, JobKind.SECOND_PASS),))
        return call.id

    def pass_again(self, call_id: UUID, text: str) -> None:
        job = JobIntent(uuid4(), JobKind.SECOND_PASS)
        self.calls.end_call(call_id, ENDED, None, (job,))
        revision = Revision(utterance_id(call_id, 0, 0), text, 0.9, "whisper", "second-pass")
        assert self.jobs.complete(job.id, revisions=(revision,))

    def pass_and_leave(self, call_id: UUID) -> None:
        assert self.jobs.complete(JobIntent.of(call_id, JobKind.SECOND_PASS).id)

    def said(self, call_id: UUID) -> Utterance:
        return self.reader.transcript(call_id).utterances[0]

    def correct(self, call_id: UUID, text: str, by: str = "Ann") -> None:
        said = self.said(call_id)
        self.corrections.write(call_id, corrected(said, text, by), len(said.revisions))

    def undo(self, call_id: UUID) -> None:
        said = self.said(call_id)
        self.corrections.write(call_id, undone(said, "Bob"), len(said.revisions))


@pytest.fixture
def desk(database: Database, calls: CallStore, jobs: JobStore, reader: CallReader) -> Desk:
    return Desk(calls, jobs, reader, CorrectionStore(database))


def test_a_persons_text_stands_whatever_a_job_writes_until_it_is_taken_back(desk: Desk) -> None:
    call = desk.call("hello wold")
    desk.pass_again(call, "hello word")
    desk.correct(call, "hello world")
    desk.pass_again(call, "hollow world")
    assert [made.text for made in desk.said(call).revisions] == ["hello word", "hollow world", "hello world"]
    assert (desk.said(call).text, desk.said(call).corrected) == ("hello world", True)
    desk.undo(call)
    assert (desk.said(call).text, desk.said(call).corrected) == ("hollow world", False)
    assert desk.corrections.corrected(ANY, 10) == ()
    desk.pass_again(call, "hello, world")
    assert desk.said(call).text == "hello, world"


def test_what_a_job_finds_after_a_person_wrote_is_kept_below(desk: Desk) -> None:
    call = desk.call("hello wold")
    desk.correct(call, "hello world")
    seen = desk.said(call)
    desk.pass_again(call, "hollow world")
    found = desk.said(call)
    assert [(made.text, made.by) for made in found.revisions] == [("hollow world", ""), ("hello world", "Ann")]
    (pair,) = desk.corrections.corrected(ANY, 10)
    assert (pair.live, pair.second_pass, pair.text, pair.by) == ("hello wold", "hollow world", "hello world", "Ann")
    (week,) = desk.corrections.weeks(ANY)
    assert (week.live_errors, week.second_pass_words) == (1, 0)
    # Whoever looked before does not know what stands below.
    with pytest.raises(RevisionOutdated):
        desk.corrections.write(call, corrected(seen, "hello old", "Bob"), len(seen.revisions))
    desk.correct(call, "hello, world", "Bob")
    assert [made.text for made in desk.said(call).revisions] == ["hollow world", "hello world", "hello, world"]


def test_of_an_utterance_with_masks_no_jobs_text_is_kept_below_a_persons(desk: Desk) -> None:
    call = desk.call("my pin is four two")
    said = replace(corrected(desk.said(call), "my pin is [pin]", "Ann"), redactions=(Redaction("pin", 2000, 8000),))
    desk.corrections.write(call, said, 0, RedactionPolicy(kinds_of(["all"])))
    desk.pass_again(call, "my pin is 42")
    assert [made.text for made in desk.said(call).revisions] == ["my pin is [pin]"]


def test_a_number_that_a_person_finds_is_masked_in_older_texts_too_and_bleeped_once(
    desk: Desk,
) -> None:
    call = desk.call("my pin is for too one tree")
    heard = (("my", 0), ("pin", 200), ("is", 400), ("4", 2000), ("2", 2200), ("1", 2400), ("tree", 2600))
    words = tuple(Word(text, start, start + 200, 0.5) for text, start in heard)
    job, bleep = JobIntent(uuid4(), JobKind.SECOND_PASS), JobIntent.of(call, JobKind.BLEEP)
    desk.calls.end_call(call, ENDED, None, (job,))
    found = Revision(utterance_id(call, 0, 0), "my pin is 4 2 1 tree", 0.9, "whisper", "second-pass", words)
    assert desk.jobs.complete(job.id, revisions=(found,), follow=(bleep,))
    assert desk.jobs.complete(bleep.id)
    policy = RedactionPolicy(kinds_of(["all"]))
    told = (Redaction("security-code", 2000, 2800),)
    text = replace(corrected(desk.said(call), "my pin is [security-code]", "Ann"), redactions=told)
    desk.corrections.write(call, text, 1, policy)
    said = desk.said(call)
    assert [said.final.text, *(made.text for made in said.revisions)] == [
        "[security-code]", "my pin is [security-code]", "my pin is [security-code]"
    ]  # fmt: skip
    assert [word.text for word in said.revisions[0].words] == ["my", "pin", "is", "[security-code]"]
    state = {job.kind: job.state for job in desk.reader.jobs(call)}
    assert state[JobKind.BLEEP] is JobState.QUEUED
    assert desk.jobs.complete(bleep.id)
    desk.corrections.write(
        call, replace(corrected(said, "My pin is [security-code]", "Bob"), redactions=told), 2, policy
    )
    assert {job.kind: job.state for job in desk.reader.jobs(call)}[JobKind.BLEEP] is JobState.DONE


def test_a_text_tells_the_lists_it_was_made_with(desk: Desk) -> None:
    assert desk.said(desk.call("hello")).final.hotword_lists == (ListVersion("sales", 3),)


def test_who_corrects_what_another_has_corrected_meanwhile_is_refused(desk: Desk) -> None:
    call = desk.call("hello wold")
    seen = desk.said(call)
    desk.correct(call, "hello world")
    with pytest.raises(RevisionOutdated):
        desk.corrections.write(call, corrected(seen, "hello old", "Bob"), len(seen.revisions))
    assert desk.said(call).text == "hello world"


def test_what_is_not_there_cannot_be_corrected(desk: Desk) -> None:
    call, other = desk.call("hello"), desk.call("hello")
    with pytest.raises(UtteranceNotFound):
        desk.corrections.write(other, corrected(desk.said(call), "bye", "Ann"), 0)
    with pytest.raises(CallNotFound):
        desk.corrections.write(uuid4(), corrected(desk.said(call), "bye", "Ann"), 0)


def test_corrections_are_read_newest_first_in_stretches(desk: Desk) -> None:
    first, second = desk.call("hello wold"), desk.call("by by", trunk="other", week=1)
    desk.correct(first, "hello world")
    desk.pass_again(second, "by bye")
    desk.correct(second, "bye bye", by="Bob")
    newest, oldest = desk.corrections.corrected(ANY, 10)
    assert (newest.call_id, newest.live, newest.second_pass, newest.text, newest.by) == (
        second, "by by", "by bye", "bye bye", "Bob"
    )  # fmt: skip
    assert (oldest.live, oldest.second_pass, oldest.text) == ("hello wold", None, "hello world")
    assert desk.corrections.corrected(ANY, 1) == (newest,)
    assert desk.corrections.corrected(ANY, 1, (newest.at, newest.utterance_id)) == (oldest,)
    assert desk.corrections.corrected(CorrectionFilter(trunk="other"), 9) == (newest,)
    assert desk.corrections.corrected(CorrectionFilter(until=STARTED + timedelta(days=1)), 9) == (oldest,)


def test_errors_are_counted_by_trunk_and_week_each_utterance_once(desk: Desk) -> None:
    first, second, later = desk.call("hello wold"), desk.call("one too three"), desk.call("same", week=1)
    desk.correct(first, "hello old")
    desk.correct(first, "hello, World.")
    desk.pass_again(second, "one two three")
    desk.correct(second, "one two three")
    desk.correct(later, "same")
    other = desk.call("我的定单", trunk="other", language="zh")
    desk.correct(other, "我的订单")
    monday = date(2026, 11, 16)
    weeks = desk.corrections.weeks(ANY)
    assert weeks == (
        WeekOfCorrections("main", monday, 2, 5, 2, 3, 0),
        WeekOfCorrections("main", monday + timedelta(weeks=1), 1, 1, 0, 0, 0),
        WeekOfCorrections("other", monday, 1, 4, 1, 0, 0),
    )
    assert (weeks[0].live_rate, weeks[0].second_pass_rate, weeks[1].second_pass_rate) == (0.4, 0.0, None)
    assert desk.corrections.weeks(CorrectionFilter(trunk="other")) == weeks[2:]


def test_what_the_second_pass_left_as_it_was_counts_for_it_unless_a_person_was_there_before(desk: Desk) -> None:
    left, early, none = (desk.call("hello wold", trunk=trunk) for trunk in ("left", "early", "none"))
    desk.pass_and_leave(left)
    desk.correct(left, "hello world")
    desk.correct(early, "hello old")
    desk.pass_and_leave(early)
    desk.undo(early)
    desk.correct(early, "hello world")
    desk.correct(none, "hello world")
    found = {
        each.trunk: (each.live_errors, each.second_pass_words, each.second_pass_errors)
        for each in desk.corrections.weeks(ANY)
    }
    assert found == {"left": (1, 2, 1), "early": (1, 0, 0), "none": (1, 0, 0)}


def test_the_audit_log_tells_who_corrected_which_utterance_and_not_what_is_said(desk: Desk, database: Database) -> None:
    call = desk.call("hello wold")
    desk.correct(call, "hello world")
    desk.undo(call)
    entries = AuditLog(database).entries().entries
    assert [(entry.action, entry.by, entry.subject) for entry in entries] == [
        ("utterance.correction-undone", "Bob", str(call)),
        ("utterance.corrected", "Ann", str(call)),
    ]
    assert entries[1].detail == {"utterance": str(utterance_id(call, 0, 0)), "revision": 1}
