"""What a round of chaos does, made of its seed alone: which calls begin when, and what is killed when."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a strike kills or takes away."""

    LINE = "line"
    RECOGNIZER = "recognizer"
    WEB = "web"
    WORKER = "worker"
    POSTGRES = "postgres"
    """Killed, and it does not start for a while."""
    VALKEY = "valkey"
    """Killed, its data removed."""
    DISK = "disk"
    """No room is left for a while."""
    NODE = "node"
    """The supervisor, as `serve` starts it again."""
    SERVE = "serve"
    REBOOT = "reboot"
    """Every process at once."""


NODE_ENDS = frozenset({Kind.NODE, Kind.SERVE, Kind.REBOOT})
"""After these a call does not go on."""
CALLS = 3
TURNS = (1, 2, 3)
LATEST_S = 14.0
"""The calls are over then, or about to be; their jobs are not."""


@dataclass(frozen=True, slots=True)
class Strike:
    """Something that happens to the installation."""

    kind: Kind
    at_s: float
    """Seconds from the start of the round."""
    lasts_s: float
    """How long what is taken away stays away."""
    draw: int
    """Which of several processes of the kind, modulo their number."""


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A recording session with two parties."""

    at_s: float
    """Seconds from the start of the round."""
    turns: int
    """Of the demo call, so many are spoken."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A round; the same seed and number give the same one."""

    seed: int
    number: int
    calls: tuple[PlannedCall, ...]
    strikes: tuple[Strike, ...]

    @classmethod
    def of(cls, seed: int, number: int, kinds: Sequence[Kind] = ()) -> "Plan":
        """One to three strikes of random kinds, or one of each of `kinds`, at random moments of random calls.

        Of the strikes that end a node there is one at most, the last. A full disk and the end of a node are kept apart:
        what could not be written is lost with the process that holds it.
        """
        dice = random.Random(f"{seed}/{number}")
        calls = [PlannedCall(round(dice.uniform(0, 3), 2), dice.choice(TURNS)) for _ in range(CALLS)]
        kinds = kinds or _drawn(dice)
        moments = sorted(round(dice.uniform(1.0, LATEST_S), 2) for _ in kinds)
        ordered = sorted(kinds, key=lambda kind: kind in NODE_ENDS)
        strikes = [
            Strike(kind, at_s, round(dice.uniform(1.0, 8.0), 2), dice.randrange(1000))
            for kind, at_s in zip(ordered, moments, strict=True)
        ]
        return cls(seed, number, tuple(sorted(calls, key=lambda call: call.at_s)), tuple(strikes))

    @classmethod
    def outage(cls, seconds: float) -> "Plan":
        """Postgres is away for so long, from one call to another; two more begin and end meanwhile."""
        calls = [PlannedCall(round(share * seconds, 2), TURNS[-1]) for share in (0.0, 0.3, 0.6, 1.0)]
        return cls(0, 0, tuple(calls), (Strike(Kind.POSTGRES, 5.0, seconds, 0),))

    def __str__(self) -> str:
        calls = ", ".join(f"{call.turns} turns at {call.at_s} s" for call in self.calls)
        strikes = ", ".join(f"{strike.kind} at {strike.at_s} s for {strike.lasts_s} s" for strike in self.strikes)
        return f"seed {self.seed}, round {self.number}: calls of {calls}; strikes: {strikes}"


def _drawn(dice: random.Random) -> Sequence[Kind]:
    kinds = dice.sample(list(Kind), dice.randint(1, 3))
    ends = [kind for kind in kinds if kind in NODE_ENDS]
    kept = [kind for kind in kinds if kind not in ends[1:]]
    return [kind for kind in kept if kind is not Kind.DISK] if ends else kept
