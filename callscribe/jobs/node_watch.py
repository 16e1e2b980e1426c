"""Ends what a node left open that does not come back."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from callscribe.domain.errors import EventsUnavailable
from callscribe.events.board import NODE_ROLE
from callscribe.events.schema import CallEnded, Event
from storage.lost_nodes import BATCH, LostCall

log = structlog.get_logger()

LATE = timedelta(minutes=5)
"""A look that comes later than this was not slow: nobody looked meanwhile."""


class LostNodes(Protocol):
    """Where nodes that are gone are known (storage.lost_nodes.LostNodeStore)."""

    def note_running(self, nodes: Collection[str], gap: timedelta) -> None: ...
    def end_calls(self, patience: timedelta) -> Sequence[LostCall]: ...


class NodeWatch:
    """Looks which nodes run. Any number of them may look over one database and one event store."""

    def __init__(
        self,
        nodes: LostNodes,
        running: Callable[[], Collection[str]],
        publish: Callable[[Sequence[Event]], object],
        patience: timedelta,
        every: timedelta,
    ) -> None:
        """`running`: the processes that posted to the board lately (callscribe.events.board). `patience` 0: calls wait
        for their nodes for ever. `every`: how often it is looked."""
        self._nodes = nodes
        self._running = running
        self._publish = publish
        self._patience = patience
        self._gap = every + LATE

    def end_lost(self) -> int:
        """End the calls of nodes that did not run for so long; how many. Raises EventsUnavailable, while nobody knows
        who runs, and DatabaseUnavailable."""
        if not self._patience:
            return 0
        running = self._running()
        nodes = {name.removeprefix(NODE_ROLE) for name in running if name.startswith(NODE_ROLE)}
        self._nodes.note_running(nodes, self._gap)
        count = 0
        while True:
            ended = self._nodes.end_calls(self._patience)
            self._tell(ended)
            count += len(ended)
            if len(ended) < BATCH:
                return count

    def _tell(self, ended: Sequence[LostCall]) -> None:
        if not ended:
            return
        now = datetime.now(UTC)
        for lost in ended:
            log.warning("lost_call_ended", call_id=str(lost.call.id), samples=lost.end.samples)
        try:
            self._publish([CallEnded.of(lost.call, lost.end, now) for lost in ended])
        except EventsUnavailable as error:
            log.warning("lost_calls_not_told", calls=len(ended), reason=str(error))
