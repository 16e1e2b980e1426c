"""What somebody who assures quality does on the page of a real call, while it goes on and after it."""

from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.acceptance.recording import start_session
from tests.acceptance.service import RunningService, wait_for
from tests.acceptance.speech import excerpt
from tests.console.browser import Browser, chromium, require_chromium

pytestmark = [pytest.mark.acceptance, pytest.mark.browser]

INK = """
const [canvas, from, to] = [document.querySelectorAll(".wave-rest")[arguments[0]], arguments[1], arguments[2]];
const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
const paper = copy.getContext("2d", { willReadFrequently: true });
paper.drawImage(canvas, 0, 0);
const length = Number(document.querySelector("[role=slider]").getAttribute("aria-valuemax"));
const [left, right] = [from, to].map((ms) => Math.floor(canvas.width * ms / length));
const pixels = paper.getImageData(left, 0, right - left, canvas.height).data;
let inked = 0;
for (let at = 3; at < pixels.length; at += 4) inked += pixels[at] > 60;
return inked / (pixels.length / 4);
"""
"""How much of a lane is painted between two moments, in milliseconds."""
PLACE = "return document.querySelector('audio').currentTime"


def louder(browser: Browser, lane: int, spoken: tuple[int, int], silent: tuple[int, int]) -> bool:
    """Whether a lane is much louder in one stretch than in another."""
    return float(browser.run(INK, lane, *spoken)) > 3 * float(browser.run(INK, lane, *silent))


def test_a_real_call_is_seen_played_corrected_and_commented(service: RunningService, tmp_path: Path) -> None:
    require_chromium()
    speech = excerpt(3)
    with chromium(tmp_path / "profile") as browser:
        session = start_session(service, tmp_path, speech)
        call = wait_for(lambda: service.find_call(session.sip_call_id), "the call")
        browser.open(f"{service.web}/calls/{call['id']}")
        # The agent speaks from 0.7 to 5.2 s, the customer from 5.6 to 10.7 s.
        length = "return Number(document.querySelector('[role=slider]')?.getAttribute('aria-valuemax') ?? 0)"
        browser.until(lambda: browser.run(length) > 8000, "eight seconds of the call")
        browser.until(
            lambda: louder(browser, 0, (1500, 4500), (6500, 7500)), "the agent's voice while the call goes on"
        )
        session.finish()
        service.wait_call(session.sip_call_id)
        browser.until(lambda: browser.all("audio"), "the player")
        browser.until(lambda: louder(browser, 1, (6500, 9500), (1500, 4500)), "the customer's voice, on their lane")
        assert louder(browser, 0, (1500, 4500), (6500, 9500))
        browser.shoot("acceptance-call-waveform")

        browser.until(lambda: len(browser.texts(".said")) >= 3, "the transcript")
        browser.until(lambda: browser.all(".utterance[data-side=far] .word[data-ms]"), "words with their times")
        word = browser.all(".utterance[data-side=far] .word[data-ms]")[1]
        at = int(word.get_attribute("data-ms") or 0) / 1000
        word.click()
        browser.until(lambda: browser.run(PLACE) > at + 0.3, "playing from the word")
        assert browser.run(PLACE) < at + 20
        browser.press("k")
        browser.until(lambda: browser.run("return document.querySelector('audio').paused"), "the pause")
        here = float(browser.run(PLACE))
        browser.press("j")
        browser.until(lambda: abs(browser.run(PLACE) - max(0, here - 5)) < 0.1, "five seconds back")

        browser.press(Keys.SHIFT, Keys.ARROW_RIGHT, Keys.NULL)
        browser.press("c")
        browser.press("Said well.", Keys.ENTER)
        browser.until(lambda: browser.texts(".comment-text") == ["Said well."], "the comment")
        browser.press("e")
        assert browser.focused() == "What was said"
        browser.press(Keys.CONTROL, "a", Keys.NULL)
        browser.press("This is what was said.", Keys.TAB)
        browser.press("Ann Baker", Keys.ENTER)
        browser.until(lambda: "This is what was said." in browser.texts(".said"), "the text that was written")
        browser.driver.refresh()
        browser.until(lambda: browser.texts(".comment-text") == ["Said well."], "the comment again")
        assert "This is what was said." in browser.texts(".said")
        assert browser.complaints() == []
    texts = [each["text"] for each in service.get(f"/api/v1/calls/{call['id']}/transcript")["utterances"]]
    assert "This is what was said." in texts
    (note,) = service.get(f"/api/v1/calls/{call['id']}/notes")["notes"]
    assert note["text"] == "Said well."
    assert note["at_ms"] is not None
