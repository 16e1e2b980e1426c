import threading
import time
from collections.abc import Callable, Sequence
from uuid import UUID, uuid4

import pytest

from callscribe.domain.errors import CallscribeError, DatabaseUnavailable, EventsUnavailable
from callscribe.jobs import dispatcher as dispatching
from callscribe.jobs.dispatcher import LEASE_S, QUEUE_LENGTH, Dispatcher


class Jobs:
    """Due jobs that are claimed once each."""

    def __init__(self, due: Sequence[UUID]) -> None:
        self.due = list(due)
        self.failure: CallscribeError | None = None

    def claim_due(self, limit: int, lease_s: float) -> Sequence[UUID]:
        assert lease_s == LEASE_S
        if self.failure:
            raise self.failure
        claimed, self.due = self.due[:limit], self.due[limit:]
        return claimed


class Queue:
    """A broker's queue that nobody takes from, unless it is away."""

    def __init__(self, waiting: int = 0) -> None:
        self.sent: list[UUID] = []
        self.before = waiting
        self.failure: CallscribeError | None = None
        self.room = 1000
        """Messages that are taken before it goes away."""

    def waiting(self) -> int:
        if self.failure:
            raise self.failure
        return self.before + len(self.sent)

    def send(self, job_id: UUID) -> None:
        if len(self.sent) == self.room:
            raise EventsUnavailable
        self.sent.append(job_id)


def test_every_due_job_is_sent_once() -> None:
    due = [uuid4() for _ in range(3)]
    queue = Queue()
    dispatcher = Dispatcher(Jobs(due), queue)
    assert dispatcher.dispatch() == 3
    assert dispatcher.dispatch() == 0
    assert queue.sent == due
    assert dispatcher.counters()["jobs_sent"] == 3


def test_no_more_is_claimed_than_the_queue_has_room_for() -> None:
    jobs, queue = Jobs([uuid4() for _ in range(5)]), Queue(waiting=QUEUE_LENGTH - 2)
    assert Dispatcher(jobs, queue).dispatch() == 2
    assert Dispatcher(jobs, queue).dispatch() == 0
    assert len(jobs.due) == 3


def test_nothing_is_claimed_while_the_broker_is_away() -> None:
    jobs, queue = Jobs([uuid4()]), Queue()
    queue.failure = EventsUnavailable()
    with pytest.raises(EventsUnavailable):
        Dispatcher(jobs, queue).dispatch()
    assert len(jobs.due) == 1


def test_what_was_claimed_when_the_broker_went_away_is_sent_when_it_is_back() -> None:
    due = [uuid4() for _ in range(3)]
    queue = Queue()
    queue.room = 1
    dispatcher = Dispatcher(Jobs(due), queue)
    with pytest.raises(EventsUnavailable):
        dispatcher.dispatch()
    queue.room = 1000
    assert dispatcher.dispatch() == 2
    assert queue.sent == due


@pytest.mark.parametrize(
    ("failure", "counter"),
    [(DatabaseUnavailable(), "dispatch_database_failures"), (EventsUnavailable(), "dispatch_broker_failures")],
)
def test_dispatching_goes_on_after_an_outage_that_is_counted(
    failure: CallscribeError, counter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatching, "BACKOFF_S", (0.01,))
    monkeypatch.setattr(dispatching, "POLL_S", 0.01)
    jobs, queue, stop = Jobs([uuid4()]), Queue(), threading.Event()
    away: Jobs | Queue = jobs if isinstance(failure, DatabaseUnavailable) else queue
    away.failure = failure
    dispatcher = Dispatcher(jobs, queue)
    thread = threading.Thread(target=dispatcher.run, args=(stop,))
    thread.start()
    wait_for(lambda: dispatcher.counters()[counter] >= 2)
    assert queue.sent == []
    away.failure = None
    wait_for(lambda: len(queue.sent) == 1)
    stop.set()
    thread.join(2)
    assert not thread.is_alive()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
