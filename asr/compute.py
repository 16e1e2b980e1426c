"""The one boundary between the event loop and the computing thread of a recogniser process."""

import threading
import time
from collections import deque
from collections.abc import Callable

import structlog

from asr.scheduler import Round, Scheduler
from asr.wire.messages import ClientMessage
from callscribe.domain.errors import EngineUnavailable

log = structlog.get_logger()


class Compute:
    """A thread that works on what is submitted until it is stopped.

    Callbacks come on that thread: `done(round)` after each turn, `ended()` when the thread ends, wanted or not. What is
    submitted is bounded by the caller, who is told in each round what no longer waits.
    """

    def __init__(self, scheduler: Scheduler, *, done: Callable[[Round], None], ended: Callable[[], None]) -> None:
        self._worked_s = 0.0
        self._turn_began: float | None = None
        self.failure: EngineUnavailable | None = None
        """Why the thread has ended, where the engine told it."""
        self._scheduler = scheduler
        self._done, self._ended = done, ended
        self._inbox: deque[tuple[int, ClientMessage | None]] = deque()
        self._wake = threading.Condition()
        self._stopping = self._answered = False
        self._thread = threading.Thread(target=self._run, name="recognizer-compute", daemon=True)
        scheduler.on_answer = self._wake_up

    @property
    def busy_s(self) -> float:
        """Seconds worked since the thread began, those of its present turn included."""
        return self._worked_s + self.turn_s

    @property
    def turn_s(self) -> float:
        """For how long its present turn lasts; 0 while it has nothing to do."""
        began = self._turn_began
        return time.perf_counter() - began if began is not None else 0.0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end after its turn. Does not wait for it."""
        with self._wake:
            self._stopping = True
            self._wake.notify()

    def submit(self, connection: int, message: ClientMessage | None) -> None:
        """A connection's next message; None: the connection is gone."""
        with self._wake:
            self._inbox.append((connection, message))
            self._wake.notify()

    def _wake_up(self) -> None:
        with self._wake:
            self._answered = True
            self._wake.notify()

    def _run(self) -> None:
        try:
            self._work()
        except EngineUnavailable as error:
            # The process ends: its channels go to another recogniser, and what it had not told is heard there.
            self.failure = error
            log.error("engine_unavailable", reason=str(error))
        finally:
            self._scheduler.close()
            self._ended()

    def _work(self) -> None:
        idle = False
        while True:
            with self._wake:
                while idle and not (self._inbox or self._answered or self._stopping):
                    self._wake.wait()
                if self._stopping:
                    return
                self._answered = False
                arrived, self._inbox = self._inbox, deque()
            began = self._turn_began = time.perf_counter()
            for connection, message in arrived:
                if message is None:
                    self._scheduler.drop(connection)
                else:
                    self._scheduler.accept(connection, message)
            turn = self._scheduler.work()
            idle = turn is None
            self._turn_began = None
            self._worked_s += time.perf_counter() - began
            if turn is not None:
                self._done(turn)
