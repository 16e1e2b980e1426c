"""Whether jobs wait, since live recognition on this machine has no time to spare."""

import ctypes
import threading
from collections.abc import Callable, Mapping
from multiprocessing.sharedctypes import RawValue

import structlog

from callscribe.domain.errors import EventsUnavailable
from callscribe.domain.pressure import Pressure
from callscribe.events.pressure import pressure_of

log = structlog.get_logger()

LOOK_S = 1.0


class Hold:
    """Looked at by a thread of the worker, and told to the processes of its pool, which are forked later."""

    def __init__(self, read: Callable[[], Mapping[str, float]], limit_s: float, clock: Callable[[], float]) -> None:
        """`read` gives what this machine's node posted last and raises EventsUnavailable; jobs wait `limit_s` seconds
        at most, until the pressure is over once."""
        self._read = read
        self._limit_s = limit_s
        self._clock = clock
        self._since: float | None = None
        self._held: ctypes.c_bool = RawValue(ctypes.c_bool, False)

    def run(self, stop: threading.Event) -> None:
        """Look each second until `stop` is set."""
        while not stop.wait(LOOK_S):
            self.look()

    def look(self) -> None:
        """Find out anew. Without the event store jobs do not wait: nothing can be sent to them anyway."""
        try:
            pressed = pressure_of(self._read()) is not Pressure.OK
        except EventsUnavailable:
            pressed = False
        now = self._clock()
        self._since = (now if self._since is None else self._since) if pressed else None
        held = self._since is not None and now - self._since < self._limit_s
        if held != self.held:
            log.info("jobs_held" if held else "jobs_go_on", pressed=pressed)
        self._held.value = held

    @property
    def held(self) -> bool:
        """True while no job is begun. Any process may ask."""
        return bool(self._held.value)

    def counters(self) -> Mapping[str, int]:
        """jobs_held: 1 while they wait."""
        return {"jobs_held": int(self.held)}
