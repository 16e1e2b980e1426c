"""Where a subscriber of one call stands, as one opaque word: the id of every event that it is sent.

The events of a call come from two places, its stream and (what the stream has lost) the database. A stream id alone
cannot say which finals of the database were delivered. But a channel's finals come in the order of their starts, so one
start a channel says it exactly.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from callscribe.events.subscriber import BEGINNING

_WRITTEN = re.compile(r"(\d{1,20}(?:-\d{1,20})?)((?:~\d{1,4}\.\d{1,12}){0,256})(~end)?", re.ASCII)
_MARK = re.compile(r"~(\d+)\.(\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Position:
    """What a subscriber has been given."""

    stream_id: str = BEGINNING
    """Id of the last event taken from the call's stream."""
    finals: Mapping[int, int] = field(default_factory=dict)
    """By channel: where its newest delivered final starts, in milliseconds from the start of the call."""
    over: bool = False
    """True when the subscriber has been told that nothing follows."""

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Reads what `str` wrote; a bare stream id will do. Raises ValueError."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise ValueError("this event id was not given by this call's events")
        stream_id, marks, end = found.groups()
        return cls(stream_id, {int(channel): int(start) for channel, start in _MARK.findall(marks)}, end is not None)

    def __str__(self) -> str:
        marks = "".join(f"~{channel}.{start}" for channel, start in sorted(self.finals.items()))
        return f"{self.stream_id}{marks}{'~end' if self.over else ''}"

    def has_final(self, channel: int, start_ms: int) -> bool:
        """Whether the channel's final that starts there was delivered."""
        return start_ms <= self.finals.get(channel, -1)

    def with_final(self, channel: int, start_ms: int) -> "Position":
        return replace(self, finals={**self.finals, channel: start_ms})

    def at(self, stream_id: str) -> "Position":
        return replace(self, stream_id=stream_id)
