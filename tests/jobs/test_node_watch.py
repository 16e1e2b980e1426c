"""Calls of a node that does not come back are ended, and told; nothing is guessed while nobody knows who runs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from callscribe.domain.call import CallEnd
from callscribe.domain.errors import EventsUnavailable
from callscribe.events.schema import Event
from callscribe.jobs.node_watch import LATE, NodeWatch
from storage.lost_nodes import BATCH, NODE_LOST, LostCall
from tests.live.calls import make_call

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@dataclass(slots=True)
class Nodes:
    """A node that left so many calls open."""

    left: int
    running: list[Collection[str]] = field(default_factory=list)

    def note_running(self, nodes: Collection[str], gap: timedelta) -> None:
        assert gap == MINUTE + LATE
        self.running.append(nodes)

    def end_calls(self, patience: timedelta) -> Sequence[LostCall]:
        assert patience == DAY
        batch, self.left = min(self.left, BATCH), self.left - min(self.left, BATCH)
        calls = (make_call() for _ in range(batch))
        return [LostCall(call, CallEnd(call.started_at, 0, NODE_LOST, interrupted=True)) for call in calls]


@dataclass(slots=True)
class Told:
    """Who is told of events, unless he is away."""

    away: bool = False
    events: list[Event] = field(default_factory=list)

    def publish(self, events: Sequence[Event]) -> None:
        if self.away:
            raise EventsUnavailable
        self.events += events


def processes() -> frozenset[str]:
    return frozenset(("sip-node-1", "sip-node-2", "worker-node-3", "web"))


def test_all_calls_of_lost_nodes_are_ended_and_told() -> None:
    nodes, told = Nodes(BATCH + 3), Told()
    assert NodeWatch(nodes, processes, told.publish, DAY, MINUTE).end_lost() == BATCH + 3
    assert nodes.running == [{"node-1", "node-2"}]
    assert {event.type for event in told.events} == {"call.ended"}
    assert len(told.events) == BATCH + 3


def test_calls_are_ended_where_nobody_can_be_told() -> None:
    assert NodeWatch(Nodes(2), processes, Told(away=True).publish, DAY, MINUTE).end_lost() == 2


def test_while_nobody_knows_who_runs_no_node_is_missed() -> None:
    def away() -> frozenset[str]:
        raise EventsUnavailable

    nodes = Nodes(2)
    with pytest.raises(EventsUnavailable):
        NodeWatch(nodes, away, Told().publish, DAY, MINUTE).end_lost()
    assert (nodes.running, nodes.left) == ([], 2)


def test_without_an_end_of_patience_calls_wait_for_their_node() -> None:
    nodes = Nodes(2)
    assert NodeWatch(nodes, processes, Told().publish, timedelta(0), MINUTE).end_lost() == 0
    assert (nodes.running, nodes.left) == ([], 2)
