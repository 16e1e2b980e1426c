"""What an administrator sees of a real recording session: its trunk, its jobs, and a rule held against it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.acceptance.conftest import ASSISTED_ADDRESS
from tests.acceptance.recording import start_session
from tests.acceptance.service import RunningService, wait_for
from tests.acceptance.speech import excerpt
from tests.acceptance.test_retention import setting
from tests.acceptance.transcripts import wait_jobs
from tests.console.browser import Browser, chromium, require_chromium

# The jobs of the calls of all tests before may stand in the queue.
pytestmark = [pytest.mark.acceptance, pytest.mark.browser, pytest.mark.timeout(900)]

LAST_ATTEMPT = """
UPDATE jobs SET state = 'queued', attempts = 4, due_at = now(), finished_at = NULL, lease_until = NULL
WHERE call_id = %s AND kind = 'second-pass'
"""

TRUNK = """
const named = (card) => card.querySelector("h3").textContent === arguments[0];
return [...document.querySelectorAll(".trunk-card")].find(named)?.innerText ?? "";
"""


def job(service: RunningService, call_id: str) -> tuple[str, str]:
    """State and error of the call's second pass."""
    jobs = service.get(f"/api/v1/calls/{call_id}")["jobs"]
    return next((found["state"], found["error"]) for found in jobs if found["kind"] == "second-pass")


@contextmanager
def without_recording(service: RunningService, call_id: str) -> Iterator[None]:
    """The call's WAV is elsewhere for a while."""
    (wav,) = (service.folder / "data" / "recordings").rglob(f"*{call_id}*.wav")
    away = wav.with_suffix(".away")
    wav.rename(away)
    try:
        yield
    finally:
        away.rename(wav)


def look_at_trunk(browser: Browser, service: RunningService, *wanted: str) -> None:
    """Wait until the trunk's part of the page says all that."""
    browser.open(f"{service.web}/admin/trunks")
    browser.until(lambda: all(each in str(browser.run(TRUNK, "assisted")) for each in wanted), f"{wanted} of the trunk")


def test_an_administrator_follows_a_call_from_its_trunk_to_its_jobs(service: RunningService, tmp_path: Path) -> None:
    require_chromium()
    speech = excerpt(2)
    with chromium(tmp_path / "profile") as browser:
        session = start_session(service, tmp_path, speech, options=("-i", ASSISTED_ADDRESS))
        look_at_trunk(browser, service, "calls now: 1", "Healthy")
        assert "Runs" in browser.one("#nodes").text
        assert "ready" in browser.one("#nodes").text
        browser.shoot("acceptance-admin-trunks")
        session.finish()
        call_id = str(service.wait_call(session.sip_call_id)["id"])
        wait_jobs(service, call_id, "the call's jobs")
        look_at_trunk(browser, service, "calls now: 0", "today", "Healthy")

        browser.open(f"{service.web}/admin/jobs#state=done")
        row = f"#jobs tr:has(a[href='/calls/{call_id}'])"
        browser.until(lambda: len(browser.all(row)) >= 2, "the jobs that are done")
        with without_recording(service, call_id), psycopg.connect(setting(service, "DATABASE__URL")) as connection:
            assert connection.execute(LAST_ATTEMPT, (call_id,)).rowcount == 1
            connection.commit()
            wait_for(lambda: job(service, call_id)[0] == "failed" or None, "the job to be given up", seconds=300)
        browser.open(f"{service.web}/admin/jobs#state=failed&kind=second-pass")
        browser.driver.refresh()
        browser.until(lambda: browser.all(row), "the failed job")
        assert job(service, call_id)[1] in browser.one(row).text
        browser.shoot("acceptance-admin-jobs")
        browser.one(f"{row} button").click()
        browser.until(lambda: not browser.all(row), "the job among those that failed no more")
        wait_for(lambda: job(service, call_id)[0] == "done" or None, "the job to be done", seconds=300)

        try_a_rule(browser, service, call_id)
        assert browser.complaints() == []


def try_a_rule(browser: Browser, service: RunningService, call_id: str) -> None:
    """A rule on words of the call, before it is saved."""
    said = service.get(f"/api/v1/calls/{call_id}/transcript?format=json")["utterances"]
    words = str(said[0]["final"]["text"]).split()[:2]
    browser.open(f"{service.web}/admin/rules#tried")
    browser.until_texts("#rule-name", ["tried"])
    browser.one("[name='phrase.phrases']").send_keys(" ".join(words))
    browser.one("[name=title]").send_keys("Say thanks")
    browser.until(lambda: len(browser.all("[name=recent] option")) > 1, "the recent calls")
    Select(browser.one("[name=recent]")).select_by_value(call_id)
    browser.one("[name=call]").send_keys(Keys.ENTER)
    browser.until(lambda: browser.all(".trial-line .assist-title"), "the card beside its words")
    assert words[0] in browser.one(".trial-line:has(.assist-card) .trial-said").text
    browser.shoot("acceptance-admin-rules")
