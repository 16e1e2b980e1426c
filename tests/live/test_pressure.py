"""When recognisers count as pressed and full, and when no longer."""

from asr.wire.client import Burden
from callscribe.config.admission import AdmissionSettings
from callscribe.domain.pressure import Pressure
from callscribe.events.pressure import pressure_of, reasons
from callscribe.live.pressure import PressureWatch

CALM = Burden("moonshine", needed=0.2, late_s=0.1)
BUSY = Burden("moonshine", needed=0.8, late_s=0.3)
LATE = Burden("moonshine", needed=0.8, late_s=4.0)
WITHOUT_TIME = Burden("moonshine", needed=0.95, late_s=0.4)
EASED = Burden("moonshine", needed=0.65, late_s=0.3)
"""Between what presses and what is calm."""


class Node:
    """A watch, and what its recognisers tell."""

    def __init__(self, settings: AdmissionSettings | None = None) -> None:
        self.told: tuple[Burden, ...] = ()
        self.now = 0.0
        self.watch = PressureWatch(settings or AdmissionSettings(), lambda: self.told)

    def after(self, seconds: int, *told: Burden) -> Pressure:
        """So many seconds in which the recognisers tell the same."""
        self.told = told
        for _ in range(seconds):
            self.watch.look(self.now)
            self.now += 1.0
        return pressure_of(self.watch.counters())


def test_calls_are_refused_once_every_recogniser_was_late_for_some_seconds() -> None:
    node = Node()
    assert node.after(3, LATE) is Pressure.OK
    assert node.after(1, LATE) is Pressure.FULL
    assert not node.watch.admits(())
    assert "4.0 s" in reasons(node.watch.counters())[0]


def test_a_recogniser_without_time_takes_no_more_calls_even_before_it_is_late() -> None:
    node = Node()
    assert node.after(10, WITHOUT_TIME) is Pressure.FULL


def test_one_late_recogniser_holds_jobs_while_another_takes_calls() -> None:
    node = Node()
    assert node.after(10, LATE, CALM) is Pressure.PRESSED
    assert node.watch.admits(("moonshine",))


def test_a_moment_changes_nothing() -> None:
    node = Node()
    for _ in range(5):
        assert node.after(2, LATE) is Pressure.OK
        assert node.after(1, CALM) is Pressure.OK


def test_what_lies_between_keeps_the_level() -> None:
    node = Node()
    assert node.after(30, EASED) is Pressure.OK
    node.after(10, BUSY)
    assert node.after(30, EASED) is Pressure.PRESSED
    assert node.after(5, CALM) is Pressure.PRESSED
    assert node.after(1, CALM) is Pressure.OK


def test_a_trunk_is_refused_only_where_all_its_engines_are_full() -> None:
    node = Node()
    node.after(10, LATE, Burden("qwen", needed=0.1, late_s=0.0))
    assert not node.watch.admits(("moonshine",))
    assert node.watch.admits(("moonshine", "qwen"))
    assert node.watch.admits(())


def test_without_recognisers_calls_are_taken_and_it_is_told() -> None:
    node = Node()
    node.after(10, LATE)
    assert node.after(29) is Pressure.FULL
    assert node.after(1) is Pressure.OK
    assert node.watch.admits(())
    assert len(reasons({**node.watch.counters(), "recognizer_ready": 0})) == 1


def test_where_load_is_not_to_decide_it_is_told_all_the_same() -> None:
    node = Node(AdmissionSettings(by_load=False))
    assert node.after(10, LATE) is Pressure.FULL
    assert node.watch.admits(())
