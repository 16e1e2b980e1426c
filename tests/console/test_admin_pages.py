"""The administration pages in a real headless Chromium."""

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from callscribe.config.settings import Settings
from callscribe.domain.refusal import RefusedRequest
from callscribe.events.board import post_now
from callscribe.events.refusals import RefusalBoard
from telephony.settings import RegisterSettings, TrunkSettings
from tests.console.browser import Browser
from tests.console.conftest import Console, serving
from tests.console.guarding import PASSWORD, guarded_console, signed_in
from tests.console.switchboard import Switchboard
from tests.console.undelivered import refuse_delivery

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
    call = switchboard.start(trunk="sbc")
    report(trunked)
    refuse(trunked, refused("quiet", "offers_without_audio", detail="offered G729"), refused("", "requests_forbidden"))
    browser.open(f"{trunked.url}/admin/trunks")
    browser.until(lambda: len(browser.texts(".trunk-card h3")) == 4, "the trunks")
    report(trunked)
    assert browser.texts(".trunk-card .section-head .badge") == ["Fault", *3 * ["Look at this"]]
    assert "hotword list missing-list, which is not there." in browser.one(f"{card_of('sbc')} .complaint").text
    assert "Anybody may call" in browser.one(f"{card_of('hotline')} .complaint").text
    assert browser.texts(f"{card_of('hotline')} .badge") == ["Look at this"], "once for one fault"
    assert "pbx.example.com does not answer over UDP" in browser.one(f"{card_of('desk-phones')} .complaint").text
    assert "offered G729" in browser.one(f"{card_of('quiet')} .complaint").text
    assert "calls now: 1" in browser.one(f"{card_of('sbc')} .facts").text
    assert '"192.0.2.7/32"' in browser.one("#strangers").text
    browser.one(f"{card_of('sbc')} summary").click()
    assert "products, missing-list" in browser.one(f"{card_of('sbc')} .settings").text
    assert "hush-hush" not in browser.run("return document.documentElement.outerHTML")
    browser.shoot("admin-trunks")
    report(trunked, calls_active=8)
    browser.until(lambda: "Node node-1 is full" in browser.one("#node-complaints").text, "a full node")
    assert browser.run(f"return document.querySelector({card_of('sbc')!r}).querySelector('details').open")
    call.end()
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


def write(browser: Browser, selector: str, text: str) -> None:
    """Put a text into a field as a person would."""
    field = browser.one(selector)
    field.clear()
    field.send_keys(text)


def choose(browser: Browser, selector: str, value: str) -> None:
    Select(browser.one(selector)).select_by_value(value)


def test_calls_are_held_released_and_erased_after_a_look_at_what_goes(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    now = datetime.now(UTC)
    call, other = (switchboard.start(customer="Mona Erased", started_at=now - timedelta(days=days)) for days in (3, 5))
    for one in (call, other):
        one.final(0, 1000, "Good morning.")
        one.end()
    browser.open(f"{console.url}/admin/retention")
    browser.until(lambda: "for ever" in browser.one("#kept").text, "what is kept how long")
    write(browser, "#hold-form input", str(call.id))
    browser.press(Keys.ENTER)
    write(browser, "dialog [name=by]", "ann")
    write(browser, "dialog [name=reason]", "case 12")
    browser.press(Keys.ENTER)
    browser.until(lambda: "case 12" in browser.one("#holds").text, "the hold")

    write(browser, "#erase-call input", str(call.id))
    browser.press(Keys.ENTER)
    browser.until(lambda: "hold" in browser.one("#erase-mistake").text, "why it is not erased")
    browser.shoot("admin-retention")
    browser.one("#holds .acts button").click()
    assert browser.one("dialog [name=by]").get_attribute("value") == "ann"
    write(browser, "dialog [name=reason]", "case 12 is closed")
    browser.one("dialog .danger").click()
    browser.until(lambda: "No call is held." in browser.one("#holds").text, "the end of the hold")

    browser.one("#erase-call button").click()
    browser.until(lambda: browser.all("dialog"), "the question")
    assert "Calls: 1. Utterances: 1." in browser.one("dialog").text
    write(browser, "dialog [name=reason]", "asked for")
    browser.shoot("admin-erase")
    browser.one("dialog .danger").click()
    browser.until(lambda: console.client.get(f"/api/v1/calls/{call.id}").status_code == 404, "the erasure")

    write(browser, "#erase-party [name=name]", "Mona Erased")
    browser.press(Keys.ENTER)
    browser.until(lambda: browser.all("dialog"), "the question")
    assert "Calls: 1. Utterances: 1." in browser.one("dialog").text
    browser.press(Keys.ESCAPE)
    browser.until(lambda: not browser.all("dialog"), "the end of the question")
    assert console.client.get(f"/api/v1/calls/{other.id}").status_code == 200
    browser.one("#erase-party button").click()
    browser.until(lambda: browser.all("dialog"), "the question")
    write(browser, "dialog [name=reason]", "asked for by letter")
    browser.one("dialog .danger").click()
    browser.until(lambda: "asked for by letter" in browser.one("#erasures").text, "the erasure's progress")
    assert all("409" in complaint for complaint in browser.complaints())


def test_the_audit_log_is_filtered_and_read_on_and_its_csv_is_whole(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start()
    for number in range(60):
        asked = {"by": "=ann", "reason": f"case {number}"}
        assert console.client.put(f"/api/v1/calls/{call.id}/hold", json=asked).status_code == 200
    browser.open(f"{console.url}/admin/audit")
    write(browser, "[name=by]", "=ann")
    browser.press(Keys.ENTER)
    browser.until(lambda: len(browser.all("#entries tbody tr")) == 50, "the first entries")
    assert "by=%3Dann" in browser.driver.current_url
    assert browser.texts("#entries tbody tr:first-child td")[4] == "reason: case 59"
    browser.shoot("admin-audit")
    browser.one("#entries .listing-more").click()
    browser.until(lambda: len(browser.all("#entries tbody tr")) == 60, "the others")
    assert browser.one(f"#entries a[href='/calls/{call.id}']").text == str(call.id)[:8]
    told = console.client.get(str(browser.one("#audit-csv").get_attribute("href")))
    rows = list(csv.DictReader(io.StringIO(told.text)))
    assert (len(rows), rows[0]["by"], json.loads(rows[0]["detail"])["reason"]) == (60, "'=ann", "case 59")
    write(browser, "[name=action]", "nothing.done")
    browser.press(Keys.ENTER)
    browser.until(lambda: "No entry fits." in browser.one("#entries").text, "the empty log")
    browser.open(f"{console.url}/admin/audit?since=yesterday&by=%3Dann")
    browser.until(lambda: len(browser.all("#entries tbody tr")) == 50, "the entries, of any time")
    assert browser.complaints() == []


def test_each_role_is_offered_only_what_it_may(browser: Browser, settings: Settings) -> None:
    with guarded_console(settings) as console:
        console.client.close()
        with signed_in(console, "root") as root:
            assert root.put("/api/v1/hotwords/offered", json={"words": [{"text": "Anna"}]}).status_code == 200
        sign_in_to(browser, console, "lead", "/admin")
        browser.until(lambda: browser.texts("#lists a span:first-child"), "the hotword lists")
        assert browser.texts(".admin-nav a") == ["Hotwords", "Assist rules", "Scorecards"]
        browser.one("#lists a").click()
        browser.until(lambda: browser.one("#list").is_displayed(), "the list")
        for selector in ("#new-list", "#list-buttons", "#delete-list", "#suggestions-section"):
            assert not browser.one(selector).is_displayed(), selector
        assert browser.one("[name=words]").get_attribute("readonly")
        browser.open(f"{console.url}/admin/rules")
        browser.until(lambda: browser.one("#nothing").is_displayed(), "the rules")
        assert not browser.one("#trial").is_displayed()
        browser.open(f"{console.url}/admin/jobs")
        assert "This needs the permission operation:read" in browser.one("main").text
        sign_in_to(browser, console, "qa", "/admin")
        browser.until(lambda: browser.texts(".admin-nav a"), "the places")
        assert browser.texts(".admin-nav a") == ["Hotwords", "Assist rules", "Scorecards", "Word error rates"]
        sign_in_to(browser, console, "root", "/admin")
        browser.until(lambda: len(browser.texts(".admin-nav a")) == 9, "all places")
        assert browser.one(".admin-nav a[aria-current]").text == "Trunks"
        browser.complaints()


def sign_in_to(browser: Browser, console: Console, name: str, after: str) -> None:
    """Sign in by the form, whoever was before."""
    browser.driver.delete_all_cookies()
    browser.open(f"{console.url}/login?next={after}")
    browser.one("input[name=name]").send_keys(name)
    browser.one("input[name=password]").send_keys(PASSWORD, Keys.ENTER)
    browser.until(lambda: "/login" not in browser.driver.current_url, "the sign-in")


def says(browser: Browser, selector: str, word: str) -> bool:
    return word in browser.one(selector).text.lower()


def test_pages_without_stores_say_what_is_wrong_and_offer_another_try(browser: Browser, lonely: Console) -> None:
    for page, listing in (("audit", "#entries"), ("jobs", "#jobs"), ("retention", "#holds")):
        browser.open(f"{lonely.url}/admin/{page}")
        state = f"{listing} .listing-state"
        browser.until(partial(says, browser, state, "database"), f"the problem of {page}")
        assert browser.one(f"{state} button").text == "Try again"
    browser.complaints()


def test_pages_speak_chinese(browser: Browser, trunked: Console) -> None:
    report(trunked)
    browser.open(f"{trunked.url}/admin/trunks")
    browser.driver.add_cookie({"name": "callscribe-language", "value": "zh"})
    browser.open(f"{trunked.url}/admin/trunks")
    browser.until(lambda: browser.texts(".trunk-card h3"), "the trunks")
    assert browser.one("h1").text == "中继"
    assert "没有应答" in browser.one(".trunk-card .complaint").text
    browser.shoot("admin-trunks-chinese")
    browser.driver.delete_all_cookies()
    assert browser.complaints() == []


def test_a_held_webhook_goes_on_and_what_it_was_not_told_is_sent_again(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start(trunk="hooked")
    delivery = refuse_delivery(switchboard, call, "Status 410 came.")
    browser.open(f"{console.url}/admin/audit")
    browser.open(f"{console.url}/admin/jobs")
    browser.until(lambda: "crm wants nothing more: Status 410 came." in browser.one("#held").text, "the held webhook")
    browser.one("#held button").click()
    browser.until(lambda: not browser.one("#held").text, "the webhook that goes on")
    assert console.client.get("/api/v1/webhooks/held").json() == []
    row = f"#deliveries tr:has(a[href='/calls/{call.id}'])"
    browser.until(lambda: browser.all(row), "the dead delivery")
    assert "Status 410 came." in browser.one(row).text
    browser.one(f"{row} button").click()
    browser.until(lambda: not browser.all(row), "the delivery among the dead no more")
    [queued] = console.client.get("/api/v1/webhooks/deliveries", params={"state": "queued"}).json()["deliveries"]
    assert queued["id"] == delivery
    assert browser.complaints() == []
