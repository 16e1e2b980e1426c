"""How received speech sounds to people, estimated from what RTP lost: the E-model (ITU-T G.107, G.107.1). Pure.

It knows one end of the path: what the sender's side, the way there and an echo cost is not in it, and of the delay only
what the jitter buffer adds. Losses are taken to be random ones (BurstR 1).

Narrow and wide band have a scale each: people who know wide band judge narrow band lower than those who do not. A score
of one is not to be compared with one of the other.
"""

import math
from dataclasses import dataclass

from callscribe.domain.call import ChannelMedia
from telephony.line.wire import RtpCounts

NOTICED_DELAY_MS = 100.0
"""Delay up to which it costs nothing (G.107 clause 7.4)."""


@dataclass(frozen=True, slots=True)
class Scale:
    """One of the two E-models."""

    best: float
    """R of a connection with all parameters at their defaults."""
    top: float
    """R that counts as 100 does in narrow band."""


NARROW = Scale(best=93.2, top=100.0)
"""G.107 clause 7.7."""
WIDE = Scale(best=129.0, top=129.0)
"""G.107.1 clause 7 and equation A-1."""


@dataclass(frozen=True, slots=True)
class CodecImpairment:
    """A codec's planning values (ITU-T G.113 Appendices I and IV)."""

    scale: Scale
    equipment: float
    """Ie: what it costs without any loss."""
    robustness: float
    """Bpl: how well it bears loss."""


_G711 = CodecImpairment(NARROW, equipment=0.0, robustness=25.1)
"""With loss concealment, as PJMEDIA has it."""
_G722 = CodecImpairment(WIDE, equipment=13.0, robustness=4.3)
"""At 64 kbit/s. G.113 has no Bpl of it: this is the least that it has of any wide-band codec, so that losses are rather
made too much of."""
IMPAIRMENTS = {"PCMU": _G711, "PCMA": _G711, "G722": _G722}
"""By RTP encoding name. Opus has none: G.113 does not know it."""


def rating(impairment: CodecImpairment, lost: float, delay_ms: float) -> float:
    """The transmission rating factor R (equation 7-1 of both) of a share `lost`, 0 to 1, of all packets."""
    percent = 100 * lost
    equipment = impairment.equipment
    # The effective equipment impairment factor: G.107 equation 7-29, G.107.1 equation 7-15.
    effective = equipment + (95 - equipment) * percent / (percent + impairment.robustness)
    return impairment.scale.best - _delay_impairment(delay_ms) - effective


def opinion_score(rating: float, scale: Scale = NARROW) -> float:
    """The mean opinion score, 1 (bad) to 4.5, of people who listen and talk (G.107 equation B-4, G.107.1 Annex A)."""
    r = max(100 * rating / scale.top, 0.0)
    if r >= 100:
        return 4.5
    # Just above 0 the cubic falls below the scale.
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def judged(channel: int, codec: str, counts: RtpCounts) -> ChannelMedia:
    """A channel's counts with their score, None where nothing came or the codec has no planning values."""
    expected = counts.packets - counts.duplicated + counts.lost
    impairment = IMPAIRMENTS.get(codec.upper())
    mos = None
    if impairment and counts.packets and expected > 0:
        unheard = min(1.0, (counts.lost + counts.late) / expected)
        mos = round(opinion_score(rating(impairment, unheard, counts.delay_ms), impairment.scale), 2)
    return ChannelMedia(
        channel=channel,
        packets=counts.packets,
        lost=counts.lost,
        reordered=counts.reordered,
        duplicated=counts.duplicated,
        discarded=counts.discarded,
        late=counts.late,
        jitter_ms=counts.jitter_us / 1000,
        mos=mos,
    )


def _delay_impairment(delay_ms: float) -> float:
    """Idd, which both have alike (G.107 equations 7-27 and 7-28)."""
    if delay_ms <= NOTICED_DELAY_MS:
        return 0.0
    x = math.log2(delay_ms / NOTICED_DELAY_MS)
    return 25 * (math.pow(1 + x**6, 1 / 6) - 3 * math.pow(1 + (x / 3) ** 6, 1 / 6) + 2)
