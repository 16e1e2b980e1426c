"""Values that the storage tests write."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import text

from callscribe.domain.call import Call, CallEnd, Channel, Dialect, OutsideIds, Party, Role
from callscribe.domain.hotword import Hotword
from callscribe.domain.pause import Pause
from callscribe.domain.transcript import Correction, Final, Word
from storage.database import Database
from storage.jobs import JobStore
from storage.records import RecordingFile

STARTED = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
ANN = Party("sip:1001@pbx.example", "Ann Baker", "p-1")
BOB = Party("tel:+15550100", "", "p-2")
ENDED = CallEnd(STARTED + timedelta(minutes=2), 960_000, "bye")


def make_call(
    call_id: UUID | None = None, *, started: datetime = STARTED, trunk: str = "main", sip_call_id: str = "abc@pbx"
) -> Call:
    """A recording session of Bob (channel 0, customer), who called, and Ann (channel 1, agent)."""
    return Call(
        id=call_id or uuid4(),
        trunk=trunk,
        dialect=Dialect.SIPREC,
        started_at=started,
        sample_rate=8000,
        channels=(Channel(0, "96", Role.CUSTOMER, BOB, "PCMU"), Channel(1, "97", Role.AGENT, ANN, "PCMA")),
        caller=BOB,
        callee=ANN,
        outside_ids=OutsideIds(sip_call_id, "session-1", "group-1", (("ucid", "00FA08"),)),
        quirks=("metadata-invalid",),
        hotwords=(Hotword("Bennet", 2.0), Hotword("订单")),
        pauses=(Pause(0, 800, 1600, "api", "card"), Pause(1, 4000, None, "sip")),
    )


def make_final(channel: int, start: int, text: str, *, confidence: float = 0.9) -> Final:
    """A final of one second at 8 kHz."""
    return Final(
        channel=channel,
        start=start,
        end=start + 8000,
        text=text,
        confidence=confidence,
        engine="moonshine-tiny",
        words=(Word(text.split()[0], start, start + 4000, 0.8),),
        spoken=f"{text} as spoken",
        corrections=(Correction("acne", "Acme", 0.75),),
        emotion="happy",
        audio_events=("laughter", "bgm"),
        cost=0.25,
    )


def make_recording(call: Call) -> RecordingFile:
    return RecordingFile(Path(f"2026/11/21/{call.id}.wav"), 8000, 2, 960_000, 3_840_044)


def fail_once(database: Database, job_id: UUID, sentence: str) -> bool:
    """Let the job fail as if its back-off were over; what `JobStore.fail` says."""
    with database.transaction() as session:
        session.execute(text("UPDATE jobs SET due_at = now() WHERE id = :id"), {"id": job_id})
    jobs = JobStore(database)
    assert jobs.begin(job_id) is not None
    return jobs.fail(job_id, sentence)
