"""Whether the recognisers keep up, judged by what they measure, without flapping. Pure: the clock is given."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from asr.wire.client import Burden
from callscribe.config.admission import AdmissionSettings
from callscribe.domain.pressure import Pressure
from callscribe.events.board import ENGINE_MARK
from callscribe.events.pressure import LATE, NEEDED, PRESSURE

log = structlog.get_logger()

RISE_S = 3.0
"""For how long it must have been harder before it is taken to be: a recogniser that hears a lost one's channels again
is late for a moment."""
FALL_S = 5.0
"""For how long it must have been easier."""
AWAY_S = 30.0
"""For how long a level outlives its recognisers: one that has too much to do may be taken for dead."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """From where on a recogniser is pressed, and full."""

    pressed: float
    full: float

    def level(self, value: float) -> Pressure:
        return Pressure((value >= self.pressed) + (value >= self.full))


_NEEDED_UP, _NEEDED_DOWN = _Bounds(0.7, 0.9), _Bounds(0.6, 0.75)
"""Shares of a recogniser's time: from 0.7 on partials have none (asr.allowance)."""


class Gauge:
    """The pressure of one engine's recognisers."""

    def __init__(self, late_s: float) -> None:
        """`late_s` is how late is full."""
        self.level = Pressure.OK
        self._up, self._down = _Bounds(late_s / 2, late_s), _Bounds(late_s / 4, late_s / 2)
        self._since: float | None = None
        self._towards = 0

    def look(self, burdens: Sequence[Burden], now: float) -> bool:
        """Judge anew, at loop time `now`; True where the level has changed."""
        harder, easier = _of_all(burdens, _NEEDED_UP, self._up), _of_all(burdens, _NEEDED_DOWN, self._down)
        target = harder if harder > self.level else min(easier, self.level)
        towards = (target > self.level) - (target < self.level)
        if towards != self._towards:
            self._towards, self._since = towards, now
        if not towards or self._since is None or now - self._since < (RISE_S if towards > 0 else FALL_S):
            return False
        self.level, self._towards = target, 0
        return True


def _of_all(burdens: Sequence[Burden], needed: _Bounds, late: _Bounds) -> Pressure:
    """Pressed where any of them is; full where all are, since a new call goes to the best."""
    levels = [max(needed.level(one.needed), late.level(one.late_s)) for one in burdens]
    return Pressure.FULL if min(levels) is Pressure.FULL else min(max(levels), Pressure.PRESSED)


class PressureWatch:
    """The pressure of all engines of a node. `look` is called each second."""

    def __init__(self, settings: AdmissionSettings, read: Callable[[], Iterable[Burden]]) -> None:
        self._settings = settings
        self._read = read
        self._gauges: dict[str, Gauge] = {}
        self._latest: dict[str, list[Burden]] = {}
        self._seen: dict[str, float] = {}

    def look(self, now: float) -> None:
        """Judge what the recognisers tell at loop time `now`; an engine without any keeps its level for AWAY_S."""
        self._latest = {}
        for burden in self._read():
            self._latest.setdefault(burden.engine, []).append(burden)
        self._seen = {engine: at for engine, at in self._seen.items() if now - at < AWAY_S}
        self._seen.update(dict.fromkeys(self._latest, now))
        self._gauges = {engine: self._gauges.get(engine) or Gauge(self._settings.late_s) for engine in self._seen}
        for engine, burdens in self._latest.items():
            gauge = self._gauges[engine]
            if gauge.look(burdens, now):
                late_s = max(one.late_s for one in burdens)
                log.warning("pressure_changed", engine=engine, pressure=gauge.level.name.lower(), late_s=late_s)

    def admits(self, engines: Sequence[str]) -> bool:
        """Whether a new call may come that any of these engines may hear; none are named where all may.

        Calls are taken where no recogniser answers: they are recorded, and heard later.
        """
        known = [gauge.level for engine, gauge in self._gauges.items() if engine in engines or not engines]
        return not (self._settings.by_load and known and min(known) is Pressure.FULL)

    def counters(self) -> Mapping[str, float]:
        """For /metrics, of each engine: the pressure, and the worst of what its recognisers tell."""
        found: dict[str, float] = {
            f"{PRESSURE}{ENGINE_MARK}{name}": gauge.level for name, gauge in self._gauges.items()
        }
        for engine, burdens in self._latest.items():
            found[f"{LATE}{ENGINE_MARK}{engine}"] = round(max(one.late_s for one in burdens), 2)
            found[f"{NEEDED}{ENGINE_MARK}{engine}"] = round(max(one.needed for one in burdens), 3)
        return found
