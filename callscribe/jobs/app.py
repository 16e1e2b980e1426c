"""The Celery application: its settings, its one task, and the queue that the dispatcher fills."""

from typing import Protocol
from uuid import UUID

from celery import Celery
from kombu.exceptions import OperationalError

from callscribe.domain.errors import EventsUnavailable
from callscribe.events.embedded import broker_url
from callscribe.events.streams import FAILURES, connect_sync

QUEUE = "callscribe"
TASK = "callscribe.run_job"
SOFT_LIMIT_S = 2 * 3600
"""A job that is running then fails with a sentence. It counts from the first of those that a task does of a call."""
HARD_LIMIT_S = SOFT_LIMIT_S + 120
"""A process that does not react to the soft limit is killed; its job is lost, and so done again."""
VISIBILITY_S = HARD_LIMIT_S + 600
"""The broker delivers again what was not acknowledged for so long."""


class JobRunner(Protocol):
    """Does a job, whatever comes of it: it does not raise."""

    def run(self, job_id: UUID) -> None: ...


def make_app(url: str, runner: JobRunner, concurrency: int = 1, jobs_per_minute: float = 0.0) -> Celery:
    """The application over the event store's `url`. Ids go through the broker, results do not. A worker takes at most
    `jobs_per_minute`, where that is above 0.

    A task is acknowledged when it is done and may be delivered twice: the runner asks the database first.
    """
    app = Celery("callscribe", broker=broker_url(url), set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_default_queue=QUEUE,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_soft_time_limit=SOFT_LIMIT_S,
        task_time_limit=HARD_LIMIT_S,
        task_send_sent_event=True,
        worker_send_task_events=True,
        worker_concurrency=concurrency,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={"visibility_timeout": VISIBILITY_S, "socket_connect_timeout": 5},
        enable_utc=True,
    )

    @app.task(name=TASK, rate_limit=f"{jobs_per_minute}/m" if jobs_per_minute else None)  # type: ignore[untyped-decorator]
    def run_job(job_id: str) -> None:
        runner.run(UUID(job_id))

    return app


class TaskQueue:
    """The queue between dispatchers and workers."""

    def __init__(self, app: Celery, url: str) -> None:
        self._app = app
        self._client = connect_sync(url)

    def waiting(self) -> int:
        """Messages that no worker has taken yet. Raises EventsUnavailable."""
        try:
            # kombu's Redis transport keeps a queue as a list of the queue's name.
            return int(self._client.llen(QUEUE))
        except FAILURES as error:
            raise EventsUnavailable from error

    def send(self, job_id: UUID) -> None:
        """Put a job's id into the queue. Raises EventsUnavailable."""
        try:
            self._app.send_task(TASK, (str(job_id),), retry=True, retry_policy={"max_retries": 1})
        except (OperationalError, *FAILURES) as error:
            raise EventsUnavailable from error

    def close(self) -> None:
        self._client.close()
        self._app.close()
