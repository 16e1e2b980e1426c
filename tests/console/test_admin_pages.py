"""The administration pages in a real headless Chromium."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from callscribe.config.settings import Settings
from callscribe.domain.refusal import RefusedRequest
from callscribe.events.board import post_now
from callscribe.events.refusals import RefusalBoard
from telephony.settings import RegisterSettings, TrunkSettings
from tests.console.browser import Browser
from tests.console.conftest import Console, serving
from tests.console.switchboard import Switchboard

pytestmark = [pytest.mark.integration, pytest.mark.browser]

TRUNKS = (
    TrunkSettings("sbc", language="en", hotword_lists=("products", "missing-list"), redaction=("payment",)),
    TrunkSettings("hotline", allow=("0.0.0.0/0",), keep_audio_days=30),
    TrunkSettings("desk-phones", register=RegisterSettings("pbx.example.com", "4711", password="hush-hush")),
    TrunkSettings("quiet"),
)


@pytest.fixture(scope="module")
def trunked(settings: Settings) -> Iterator[Console]:
    """A console whose settings name TRUNKS."""
    with serving(replace(settings, trunks=TRUNKS)) as served:
        yield served


def report(console: Console, node: str = "node-1", **counters: float) -> None:
    """A node posts to the board, as it does each second."""
    told = {"calls_active": 3, "calls_capacity": 8, "recognizer_ready": 1, "registrations:no-answer:desk-phones": 1}
    post_now(console.settings.events.url, f"sip-{node}", {**told, **counters})


def refuse(console: Console, *refused: RefusedRequest) -> None:
    async def post() -> None:
        board = RefusalBoard(console.settings.events.url)
        await board.post("node-1", refused)
        await board.close()

    asyncio.run(post())


def refused(trunk: str, reason: str, source: str = "192.0.2.7", detail: str = "") -> RefusedRequest:
    return RefusedRequest(datetime.now(UTC), source, "udp", trunk, "INVITE", 403, reason, detail, 3)


def card_of(trunk: str) -> str:
    """Selector of a trunk's part of the page: what is broken comes first."""
    return f".trunk-card:nth-of-type({['desk-phones', 'sbc', 'hotline', 'quiet'].index(trunk) + 1})"


def test_trunks_tell_first_what_is_wrong_and_its_cure(
    browser: Browser, trunked: Console, switchboard: Switchboard
) -> None:
    trunked.client.put("/api/v1/hotwords/products", json={"words": [{"text": "Callscribe"}]})
    switchboard.start(trunk="sbc")
    report(trunked)
    refuse(trunked, refused("quiet", "offers_without_audio", detail="offered G729"), refused("", "requests_forbidden"))
    browser.open(f"{trunked.url}/admin/trunks")
    browser.until(lambda: len(browser.texts(".trunk-card h3")) == 4, "the trunks")
    report(trunked)
    assert browser.texts(".trunk-card .section-head .badge") == [
        "Look at this",
        "Look at this",
        "Fault",
        "Look at this",
    ]
    assert "hotword list missing-list, which is not there." in browser.one(f"{card_of('sbc')} .complaint").text
    assert "Anybody may call" in browser.one(f"{card_of('hotline')} .complaint").text
    assert "pbx.example.com does not answer over UDP" in browser.one(f"{card_of('desk-phones')} .complaint").text
    assert "offered G729" in browser.one(f"{card_of('quiet')} .complaint").text
    assert "1 calls now" in browser.one(f"{card_of('sbc')} .facts").text
    assert '"192.0.2.7/32"' in browser.one("#strangers").text
    browser.one(f"{card_of('sbc')} summary").click()
    assert "products, missing-list" in browser.one(f"{card_of('sbc')} .settings").text
    assert "hush-hush" not in browser.run("return document.documentElement.outerHTML")
    browser.shoot("admin-trunks")
    report(trunked, calls_active=8)
    browser.until(lambda: "Node node-1 is full" in browser.one("#node-complaints").text, "a full node")
    assert browser.run(f"return document.querySelector({card_of('sbc')!r}).querySelector('details').open")
    assert browser.complaints() == []


def test_a_failed_job_is_seen_with_its_reason_and_tried_again_by_a_click(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start()
    call.end()
    call.fail_second_pass("The recording cannot be read.")
    browser.open(f"{console.url}/admin/jobs")
    mine = f"#jobs tr:has(a[href='/calls/{call.id}'])"
    browser.until(lambda: browser.all(mine), "the failed job")
    assert "The recording cannot be read." in browser.one(mine).text
    browser.until(lambda: "Nobody works on ended calls." in browser.one("#job-complaints").text, "who does not work")
    browser.shoot("admin-jobs")
    browser.one(f"{mine} button").click()
    browser.until(lambda: not browser.all(mine), "the job among those that failed no more")
    assert console.client.get(f"/api/v1/calls/{call.id}").json()["jobs"][0]["state"] == "queued"
    entry = console.client.get("/api/v1/audit?action=jobs.retried").json()["entries"][0]
    assert entry["subject"] == str(call.id)
    assert browser.complaints() == []


def test_all_jobs_of_a_kind_that_failed_are_tried_again_after_a_question(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    calls = [switchboard.start() for _ in range(2)]
    for call in calls:
        call.end()
        call.fail_second_pass("The disk is full.")
    browser.open(f"{console.url}/admin/jobs#state=failed&kind=second-pass")
    browser.until(lambda: browser.one("#retry-all").is_displayed(), "the button")
    browser.one("#retry-all").click()
    assert browser.focused().startswith("Try")
    browser.one("dialog .primary").click()
    browser.until_texts("#jobs .listing-state", ["No job has failed."])
    states = [console.client.get(f"/api/v1/calls/{call.id}").json()["jobs"][0]["state"] for call in calls]
    assert states == ["queued", "queued"]
    assert browser.complaints() == []
