"""A stream's entries from before the subscriber came."""

from datetime import UTC, datetime
from uuid import UUID

from callscribe.console.backlog import Backlog
from callscribe.domain.call import Call, Channel, Dialect, Party
from callscribe.domain.transcript import Final, Partial
from callscribe.events.schema import Event, UtteranceFinal, UtterancePartial, to_json
from callscribe.events.subscriber import BEGINNING, Delivery

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
CALL = Call(
    UUID(int=7),
    "sbc",
    Dialect.PLAIN,
    AT,
    8000,
    (Channel(0), Channel(1)),
    Party("sip:a@example"),
    Party("sip:b@example"),
)


def partial(channel: int, start: int, text: str) -> Event:
    return UtterancePartial.of(CALL, Partial(channel, start, start + 800, text, "", 1), AT)


def final(channel: int, start: int, text: str) -> Event:
    return UtteranceFinal.of(CALL, Final(channel, start, start + 800, text, 0.9, "moonshine"), AT)


def spoken(entries: object) -> list[str]:
    assert isinstance(entries, tuple)
    return [event.text for _, event in entries]


def test_entries_are_held_until_the_last_that_was_there() -> None:
    backlog = Backlog("9-2")
    assert backlog.take(Delivery("9-0", to_json(final(0, 0, "one")))) == ()
    assert spoken(backlog.take(Delivery("9-2", to_json(final(0, 800, "two"))))) == ["one", "two"]
    assert spoken(backlog.take(Delivery("9-3", to_json(partial(0, 1600, "three"))))) == ["three"]


def test_entries_are_let_go_where_the_last_was_trimmed_meanwhile() -> None:
    backlog = Backlog("9-9")
    assert spoken(backlog.take(Delivery("10-0", to_json(final(0, 0, "one"))))) == ["one"]


def test_partials_that_are_past_are_left_out() -> None:
    backlog = Backlog("9-5")
    events = [
        partial(0, 0, "he"), partial(1, 0, "wh"), partial(0, 0, "hello"), final(0, 0, "hello"), partial(0, 900, "how"),
        partial(1, 0, "who is"),
    ]  # fmt: skip
    released = [backlog.take(Delivery(f"9-{number}", to_json(event))) for number, event in enumerate(events)]
    assert spoken(released[-1]) == ["hello", "how", "who is"]


def test_an_empty_stream_holds_nothing_back() -> None:
    assert spoken(Backlog(BEGINNING).take(Delivery("1-0", to_json(partial(0, 0, "he"))))) == ["he"]


def test_what_is_no_event_is_left_out() -> None:
    backlog = Backlog("9-1")
    backlog.take(Delivery("9-0", '{"id":"9-0","type":"call.whistled"}'))
    assert spoken(backlog.take(Delivery("9-1", to_json(final(0, 0, "one"))))) == ["one"]
