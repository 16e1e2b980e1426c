"""The administration pages in a real headless Chromium."""

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

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


def write(browser: Browser, selector: str, text: str) -> None:
    """Put a text into a field as a person would."""
    field = browser.one(selector)
    field.clear()
    field.send_keys(text)


def words_of(console: Console, name: str) -> dict[str, float]:
    found = console.client.get(f"/api/v1/hotwords/{name}").json()
    return {word["text"]: word["weight"] for word in found["words"]}


def test_a_hotword_list_is_made_edited_compared_and_restored(browser: Browser, console: Console) -> None:
    browser.open(f"{console.url}/admin/hotwords")
    browser.until(lambda: browser.one("#nothing").is_displayed(), "the empty page")
    write(browser, "#new-list input", "people & places")
    browser.one("#new-list button").click()
    browser.until_texts("#list-name", ["people & places"])
    write(browser, "[name=words]", "Callscribe, 2\nSmith, John\nBratislava")
    assert browser.one("#list-state").text == "Not saved"
    browser.one("#list .primary").click()
    browser.until_texts("#list-version", ["version 1"])
    assert words_of(console, "people & places") == {"Callscribe": 2.0, "Smith, John": 1.0, "Bratislava": 1.0}

    write(browser, "[name=words]", "Callscribe, 9\nBratislava\nBrno")
    browser.one("#list .primary").click()
    browser.until(lambda: "less than or equal to 5" in browser.one("#list").text, "the mistake at its field")
    assert browser.one("[name=words]").get_attribute("aria-invalid") == "true"
    write(browser, "[name=words]", "Callscribe, 3\nBratislava\nBrno")
    browser.one("#list .primary").click()
    browser.until_texts("#list-version", ["version 2"])
    browser.one("#versions summary").click()
    browser.until(lambda: len(browser.all("#version-rows tr")) == 2, "the versions")
    browser.all("#version-rows button")[0].click()
    browser.until(lambda: "Callscribe, Brno" in browser.one("#comparison").text, "the comparison")
    assert "Smith, John" in browser.texts("#comparison p")[1]
    browser.shoot("admin-hotwords")
    browser.all("#version-rows button")[1].click()
    browser.one("dialog .primary").click()
    browser.until_texts("#list-version", ["version 3"])
    assert words_of(console, "people & places")["Callscribe"] == 2.0
    browser.one("#delete-list").click()
    assert browser.focused() == "Cancel"
    browser.one("dialog .danger").click()
    browser.until(lambda: browser.one("#nothing").is_displayed(), "the empty page")
    assert console.client.get("/api/v1/hotwords/people & places").status_code == 404
    assert all("422" in complaint for complaint in browser.complaints())


def test_of_two_who_edit_a_hotword_list_neither_loses_anything(browser: Browser, console: Console) -> None:
    console.client.put("/api/v1/hotwords/shared", json={"words": [{"text": "Anna"}, {"text": "Otto"}]})
    browser.open(f"{console.url}/admin/hotwords#shared")
    browser.until_texts("#list-name", ["shared"])
    write(browser, "[name=words]", "Anna\nBerta")
    console.client.patch("/api/v1/hotwords/shared", json={"words": [{"text": "Cäsar", "weight": 2}]})
    browser.one("#list .primary").click()
    browser.until(lambda: browser.all("dialog"), "the question")
    assert "They put on: Cäsar" in browser.one("dialog").text
    browser.shoot("admin-hotwords-conflict")
    browser.one("dialog .primary").click()
    browser.until(lambda: not browser.all("dialog"), "the end of the question")
    assert browser.one("[name=words]").get_attribute("value") == "Anna\nCäsar, 2\nBerta"
    browser.one("#list .primary").click()
    browser.until_texts("#list-version", ["version 3"])
    assert words_of(console, "shared") == {"Anna": 1.0, "Cäsar": 2.0, "Berta": 1.0}
    assert all("409" in complaint for complaint in browser.complaints())


def test_words_are_imported_from_a_file_and_not_left_unsaved_without_a_question(
    browser: Browser, console: Console, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        console.client.put(f"/api/v1/hotwords/{name}", json={"words": [{"text": "Anna"}]})
    file = tmp_path / "words.csv"
    file.write_text('"Acme Corp";2\r\nAnna;3\r\n', encoding="utf-8")
    browser.open(f"{console.url}/admin/hotwords#first")
    browser.until_texts("#list-name", ["first"])
    browser.one("#import").send_keys(str(file))
    words = browser.one("[name=words]")
    browser.until(lambda: words.get_attribute("value") == "Anna, 3\nAcme Corp, 2", "the file's words")
    browser.one("a[href='#second']").click()
    browser.until(lambda: browser.all("dialog"), "the question")
    browser.press(Keys.ESCAPE)
    browser.until(lambda: not browser.all("dialog"), "the end of the question")
    assert browser.one("#list-name").text == "first"
    assert browser.run("return location.hash") == "#first"
    browser.one("#revert").click()
    browser.one("a[href='#second']").click()
    browser.until_texts("#list-name", ["second"])
    assert browser.complaints() == []


def choose(browser: Browser, selector: str, value: str) -> None:
    Select(browser.one(selector)).select_by_value(value)


def test_a_rule_is_tried_on_a_past_call_beside_its_words_and_then_saved(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start(trunk="tried")
    call.final(0, 1000, "Thank you for calling.")
    call.final(1, 4000, "I want to cancel my contract.")
    call.final(0, 30_000, "Let me see.")
    call.end()
    browser.open(f"{console.url}/admin/rules")
    browser.until(lambda: browser.one("#nothing").is_displayed(), "the empty page")
    write(browser, "#new-list input", "keep me")
    browser.press(Keys.ENTER)
    browser.until_texts("#rule-name", ["keep me"])
    write(browser, "[name='phrase.phrases']", "cancel * contract\nterminate ~2")
    write(browser, "[name=title]", "Offer a discount")
    write(browser, "[name=trunks]", "tried")
    choose(browser, "[name=severity]", "warning")
    choose(browser, "[name=recent]", str(call.id))
    browser.one("#trial-form button").click()
    browser.until_texts("#trial-outcome", ["Cards that would have come: 1"])
    line = browser.one(".trial-line:has(.assist-card)")
    assert "I want to cancel my contract." in line.text
    assert "Offer a discount" in line.text
    assert len(browser.all(".trial-line")) == 3
    assert console.client.get("/api/v1/rules/keep me").status_code == 404
    browser.run("document.querySelector('#trial').scrollIntoView()")
    browser.shoot("admin-rules-trial")
    browser.one("#rule .primary").click()
    browser.until_texts("#rule-version", ["version 1"])
    kept = console.client.get("/api/v1/rules/keep me").json()
    assert kept["when"]["phrases"] == [
        {"text": "cancel * contract", "distance": 0},
        {"text": "terminate", "distance": 2},
    ]
    assert (kept["severity"], kept["trunks"], kept["title"]) == ("warning", ["tried"], "Offer a discount")

    choose(browser, "[name=kind]", "silence")
    browser.one("#trial-form button").click()
    browser.until_texts(".trial-line:has(.assist-card) .trial-said", [""])
    assert browser.one("#rule-state").text == "Not saved"
    browser.shoot("admin-rules")
    browser.one("#revert").click()
    browser.one("#delete-rule").click()
    browser.one("dialog .danger").click()
    browser.until(lambda: browser.one("#nothing").is_displayed(), "the empty page")
    assert [each["name"] for each in console.client.get("/api/v1/rules").json() if each["name"] == "keep me"] == []
    assert browser.complaints() == []


def test_a_rule_of_each_kind_goes_through_the_form_and_json_unchanged(browser: Browser, console: Console) -> None:
    conditions: tuple[dict[str, object], ...] = (
        {"kind": "phrase", "phrases": [{"text": "one * two", "distance": 1}]},
        {"kind": "near", "words": ["switch", "acme"], "apart": 5, "in_order": True, "distance": 1},
        {"kind": "pattern", "pattern": r"\border (number|no) \d{6}\b"},
        {"kind": "silence", "seconds": 12.5},
        {"kind": "talk-over", "seconds": 3.0},
        {"kind": "emotion", "emotions": ["angry", "sad"]},
    )
    for number, when in enumerate(conditions):
        console.client.put(
            f"/api/v1/rules/kind-{number}", json={"when": when, "title": "T", "text": "a\nb", "once": True}
        )
    before = {each["name"]: each for each in console.client.get("/api/v1/rules").json()}
    for number in range(len(conditions)):
        browser.open(f"{console.url}/admin/rules#kind-{number}")
        browser.until_texts("#rule-name", [f"kind-{number}"])
        assert browser.one("#rule-state").text == ""
        browser.one("#raw summary").click()
        browser.until(lambda: browser.one("#raw-text").get_attribute("value"), "the rule as JSON")
        told = json.loads(str(browser.one("#raw-text").get_attribute("value")))
        wanted = before[f"kind-{number}"]
        assert told == {key: value for key, value in wanted.items() if key not in ("name", "version")}
    browser.run(
        "const at = document.querySelector('#raw-text'); at.value = '{\"when\": \\n nothing}';"
        "at.dispatchEvent(new Event('input', { bubbles: true }))"
    )
    assert "line 2" in browser.one("#raw-mistake").text
    browser.one("#revert").click()
    assert browser.complaints() == []


def test_what_the_api_refuses_in_a_rule_is_told_at_its_field(browser: Browser, console: Console) -> None:
    when = {"kind": "pattern", "pattern": "one"}
    console.client.put("/api/v1/rules/wrong", json={"when": when, "title": "T"})
    browser.open(f"{console.url}/admin/rules#wrong")
    browser.until_texts("#rule-name", ["wrong"])
    write(browser, "[name='pattern.pattern']", "(a+")
    browser.one("#rule .primary").click()
    browser.until(lambda: browser.all("#rule .mistake[data-of='pattern.pattern']"), "the mistake at its field")
    assert browser.run("return document.activeElement.name") == "pattern.pattern"
    console.client.put("/api/v1/rules/wrong", json={"when": {**when, "pattern": "theirs"}, "title": "T"})
    write(browser, "[name='pattern.pattern']", "ours")
    browser.one("#rule .primary").click()
    browser.until(lambda: browser.all("dialog"), "the question")
    assert "theirs" in browser.one("dialog").text
    browser.one("dialog .primary").click()
    browser.until_texts("#rule-version", ["version 2"])
    assert browser.one("[name='pattern.pattern']").get_attribute("value") == "ours"
    browser.one("#rule .primary").click()
    browser.until_texts("#rule-version", ["version 3"])
    assert all("422" in complaint or "409" in complaint for complaint in browser.complaints())


def test_a_scorecard_is_edited_as_json_with_mistakes_told_at_their_lines(browser: Browser, console: Console) -> None:
    browser.open(f"{console.url}/admin/scorecards")
    browser.until(lambda: browser.one("#nothing").is_displayed(), "the empty page")
    write(browser, "#new-list input", "service & sales")
    browser.press(Keys.ENTER)
    browser.until_texts("#card-name", ["service & sales"])
    rules = ('  {"name": "greeting", "kind": "said", "phrases": ["hello"]},', '  {"name": "x", "kind": "said"}')
    text = "\n".join(("{", ' "rules": [', *rules, " ]", "}"))
    write(browser, "[name=by]", "ann")
    write(browser, "[name=definition]", text[:-3] + "]")
    browser.one("#card .primary").click()
    browser.until_texts("#card-mistake", ["This is no JSON: look at line 5, column 3."])
    write(browser, "[name=definition]", text)
    browser.one("#card .primary").click()
    browser.until(lambda: browser.one("#card-mistake").text.startswith("Line 4, rules.1"), "the mistake's line")
    browser.shoot("admin-scorecards")
    write(browser, "[name=definition]", text.replace('"kind": "said"}', '"kind": "not-said", "phrases": ["bye"]}'))
    browser.one("#card .primary").click()
    browser.until_texts("#card-version", ["version 1"])
    kept = console.client.get("/api/v1/scorecards/service & sales").json()
    assert [(rule["name"], rule["kind"]) for rule in kept["rules"]] == [("greeting", "said"), ("x", "not-said")]
    links = [link.get_attribute("href") for link in browser.all("#result-links a")]
    assert links == [f"{console.url}/search?{query}" for query in ("score=%3C80", "rule=greeting", "rule=x")]
    browser.one("#card .primary").click()
    browser.until_texts("#card-state", ["Saved."])
    assert console.client.get("/api/v1/scorecards/service & sales").json() == kept
    browser.one("#delete-card").click()
    browser.one("dialog .danger").click()
    browser.until(lambda: browser.one("#nothing").is_displayed(), "the empty page")
    assert console.client.get("/api/v1/scorecards/service & sales").status_code == 404
    assert all("422" in complaint for complaint in browser.complaints())


def test_calls_are_held_released_and_erased_after_a_look_at_what_goes(
    browser: Browser, console: Console, switchboard: Switchboard
) -> None:
    earlier = datetime.now(UTC) - timedelta(days=2)
    call = switchboard.start(customer="Mona Erased")
    other = switchboard.start(customer="Mona Erased", started_at=earlier)
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
    assert "1 calls with 1 utterances" in browser.one("dialog").text
    write(browser, "dialog [name=reason]", "asked for")
    browser.shoot("admin-erase")
    browser.one("dialog .danger").click()
    browser.until(lambda: console.client.get(f"/api/v1/calls/{call.id}").status_code == 404, "the erasure")

    write(browser, "#erase-party [name=name]", "Mona Erased")
    browser.press(Keys.ENTER)
    browser.until(lambda: browser.all("dialog"), "the question")
    assert "1 calls with 1 utterances" in browser.one("dialog").text
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
    assert browser.complaints() == []
