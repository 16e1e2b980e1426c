"""Hotword lists, assist rules and scorecards on their administration pages, in a real headless Chromium."""

import json
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.console.browser import Browser
from tests.console.conftest import Console
from tests.console.switchboard import Switchboard
from tests.console.test_admin_pages import choose, write

pytestmark = [pytest.mark.integration, pytest.mark.browser]


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
    write(browser, "[name=agents]", "1042")
    theirs = [{"text": "Anna"}, {"text": "Otto"}, {"text": "Cäsar", "weight": 2}]
    console.client.put("/api/v1/hotwords/shared", json={"words": theirs, "languages": ["de"], "agents": ["1099"]})
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
    kept = console.client.get("/api/v1/hotwords/shared").json()
    assert (kept["languages"], kept["agents"]) == (["de"], ["1042"])
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
    browser.run("document.querySelector('#delete-rule').focus()")
    browser.press(Keys.ENTER)
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


def test_of_two_who_edit_a_scorecard_neither_loses_anything(browser: Browser, console: Console) -> None:
    path = "/api/v1/scorecards/two at once"
    rules = [{"name": name, "kind": "said", "phrases": ["hello"]} for name in ("greeting", "farewell")]
    card = {"trunks": ["nowhere"], "rules": rules}
    console.client.put(path, json={"by": "ann", **card})
    browser.open(f"{console.url}/admin/scorecards#two%20at%20once")
    browser.until_texts("#card-name", ["two at once"])
    ours = json.dumps({**card, "rules": [{**rules[0], "phrases": ["good morning"]}, rules[1]]})
    write(browser, "[name=by]", "bob")
    write(browser, "[name=definition]", ours)
    theirs = {**card, "by": "ann", "rules": [rules[0], {**rules[1], "phrases": ["bye"]}]}
    assert console.client.put(path, json=theirs).json()["version"] == 2
    browser.one("#card .primary").click()
    browser.until(lambda: browser.all("dialog"), "the question")
    assert "They changed: farewell" in browser.one("dialog").text
    assert console.client.get(path).json()["version"] == 2
    browser.one("dialog .primary").click()
    browser.until_texts("#card-version", ["version 2"])
    assert browser.one("[name=definition]").get_attribute("value") == ours
    assert browser.one("#card-state").text == "Not saved"
    browser.one("#card .primary").click()
    browser.until_texts("#card-version", ["version 3"])
    assert console.client.get(path).json()["rules"][0]["phrases"] == [{"text": "good morning", "distance": 0}]
    assert all("409" in complaint for complaint in browser.complaints())


def test_a_suggestion_is_put_on_a_list_by_a_click(browser: Browser, console: Console, switchboard: Switchboard) -> None:
    for _ in range(2):
        call = switchboard.start()
        name = call.final(0, 1000, "welcome to kalscript")
        call.end()
        path = f"/api/v1/calls/{call.id}/utterances/{name}/corrections"
        answer = console.client.post(path, json={"text": "welcome to Kallskript", "by": "ann"})
        assert answer.status_code < 300, answer.text
    browser.open(f"{console.url}/admin/hotwords")
    row = "#suggestions tr:has(th)"
    browser.until(lambda: any("Kallskript" in text for text in browser.texts("#suggestions tbody th")), "a suggestion")
    browser.one(f"{row} button").click()
    write(browser, "dialog [name=list]", "suggested")
    browser.press(Keys.ENTER)
    browser.until(lambda: any("suggested" in text for text in browser.texts("#lists a")), "the list")
    assert words_of(console, "suggested") == {"Kallskript": 1.0}
    browser.until(lambda: not any("Kallskript" in text for text in browser.texts("#suggestions th")), "it is listed")
    assert browser.complaints() == []
