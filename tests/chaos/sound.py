"""What was sent as RTP, held against a recording of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.chaos.caller import sent_pcm
from tests.keys import PACKET_SAMPLES


@dataclass(frozen=True, slots=True)
class Compared:
    """In samples."""

    missing: int
    """Of what was sent, not in the recording."""
    behind: int
    """Of it, at the end: nothing that was sent later is there either."""
    hole: int
    """Of it, the longest stretch before that: single packets come too late for a line on a busy machine."""
    twice: int
    """Of what was sent, more than once in the recording."""


def compare(sent: NDArray[np.int16], recorded: NDArray[np.int16] | None) -> Compared:
    """Which packets of one channel are in its recording, sample by sample; each is unlike all others by its hiss.

    A line's jitter buffer may move what follows, so that they are looked for wherever they are.
    """
    packets = len(sent) // PACKET_SAMPLES
    whole = packets * PACKET_SAMPLES
    heard = sent_pcm(sent[:whole]).reshape(packets, PACKET_SAMPLES)
    places = {packet.tobytes(): number for number, packet in enumerate(heard)}
    found = np.zeros(packets, np.int32)
    start = 0
    while recorded is not None and start <= len(recorded) - PACKET_SAMPLES:
        number = places.get(recorded[start : start + PACKET_SAMPLES].tobytes())
        if number is None:
            start += 1
        else:
            found[number] += 1
            start += PACKET_SAMPLES
    known = np.flatnonzero(found)
    last = int(known[-1]) + 1 if len(known) else 0
    hole = int(np.max(np.diff(known, prepend=-1), initial=1)) - 1
    counts = int(np.sum(found == 0)), packets - last, hole, int(np.sum(found > 1))
    return Compared(*(count * PACKET_SAMPLES for count in counts))
