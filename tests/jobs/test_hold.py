"""Jobs wait for live recognition, and not for ever."""

from collections.abc import Mapping

from callscribe.domain.errors import EventsUnavailable
from callscribe.jobs.hold import Hold


class Node:
    """What the node of this machine posted, and the time."""

    def __init__(self, limit_s: float = 900) -> None:
        self.posted: Mapping[str, float] | None = {"pressure:moonshine": 0.0}
        self.now = 0.0
        self.hold = Hold(self._read, limit_s, lambda: self.now)

    def _read(self) -> Mapping[str, float]:
        if self.posted is None:
            raise EventsUnavailable
        return self.posted

    def held(self, pressure: float | None, seconds: float = 1.0) -> bool:
        """Whether jobs wait after so many seconds of this pressure."""
        self.posted = None if pressure is None else {"pressure:moonshine": pressure}
        self.hold.look()
        self.now += seconds
        self.hold.look()
        return self.hold.held


def test_jobs_wait_while_the_machine_is_pressed() -> None:
    node = Node()
    assert [node.held(pressure) for pressure in (0, 1, 2, 0)] == [False, True, True, False]


def test_jobs_wait_no_longer_than_they_may_until_the_pressure_is_over_once() -> None:
    node = Node(limit_s=100)
    assert node.held(2, seconds=99)
    assert not node.held(1, seconds=2)
    assert not node.held(2, seconds=50)
    node.held(0)
    assert node.held(2)


def test_jobs_that_never_wait_do_not() -> None:
    assert not Node(limit_s=0).held(2)


def test_jobs_do_not_wait_where_nothing_is_known() -> None:
    assert not Node().held(None)
