"""`callscribe worker`: a dispatcher, and a Celery worker whose processes do the jobs."""

import ctypes
import logging
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from functools import partial
from multiprocessing.sharedctypes import RawValue
from pathlib import Path
from types import FrameType
from typing import Protocol

import structlog
from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from celery.worker import state

from callscribe.config.keeping import audio_times, text_times
from callscribe.config.notify import notify_ready
from callscribe.config.reload import SettingsInForce
from callscribe.config.settings import Settings
from callscribe.domain.errors import DatabaseUnavailable, EventsUnavailable, SettingsError
from callscribe.events.board import INTERVAL_S, NODE_ROLE, WORKER_ROLE, post_now, posting_now, read_now
from callscribe.events.faults import post_fault_now
from callscribe.events.forgetting import StoredEvents
from callscribe.events.publisher import publish_now
from callscribe.jobs.app import TaskQueue, make_app
from callscribe.jobs.dispatcher import Dispatcher
from callscribe.jobs.eraser import Eraser
from callscribe.jobs.hold import Hold
from callscribe.jobs.indexer import Indexer
from callscribe.jobs.node_watch import NodeWatch
from callscribe.jobs.sweep import Sweep
from callscribe.jobs.tasks import JobBench
from callscribe.jobs.webhooks import WebhookSender
from storage.database import Database
from storage.erasure import ErasureStore
from storage.jobs import JobStore
from storage.lost_nodes import LostNodeStore
from storage.party_erasures import PartyErasureStore
from storage.reader import CallReader
from storage.retention import RetentionStore
from storage.scorecards import ScorecardStore
from storage.search_index import SearchIndex
from storage.webhooks import WebhookStore

log = structlog.get_logger()


class Counting(Protocol):
    """What runs beside the jobs, and counts."""

    def counters(self) -> Mapping[str, int]: ...


NICENESS = 19
"""Live calls go first."""
SESSION_NICENESS = 10
"""sched(7), autogroup: Linux may share the CPU between sessions first, so that a process's niceness counts only within
its own. A tenth of what another session gets: a job goes on, slowly, however long the machine is busy."""
_AUTOGROUP = Path("/proc/self/autogroup")
STOP_S = 5.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def run_worker(in_force: SettingsInForce) -> int:
    """Work until SIGTERM or SIGINT, then finish the running jobs and return the exit code. SIGHUP begins it anew where
    the settings may be taken.

    Needs `settings.database.url` and `settings.events.url`. Outages of either are sat out. Raises DatabaseOutdated.
    """
    settings = in_force.settings
    # What is asked for while it begins waits until it can be done, also over a new beginning.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    _quiet_celery()
    _check_database(settings.database.url)
    database = Database(settings.database.url)
    limits = settings.worker
    stopping = RawValue(ctypes.c_bool, False)
    hold = _make_hold(settings)
    bench = JobBench(settings, is_stopping=lambda: stopping.value, is_held=lambda: hold.held)
    app = make_app(settings.events.url, bench, limits.concurrency, limits.jobs_per_minute)
    queue = TaskQueue(app, settings.events.url)
    dispatcher = Dispatcher(JobStore(database, settings.webhooks_of), queue, lambda: hold.held)
    sweep = _make_sweep(settings, database)
    indexer = Indexer(SearchIndex(database))
    keep = (audio_times(settings), text_times(settings), settings.retention.sweep_s)
    senders = _make_senders(settings, database)
    eraser = _make_eraser(settings, database)
    counted = (dispatcher, hold, sweep, indexer, eraser, *senders)
    stop = threading.Event()
    threads = (
        threading.Thread(target=dispatcher.run, args=(stop,), name="dispatcher", daemon=True),
        threading.Thread(target=hold.run, args=(stop,), name="hold", daemon=True),
        threading.Thread(target=sweep.run, args=(*keep, stop), name="sweep", daemon=True),
        threading.Thread(target=eraser.run, args=(stop,), name="eraser", daemon=True),
        threading.Thread(target=indexer.run, args=(stop,), name="indexer", daemon=True),
        threading.Thread(target=_keep_posting, args=(in_force, counted, stop), name="board", daemon=True),
        *(threading.Thread(target=each.run, args=(stop,), name="webhook", daemon=True) for each in senders),
    )

    def begin(**_: object) -> None:
        # Not before the pool's processes were forked: a fork copies no threads but the locks they hold.
        for thread in threads:
            thread.start()
        signal.signal(signal.SIGTERM, partial(_finish, stopping))
        signal.signal(signal.SIGHUP, partial(_reload, in_force, stopping))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        log.info("worker_ready")
        notify_ready()

    exit_code = _run_pool(app, settings.node.name, begin)
    stop.set()
    for thread in threads:
        if thread.is_alive():
            thread.join(STOP_S)
    queue.close()
    database.close()
    if in_force.settings is not settings and not exit_code:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        os.execv(sys.executable, sys.orig_argv)
    return exit_code


def _make_hold(settings: Settings) -> Hold:
    read = partial(read_now, settings.events.url, NODE_ROLE + settings.node.name)
    limit_s = settings.admission.hold_jobs_s if settings.admission.by_load else 0
    return Hold(read, limit_s, time.monotonic)


def _make_sweep(settings: Settings, database: Database) -> Sweep:
    folder = settings.recordings_folder
    events = StoredEvents(settings.events.url, settings.events.stream_length)
    watch = NodeWatch(
        LostNodeStore(database),
        partial(posting_now, settings.events.url),
        partial(publish_now, settings.events.url, stream_length=settings.events.stream_length),
        timedelta(hours=settings.retention.lost_node_hours),
        timedelta(seconds=settings.retention.sweep_s),
    )
    stores = (RetentionStore(database, folder), ErasureStore(database, folder), SearchIndex(database))
    return Sweep(*stores, events, watch)


def _make_eraser(settings: Settings, database: Database) -> Eraser:
    erasures = ErasureStore(database, settings.recordings_folder)
    events = StoredEvents(settings.events.url, settings.events.stream_length)
    return Eraser(PartyErasureStore(database, erasures), events)


def _make_senders(settings: Settings, database: Database) -> tuple[WebhookSender, ...]:
    stores = (WebhookStore(database), CallReader(database), ScorecardStore(database))
    return tuple(WebhookSender(hook, *stores) for hook in settings.webhooks)


def _run_pool(app: Celery, node: str, begin: Callable[..., None]) -> int:
    """Run Celery's worker until it is told to stop; `begin` is called when it takes tasks."""
    with _connected(begin):
        worker = app.Worker(
            hostname=f"{node}-{os.getpid()}@{socket.gethostname()}",
            loglevel="WARNING",
            quiet=True,
            task_events=True,
            without_gossip=True,
            without_mingle=True,
        )
        worker.start()
    return int(worker.exitcode or 0)


def _finish(stopping: ctypes.c_bool, number: int, frame: FrameType | None) -> None:
    """As Celery's own for SIGTERM: no more tasks are taken, running jobs are finished. It prints nothing.

    `stopping` is shared with the processes of the pool, without a lock: a signal may come at any moment.
    """
    stopping.value = True
    state.should_stop = 0


def _reload(in_force: SettingsInForce, stopping: ctypes.c_bool, number: int, frame: FrameType | None) -> None:
    """The processes of the pool know the settings that they were forked with: where there are better ones, all begin
    anew once the running jobs are done."""
    try:
        in_force.take(in_force.again())
    except SettingsError as error:
        in_force.refuse(error)
    else:
        _finish(stopping, number, frame)


def _quiet_celery() -> None:
    logging.getLogger("celery").setLevel(logging.WARNING)
    # What it warns of is meant: a container may run as root (messages are JSON), a task outlives its connection.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)


def _check_database(url: str) -> None:
    """Raises DatabaseOutdated. A database that is away may come back."""
    with closing(Database(url)) as database:
        try:
            database.check()
        except DatabaseUnavailable as error:
            log.warning("worker_waits_for_database", reason=str(error))


@contextmanager
def _connected(begin: Callable[..., None]) -> Iterator[None]:
    """Celery tells its states to whoever is connected: readiness, a forked process, and that logging is set up."""
    receivers = (
        (signals.worker_ready, begin),
        (signals.worker_process_init, _settle_process),
        (signals.setup_logging, _leave_logging),
    )
    for told, receiver in receivers:
        told.connect(receiver, weak=False)
    try:
        yield
    finally:
        for told, receiver in receivers:
            told.disconnect(receiver)


def _settle_process(**_: object) -> None:
    """In a process of the pool: work in the background, and do not outlive the worker."""
    os.nice(NICENESS)
    if os.getsid(0) == os.getppid():
        # The session is the worker's own, not a terminal's with other programs in it.
        with suppress(OSError):
            _AUTOGROUP.write_text(str(SESSION_NICENESS))
    if hasattr(_LIBC, "prctl"):
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _leave_logging(**_: object) -> None:
    """Logging was set up by the entry point; Celery leaves it alone when somebody listens."""


def _keep_posting(in_force: SettingsInForce, counted: Sequence[Counting], stop: threading.Event) -> None:
    settings = in_force.settings
    process = WORKER_ROLE + settings.node.name
    while not stop.wait(INTERVAL_S):
        counters = {
            **{name: value for each in counted for name, value in each.counters().items()},
            "tasks_accepted": sum(state.total_count.values()),
            "tasks_active": len(state.active_requests),
        }
        with suppress(EventsUnavailable):
            post_now(settings.events.url, process, counters)
            if in_force.fault:
                post_fault_now(settings.events.url, process, in_force.fault)
