"""Assist rules, their versions, and the cards that they gave."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from callscribe.domain.assist import AssistCard, Severity, card_id
from callscribe.domain.errors import AssistRuleOutdated, CallNotFound, TooManyAssistRules
from callscribe.text.assist_rules import AssistRule, NamedRule
from storage import assist_rules as module
from storage.assist_cards import AssistCardStore
from storage.assist_rules import AssistRuleStore
from storage.calls import CallStore
from storage.database import Database
from tests.storage.samples import make_call

pytestmark = pytest.mark.integration


def rule(phrase: str, **more: object) -> AssistRule:
    written = {"title": "Stay calm", "when": {"kind": "phrase", "phrases": [phrase]}, **more}
    return AssistRule.model_validate(written)


def card(of: NamedRule, place: int) -> AssistCard:
    return AssistCard(
        card_id(uuid4(), of.name, place),
        of.name,
        of.version,
        of.rule.title,
        "",
        "",
        Severity.WARNING,
        place,
        place + 1,
        1,
    )


def test_each_change_of_a_rule_is_a_version_and_what_changes_nothing_is_none(database: Database) -> None:
    store = AssistRuleStore(database)
    first = store.put("calm", rule("damn", trunks=["main"], severity="critical"), "ann")
    assert store.put("calm", first.rule, "bob") == first
    second = store.put("calm", rule("hell"))
    assert (first.version, second.version) == (1, 2)
    assert store.find("calm") == second
    assert store.find("calm", 1) == first
    assert second in store.all()
    assert store.newest()["calm"] == 2
    assert store.delete("calm", "ann")
    assert store.newest()["calm"] == 3
    assert store.find("calm") is None
    assert "calm" not in [named.name for named in store.all()]
    assert not store.delete("calm")
    assert store.put("calm", first.rule).version == 4


def test_a_rule_of_another_release_keeps_no_other_from_being_read_and_can_be_replaced(database: Database) -> None:
    store = AssistRuleStore(database)
    store.put("known", rule("damn"))
    store.put("strange", rule("hell"))
    with database.transaction() as session:
        session.execute(text("""UPDATE assist_rules SET definition = '{"when": "later"}' WHERE name = 'strange'"""))
    names = [named.name for named in store.all()]
    assert "known" in names
    assert "strange" not in names
    assert store.find("strange") is None
    assert store.put("strange", rule("heck")) in store.all()


def test_a_change_of_what_somebody_else_has_changed_is_refused(database: Database) -> None:
    store = AssistRuleStore(database)
    store.put("shared", rule("one"), expects=lambda version: version == 0)
    store.put("shared", rule("two"), expects=lambda version: version == 1)
    with pytest.raises(AssistRuleOutdated):
        store.put("shared", rule("three"), expects=lambda version: version == 1)
    with pytest.raises(AssistRuleOutdated):
        store.delete("shared", expects=lambda version: version == 1)
    assert store.find("shared") == NamedRule("shared", 2, rule("two"))


def test_more_rules_than_calls_can_be_held_against_are_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = AssistRuleStore(database)
    store.put("first", rule("one"))
    monkeypatch.setattr(module, "MAX_RULES", len(store.all()))
    with pytest.raises(TooManyAssistRules, match="remove one first"):
        store.put("second", rule("two"))
    assert store.find("second") is None
    assert store.put("first", rule("two")).version == 2
    store.delete("first")
    assert store.put("second", rule("two")).version == 1


def test_changes_stand_in_the_audit_log_without_what_is_on_the_rule(database: Database) -> None:
    store = AssistRuleStore(database)
    store.put("audited", rule("secretive"), "ann")
    store.delete("audited")
    with database.transaction() as session:
        query = text("SELECT action, by, detail::text FROM audit WHERE subject = 'audited' ORDER BY id")
        rows = [tuple(row) for row in session.execute(query)]
    assert rows == [("rules.changed", "ann", '{"version": 1}'), ("rules.deleted", "api", '{"version": 2}')]


def test_cards_are_read_in_the_order_they_were_given_each_once(database: Database) -> None:
    named, call = AssistRuleStore(database).put("kept", rule("damn")), make_call()
    store = CallStore(database)
    store.save_call(call, "node-1")
    late, early = card(named, 9000), card(named, 1000)
    for given in (late, early, late):
        store.save_card(call.id, given)
    assert AssistCardStore(database).of_call(call.id) == (early, late)
    with pytest.raises(CallNotFound):
        store.save_card(uuid4(), early)


def test_cards_go_with_their_call(database: Database) -> None:
    named, call = AssistRuleStore(database).put("gone", rule("damn")), make_call()
    store = CallStore(database)
    store.save_call(call, "node-1")
    store.save_card(call.id, card(named, 1000))
    with database.transaction() as session:
        session.execute(text("DELETE FROM calls WHERE id = :id"), {"id": call.id})
    assert AssistCardStore(database).of_call(call.id) == ()
