"""The floor's page in a real headless Chromium: a few calls, a thousand, and one of them open."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from callscribe.config.settings import Settings
from callscribe.domain.assist import AssistCard, Severity
from callscribe.domain.call import Call, CallEnd, Channel, Dialect, OutsideIds, Party, Role
from callscribe.domain.pause import Pause
from callscribe.domain.transcript import Final
from callscribe.events.publisher import publish_now
from callscribe.events.schema import CallEnded, CallErased, CallStarted, CardGiven, Event, UtteranceFinal
from storage.settings import DatabaseSettings
from tests.conftest import copied
from tests.console.browser import Browser
from tests.console.conftest import Console, serving
from tests.console.switchboard import AGENT, RATE, FakeCall, Switchboard, samples

pytestmark = [pytest.mark.integration, pytest.mark.browser]

CUT = "return [...document.querySelectorAll('.call-cell')].filter((each) => each.scrollWidth > each.clientWidth).length"
"""Calls whose title does not fit its column."""

DRAWN = "return new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
"""Rows are drawn with the next frame after what is counted."""
MANY = 1000
ROWS_IN_DOCUMENT = 80
TOPS = """
return [...document.querySelectorAll('.floor-row')].map((row) => [row.dataset.call, row.getBoundingClientRect().top])
"""


@pytest.fixture(scope="module")
def floor(settings: Settings, migrated_template: str, valkey_url: str) -> Iterator[Console]:
    """A console whose floor has no calls of other tests: it has a database and an event store's number of its own."""
    with ExitStack() as stack:
        database = DatabaseSettings(stack.enter_context(copied(migrated_template)))
        events = replace(settings.events, url=f"{valkey_url}?db=5")
        yield stack.enter_context(serving(replace(settings, database=database, events=events)))


@pytest.fixture(autouse=True)
def quiet_console(browser: Browser) -> Iterator[None]:
    browser.complaints()
    yield
    assert browser.complaints() == []
    browser.open("about:blank")


def row_of(call: FakeCall) -> str:
    return f".floor-row[data-call='{call.id}']"


def opened(browser: Browser, url: str) -> None:
    browser.open(url)
    browser.until(lambda: browser.one("#connection").text == "Live", "Live")


def said(browser: Browser, call: FakeCall) -> str:
    found = browser.texts(f"{row_of(call)} .line-words")
    return found[0] if found else ""


def test_a_call_is_a_line_that_grows_and_a_panel_beside_it(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    opened(browser, console.url)
    call = switchboard.start(trunk="berlin")
    row = row_of(call)
    browser.until(lambda: browser.all(row), "the row of a new call")
    assert browser.texts(f"{row} .floor-link") == ["Tom Hall to Anna Weber"]
    call.partial(0, 600, "Good morning", "weber")
    browser.until(lambda: said(browser, call) == "Good morning weber", "the partial")
    assert browser.texts(f"{row} .line-who") == ["Anna Weber"]
    assert browser.texts(f"{row} .state-cell") == ["Agent talks"]
    browser.one(f"{row} .floor-link").click()
    browser.until_texts("#panel-transcript .said", ["Good morning weber"])
    assert browser.texts("#panel-transcript .committed") == ["Good morning "]
    assert browser.texts("#panel-title") == ["Tom Hall to Anna Weber"]
    browser.run("window.settling = document.querySelector('#panel-transcript .utterance')")
    call.partial(1, 900, "hel", "lo")
    browser.until_texts("#panel-transcript .said", ["Good morning weber", "hel lo"])
    top = browser.one("#panel-transcript .utterance").rect["y"]
    name = call.final(0, 600, "Good morning, Weber.")
    browser.until_texts("#panel-transcript .said", ["Good morning, Weber.", "hel lo"])
    assert browser.run("return window.settling.isConnected && window.settling.dataset.kind") == "final"
    assert browser.one("#panel-transcript .utterance").rect["y"] == top
    call.card(700, name, title="Offer a discount", severity="critical")
    browser.until_texts(f"{row} .alert-title", ["Offer a discount"])
    browser.until_texts("#panel-cards .assist-title", ["Offer a discount"])
    browser.until(
        lambda: browser.texts("#announcer p")[-1:] == ["Critical: Offer a discount, Tom Hall to Anna Weber"],
        "the alert in the live region",
    )
    call.final(1, 900, "Hello.")
    browser.until(lambda: browser.texts(f"{row} .talk-share") == ["69 %"], "the agent's share")
    assert browser.run("return location.search") == f"?call={call.id}"
    browser.one("#panel-scroll").send_keys(Keys.ESCAPE)
    browser.until(lambda: not browser.one("#panel").is_displayed(), "the end of the panel")
    assert browser.run("return document.activeElement.closest('.floor-row').dataset.call") == str(call.id)
    call.end(second_pass=False)
    browser.until(lambda: browser.texts(f"{row} .state-cell") == ["Ended"], "that it has ended")


def test_who_comes_late_or_by_a_link_sees_what_was(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start()
    name = call.final(0, 600, "Good morning.")
    call.final(1, 60_600, "I want to cancel.")
    call.card(700, name, title="Early card", severity="warning")
    call.pause(Pause(0, samples(62_000), None, "api"))
    opened(browser, f"{console.url}/?call={call.id}")
    browser.until_texts("#panel-transcript .said", ["Good morning.", "I want to cancel."])
    browser.until_texts("#panel-cards .assist-title", ["Early card"])
    browser.until(lambda: said(browser, call) == "I want to cancel.", "the line")
    assert browser.texts(f"{row_of(call)} .alert-title") == ["Early card"]
    assert browser.texts(f"{row_of(call)} .state-cell") == ["Paused"]
    assert browser.texts(f"{row_of(call)} .silence-cell") == ["0:59"]
    assert browser.texts("#announcer p") == []
    call.end(second_pass=False)


def test_the_floor_of_a_few_calls(browser: Browser, console: Console, switchboard: Switchboard) -> None:
    calls = []
    for number, customer in enumerate(("Tom Hall", "Priya Raman", "Lena Fischer")):
        started = datetime.now(UTC) - timedelta(seconds=400 - 120 * number)
        call = switchboard.start(trunk=("frankfurt", "berlin", "berlin")[number], customer=customer, started_at=started)
        for line, text in enumerate(("Good morning, Weber's heating service.", "Hello, our boiler stopped.")):
            name = call.final(line, 1000 + 5000 * line, text)
        call.partial(number % 2, 390_000 - 120_000 * number, "and the", "little lamp is red")
        calls.append((call, name))
    calls[1][0].card(6000, calls[1][1], title="Customer wants to cancel: offer the loyalty price", severity="critical")
    calls[1][0].card(9000, title="Greeting was left out", severity="info")
    calls[2][0].pause(Pause(0, samples(150_000), None, "api", "card"))
    ended = switchboard.start(started_at=datetime.now(UTC) + timedelta(seconds=30), published=False)
    ended.end(at=186_000, second_pass=False)
    opened(browser, console.url)
    browser.until(lambda: all(browser.all(row_of(call)) for call, _ in calls), "the rows")
    browser.until(lambda: browser.all(".recent-row"), "ended calls")
    assert browser.one(f".recent-row[href='/calls/{ended.id}'] .recent-length").text == "3:06"
    shown = [each for each in browser.texts(".floor-link") if each.split(" to ")[0] in ("Priya Raman", "Lena Fischer")]
    assert shown == ["Priya Raman to Anna Weber", "Lena Fischer to Anna Weber"], "the longest first"
    for kind, width in (("wide", 1360), ("phone", 390)):
        browser.size(width, 844, mobile=kind == "phone")
        assert browser.widest() == 0
    browser.shoot("floor")
    browser.one(f"{row_of(calls[1][0])} .floor-link").click()
    browser.until(lambda: len(browser.texts("#panel-transcript .said")) == 3, "what was said")
    assert browser.widest() == 0
    browser.shoot("floor-open")
    for call, _ in calls:
        call.end(second_pass=False)


def test_an_empty_floor_tells_how_to_place_a_call(browser: Browser, floor: Console) -> None:
    opened(browser, floor.url)
    browser.until(lambda: browser.one("#floor-empty").is_displayed(), "the empty state")
    shown = browser.one("#floor-empty").text
    assert "make demo" in shown
    assert "callscribe call sip:test@127.0.0.1:5060" in shown
    assert not browser.one("#filters").is_displayed()
    browser.shoot("floor-empty")


def test_an_erased_call_leaves_the_floor(browser: Browser, console: Console, switchboard: Switchboard) -> None:
    call, other = switchboard.start(), switchboard.start()
    for each in (call, other):
        each.final(0, 600, "Good morning.")
    opened(browser, f"{console.url}/?call={call.id}")
    browser.until_texts("#panel-transcript .said", ["Good morning."])
    browser.until(lambda: browser.all(row_of(call)) and browser.all(row_of(other)), "the rows")
    switchboard.publish(CallErased(call_id=call.id, at=datetime.now(UTC)))
    browser.until(lambda: not browser.all(row_of(call)), "the end of its row")
    browser.until(lambda: not browser.one("#panel").is_displayed(), "the end of the panel")
    assert browser.all(row_of(other))
    other.end(second_pass=False)


class Crowd:
    """Many calls at once, straight into the event store."""

    def __init__(self, console: Console, count: int) -> None:
        self._events = console.settings.events
        began = datetime.now(UTC) - timedelta(hours=1)
        self.calls = [self._call(number, began + timedelta(seconds=2 * number)) for number in range(count)]

    def _call(self, number: int, started_at: datetime) -> Call:
        caller = Party(f"sip:+4930{number:06}@carrier.example.com", f"Customer {number:04}")
        return Call(
            id=uuid4(),
            trunk=("frankfurt", "berlin", "hotline")[number % 3],
            dialect=Dialect.SIPREC,
            started_at=started_at,
            sample_rate=RATE,
            channels=(Channel(0, "1", Role.AGENT, AGENT, "PCMU"), Channel(1, "2", Role.CUSTOMER, caller, "PCMU")),
            caller=caller,
            callee=AGENT,
            outside_ids=OutsideIds(f"{number}-{uuid4()}@sbc", "", "", ()),
            quirks=(),
        )

    def start(self) -> None:
        self.tell(*(CallStarted.of(call, call.started_at) for call in self.calls))

    def say(self, number: int, text: str, channel: int = 0, at: int = 1000) -> None:
        call = self.calls[number]
        final = Final(channel, samples(at), samples(at + 60 * len(text)), text, 0.9, "moonshine")
        self.tell(UtteranceFinal.of(call, final, datetime.now(UTC)))

    def warn(self, number: int, title: str) -> None:
        card = AssistCard(
            id=uuid4(),
            rule="r",
            version=1,
            title=title,
            text="",
            link="",
            severity=Severity.WARNING,
            start=0,
            heard=RATE,
        )
        self.tell(CardGiven.of(self.calls[number], card, datetime.now(UTC)))

    def end(self) -> None:
        end = CallEnd(datetime.now(UTC), 3600 * RATE, "bye")
        self.tell(*(CallEnded.of(call, end, datetime.now(UTC)) for call in self.calls))

    def tell(self, *events: Event) -> None:
        """In portions that the floor's stream holds: who reads it may be a moment late."""
        for first in range(0, len(events), 250):
            publish_now(self._events.url, events[first : first + 250], self._events.stream_length)
            time.sleep(0.1)


@pytest.fixture(scope="module")
def crowd(browser: Browser, floor: Console) -> Iterator[Crowd]:
    opened(browser, floor.url)
    made = Crowd(floor, MANY)
    made.start()
    browser.until(lambda: browser.one("#now-count").text == "1,000 calls", "all calls counted")
    yield made
    made.end()


def titles(browser: Browser) -> list[str]:
    return browser.texts(".floor-link")


def test_a_thousand_calls_are_all_there_and_few_of_them_in_the_document(
    browser: Browser, floor: Console, crowd: Crowd
) -> None:
    opened(browser, floor.url)
    browser.until(lambda: browser.one("#now-count").text == "1,000 calls", "all calls counted")
    assert browser.one("#floor").get_attribute("aria-rowcount") == "1001"
    crowd.say(0, "The first call's last words.")
    browser.until(lambda: browser.texts(".line-words")[:1] == ["The first call's last words."], "the line")
    assert not browser.run(CUT), "the table has room for who speaks with whom"
    browser.shoot("floor-thousand")
    seen, most = set[str](), 0
    script = "const at = document.querySelector('#scroll'); at.scrollTop = arguments[0]; return at.scrollTop"
    step = browser.run("return document.querySelector('#scroll').clientHeight") - 40
    top, reached = 0, -1
    while top != reached:
        reached = top
        top = browser.run(script, reached + step)
        browser.run(DRAWN)
        seen.update(titles(browser))
        most = max(most, len(browser.all(".floor-row")))
    browser.run(script, 0)
    browser.run(DRAWN)
    seen.update(titles(browser))
    assert seen == {f"Customer {number:04} to Anna Weber" for number in range(MANY)}
    assert most < ROWS_IN_DOCUMENT


def test_a_thousand_calls_are_filtered_sorted_and_reached_by_address(
    browser: Browser, floor: Console, crowd: Crowd
) -> None:
    opened(browser, floor.url)
    browser.until(lambda: browser.one("#now-count").text == "1,000 calls", "all calls counted")
    browser.run("document.body.focus()")
    browser.one("body").send_keys("/")
    assert browser.focused() in ("Filter", "q")
    browser.press("493000050 berlin")
    browser.until(lambda: browser.one("#now-count").text == "3 of 1,000 calls", "those of the filter")
    browser.until_texts(".floor-link", [f"Customer {each} to Anna Weber" for each in ("0502", "0505", "0508")])
    browser.one("#clear").click()
    browser.one(".call-cell .sort-by").click()
    browser.one(".call-cell .sort-by").click()
    browser.until(lambda: titles(browser)[:2] == [f"Customer {each:04} to Anna Weber" for each in (999, 998)], "order")
    assert browser.one("#columns .call-cell").get_attribute("aria-sort") == "descending"
    assert browser.run("return location.search") == "?sort=-call"
    crowd.warn(500, "Watch this")
    browser.until(lambda: browser.texts("#announcer p"), "the alert, also of a call out of sight")
    opened(browser, f"{floor.url}/?alerts=1&sort=call&trunk=hotline")
    browser.until(lambda: browser.one("#now-count").text == "1 of 1,000 calls", "the one with an alert")
    browser.until_texts(".floor-link", ["Customer 0500 to Anna Weber"])
    browser.one("body").send_keys(Keys.ARROW_DOWN)
    browser.press(Keys.ENTER)
    browser.until(lambda: browser.texts("#panel-title") == ["Customer 0500 to Anna Weber"], "the open call")
    opened(browser, f"{floor.url}/?q=xylophone")
    browser.until(lambda: browser.one("#floor-none").is_displayed(), "that none is like this")
    browser.one("#clear-too").click()
    browser.until(lambda: browser.one("#now-count").text == "1,000 calls", "all again")
    assert browser.focused() in ("Filter", "q")


def test_rows_stay_where_they_are_under_the_pointer(browser: Browser, floor: Console, crowd: Crowd) -> None:
    opened(browser, f"{floor.url}/?sort=-line")
    browser.until(lambda: browser.one("#now-count").text == "1,000 calls", "all calls counted")
    browser.until(lambda: len(browser.all(".floor-row")) > 10, "the rows")
    ActionChains(browser.driver).move_to_element(browser.all(".floor-row")[3]).perform()
    browser.run(DRAWN)
    before = browser.run(TOPS)
    for number in range(700, 730):
        crowd.say(number, "I have just said something.", at=3_500_000)
    browser.until(lambda: browser.one("#resort").is_displayed(), "the cue that the order is another by now")
    assert browser.run(TOPS) == before
    late = Crowd(floor, 1)
    late.start()
    browser.until(lambda: browser.one("#now-count").text == "1,001 calls", "one call more")
    assert browser.run(TOPS) == before
    browser.one("#resort").click()
    browser.until(lambda: browser.texts(".line-words")[0] == "I have just said something.", "the new order")
    late.end()
    browser.until(lambda: browser.one("#now-count").text == "1,000 calls", "its end")


def test_keys_walk_through_a_thousand_rows(browser: Browser, floor: Console, crowd: Crowd) -> None:
    opened(browser, f"{floor.url}/?sort=call")
    browser.until(lambda: browser.one("#now-count").text == "1,000 calls", "all calls counted")
    browser.one("body").send_keys(Keys.ARROW_DOWN)
    for _ in range(30):
        browser.press(Keys.ARROW_DOWN)
    assert browser.focused() == "Customer 0030 to Anna Weber"
    browser.press(Keys.END)
    assert browser.focused() == "Customer 0999 to Anna Weber"
    browser.run("document.querySelector('#scroll').scrollTop = 0")
    browser.run(DRAWN)
    assert browser.focused() == "Customer 0999 to Anna Weber", "the focus is not lost with its row out of sight"
    browser.press(Keys.ARROW_UP)
    assert browser.focused() == "Customer 0998 to Anna Weber"
    inside = browser.run(
        "const row = document.activeElement.closest('.floor-row').getBoundingClientRect();"
        "const box = document.querySelector('#scroll').getBoundingClientRect();"
        "return row.top >= box.top - 1 && row.bottom <= box.bottom + 1"
    )
    assert inside
