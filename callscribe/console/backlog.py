"""What a stream holds when a subscriber comes: taken as a whole, so that partials which are past are not sent. Pure."""

from collections.abc import Iterator, Sequence

import structlog

from callscribe.events.schema import Event, UtteranceFinal, UtterancePartial, from_json
from callscribe.events.subscriber import BEGINNING, Delivery

log = structlog.get_logger()

Entry = tuple[str, Event]
"""Stream id and event."""


class Backlog:
    """Holds a stream's entries back until `until` is reached, the stream's last id at the beginning."""

    def __init__(self, until: str) -> None:
        self._until = _order(until)
        self._held: list[Entry] = []
        self._caught_up = until == BEGINNING

    def take(self, delivery: Delivery) -> Sequence[Entry]:
        """What may be sent now that this has come."""
        event = read_event(delivery)
        if event is not None:
            self._held.append((delivery.id, event))
        if self._caught_up or _order(delivery.id) >= self._until:
            return self.release()
        return ()

    def release(self) -> Sequence[Entry]:
        """What was held; from now on nothing is."""
        self._caught_up = True
        held, self._held = self._held, []
        return tuple(without_past_partials(held))


def without_past_partials(entries: Sequence[Entry]) -> Iterator[Entry]:
    """The entries of one call without partials that a later partial or final of their channel replaced."""
    newest: dict[int, int] = {}
    for number, (_, event) in enumerate(entries):
        if isinstance(event, UtterancePartial | UtteranceFinal):
            newest[event.channel] = number
    for number, (stream_id, event) in enumerate(entries):
        if not isinstance(event, UtterancePartial) or newest[event.channel] == number:
            yield stream_id, event


def read_event(delivery: Delivery) -> Event | None:
    """The delivery's event; None where another release wrote something that this one does not know."""
    try:
        return from_json(delivery.json)
    except ValueError:
        log.warning("event_unknown", stream_id=delivery.id)
        return None


def _order(stream_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = stream_id.partition("-")
    return int(milliseconds), int(sequence or "0")
