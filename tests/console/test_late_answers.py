"""What a page was told by an event stays, though an answer that was asked for before it comes after it."""

from dataclasses import replace

import pytest

from callscribe.domain.pause import Pause
from tests.console.browser import Browser
from tests.console.conftest import Console
from tests.console.door import way_to
from tests.console.switchboard import samples
from tests.console.test_desk_page import (  # noqa: F401 - fixtures
    CUT_OFF,
    SHOWN,
    Desk,
    address,
    desk,
    open_desk,
    title,
)

pytestmark = [pytest.mark.integration, pytest.mark.browser]

HOLD = """
const ask = window.fetch;
window.fetch = async (path, options) => {
  const answer = await ask(path, options);
  if (path === arguments[0]) await new Promise((goOn) => { window.goOn = goOn; });
  if (window.goOn && path === `${arguments[0]}/notes`) window.wentOn = true;
  return answer;
};
"""
"""The answer about a call waits until `goOn` is called; the page asks for its notes after it."""


def test_a_pause_that_is_told_before_a_late_answer_stays(browser: Browser, console: Console, desk: Desk) -> None:  # noqa: F811
    call = desk.ring()
    port = int(console.url.rsplit(":", 1)[1])
    with way_to(port) as (door, cut):
        open_desk(browser, replace(console, url=f"http://127.0.0.1:{door.port}"), desk.address)
        browser.until(lambda: title(browser) == "Tom Hall", "the call")
        browser.run(HOLD, f"/api/v1/calls/{call.id}")
        cut()
        browser.until(lambda: browser.one("#connection").text in CUT_OFF, "the loss told")
        door.leads_to = port
        browser.until(lambda: browser.run("return Boolean(window.goOn)"), "the answer of before the pause")
        call.pause(Pause(0, samples(2000), None, "api", "card data"))
        browser.until(lambda: browser.one(f"{SHOWN} .desk-paused").is_displayed(), "the pause")
        browser.run("window.goOn()")
        browser.until(lambda: browser.run("return window.wentOn"), "what is asked after the answer")
        assert browser.texts(f"{SHOWN} .desk-state") == ["Paused"]
        assert browser.one(f"{SHOWN} .desk-paused").is_displayed()
        browser.open("about:blank")
