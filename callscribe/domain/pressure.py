"""How hard it is for live recognition to keep up."""

from enum import IntEnum


class Pressure(IntEnum):
    """Of the recognisers of one engine, or of a whole node: the higher, the harder."""

    OK = 0
    PRESSED = 1
    """Some recogniser is busy with finals and has no time for partials, or is late: what can wait, waits."""
    FULL = 2
    """None of them could follow one more call."""
