"""What nodes post of their recognisers' pressure, as others read it. Pure."""

from collections.abc import Mapping

from callscribe.domain.pressure import Pressure
from callscribe.events.board import ENGINE_MARK

PRESSURE = "pressure"
LATE = "recognizer_late_seconds"
NEEDED = "recognizer_needed"


def pressures(counters: Mapping[str, float]) -> dict[str, Pressure]:
    """The pressure of each engine of a node, by what the node posted."""
    marked = ((name.partition(ENGINE_MARK), value) for name, value in counters.items())
    known = {level.value for level in Pressure}
    return {engine: Pressure(int(value)) for (name, _, engine), value in marked if name == PRESSURE and value in known}


def pressure_of(counters: Mapping[str, float]) -> Pressure:
    """The hardest of a node's engines; OK where none is measured."""
    return max(pressures(counters).values(), default=Pressure.OK)


def reasons(counters: Mapping[str, float]) -> list[str]:
    """A sentence for each engine of a node that is pressed, and for a node without recognisers."""
    found = [
        f"The recognisers of {engine} "
        + ("follow no more calls" if level is Pressure.FULL else "give partials and second passes up")
        + f": finals take {counters.get(f'{NEEDED}{ENGINE_MARK}{engine}', 0.0):.0%} of their time, "
        f"and what was said waits {counters.get(f'{LATE}{ENGINE_MARK}{engine}', 0.0):.1f} s."
        for engine, level in sorted(pressures(counters).items())
        if level is not Pressure.OK
    ]
    if counters.get("recognizer_ready") == 0:
        found.append("No recogniser answers: calls are recorded, and decoded once one does or after their end.")
    return found
