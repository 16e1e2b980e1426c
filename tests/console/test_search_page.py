"""The search page in a real headless Chromium."""

from datetime import UTC, datetime, timedelta
from typing import cast
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from selenium.webdriver.common.keys import Keys

from storage.search_index import SearchIndex
from tests.console.browser import Browser
from tests.console.conftest import Console
from tests.console.switchboard import FakeCall, Switchboard

pytestmark = [pytest.mark.integration, pytest.mark.browser]

PLACE = "return document.querySelector('audio')?.currentTime ?? 0"
SELECTED = "const q = document.activeElement; return q.value.slice(q.selectionStart, q.selectionEnd)"
SAID = (
    (0, 600, "Good morning, Weber's heating service, you are speaking with Anna."),
    (1, 4800, "Hello, I would like a refund for the boiler that you sent me."),
    (0, 11_000, "A refund takes five days. Would you like it on your credit card?"),
    (1, 15_200, "Yes please, 退款 to the card 🙂 and the refund note by post."),
)


@pytest.fixture
def trunk(switchboard: Switchboard) -> str:
    """A trunk of its own, with two calls."""
    name = f"trunk-{uuid4().hex[:8]}"
    talk(switchboard, name, datetime.now(UTC) - timedelta(minutes=9))
    talk(switchboard, name, datetime.now(UTC) - timedelta(days=2))
    return name


def talk(switchboard: Switchboard, trunk: str, at: datetime) -> FakeCall:
    call = switchboard.start(trunk=trunk, started_at=at, published=False)
    for channel, start, text in SAID:
        call.final(channel, start, text, published=False)
    call.end(at=22_000, second_pass=False, recording=call.record(22))
    while SearchIndex(switchboard.database).catch_up():
        pass
    return call


def found(browser: Browser, count: int) -> None:
    browser.until(lambda: len(browser.all(".hit")) == count, f"{count} hits")


def test_words_are_found_marked_and_played_from(browser: Browser, console: Console, trunk: str) -> None:
    browser.open(f"{console.url}/search")
    assert browser.focused() == "q"
    browser.press(f"refund -boiler trunk:{trunk}", Keys.ENTER)
    found(browser, 4)
    assert len(browser.all(".found-call")) == 2
    assert browser.texts(".found-title") == ["Tom Hall to Anna Weber"] * 2
    assert browser.texts(".hit:first-child mark") == ["refund", "refund"]
    assert browser.texts("#status") == ["4 utterances, said last first"]
    browser.shoot("search")
    browser.size(390, 844, mobile=True)
    assert browser.widest() == 0
    browser.size(1360, 860)
    browser.all(".hit-link")[1].click()
    browser.until(lambda: len(browser.texts(".said")) == 4, "the transcript")
    browser.until(lambda: browser.run(PLACE) >= 11, "playing from the utterance")
    assert browser.texts(".utterance.playing .when") == ["0:11"]
    assert browser.complaints() == []


def test_a_mark_is_where_it_should_be_behind_what_counts_twice(browser: Browser, console: Console, trunk: str) -> None:
    browser.open(f"{console.url}/search?{urlencode({'q': 'note OR 退款', 'trunk': trunk, 'since': '1d'})}")
    found(browser, 1)
    assert browser.texts(".hit mark") == ["退款", "note"]
    assert browser.run("return document.querySelector('#filters').open") is True
    assert browser.run("return document.querySelector('[name=trunk]').value") == trunk


def test_mistakes_empty_results_and_more_pages_are_told(browser: Browser, console: Console, trunk: str) -> None:
    browser.open(f"{console.url}/search?{urlencode({'q': 'refund (card', 'trunk': trunk})}")
    browser.until(lambda: browser.one("#mistake").is_displayed(), "the mistake")
    assert browser.one("#mistake").text == "at character 8, (: the parenthesis is not closed; put a ) where it ends"
    assert browser.one("#q").get_attribute("aria-invalid") == "true"
    assert browser.run(SELECTED) == "(card"
    browser.shoot("search-mistake")
    browser.open(f"{console.url}/search?{urlencode({'q': '😀 refund sicne:7d card', 'trunk': trunk})}")
    browser.until(lambda: browser.one("#mistake").is_displayed(), "the mistake")
    assert browser.run(SELECTED) == "sicne:7d"
    assert len(browser.complaints()) == 2  # Chromium tells every answer that is no success.
    browser.open(f"{console.url}/search?{urlencode({'q': 'xylophone', 'trunk': trunk})}")
    browser.until(lambda: browser.one("#empty").is_displayed(), "that nothing was found")
    browser.open(f"{console.url}/search?{urlencode({'q': 'refnud', 'trunk': trunk})}")
    found(browser, 6)
    assert browser.texts("#status") == ["Nothing is spelled so. Spelled alike: 6 utterances, said last first"]
    browser.open(f"{console.url}/search?{urlencode({'q': f'trunk:{trunk}', 'limit': '3'})}")
    found(browser, 3)
    browser.one("#more").click()
    found(browser, 8)
    assert len(browser.all(".found-call")) == 2
    assert browser.focused().startswith("0:00")
    assert not browser.one("#more").is_displayed()
    assert browser.complaints() == []


def test_a_search_is_saved_and_run_again_by_keyboard(browser: Browser, console: Console, trunk: str) -> None:
    name = f"Refunds {trunk}"
    browser.open(f"{console.url}/search?{urlencode({'q': 'refund', 'role': 'customer', 'trunk': trunk})}")
    found(browser, 4)
    browser.run("document.querySelector('#save [name=name]').focus()")
    browser.press(name, Keys.TAB, "Anna", Keys.ENTER)
    browser.until(lambda: name in browser.texts("#saved a"), "the saved search")
    saved = console.client.get(f"/api/v1/searches/{name}").json()
    assert (saved["query"], saved["by"]) == (f"refund role:customer trunk:{trunk}", "Anna")
    browser.open(f"{console.url}/search")
    browser.until(lambda: name in browser.texts("#saved a"), "the saved search")
    browser.run(f"[...document.querySelectorAll('#saved a')].find((each) => each.textContent === '{name}').focus()")
    browser.press(Keys.ENTER)
    found(browser, 4)
    browser.shoot("search-saved")
    browser.run(f"document.querySelector('[aria-label=\"Delete {name}\"]').focus()")
    browser.press(Keys.ENTER)
    browser.until(lambda: name not in browser.texts("#saved a"), "that it is forgotten")
    assert browser.complaints() == []


def facets(browser: Browser, name: str) -> dict[str, str]:
    """Labels and counts of one moment."""
    script = """const values = [...document.querySelectorAll(`.facet[data-facet=${arguments[0]}] .facet-value`)];
        const parts = [".facet-label", ".facet-number"];
        return Object.fromEntries(values.map((each) => parts.map((part) => each.querySelector(part).textContent)));"""
    return cast(dict[str, str], browser.run(script, name))


def test_a_search_is_narrowed_by_a_click_and_widened_by_another(browser: Browser, console: Console, trunk: str) -> None:
    browser.open(f"{console.url}/search?{urlencode({'q': 'refund', 'trunk': trunk})}")
    found(browser, 6)
    browser.until(lambda: facets(browser, "role") == {"Customer": "4", "Agent": "2"}, "counts by role")
    assert facets(browser, "trunk") == {f"× {trunk}": "6"}
    assert sorted(facets(browser, "day").values()) == ["3", "3"]
    assert browser.texts("#facets-of") == ["Counted are all utterances that were found."]
    browser.shoot("search-facets")
    assert browser.widest() == 0
    browser.all(".facet[data-facet=role] a")[1].click()
    found(browser, 2)
    browser.until(lambda: facets(browser, "role") == {"× Agent": "2"}, "the narrowed search")
    assert browser.one(".facet[data-facet=role] a").get_attribute("aria-label") == "Without Said by: Agent"
    browser.all(".facet[data-facet=day] a")[0].click()
    found(browser, 1)
    browser.until(lambda: facets(browser, "role") == {"× Agent": "1"}, "both conditions")
    browser.one(".facet[data-facet=role] a").click()
    found(browser, 3)
    assert browser.complaints() == []


def test_hits_are_walked_through_and_saved_by_single_keys(browser: Browser, console: Console, trunk: str) -> None:
    browser.open(f"{console.url}/search?{urlencode({'q': 'refund', 'trunk': trunk})}")
    found(browser, 6)
    browser.one("body").send_keys(Keys.ARROW_DOWN)
    assert browser.focused() == browser.all(".hit-link")[0].get_attribute("textContent")
    browser.press("j", "j")
    assert browser.run("return document.activeElement === document.querySelectorAll('.hit-link')[2]")
    browser.press("k", "s")
    assert browser.run("return document.activeElement.name") == "name"
    browser.press(f"Before {trunk}", Keys.TAB, "Anna", Keys.ENTER)
    browser.until(lambda: f"Before {trunk}" in browser.texts("#saved a"), "the saved search")
    browser.one(f"[aria-label='Rename Before {trunk}']").click()
    browser.press(f"After {trunk}", Keys.ENTER)
    browser.until(lambda: f"After {trunk}" in browser.texts("#saved a"), "its new name")
    assert f"Before {trunk}" not in browser.texts("#saved a")
    renamed = console.client.get(f"/api/v1/searches/After {trunk}").json()
    assert (renamed["query"], renamed["by"]) == (f"refund trunk:{trunk}", "Anna")
    browser.run("document.activeElement.blur()")
    browser.one("body").send_keys("/")
    assert browser.focused() == "q"
    assert browser.complaints() == []


def test_nothing_found_leads_on(browser: Browser, console: Console, trunk: str) -> None:
    browser.open(f"{console.url}/search")
    browser.until(lambda: browser.one("#begin").is_displayed(), "how to begin")
    browser.open(f"{console.url}/search?{urlencode({'q': 'refund', 'trunk': trunk, 'role': 'mixed'})}")
    browser.until(lambda: browser.one("#empty").is_displayed(), "that nothing was found")
    assert not browser.one("#facets-part").is_displayed()
    assert browser.texts("#fewer a") == [f"Without trunk:{trunk}", "Without role:mixed"]
    browser.all("#fewer a")[1].click()
    found(browser, 6)
    assert browser.complaints() == []
