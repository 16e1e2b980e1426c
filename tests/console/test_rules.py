"""Assist rules by the API, the cards that they gave, and those that they would have given."""

import pytest

from callscribe.domain.assist import AssistCard, card_id
from callscribe.text.assist_rules import AssistRule
from storage.assist_rules import AssistRuleStore
from tests.console.conftest import Console
from tests.console.switchboard import Switchboard, samples

pytestmark = pytest.mark.integration

RULES, CALLS = "/api/v1/rules", "/api/v1/calls"


def rule(trunk: str, *phrases: object, **more: object) -> dict[str, object]:
    when = {"kind": "phrase", "phrases": phrases}
    return {"trunks": [trunk], "when": when, "title": "Offer a discount", "severity": "warning", **more}


def test_a_rule_is_made_changed_and_removed(console: Console) -> None:
    client = console.client
    made = client.put(f"{RULES}/made", json=rule("nowhere", "cancel", {"text": "contract", "distance": 1}, by="ann"))
    assert made.status_code == 200
    assert (made.json()["name"], made.json()["version"], made.json()["cool_down_s"]) == ("made", 1, 30)
    assert made.json()["when"]["phrases"] == [{"text": "cancel", "distance": 0}, {"text": "contract", "distance": 1}]
    assert made.headers["etag"] == '"1"'
    again = client.put(f"{RULES}/made", json=rule("nowhere", "refund"))
    assert again.json()["version"] == 2
    assert client.get(f"{RULES}/made").json() == again.json()
    assert client.get(f"{RULES}/made", params={"version": 1}).json() == made.json()
    assert again.json() in client.get(RULES).json()
    assert client.delete(f"{RULES}/made", params={"by": "ann"}).status_code == 204
    assert client.get(f"{RULES}/made").status_code == 404
    assert client.delete(f"{RULES}/made").status_code == 404


def test_a_change_of_what_somebody_else_has_changed_is_refused(console: Console) -> None:
    client, path = console.client, f"{RULES}/shared"
    assert client.put(path, json=rule("nowhere", "one", version=0)).status_code == 200
    assert client.put(path, json=rule("nowhere", "two"), headers={"if-match": '"1"'}).status_code == 200
    late = client.put(path, json=rule("nowhere", "three", version=1))
    assert (late.status_code, client.get(path).json()["version"]) == (409, 2)
    assert "read it again" in late.json()["detail"]
    assert client.put(path, json=rule("nowhere", "three"), headers={"if-match": '"1"'}).status_code == 412
    assert client.delete(path, headers={"if-match": '"1"'}).status_code == 412
    assert client.delete(path, headers={"if-match": '"2"'}).status_code == 204


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": "x"},
        rule("x"),
        rule("x", "hello", title=""),
        rule("x", "hello", link="javascript:alert(1)"),
        rule("x", "hello", severity="loud"),
        rule("x", "hello", colour="red"),
        rule("x", when={"kind": "pattern", "pattern": r"(a+)\1"}),
        rule("x", when={"kind": "near", "words": ["one"]}),
        rule("x", when={"kind": "silence", "seconds": 1}),
        rule("x", *(f"phrase {number}" for number in range(51))),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_a_sentence(console: Console, wrong: dict[str, object]) -> None:
    answer = console.client.put(f"{RULES}/wrong", json=wrong)
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_one_rule_too_many_is_refused_with_a_sentence(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.assist_rules.MAX_RULES", 0)
    answer = console.client.put(f"{RULES}/one-too-many", json=rule("nowhere", "cancel"))
    assert (answer.status_code, answer.json()["detail"].partition(";")[2]) == (
        422,
        " remove one first, or give one more phrases.",
    )


def test_rules_are_tried_on_a_past_call(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start(trunk="tried")
    call.final(0, 2000, "Thank you for calling Acme.")
    name = call.final(1, 5000, "I want to cancel my contract.")
    call.end(second_pass=False)
    silence = {"title": "Say something", "when": {"kind": "silence", "seconds": 20}}
    rules = {
        "discount": rule("tried", "cancel my contract", speaker="customer"),
        "agent's": rule("tried", "cancel", speaker="agent"),
        "elsewhere": rule("other", "cancel"),
        "silence": silence,
    }
    told = console.client.post(f"{RULES}/test", json={"call": str(call.id), "rules": rules})
    assert told.status_code == 200
    discount, quiet = told.json()["cards"]
    assert (discount["rule"], discount["version"], discount["role"]) == ("discount", 0, "customer")
    assert (discount["utterance_id"], discount["severity"]) == (str(name), "warning")
    assert 5000 < discount["start_ms"] < discount["heard_ms"] < 7000
    assert (quiet["rule"], quiet["channel"], quiet["utterance_id"]) == ("silence", None, None)
    assert quiet["heard_ms"] == quiet["start_ms"] + 20_000
    assert console.client.get(f"{CALLS}/{call.id}/cards").json() == {"call_id": str(call.id), "cards": []}

    console.client.put(f"{RULES}/standing", json=rule("tried", "cancel"))
    standing = console.client.post(f"{RULES}/test", json={"call": call.call.outside_ids.sip_call_id}).json()
    assert [(card["rule"], card["version"]) for card in standing["cards"]] == [("standing", 1)]
    console.client.delete(f"{RULES}/standing")
    assert console.client.post(f"{RULES}/test", json={"call": "nobody"}).status_code == 404
    assert console.client.post(f"{RULES}/test", json={"call": str(call.id), "rules": {}}).status_code == 422


def test_the_cards_of_a_call_are_listed_also_while_it_goes_on(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start(trunk="carded")
    name = call.final(1, 5000, "I want to cancel.")
    store = AssistRuleStore(switchboard.database)
    named = store.put("carded", AssistRule.model_validate(rule("carded", "cancel", link="https://kb.example.com/1")))
    made = card_id(call.id, "carded", name)
    words = (named.rule.title, named.rule.text, named.rule.link, named.rule.severity)
    card = AssistCard(made, "carded", 1, *words, samples(5400), samples(6000), 1, name)
    switchboard.calls.save_card(call.id, card)
    store.delete("carded")
    (told,) = console.client.get(f"{CALLS}/{call.id}/cards").json()["cards"]
    assert (told["id"], told["rule"], told["link"]) == (str(made), "carded", "https://kb.example.com/1")
    assert (told["start_ms"], told["heard_ms"], told["role"]) == (5400, 6000, "customer")
    assert console.client.get(f"{CALLS}/nobody/cards").status_code == 404
