"""What a person sees in a browser while a real recording session goes on, and after it."""

from pathlib import Path

import pytest

from tests.acceptance.recording import start_session
from tests.acceptance.service import RunningService
from tests.acceptance.speech import excerpt
from tests.console.browser import chromium, require_chromium
from tests.wer import word_error_rate

pytestmark = [pytest.mark.acceptance, pytest.mark.browser]


def test_a_call_is_read_as_it_is_spoken_and_again_afterwards(service: RunningService, tmp_path: Path) -> None:
    require_chromium()
    speech = excerpt(4)
    with chromium(tmp_path / "profile") as browser:
        browser.open(service.web)
        browser.until(lambda: browser.one("#connection").text == "Live", "Live")
        session = start_session(service, tmp_path, speech)
        browser.until(
            lambda: any("Laura Bennett" in title for title in browser.texts(".card-title")), "the call's card"
        )
        browser.until(lambda: browser.texts(".tentative"), "text that is still being spoken")
        browser.shoot("acceptance-floor")
        browser.until(lambda: any("Summit" in said for said in browser.texts(".said")), "the first final")
        session.finish()

        call = service.wait_call(session.sip_call_id)
        browser.open(f"{service.web}/calls/{call['id']}")
        browser.until(lambda: len(browser.texts(".said")) >= 4, "the transcript")
        said = " ".join(browser.texts(".said"))
        browser.shoot("acceptance-call")
        assert browser.complaints() == []
    assert word_error_rate([speech.conversation], [said]) <= 0.15
