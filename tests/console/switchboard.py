"""A node as the console sees it: calls that speak, stored and published as the real one does."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
from sqlalchemy import text

from callscribe.domain.assist import AssistCard, card_id
from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call, CallEnd, Channel, Dialect, OutsideIds, Party, Role
from callscribe.domain.pause import Pause
from callscribe.domain.speaker import SpeakerTurn
from callscribe.domain.transcript import Final, Partial, Revision, Word, utterance_id
from callscribe.domain.utterance import Utterance
from callscribe.events.schema import (
    CallEnded,
    CallPaused,
    CallProcessed,
    CallResumed,
    CallStarted,
    CallUpdated,
    CardGiven,
    Event,
    UtteranceFinal,
    UtterancePartial,
    UtteranceRevised,
    UtteranceSpeakers,
)
from callscribe.text.assist_rules import AssistRule
from storage.assist_rules import AssistRuleStore
from storage.calls import CallStore
from storage.database import Database
from storage.jobs import JobStore
from storage.recordings import RecordingWriter, recording_path
from storage.records import JobIntent, JobKind, RecordingFile
from storage.speakers import write_speakers

RATE = 8000
AGENT = Party("sip:1042@pbx.example.com", "Anna Weber")
CUSTOMER = Party("sip:+4930123456@carrier.example.com", "Tom Hall")


def samples(ms: int) -> int:
    """Milliseconds as samples of these calls."""
    return ms * RATE // 1000


class FakeCall:
    """One call on a node. Times are milliseconds from its start."""

    def __init__(self, board: "Switchboard", call: Call) -> None:
        self._board = board
        self.call = call
        self.said: dict[UUID, Utterance] = {}
        self._revision = 0

    @property
    def id(self) -> UUID:
        return self.call.id

    def rename_customer(self, name: str) -> None:
        """A later INVITE names the customer."""
        party = replace(CUSTOMER, name=name)
        channels = (self.call.channels[0], replace(self.call.channels[1], party=party))
        self.call = replace(self.call, caller=party, channels=channels)
        self._board.calls.save_call(self.call, self._board.node)
        self._board.publish(CallUpdated.of(self.call, datetime.now(UTC)))

    def pause(self, *pauses: Pause) -> None:
        """These pauses have begun, or now have an end."""
        self.call = replace(self.call, pauses=pauses)
        self._board.calls.save_call(self.call, self._board.node)
        kind = CallResumed if all(pause.end for pause in pauses) else CallPaused
        self._board.publish(kind.of(self.call, pauses, "api", datetime.now(UTC)))

    def partial(self, channel: int, start: int, committed: str, tentative: str = "") -> UtterancePartial:
        self._revision += 1
        said = Partial(channel, samples(start), samples(start + 500), committed, tentative, self._revision)
        event = UtterancePartial.of(self.call, said, datetime.now(UTC))
        self._board.publish(event)
        return event

    def final(self, channel: int, start: int, text: str, *, published: bool = True, stored: bool = True) -> UUID:
        """`stored` False: the journal has not brought it to the database yet."""
        final = Final(channel, samples(start), samples(start + 55 * len(text)), text, 0.9, "moonshine")
        return self.say(final, published=published, stored=stored)

    def say(self, final: Final, *, published: bool = True, stored: bool = True) -> UUID:
        """As `final`, with all that a final may have."""
        name = utterance_id(self.id, final.channel, final.start)
        self.said[name] = Utterance(name, final)
        if published:
            self._board.publish(UtteranceFinal.of(self.call, final, datetime.now(UTC)))
        if stored:
            self._board.calls.save_final(self.id, final)
        return name

    def end(self, *, at: int = 60_000, second_pass: bool = True, recording: RecordingFile | None = None) -> None:
        end = CallEnd(self.call.started_at + timedelta(milliseconds=at), samples(at), "bye")
        jobs = (JobIntent.of(self.id, JobKind.SECOND_PASS),) if second_pass else ()
        self._board.calls.end_call(self.id, end, recording, jobs)
        self._board.publish(CallEnded.of(self.call, end, datetime.now(UTC)))

    def record(self, seconds: int) -> RecordingFile:
        """A WAV with a tone of its own on each channel."""
        path = recording_path(self.call)
        writer = RecordingWriter(self._board.recordings / path, RATE, len(self.call.channels))
        times = np.arange(RATE * seconds) / RATE
        for channel, pitch in enumerate((300, 500)):
            tone = (np.sin(2 * np.pi * pitch * times) * 4000).astype("<i2")
            writer.write(AudioChunk(channel, 0, tone.tobytes()))
        return writer.close().relative_to(self._board.recordings)

    def card(self, at: int, name: UUID | None = None, *, published: bool = True, **words: str) -> AssistCard:
        """A rule with these `words` (title, text, link, severity) gives a card, on an utterance or on none."""
        when = {"kind": "phrase", "phrases": ["anything"]}
        rule = AssistRule.model_validate({"trunks": ["nowhere"], "when": when, **words})
        kept = AssistRuleStore(self._board.database).put(rule.title, rule)
        card = AssistCard(
            id=card_id(self.id, kept.name, name or at),
            rule=kept.name,
            version=kept.version,
            title=rule.title,
            text=rule.text,
            link=rule.link,
            severity=rule.severity,
            start=samples(at),
            heard=samples(at + 800),
            channel=None if name is None else self.said[name].final.channel,
            utterance_id=name,
        )
        self._board.calls.save_card(self.id, card)
        if published:
            self._board.publish(CardGiven.of(self.call, card, datetime.now(UTC)))
        return card

    def second_pass(self, texts: Sequence[tuple[UUID, str]]) -> None:
        """Revise, store that it is done, and publish, as the worker does."""
        job = JobIntent.of(self.id, JobKind.SECOND_PASS).id
        self._board.jobs.claim_due(100, 60.0)
        assert self._board.jobs.begin(job) is not None
        revisions = tuple(self._revision_of(name, text) for name, text in texts)
        assert self._board.jobs.complete(job, revisions=revisions)
        for revision in revisions:
            said = self.said[revision.utterance_id]
            self._board.publish(UtteranceRevised.of(self.call, said, revision, datetime.now(UTC)))
        self.processed(done=("second-pass",))

    def tell_apart(self, name: UUID, *turns: SpeakerTurn) -> None:
        """Store and publish who speaks in an utterance, as the worker does."""
        said = replace(self.said[name], turns=turns)
        with self._board.database.transaction() as session:
            write_speakers(session, self.id, (said,))
        self._board.publish(UtteranceSpeakers.of(self.call, said, datetime.now(UTC)))

    def fail_second_pass(self, sentence: str) -> UUID:
        """The worker gives the job up for good."""
        job = JobIntent.of(self.id, JobKind.SECOND_PASS).id
        self._board.give_up(job, sentence)
        self.processed(failed=("second-pass",))
        return job

    def processed(self, done: tuple[str, ...] = (), failed: tuple[str, ...] = ()) -> None:
        self._board.publish(CallProcessed(call_id=self.id, at=datetime.now(UTC), done=done, failed=failed))

    def _revision_of(self, name: UUID, text: str) -> Revision:
        final = self.said[name].final
        written = text.split()
        step = (final.end - final.start) // max(len(written), 1)
        words = tuple(
            Word(word, final.start + number * step, final.start + (number + 1) * step, 0.95)
            for number, word in enumerate(written)
        )
        return Revision(name, text, 0.95, "whisper", "second-pass", words)


class Switchboard:
    """Makes calls."""

    node = "node-1"

    def __init__(self, database: Database, recordings: Path, publish: Callable[[Event], None]) -> None:
        self.database = database
        self.calls = CallStore(database)
        self.jobs = JobStore(database)
        self.recordings = recordings
        self.publish = publish

    def start(
        self,
        *,
        trunk: str = "sbc",
        customer: str = CUSTOMER.name,
        sip_call_id: str = "",
        started_at: datetime | None = None,
        stored: bool = True,
        published: bool = True,
    ) -> FakeCall:
        """A two-party SIPREC call: the agent on channel 0, the customer, who called, on channel 1."""
        caller = replace(CUSTOMER, name=customer)
        call = Call(
            id=uuid4(),
            trunk=trunk,
            dialect=Dialect.SIPREC,
            started_at=started_at or datetime.now(UTC),
            sample_rate=RATE,
            channels=(Channel(0, "1", Role.AGENT, AGENT, "PCMU"), Channel(1, "2", Role.CUSTOMER, caller, "PCMU")),
            caller=caller,
            callee=AGENT,
            outside_ids=OutsideIds(sip_call_id or f"{uuid4()}@sbc", "session-7", "", (("ucid", "00042"),)),
            quirks=("metadata-namespace",),
        )
        if stored:
            self.calls.save_call(call, self.node)
        if published:
            self.publish(CallStarted.of(call, datetime.now(UTC)))
        return FakeCall(self, call)

    def give_up(self, job: UUID, sentence: str) -> None:
        """Fail a job as often as it takes."""
        for _ in range(20):
            with self.database.transaction() as session:
                session.execute(text("UPDATE jobs SET due_at = now() - interval '1 s' WHERE id = :id"), {"id": job})
            if self.jobs.begin(job) is not None and not self.jobs.fail(job, sentence):
                return
        raise AssertionError("the job was never given up")
