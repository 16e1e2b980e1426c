"""`callscribe worker` as a process, with a real broker, database and engine."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
import redis
from sqlalchemy import text

from callscribe.config.settings import Settings
from callscribe.events.embedded import EmbeddedValkey
from callscribe.jobs.app import QUEUE, TaskQueue, make_app
from callscribe.jobs.tasks import JobBench
from storage.database import Database
from storage.jobs import JobStore
from storage.reader import CallReader
from storage.records import JobKind, JobState
from tests.jobs.ended_calls import BEST, FINALS, WISDOM, ended_call, pass_time, settings_of
from tests.wer import word_error_rate

pytestmark = pytest.mark.integration

MANY = 300
"""Calls that end at once: several times what the broker is given at a time."""

WORKER = """
import sys
from callscribe.config.logging import configure_logging
from callscribe.config.reload import SettingsInForce
from callscribe.config.settings import load_settings
from callscribe.jobs.worker import run_worker
import os
configure_logging("info", "console")
sys.exit(run_worker(SettingsInForce(load_settings(None, os.environ), lambda: load_settings(None, os.environ))))
"""


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "valkey")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def settings(database_url: str, valkey: EmbeddedValkey, tmp_path: Path) -> Settings:
    return settings_of(database_url, valkey.url, tmp_path)


@contextmanager
def running_worker(settings: Settings, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that says it is ready; killed at the end, if it still runs."""
    environment = {
        "CALLSCRIBE_NODE__NAME": settings.node.name,
        "CALLSCRIBE_NODE__DATA_FOLDER": settings.node.data_folder,
        "CALLSCRIBE_DATABASE__URL": settings.database.url,
        "CALLSCRIBE_EVENTS__URL": settings.events.url,
        "CALLSCRIBE_RECORDINGS__FOLDER": settings.recordings.folder,
        "NOTIFY_SOCKET": str(folder / "notify"),
    }
    (folder / "notify").unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, (folder / "worker.log").open("ab") as output:
        notify.bind(str(folder / "notify"))
        notify.settimeout(30)
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
            cwd=folder,
            start_new_session=True,
        )
        try:
            assert notify.recv(64) == b"READY=1", (folder / "worker.log").read_text()
            yield worker
        finally:
            worker.kill()
            worker.wait()


def wait_for(condition: Callable[[], bool], folder: Path, limit_s: float = 120) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, (folder / "worker.log").read_text()
        time.sleep(0.05)


def state_of(database: Database, call_id: UUID) -> JobState:
    return CallReader(database).jobs(call_id)[0].state


def is_in(database: Database, call_id: UUID, state: JobState) -> Callable[[], bool]:
    return lambda: state_of(database, call_id) is state


def assert_revised_once(database: Database, call_id: UUID) -> None:
    utterances = CallReader(database).transcript(call_id).utterances
    assert [found.final.text for found in utterances] == [final.text for final in FINALS]
    assert [len(found.revisions) for found in utterances] == [1, 1]
    assert word_error_rate([BEST, WISDOM], [found.text for found in utterances]) <= 0.05


def test_an_ended_call_is_second_passed_and_sigterm_ends_the_worker(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    call, _ = ended_call(settings, JobKind.SECOND_PASS)
    with running_worker(settings, tmp_path) as worker:
        wait_for(is_in(database, call.id, JobState.DONE), tmp_path)
        with redis.Redis.from_url(settings.events.url, decode_responses=True) as client:
            wait_for(lambda: client.hget("callscribe:board:worker-test-node", "jobs_sent") == "1.0", tmp_path)
        (child,) = pool_of(worker.pid)
        assert os.getpriority(os.PRIO_PROCESS, child) == 19
        autogroup = Path(f"/proc/{child}/autogroup")
        if autogroup.exists():
            assert autogroup.read_text(encoding="ascii").endswith("nice 10\n")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(15) == 0
    assert_revised_once(database, call.id)


def test_a_worker_that_is_killed_in_a_job_leaves_it_to_the_next(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    call, _ = ended_call(settings, JobKind.SECOND_PASS)
    with running_worker(settings, tmp_path) as worker:
        wait_for(is_in(database, call.id, JobState.RUNNING), tmp_path)
        children = pool_of(worker.pid)
        worker.kill()
        worker.wait()
        wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children), tmp_path)
    assert state_of(database, call.id) is JobState.RUNNING
    assert [found.revisions for found in CallReader(database).transcript(call.id).utterances] == [(), ()]

    pass_time(settings.database.url)
    with running_worker(settings, tmp_path):
        wait_for(is_in(database, call.id, JobState.DONE), tmp_path)
    assert_revised_once(database, call.id)
    assert CallReader(database).jobs(call.id)[0].attempts == 2


def test_a_job_whose_message_the_broker_lost_is_sent_again(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    call, job_id = ended_call(settings, JobKind.SECOND_PASS)
    queue = queue_of(settings)
    assert JobStore(database).claim_due(10, 60) == (job_id,)
    queue.send(job_id)
    assert queue.waiting() == 1
    with redis.Redis.from_url(settings.events.url) as client:
        client.flushall()
    assert queue.waiting() == 0
    queue.close()
    pass_time(settings.database.url)
    with running_worker(settings, tmp_path):
        wait_for(is_in(database, call.id, JobState.DONE), tmp_path)
    assert_revised_once(database, call.id)


def test_a_broker_that_is_killed_and_comes_back_empty_stops_a_running_worker_only_for_a_while(
    settings: Settings, valkey: EmbeddedValkey, database: Database, tmp_path: Path
) -> None:
    with running_worker(settings, tmp_path):
        with redis.Redis.from_url(valkey.url) as client:
            pid = client.info("server")["process_id"]
            client.flushall()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not valkey.alive, tmp_path)
        call, _ = ended_call(settings, JobKind.SECOND_PASS)
        time.sleep(1.5)
        assert state_of(database, call.id) is JobState.QUEUED
        valkey.start()
        wait_for(is_in(database, call.id, JobState.DONE), tmp_path)
    assert_revised_once(database, call.id)


def test_a_message_that_is_delivered_twice_is_harmless(settings: Settings, database: Database, tmp_path: Path) -> None:
    call, job_id = ended_call(settings, JobKind.SECOND_PASS)
    queue = queue_of(settings)
    for _ in range(3):
        queue.send(job_id)
    with running_worker(settings, tmp_path), redis.Redis.from_url(settings.events.url) as client:
        wait_for(is_in(database, call.id, JobState.DONE), tmp_path)
        wait_for(lambda: client.llen(QUEUE) == 0 and client.hlen("unacked") == 0, tmp_path)
    queue.close()
    assert_revised_once(database, call.id)
    assert CallReader(database).jobs(call.id)[0].attempts == 1


@pytest.mark.timeout(600)
def test_hundreds_of_calls_at_once_are_each_done_once_whatever_happens_to_worker_and_broker(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    silent_calls(database, MANY)
    with running_worker(settings, tmp_path) as worker:
        wait_for(lambda: passed(database) > MANY // 10, tmp_path)
        worker.kill()
        worker.wait()
    with redis.Redis.from_url(settings.events.url) as client:
        client.flushall()
    queue = queue_of(settings)
    for job_id in JobStore(database).claim_due(20, 0):
        queue.send(job_id)
        queue.send(job_id)
    queue.close()
    pass_time(settings.database.url)
    with running_worker(settings, tmp_path):
        wait_for(lambda: passed(database) == MANY, tmp_path, limit_s=400)
    with database.transaction() as session:
        attempts = session.execute(
            text("SELECT attempts, count(*) AS jobs FROM jobs WHERE kind = 'second-pass' GROUP BY 1")
        )
        tried = {int(row.attempts): int(row.jobs) for row in attempts}
    assert tried[1] >= MANY - 1
    assert sum(tried.values()) == MANY


def silent_calls(database: Database, number: int) -> None:
    """Ended calls, recorded, in which nobody spoke, each with its second pass due."""
    with database.transaction() as session:
        session.execute(
            text("""
            WITH made AS (
                INSERT INTO calls (
                    id, trunk, dialect, node, state, started_at, ended_at, end_reason, sample_rate, samples
                ) SELECT gen_random_uuid(), 'main', 'plain', 'test-node', 'ended', now(), now(), 'bye', 8000, 8000
                FROM generate_series(1, :number) RETURNING id
            ), heard AS (
                INSERT INTO recordings (call_id, path, rate, channels, samples, bytes)
                SELECT id, id || '.wav', 8000, 1, 8000, 16044 FROM made
            )
            INSERT INTO jobs (id, call_id, kind, ranges) SELECT gen_random_uuid(), id, 'second-pass', '[]' FROM made
            """),
            {"number": number},
        )


def passed(database: Database) -> int:
    """Calls whose second pass is done."""
    with database.transaction() as session:
        count = session.scalar(text("SELECT count(*) FROM jobs WHERE kind = 'second-pass' AND state = 'done'"))
    assert isinstance(count, int)
    return count


def queue_of(settings: Settings) -> TaskQueue:
    return TaskQueue(make_app(settings.events.url, JobBench(settings)), settings.events.url)


def pool_of(pid: int) -> list[int]:
    """Child processes."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in children.split()]
