"""Correcting an utterance on a call's page, and the page of word error rates, in a real headless Chromium."""

from uuid import uuid4

import pytest
from selenium.webdriver.common.keys import Keys

from tests.console.browser import Browser
from tests.console.conftest import Console
from tests.console.switchboard import Switchboard

pytestmark = [pytest.mark.integration, pytest.mark.browser]


def test_a_person_corrects_an_utterance_by_keyboard_and_takes_it_back(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start(trunk=f"trunk-{uuid4()}")
    call.final(0, 1000, "my zin tricks is broken")
    call.final(1, 3000, "oh dear")
    call.end(recording=call.record(5), second_pass=False)
    browser.open(f"{console.url}/calls/{call.id}")
    browser.until_texts(".said", ["my zin tricks is broken", "oh dear"])
    browser.run("document.querySelector('button.when').focus()")
    browser.press("e")
    assert browser.focused() == "What was said"
    browser.press(Keys.CONTROL, "a", Keys.NULL)
    browser.press("my Zyntrix is broken")
    browser.press(Keys.TAB)
    browser.press("Ann")
    browser.shoot("correcting")
    browser.press(Keys.SHIFT, Keys.TAB, Keys.NULL)
    browser.press(Keys.ENTER)
    browser.until_texts(".said", ["my Zyntrix is broken", "oh dear"])
    browser.until_texts(".original summary", ["Corrected by Ann"])
    browser.until(lambda: not browser.all(".correction"), "the closed editor")
    assert browser.focused() == "Play from 0:01"
    stored = console.client.get(f"/api/v1/calls/{call.id}/transcript").json()["utterances"][0]
    assert (stored["text"], stored["revisions"][0]["by"]) == ("my Zyntrix is broken", "Ann")

    browser.press("e")
    browser.press(Keys.ESCAPE)
    assert not browser.all(".correction")
    browser.press("e")
    button = next(each for each in browser.all(".correction button") if each.text == "Take back")
    button.click()
    browser.until_texts(".said", ["my zin tricks is broken", "oh dear"])
    assert browser.complaints() == []


def test_who_is_overtaken_is_told_so_beside_what_they_wrote(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start()
    name = call.final(0, 1000, "my zin tricks is broken")
    call.end(second_pass=False)
    browser.open(f"{console.url}/calls/{call.id}")
    browser.until_texts(".said", ["my zin tricks is broken"])
    browser.run("document.querySelector('button.correct').click()")
    path = f"/api/v1/calls/{call.id}/utterances/{name}/corrections"
    assert console.client.post(path, json={"text": "other", "by": "Bob"}).status_code == 201
    browser.one(".correction input").clear()
    browser.one(".correction input").send_keys("Ann", Keys.ENTER)
    browser.until(lambda: "newer text" in browser.one(".correction [role=alert]").text, "the complaint")
    assert browser.one(".correction textarea").get_attribute("value") == "my zin tricks is broken"
    # The refused request itself is what Chromium tells of.
    assert all("409" in complaint for complaint in browser.complaints())


def test_the_page_of_word_error_rates_shows_a_line_of_weeks(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start(trunk="frankfurt")
    name = call.final(0, 1000, "my zin tricks is broken")
    path = f"/api/v1/calls/{call.id}/utterances/{name}/corrections"
    assert console.client.post(path, json={"text": "my Zyntrix is broken", "by": "Bob"}).status_code == 201
    browser.open(f"{console.url}/quality")
    assert "frankfurt" in browser.texts(".quality h2")
    assert "50.0 %" in browser.texts(".quality td")
    browser.shoot("quality")
    assert browser.widest() == 0
    assert browser.complaints() == []
