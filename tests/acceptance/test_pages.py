"""What a person sees in a browser while a real recording session goes on, and after it."""

import json
import re
import urllib.request
from pathlib import Path

import pytest

from tests.acceptance.conftest import ASSISTED_ADDRESS
from tests.acceptance.recording import start_session
from tests.acceptance.service import Json, RunningService
from tests.acceptance.speech import excerpt
from tests.console.browser import chromium, require_chromium
from tests.wer import word_error_rate

pytestmark = [pytest.mark.acceptance, pytest.mark.browser]

RULE: Json = {
    "trunks": ["assisted"],
    "when": {"kind": "phrase", "phrases": ["summit"]},
    "title": "Greeted as the guide says",
    "severity": "warning",
}


def put_rule(service: RunningService) -> None:
    address, told = f"{service.web}/api/v1/rules/pages-greeting", json.dumps(RULE).encode()
    request = urllib.request.Request(address, told, {"content-type": "application/json"}, method="PUT")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def test_a_call_is_read_as_it_is_spoken_and_again_afterwards(service: RunningService, tmp_path: Path) -> None:
    require_chromium()
    put_rule(service)
    speech = excerpt(4)
    with chromium(tmp_path / "profile") as browser:
        browser.open(f"{service.web}/?trunk=assisted")
        browser.until(lambda: browser.one("#connection").text == "Live", "Live")
        session = start_session(service, tmp_path, speech, options=("-i", ASSISTED_ADDRESS))
        browser.until(
            lambda: any("Laura Bennett" in title for title in browser.texts(".floor-link")), "the call's line"
        )
        browser.until(lambda: browser.texts(".line-words.tentative"), "text that is still being spoken")
        row = ".floor-row:has(.tentative)"
        browser.one(f"{row} .floor-link").click()
        browser.until(lambda: any("Summit" in said for said in browser.texts("#panel-transcript .said")), "its text")
        browser.until(lambda: RULE["title"] in browser.texts(".alert-title"), "the card as an alert")
        assert RULE["title"] in browser.texts("#panel-cards .assist-title")
        shares = [share for share in browser.texts(".floor-row.open .talk-share") if re.fullmatch(r"\d+ %", share)]
        assert shares, "how much of it the agent talks"
        browser.until(
            lambda: any(str(RULE["title"]) in told for told in browser.texts("#announcer p")), "the alert, read out"
        )
        browser.shoot("acceptance-floor")
        session.finish()

        call = service.wait_call(session.sip_call_id)
        browser.open(f"{service.web}/calls/{call['id']}")
        browser.until(lambda: len(browser.texts(".said")) >= 4, "the transcript")
        said = " ".join(browser.texts(".said"))
        browser.shoot("acceptance-call")
        assert browser.complaints() == []
    assert word_error_rate([speech.conversation], [said]) <= 0.15
