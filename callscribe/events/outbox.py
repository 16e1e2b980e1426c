"""What waits to be published, and what may be dropped. Pure: no clock, no socket, no task."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from uuid import UUID

from callscribe.events.schema import CallEnded, Event, UtteranceFinal, UtterancePartial

KEPT = 10_000
"""Finals and call events that wait at most."""
PARTIALS_KEPT = 1_000
"""Channels that may have a partial waiting."""


REASONS = ("partials_superseded", "partials_full", "partials_unsent", "lasting_full")
"""Why events are dropped: a newer one or a final came, partials of too many channels waited, the store was away, or
more than KEPT others waited."""


class Outbox:
    """Events in the order they are to be sent.

    Of partials only the newest of a channel waits, and none that a final or the end of its call has overtaken; partials
    go after everything else. Finals and call events wait in order; beyond `kept` the oldest is dropped.
    """

    def __init__(self, kept: int = KEPT, partials_kept: int = PARTIALS_KEPT) -> None:
        self._kept = kept
        self._partials_kept = partials_kept
        self._lasting: deque[Event] = deque()
        self._partials: dict[tuple[UUID, int], UtterancePartial] = {}
        self._dropped = Counter(dict.fromkeys(REASONS, 0))

    def __len__(self) -> int:
        return len(self._lasting) + len(self._partials)

    @property
    def dropped(self) -> Mapping[str, int]:
        """Dropped events by one of REASONS."""
        return self._dropped

    def put(self, event: Event) -> None:
        """Add an event; it may drop others, or itself."""
        if isinstance(event, UtterancePartial):
            self._put_partial(event)
            return
        self._forget_overtaken(event)
        self._lasting.append(event)
        if len(self._lasting) > self._kept:
            self._lasting.popleft()
            self._dropped["lasting_full"] += 1

    def take(self, limit: int) -> tuple[Event, ...]:
        """Remove and return up to `limit` events, those first that must not be lost."""
        batch: list[Event] = [self._lasting.popleft() for _ in range(min(limit, len(self._lasting)))]
        for key in list(self._partials)[: limit - len(batch)]:
            batch.append(self._partials.pop(key))
        return tuple(batch)

    def put_back(self, batch: Sequence[Event]) -> None:
        """Return what `take` gave and could not be sent. Its partials are dropped: newer ones come by themselves."""
        for event in reversed(batch):
            if isinstance(event, UtterancePartial):
                self._dropped["partials_unsent"] += 1
            elif len(self._lasting) < self._kept:
                self._lasting.appendleft(event)
            else:
                self._dropped["lasting_full"] += 1

    def _put_partial(self, event: UtterancePartial) -> None:
        key = (event.call_id, event.channel)
        if self._partials.pop(key, None) is not None:
            self._dropped["partials_superseded"] += 1
        elif len(self._partials) >= self._partials_kept:
            self._partials.pop(next(iter(self._partials)))
            self._dropped["partials_full"] += 1
        self._partials[key] = event

    def _forget_overtaken(self, event: Event) -> None:
        for key in [key for key, partial in self._partials.items() if _overtakes(event, partial)]:
            del self._partials[key]
            self._dropped["partials_superseded"] += 1


def _overtakes(event: Event, partial: UtterancePartial) -> bool:
    if event.call_id != partial.call_id:
        return False
    if isinstance(event, UtteranceFinal):
        return event.channel == partial.channel and partial.start_ms <= event.start_ms
    return isinstance(event, CallEnded)
