"""The agent's page in a real headless Chromium: it follows the own call, loses nothing, pauses, and takes notes."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from selenium.webdriver.common.keys import Keys

from callscribe.config.settings import Settings
from callscribe.config.web import WebSettings
from callscribe.domain.call import Party
from callscribe.domain.pause import Pause
from callscribe.events.schema import CallStarted
from tests.console.browser import Browser
from tests.console.conftest import Console, serving
from tests.console.door import way_to
from tests.console.guarding import PASSWORD, guarded_console, token_for
from tests.console.listening import frames
from tests.console.switchboard import FakeCall, Switchboard, samples

pytestmark = [pytest.mark.integration, pytest.mark.browser]

SHOWN = ".desk-call:not([hidden])"
CUT_OFF = ("Reconnecting", "Not connected")
FINALS = f"{SHOWN} .utterance[data-kind=final] .committed"


@pytest.fixture
def address() -> str:
    """An extension that no other test has."""
    return str(uuid4().int % 10**9)


class Desk:
    """Calls of one extension."""

    def __init__(self, board: Switchboard, address: str) -> None:
        self._board = board
        self.address = address
        self._calls: list[FakeCall] = []

    def ring(self, customer: str = "Tom Hall") -> FakeCall:
        call = self._board.start(customer=customer, stored=False, published=False)
        agent = Party(f"sip:{self.address}@pbx.example.com", "Anna Weber")
        channels = (replace(call.call.channels[0], party=agent), call.call.channels[1])
        call.call = replace(call.call, callee=agent, channels=channels)
        self._board.calls.save_call(call.call, self._board.node)
        self._board.publish(CallStarted.of(call.call, datetime.now(UTC)))
        self._calls.append(call)
        return call

    def close(self) -> None:
        for call in self._calls:
            call.end(second_pass=False)


@pytest.fixture
def desk(switchboard: Switchboard, address: str) -> Iterator[Desk]:
    made = Desk(switchboard, address)
    yield made
    made.close()


def open_desk(browser: Browser, console: Console, address: str) -> None:
    browser.open(f"{console.url}/desk?address={address}")
    browser.until(lambda: browser.one("#connection").text == "Live", "the connection")


def title(browser: Browser) -> str:
    return "".join(browser.texts(f"{SHOWN} .desk-party"))


def test_the_page_turns_to_the_own_call_as_it_starts_and_to_the_next(
    browser: Browser, console: Console, desk: Desk, switchboard: Switchboard
) -> None:
    browser.open(f"{console.url}/desk")
    browser.until(lambda: "Whose calls?" in browser.texts("#empty-title"), "the question")
    browser.one("#choose-address").send_keys(desk.address, Keys.ENTER)
    browser.until(lambda: browser.one("#connection").text == "Live", "the connection")
    assert browser.driver.current_url.endswith(f"/desk?address={desk.address}")
    assert browser.texts("#empty-title") == ["No call is going on"]
    browser.shoot("desk-empty")
    switchboard.start(customer="Somebody Else").end(second_pass=False)

    first = desk.ring("Tom Hall")
    browser.until(lambda: title(browser) == "Tom Hall", "the call")
    first.partial(1, 1000, "my card", " is lost")
    browser.until_texts(f"{SHOWN} .tentative", [" is lost"])
    said = first.final(1, 1000, "my card is lost")
    first.final(0, 4000, "I am sorry to hear that")
    browser.until_texts(FINALS, ["my card is lost", "I am sorry to hear that"])
    sides = browser.run("return [...document.querySelectorAll('.utterance')].map((row) => row.dataset.side)")
    assert sides == ["far", "near"]
    first.card(4100, said, title="Block the card", text="Ask for the last four digits.", severity="warning")
    browser.until_texts(f"{SHOWN} .assist-title", ["Block the card"])
    browser.shoot("desk")
    first.end(second_pass=False)
    browser.until(lambda: browser.texts(f"{SHOWN} .desk-state") == ["Ended"], "the end")
    assert not browser.one(f"{SHOWN} .desk-pause").is_displayed()
    browser.one(f"{SHOWN} textarea").send_keys("new card ordered", Keys.CONTROL + Keys.ENTER)
    browser.until_texts(f"{SHOWN} .note-text", ["new card ordered"])
    assert title(browser) == "Tom Hall"

    browser.driver.refresh()
    browser.until_texts(f"{SHOWN} .note-text", ["new card ordered"])
    desk.ring("Eve Moss")
    browser.until(lambda: title(browser) == "Eve Moss", "the next call")
    assert browser.texts(".desk-party") == ["Eve Moss"]
    assert browser.complaints() == []


def test_finals_settle_in_place_and_revisions_are_marked(browser: Browser, console: Console, desk: Desk) -> None:
    call = desk.ring()
    open_desk(browser, console, desk.address)
    call.partial(1, 1000, "my cart", " is last")
    browser.until_texts(f"{SHOWN} .tentative", [" is last"])
    browser.run("document.querySelector('.utterance').seen = true")
    said = call.final(1, 1000, "my cart is last")
    browser.until_texts(FINALS, ["my cart is last"])
    assert browser.run("return document.querySelector('.utterance').seen") is True
    call.end()
    call.second_pass([(said, "my card is lost")])
    browser.until_texts(FINALS, ["my card is lost"])
    assert browser.texts(f"{SHOWN} .original summary") == ["Revised"]
    assert browser.run("return document.querySelector('.utterance').seen") is True


def test_the_readers_place_stays_unless_they_are_at_the_end(browser: Browser, console: Console, desk: Desk) -> None:
    call = desk.ring()
    for number in range(12):
        call.final(number % 2, 4000 * number, f"this is number {number}. " * 14)
    open_desk(browser, console, desk.address)
    browser.until(lambda: len(browser.texts(FINALS)) == 12, "all lines")
    scroller = f"document.querySelector('{SHOWN} .desk-scroll')"
    at_end = f"const s = {scroller}; return s.scrollHeight - s.scrollTop - s.clientHeight < 60"
    browser.until(lambda: browser.run(at_end), "the end in sight")
    call.final(0, 60_000, "one more line at the end. " * 14)
    browser.until(lambda: len(browser.texts(FINALS)) == 13 and browser.run(at_end), "the end followed")
    browser.run(f"{scroller}.scrollTo(0, 100)")
    where = f"return [{scroller}.scrollTop, document.querySelector('.utterance').getBoundingClientRect().top, scrollY]"
    before = browser.run(where)
    call.partial(1, 70_000, "still speaking")
    call.card(70_100, title="Say something")
    browser.until_texts(f"{SHOWN} .assist-title", ["Say something"])
    assert browser.run(where) == before
    browser.one(f"{SHOWN} .desk-newest").click()
    browser.until(lambda: browser.run(at_end), "the newest")
    assert not browser.one(f"{SHOWN} .desk-newest").is_displayed()


def test_two_calls_at_once_have_tabs_and_no_note_goes_to_the_wrong_one(
    browser: Browser, console: Console, desk: Desk
) -> None:
    desk.ring("Tom Hall")
    open_desk(browser, console, desk.address)
    browser.until(lambda: title(browser) == "Tom Hall", "the call")
    browser.one(f"{SHOWN} textarea").send_keys("Tom wants")
    second = desk.ring("Eve Moss")
    browser.until_texts(".desk-new", ["New call"])
    assert title(browser) == "Tom Hall"
    browser.press(" a refund", Keys.CONTROL + Keys.ENTER)
    browser.until(lambda: title(browser) == "Eve Moss", "the new call, once the note is saved")
    browser.press("1")
    browser.until(lambda: title(browser) == "Tom Hall", "the first call")
    assert browser.texts(f"{SHOWN} .note-text") == ["Tom wants a refund"]
    second.final(1, 1000, "for Eve only")
    browser.all(".desk-tab")[1].click()
    browser.until_texts(FINALS, ["for Eve only"])
    assert browser.one(".desk-tab[aria-selected=true]").text == "Eve Moss"
    browser.shoot("desk-two-calls")
    second.end(second_pass=False)
    browser.until(lambda: "Ended" in "".join(browser.texts(".desk-tab[aria-selected=true]")), "the end in its tab")


def test_pins_cards_and_lines_by_keyboard(browser: Browser, console: Console, desk: Desk) -> None:
    call = desk.ring()
    first = call.final(1, 1000, "my card is lost")
    call.final(0, 4000, "I am sorry to hear that")
    call.card(
        1100, first, title="Block the card", text="At once.", severity="critical", link="https://kb.example.com/7"
    )
    call.card(9000, title="Say something")
    open_desk(browser, console, desk.address)
    browser.until(lambda: len(browser.texts(FINALS)) == 2, "the lines")
    browser.one("body").send_keys("k", "k", "b")
    browser.until_texts(f"{SHOWN} .pin .note-text", ["my card is lost"])
    assert browser.texts(f"{SHOWN} .pinned .committed") == ["my card is lost"]
    browser.driver.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    browser.press("C")
    browser.until_texts(f"{SHOWN} .desk-copied", ["Transcript copied"])
    assert browser.run("return navigator.clipboard.readText()").splitlines() == [
        "[0:01] Tom Hall: my card is lost", "[0:04] Anna Weber: I am sorry to hear that"
    ]  # fmt: skip
    browser.shoot("desk-cards")
    browser.press("d")
    visible = f"{SHOWN} .assist-card:not([hidden]) .assist-title"
    browser.until_texts(visible, ["Block the card"])
    browser.one(f"{SHOWN} .desk-dismissed").click()
    browser.until_texts(visible, ["Say something", "Block the card"])
    browser.press("d")
    browser.driver.refresh()
    browser.until_texts(visible, ["Block the card"])
    browser.until_texts(f"{SHOWN} .pin .note-text", ["my card is lost"])
    browser.one("body").send_keys("?")
    browser.until(lambda: browser.one("dialog").is_displayed(), "the keys")
    assert "Pin the line, or the newest" in browser.one("dialog").text
    browser.press(Keys.ESCAPE)
    browser.one(f"{SHOWN} .note-remove").click()
    browser.until(lambda: not browser.texts(f"{SHOWN} .note"), "the pin gone")
    assert browser.complaints() == []


def test_what_is_written_and_not_saved_outlasts_the_next_call(browser: Browser, console: Console, desk: Desk) -> None:
    first = desk.ring("Tom Hall")
    open_desk(browser, console, desk.address)
    browser.until(lambda: title(browser) == "Tom Hall", "the call")
    field = browser.one(f"{SHOWN} textarea")
    field.send_keys("saved", Keys.CONTROL + Keys.ENTER)
    browser.until_texts(f"{SHOWN} .note-text", ["saved"])
    field.send_keys("half a sente")
    browser.one(f"{SHOWN} .note-edit").click()
    assert field.get_property("value") == "saved"
    field.send_keys(Keys.ESCAPE)
    assert field.get_property("value") == "half a sente"
    first.end(second_pass=False)
    browser.until(lambda: browser.texts(f"{SHOWN} .desk-state") == ["Ended"], "the end")
    desk.ring("Eve Moss")
    browser.until(lambda: title(browser) == "Eve Moss", "the next call")
    browser.one(f".desk-tab[data-call='{first.id}']").click()
    assert browser.one(f"{SHOWN} textarea").get_property("value") == "half a sente"
    # The driver takes the browser's question away before anybody sees it.
    leaving = "const leaving = new Event('beforeunload', {cancelable: true}); return !dispatchEvent(leaving)"
    assert browser.run(leaving) is True
    browser.one(f"{SHOWN} textarea").clear()
    assert browser.run(leaving) is False


def test_on_a_phone_the_newest_card_is_in_sight(browser: Browser, console: Console, desk: Desk) -> None:
    call = desk.ring()
    name = call.final(1, 4000, "cancel my contract please. " * 80)
    call.card(4100, name, title="Offer a discount", severity="critical")
    browser.size(390, 844, mobile=True)
    open_desk(browser, console, desk.address)
    browser.until_texts(f"{SHOWN} .assist-title", ["Offer a discount"])
    top, bottom = browser.run(
        "const box = document.querySelector('.assist-card').getBoundingClientRect(); return [box.top, box.bottom]"
    )
    assert 0 <= top < bottom <= 844
    assert browser.widest() == 0
    browser.size(1360, 860)


def test_a_pause_is_seen_until_it_is_over(browser: Browser, console: Console, desk: Desk) -> None:
    call = desk.ring()
    open_desk(browser, console, desk.address)
    browser.until(lambda: title(browser) == "Tom Hall", "the call")
    assert not browser.one(f"{SHOWN} .desk-paused").is_displayed()
    call.pause(Pause(0, samples(2000), None, "api", "card data"), Pause(1, samples(2000), None, "api", "card data"))
    browser.until(lambda: browser.one(f"{SHOWN} .desk-paused").is_displayed(), "the pause")
    button = browser.one(f"{SHOWN} .desk-pause")
    assert (button.text, button.get_attribute("aria-pressed")) == ("Resume", "true")
    assert browser.texts(f"{SHOWN} .desk-state") == ["Paused"]
    browser.shoot("desk-paused")
    call.pause(
        Pause(0, samples(2000), samples(9000), "api", "card data"),
        Pause(1, samples(2000), samples(9000), "api", "card data"),
    )
    browser.until(lambda: not browser.one(f"{SHOWN} .desk-paused").is_displayed(), "the end of the pause")
    assert browser.one(f"{SHOWN} .desk-pause").text == "Pause for card data"
    # No node has this call: the page says so, and shows no pause that there is not.
    browser.one(f"{SHOWN} .desk-pause").click()
    browser.until(lambda: "No node" in browser.one(f"{SHOWN} .desk-problem").text, "the problem")
    assert browser.one(f"{SHOWN} .desk-pause").text == "Pause for card data"


def test_after_a_network_cut_no_line_is_missing_or_there_twice(browser: Browser, console: Console, desk: Desk) -> None:
    call, wanted = desk.ring(), list[str]()
    port = int(console.url.rsplit(":", 1)[1])

    def say(number: int) -> None:
        wanted.append(f"line number {number}")
        call.final(number % 2, 2000 * number, wanted[-1])

    with way_to(port) as (door, cut):
        open_desk(browser, replace(console, url=f"http://127.0.0.1:{door.port}"), desk.address)
        say(0)
        browser.until_texts(FINALS, wanted)
        for turn in range(3):
            cut()
            browser.until(lambda: browser.one("#connection").text in CUT_OFF, "the loss told")
            say(2 * turn + 1)
            say(2 * turn + 2)
            door.leads_to = port
            browser.until_texts(FINALS, wanted)
        browser.until(lambda: browser.one("#connection").text == "Live", "the connection")
        assert browser.texts(FINALS) == wanted
        browser.open("about:blank")


def test_after_a_restart_of_the_server_no_line_is_missing_or_there_twice(
    browser: Browser, settings: Settings, desk: Desk
) -> None:
    call = desk.ring()
    with serving(settings) as console:
        port = int(console.url.rsplit(":", 1)[1])
        open_desk(browser, console, desk.address)
        call.final(1, 0, "before the restart")
        browser.until_texts(FINALS, ["before the restart"])
    browser.until(lambda: browser.one("#connection").text in CUT_OFF, "the loss told")
    call.final(0, 3000, "while the server is away")
    call.card(3100, title="Nobody saw it come")
    with serving(replace(settings, web=replace(settings.web, port=port))):
        browser.until_texts(FINALS, ["before the restart", "while the server is away"])
        browser.until_texts(f"{SHOWN} .assist-title", ["Nobody saw it come"])
        call.final(1, 6000, "after the restart")
        browser.until_texts(FINALS, ["before the restart", "while the server is away", "after the restart"])
        browser.until(lambda: browser.one("#connection").text == "Live", "the connection")
        time.sleep(1)
        assert len(browser.texts(FINALS)) == 3


def test_the_outside_id_leads_to_the_record(browser: Browser, settings: Settings, desk: Desk) -> None:
    link = "https://crm.example.com/calls/{ucid}?from={caller}&x={sip_call_id}#{customer}"
    desk.ring()
    with serving(replace(settings, web=replace(settings.web, record_link=link))) as console:
        open_desk(browser, console, desk.address)
        browser.until(lambda: browser.texts(".desk-record") == ["UCID 00042"], "the link")
        record = browser.one(".desk-record")
        assert record.get_attribute("rel") == "noopener noreferrer"
        href = str(record.get_attribute("href"))
        assert href.startswith("https://crm.example.com/calls/00042?from=%2B4930123456&x=")
        assert href.endswith("%40sbc#%2B4930123456")


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "https://{ucid}.example.com/", "https://crm.example.com/{UCID", "ftp://crm/{id}"]
)
def test_a_template_that_could_lead_elsewhere_is_refused(link: str) -> None:
    with pytest.raises(ValueError, match="record_link"):
        WebSettings(record_link=link)


def test_an_address_shows_nobody_more_than_they_see(settings: Settings, switchboard: Switchboard) -> None:
    own = switchboard.start()
    try:
        with guarded_console(settings) as console:
            for name, address, sees in (
                ("agent", "1042", True),
                ("agent", "1099", False),
                ("other-agent", "1042", False),
                ("sales-lead", "1042", True),
                ("support-lead", "1042", False),
                ("qa", "SIP:1042@pbx.example.com", True),
                ("qa", "104", False),
            ):
                path = f"/api/v1/live/rows?{urlencode({'address': address})}"
                with console.client.stream("GET", path, headers=token_for(console, name)) as answer:
                    first = next(frames(answer.iter_lines())).event
                seen = str(own.id) in [call["id"] for call in first["calls"]]
                assert seen is sees, (name, address)
    finally:
        own.end(second_pass=False)


def test_agents_see_their_own_calls_without_choosing(
    browser: Browser, settings: Settings, switchboard: Switchboard
) -> None:
    with guarded_console(settings) as console:
        browser.open(f"{console.url}/desk")
        browser.one("input[name=name]").send_keys("agent")
        browser.one("input[name=password]").send_keys(PASSWORD, Keys.ENTER)
        browser.until(lambda: browser.one("#connection").text == "Live", "the connection")
        assert not browser.one("#choose").is_displayed()
        own = switchboard.start(customer=f"Customer {uuid4()}")
        browser.until(lambda: title(browser) == own.call.caller.name, "the own call")
        browser.one(f"{SHOWN} textarea").send_keys("mine", Keys.CONTROL + Keys.ENTER)
        browser.until_texts(f"{SHOWN} .note-head span:last-of-type", ["agent"])
        own.end(second_pass=False)
        browser.driver.delete_all_cookies()
