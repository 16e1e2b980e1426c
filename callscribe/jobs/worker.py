"""`callscribe worker`: a dispatcher, and a Celery worker whose processes do the jobs."""

import ctypes
import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import FrameType

import structlog
from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from celery.worker import state

from callscribe.config.notify import notify_ready
from callscribe.config.settings import Settings
from callscribe.domain.errors import DatabaseUnavailable, EventsUnavailable
from callscribe.events.board import INTERVAL_S, post_now
from callscribe.jobs.app import TaskQueue, make_app
from callscribe.jobs.dispatcher import Dispatcher
from callscribe.jobs.tasks import JobBench
from storage.database import Database
from storage.jobs import JobStore

log = structlog.get_logger()

NICENESS = 19
"""Live calls go first."""
SESSION_NICENESS = 10
"""sched(7), autogroup: Linux may share the CPU between sessions first, so that a process's niceness counts only within
its own. A tenth of what another session gets: a job goes on, slowly, however long the machine is busy."""
_AUTOGROUP = Path("/proc/self/autogroup")
STOP_S = 5.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def run_worker(settings: Settings) -> int:
    """Work until SIGTERM or SIGINT, then finish the running jobs and return the exit code.

    Needs `settings.database.url` and `settings.events.url`. Outages of either are sat out. Raises DatabaseOutdated.
    """
    _quiet_celery()
    _check_database(settings.database.url)
    database = Database(settings.database.url)
    app = make_app(settings.events.url, JobBench(settings), settings.worker.concurrency)
    queue = TaskQueue(app, settings.events.url)
    dispatcher = Dispatcher(JobStore(database), queue)
    stop = threading.Event()
    threads = (
        threading.Thread(target=dispatcher.run, args=(stop,), name="dispatcher", daemon=True),
        threading.Thread(target=_keep_posting, args=(settings, dispatcher, stop), name="board", daemon=True),
    )

    def begin(**_: object) -> None:
        # Not before the pool's processes were forked: a fork copies no threads but the locks they hold.
        for thread in threads:
            thread.start()
        signal.signal(signal.SIGTERM, _finish)
        notify_ready()

    exit_code = _run_pool(app, settings.node.name, begin)
    stop.set()
    for thread in threads:
        if thread.is_alive():
            thread.join(STOP_S)
    queue.close()
    database.close()
    return exit_code


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


def _finish(number: int, frame: FrameType | None) -> None:
    """As Celery's own for SIGTERM: no more tasks are taken, running ones are finished. It prints nothing."""
    state.should_stop = 0


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


def _keep_posting(settings: Settings, dispatcher: Dispatcher, stop: threading.Event) -> None:
    while not stop.wait(INTERVAL_S):
        counters = {
            **dispatcher.counters(),
            "tasks_accepted": sum(state.total_count.values()),
            "tasks_active": len(state.active_requests),
        }
        with suppress(EventsUnavailable):
            post_now(settings.events.url, f"worker-{settings.node.name}", counters)
