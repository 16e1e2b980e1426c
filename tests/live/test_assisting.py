"""Assist rules on a session: cards in events and journal, at once and without what is masked."""

import asyncio
import threading

import pytest
from structlog.testing import capture_logs

from asr.wire.client import ChannelOptions
from callscribe.domain.audio import AudioChunk
from callscribe.domain.transcript import Partial
from callscribe.events.assist import CardGiven
from callscribe.events.schema import UtteranceFinal, UtterancePartial, from_json, to_json
from callscribe.live import assisting as module
from callscribe.live.assisting import RuleBook
from callscribe.live.journal import CardSaved, FinalSaved
from callscribe.live.session import CallSession, TextPolicy
from callscribe.live.trunks import TrunkBook
from callscribe.text.assist import CallAssist
from callscribe.text.assist_rules import AssistRule, NamedRule, PhraseCondition
from callscribe.text.phrases import Form
from callscribe.text.redaction.masking import RedactionPolicy
from telephony.settings import TrunkSettings
from tests.live.calls import Rules, make_call, make_final
from tests.live.test_session import RATE, Ports

TRUNKS = TrunkBook((TrunkSettings("default"),))


def rule(when: object, name: str = "offer", version: int = 1) -> NamedRule:
    written = {"title": "Offer a discount", "severity": "warning", "when": when, "cool_down_s": 0}
    return NamedRule(name, version, AssistRule.model_validate(written))


def saying(phrase: str, version: int = 1) -> NamedRule:
    return rule({"kind": "phrase", "phrases": [phrase]}, version=version)


async def session_with(*rules: NamedRule, policy: RedactionPolicy | None = None) -> tuple[Ports, CallSession]:
    ports = Ports(rules=RuleBook(Rules(rules), TRUNKS))
    await ports.rules.refresh()
    call = make_call()
    texts = TextPolicy(redaction=policy or RedactionPolicy())
    return ports, CallSession(call, ports, lambda index: ChannelOptions(index, call.sample_rate), texts=texts)


def cards(ports: Ports) -> list[CardGiven]:
    return [event for event in ports.events if isinstance(event, CardGiven)]


async def test_committed_words_give_a_card_behind_their_partial_in_events_journal_and_log() -> None:
    ports, session = await session_with(saying("cancel my contract"))
    session.partial(Partial(1, 8000, 16000, "i want to", "cancel my contract", 1))
    assert cards(ports) == []
    with capture_logs() as logs:
        session.partial(Partial(1, 8000, 24000, "i want to cancel my contract", "", 2))
    assert [type(event) for event in ports.events[-2:]] == [UtterancePartial, CardGiven]
    (card,) = cards(ports)
    assert (card.rule, card.version, card.title, card.severity) == ("offer", 1, "Offer a discount", "warning")
    assert (card.channel, card.role, card.heard_ms) == (1, "customer", 3000)
    assert from_json(to_json(card)) == card
    saved = ports.entries[-1]
    assert isinstance(saved, CardSaved)
    assert saved.card.id == card.card_id
    (told,) = logs
    assert (told["event"], told["rule"], told["delay_ms"]) == ("assist_card", "offer", 0)

    session.final(make_final(8000, "I want to cancel my contract.", channel=1))
    assert cards(ports) == [card]
    assert isinstance(ports.entries[-1], FinalSaved)


async def test_what_is_masked_gives_no_card() -> None:
    policy = RedactionPolicy.of(["payment"])
    said = "five four two five two three three four three zero one zero nine nine zero three"
    ports, session = await session_with(saying("five two three"), saying("card", version=2), policy=policy)
    session.partial(Partial(0, 0, 8000, said, "", 1))
    session.final(make_final(0, said))
    assert [event.text for event in ports.events if isinstance(event, UtteranceFinal)] == ["[card]"]
    assert [card.version for card in cards(ports)] == [2]
    assert not any("five" in to_json(card) for card in cards(ports))


async def test_a_silence_gives_its_card_once_every_channel_is_understood_or_has_stopped_coming() -> None:
    ports, session = await session_with(rule({"kind": "silence", "seconds": 4}))
    session.final(make_final(0, "Hello."))
    for channel in (0, 1):
        session.audio(AudioChunk(channel, 0, bytes(2 * 6 * RATE)))
    session.acknowledged(0, 6 * RATE)
    assert cards(ports) == []
    session.acknowledged(1, 6 * RATE)
    (card,) = cards(ports)
    assert (card.start_ms, card.heard_ms, card.channel, card.role) == (1000, 5000, None, "unknown")

    session.final(make_final(7 * RATE, "Yes."))
    session.audio(AudioChunk(0, 6 * RATE, bytes(2 * 12 * RATE)))
    session.acknowledged(0, 18 * RATE)
    assert [each.start_ms for each in cards(ports)] == [1000, 8000]


async def test_rules_that_break_lose_nothing_of_what_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    ports, session = await session_with(saying("cancel"))

    def broken(*_: object) -> None:
        raise RecursionError

    for method in ("partial", "final", "understood"):
        monkeypatch.setattr(CallAssist, method, broken)
    with capture_logs() as logs:
        session.partial(Partial(0, 0, 8000, "cancel", "", 1))
        session.final(make_final(0, "Cancel."))
        session.acknowledged(0, RATE)
    assert [type(event) for event in ports.events[-2:]] == [UtterancePartial, UtteranceFinal]
    assert isinstance(ports.entries[-1], FinalSaved)
    assert [(each["event"], each["error"]) for each in logs] == [("assist_failed", "RecursionError")]
    assert ports.rules.failures == 3

    monkeypatch.undo()
    session.final(make_final(2 * RATE, "Cancel!"))
    assert [card.rule for card in cards(ports)] == ["offer"]


async def test_rules_are_made_ready_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    forms = PhraseCondition.forms

    def noted(condition: PhraseCondition) -> tuple[Form, ...]:
        threads.append(threading.get_ident())
        return forms(condition)

    monkeypatch.setattr(PhraseCondition, "forms", noted)
    ports, session = await session_with(saying("made ready beside"))
    session.partial(Partial(1, 8000, 16000, "it was made ready beside us", "", 1))
    assert len(cards(ports)) == 1
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


async def test_rules_are_read_when_one_has_changed_and_stand_while_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Rules((saying("one"),))
    book = RuleBook(store, TRUNKS)
    await book.refresh()
    assert book.rules.rules == (saying("one"),)
    store.away, store.rules = True, (saying("two", version=2),)
    await book.refresh()
    assert book.rules.rules == (saying("one"),)
    store.away = False
    monkeypatch.setattr(module, "REFRESH_S", 0.01)
    async with asyncio.timeout(60):
        task = asyncio.create_task(book.keep_fresh())
        while book.rules.rules != store.rules:
            await asyncio.sleep(0.01)
        task.cancel()
