"""What the messages of any protocol come to, and what a protocol has to be able to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from callscribe.domain.call import Channel, Dialect, Party

Message = str | bytes


@dataclass(frozen=True, slots=True)
class Begin:
    """A call begins, or goes on after a lost connection."""

    dialect: Dialect
    name: str
    """The peer's own name for the call, by which one that comes back finds it again; "": it has none."""
    ids: tuple[tuple[str, str], ...]
    """Kind and value of the outside ids."""
    channels: tuple[Channel, ...]
    """Their roles are the protocol's, for where the trunk's rule does not know."""
    caller: Party
    callee: Party
    rate: int
    """Hz, of the audio as it comes."""
    stream: str = ""
    """What positions are counted in. A peer that comes back with the same stream goes on counting."""
    at: int = 0
    """The stream's position where this connection begins with it, in samples."""
    earlier: tuple[str, ...] = ()
    """Other names under which the call may have begun."""
    fresh: bool = False
    """The peer chose the name itself and says that nothing came before: a call of that name which is being heard is
    another peer's."""
    again: bool = False
    """The peer goes on with a call that it knows: where that has ended, no other one begins."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Audio of one channel."""

    channel: int
    pcm: bytes
    """Signed 16-bit little-endian mono PCM at the rate of Begin."""
    at: int | None = None
    """Samples from the beginning of the stream; None where the protocol does not tell: it is live then."""
    said_from: int | None = None
    """Where `at` is by the clock after a leap: the first position at which this, and what comes right after it, may
    have been said."""


@dataclass(frozen=True, slots=True)
class Paused:
    """No audio comes until Resumed, and that is right so."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """Audio comes again."""

    at: int | None = None
    """Samples from the beginning of the stream where it goes on; None where the protocol does not tell."""


@dataclass(frozen=True, slots=True)
class Digit:
    """A party pressed a key."""

    channel: int
    key: str
    """As the peer tells it."""


@dataclass(frozen=True, slots=True)
class Detached:
    """This connection is done with the call; another one goes on with it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over."""

    reason: str = "bye"


@dataclass(frozen=True, slots=True)
class Answer:
    """To be sent to the peer."""

    message: Message


@dataclass(frozen=True, slots=True)
class HangUp:
    """Nothing more is to be said: close the connection."""


Step = Begin | Heard | Paused | Resumed | Digit | Detached | Ended | Answer | HangUp


class Translator(Protocol):
    """One connection of one protocol. Pure: no I/O, no clock."""

    def read(self, message: Message) -> Sequence[Step]:
        """What the message comes to. Raises ValueError, its text a sentence without the message's content, for one that
        breaks the protocol."""

    def begun(self, call_id: UUID) -> Sequence[Message]:
        """What the peer is told when its call has begun."""

    def parting(self, reason: str) -> Sequence[Message]:
        """What the peer is told before this side closes the connection: `reason` is an end reason of a call."""
