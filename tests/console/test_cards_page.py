"""Cards of assist rules on a call's page, in a real headless Chromium."""

import pytest

from tests.console.browser import Browser
from tests.console.conftest import Console
from tests.console.switchboard import Switchboard

pytestmark = [pytest.mark.integration, pytest.mark.browser]

SCROLLED = (
    "return [document.scrollingElement.scrollTop, document.querySelector('.utterance').getBoundingClientRect().top]"
)


def test_cards_come_beside_the_transcript_and_move_nothing(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start()
    names = [call.final(number % 2, 4000 * number, f"this is number {number}. " * 12) for number in range(8)]
    call.card(4100, names[1], title="Offer a discount", text="20 %\nfor a year", severity="warning")
    browser.open(f"{console.url}/calls/{call.id}")
    browser.until_texts(".assist-title", ["Offer a discount"])
    assert browser.texts(".assist-severity") == ["Warning"]
    assert browser.texts(".assist-text") == ["20 %\nfor a year"]
    assert browser.texts(".assist-head a") == ["0:04"]

    browser.until(lambda: browser.one("#connection").text == "Live", "the connection")
    browser.run("document.scrollingElement.scrollTo(0, 150)")
    before = browser.run(SCROLLED)
    call.card(20_000, names[5], title="<b>Critical one</b>", severity="critical", link="https://kb.example.com/7?a=b")
    call.card(30_000, title="Say something")
    browser.until_texts(".assist-title", ["Say something", "<b>Critical one</b>", "Offer a discount"])
    assert browser.run(SCROLLED) == before
    assert browser.texts(".assist-severity") == ["Note", "Critical", "Warning"]
    link = browser.one(".assist-card[data-severity=critical] p:last-child a")
    assert (link.text, link.get_attribute("href")) == ("kb.example.com", "https://kb.example.com/7?a=b")
    assert (link.get_attribute("rel"), link.get_attribute("target")) == ("noopener noreferrer", "_blank")
    cards = browser.one("#cards")
    assert (cards.get_attribute("aria-live"), cards.get_attribute("aria-busy")) == ("polite", "false")
    browser.shoot("assist")
    assert browser.complaints() == []

    call.end(second_pass=False)
    browser.open(f"{console.url}/calls/{call.id}")
    browser.until_texts(".assist-title", ["Say something", "<b>Critical one</b>", "Offer a discount"])
    assert browser.complaints() == []


def test_on_a_phone_the_cards_of_a_live_call_are_in_sight(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start()
    name = call.final(1, 4000, "cancel my contract please. " * 80)
    call.card(4100, name, title="Offer a discount", severity="critical")
    browser.size(390, 844, mobile=True)
    browser.open(f"{console.url}/calls/{call.id}")
    browser.until_texts(".assist-title", ["Offer a discount"])
    top, bottom = browser.run(
        "const box = document.querySelector('.assist-card').getBoundingClientRect(); return [box.top, box.bottom]"
    )
    assert 0 <= top < bottom <= 844
    assert browser.widest() == 0
    browser.size(1360, 860)
