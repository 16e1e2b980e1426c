from collections import Counter
from uuid import uuid4

from callscribe.domain.call import CallEnd
from callscribe.events.outbox import Outbox
from callscribe.events.schema import CallEnded, CallStarted
from tests.events.calls import AT, a_call, a_final, a_partial

CALL = a_call()
OTHER = a_call()


def test_finals_and_call_events_keep_their_order() -> None:
    outbox = Outbox()
    events = (
        CallStarted.of(CALL, AT),
        a_final(CALL, "one"),
        CallStarted.of(OTHER, AT),
        a_final(CALL, "two", start=80_000),
    )
    for event in events:
        outbox.put(event)
    assert outbox.take(3) == events[:3]
    assert outbox.take(3) == events[3:]
    assert len(outbox) == 0


def test_of_partials_only_the_newest_of_each_channel_is_sent_and_after_everything_else() -> None:
    outbox = Outbox()
    outbox.put(a_partial(CALL, "he", revision=1))
    outbox.put(a_partial(CALL, "yes", channel=1))
    newest = a_partial(CALL, "hello", revision=2)
    outbox.put(newest)
    started = CallStarted.of(CALL, AT)
    outbox.put(started)
    assert outbox.take(10) == (started, a_partial(CALL, "yes", channel=1), newest)
    assert outbox.dropped == Counter(partials_superseded=1)


def test_a_final_overtakes_the_partial_of_its_utterance_but_not_of_a_later_one() -> None:
    outbox = Outbox()
    outbox.put(a_partial(CALL, "hello", start=8000))
    outbox.put(a_partial(OTHER, "hello", start=8000))
    outbox.put(a_final(CALL, "hello", start=8000))
    later = a_partial(CALL, "and", start=32_000)
    outbox.put(later)
    outbox.put(a_final(CALL, "hello there", start=16_000))
    assert outbox.take(10)[2:] == (a_partial(OTHER, "hello", start=8000), later)


def test_the_end_of_a_call_overtakes_its_partials() -> None:
    outbox = Outbox()
    outbox.put(a_partial(CALL, "good", channel=0))
    outbox.put(a_partial(CALL, "bye", channel=1))
    ended = CallEnded.of(CALL, CallEnd(AT, 8000, "bye"), AT)
    outbox.put(ended)
    assert outbox.take(10) == (ended,)


def test_beyond_the_bound_the_oldest_goes_and_is_counted() -> None:
    outbox = Outbox(kept=2, partials_kept=2)
    for text in ("one", "two", "three"):
        outbox.put(a_final(CALL, text))
        outbox.put(a_partial(a_call(uuid4()), text))
    assert [event.text for event in outbox.take(10) if hasattr(event, "text")] == ["two", "three", "two", "three"]
    assert outbox.dropped == Counter(lasting_full=1, partials_full=1)


def test_what_could_not_be_sent_comes_back_in_front_without_its_partials() -> None:
    outbox = Outbox()
    outbox.put(a_final(CALL, "one"))
    outbox.put(a_partial(CALL, "tw", start=80_000))
    batch = outbox.take(10)
    outbox.put(a_final(CALL, "two", start=80_000))
    outbox.put_back(batch)
    assert outbox.take(10) == (a_final(CALL, "one"), a_final(CALL, "two", start=80_000))
    assert outbox.dropped == Counter(partials_unsent=1)


def test_what_comes_back_is_dropped_where_newer_events_have_filled_the_box() -> None:
    outbox = Outbox(kept=2)
    outbox.put(a_final(CALL, "one"))
    batch = outbox.take(10)
    outbox.put(a_final(CALL, "two"))
    outbox.put(a_final(CALL, "three"))
    outbox.put_back(batch)
    assert outbox.take(10) == (a_final(CALL, "two"), a_final(CALL, "three"))
    assert outbox.dropped == Counter(lasting_full=1)
