"""Assist rules over calls that go on: which cards they give, when, and how often."""

import random
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from callscribe.domain.assist import AssistCard
from callscribe.domain.call import Call, CallState, Channel, Dialect, Party, Role
from callscribe.domain.language import UNKNOWN
from callscribe.domain.pause import Pause
from callscribe.domain.transcript import Final, Partial, utterance_id
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.text import assist as module
from callscribe.text.assist import replay
from callscribe.text.assist_rules import AssistRule, NamedRule
from callscribe.text.rule_set import RuleSet

RATE = 8000
AGENT, CUSTOMER = 0, 1
CALL = Call(
    id=UUID(int=1),
    trunk="main",
    dialect=Dialect.SIPREC,
    started_at=datetime(2026, 11, 22, 9, tzinfo=UTC),
    sample_rate=RATE,
    channels=(Channel(AGENT, role=Role.AGENT), Channel(CUSTOMER, role=Role.CUSTOMER)),
    caller=Party("sip:bob@example.com"),
    callee=Party("sip:ann@example.com"),
)


class CallAssist:
    """That of the module, by rules of which it makes the sets."""

    def __init__(self, call: Call, language: str = UNKNOWN) -> None:
        self.over = module.CallAssist(call, language)

    def partial(self, said: Partial, rules: Sequence[NamedRule]) -> tuple[AssistCard, ...]:
        return self.over.partial(said, RuleSet.of(rules))

    def final(self, said: Final, rules: Sequence[NamedRule]) -> tuple[AssistCard, ...]:
        return self.over.final(said, RuleSet.of(rules))

    def understood(self, offset: int, rules: Sequence[NamedRule]) -> tuple[AssistCard, ...]:
        return self.over.understood(offset, RuleSet.of(rules))


def rule(when: object, name: str = "rule", version: int = 1, **more: object) -> NamedRule:
    written = {"title": f"{name} {version}", "when": when, "cool_down_s": 0, **more}
    return NamedRule(name, version, AssistRule.model_validate(written))


def phrase(*phrases: object, **more: object) -> NamedRule:
    return rule({"kind": "phrase", "phrases": phrases}, **more)  # type: ignore[arg-type]


def partial(
    committed: str, tentative: str = "", *, channel: int = CUSTOMER, start: float = 1, end: float = 3
) -> Partial:
    return Partial(channel, int(start * RATE), int(end * RATE), committed, tentative, 1)


def final(text: str, *, channel: int = CUSTOMER, start: float = 1, end: float = 3, **more: object) -> Final:
    made = Final(channel, int(start * RATE), int(end * RATE), text, 0.9, "moonshine")
    return replace(made, **more)  # type: ignore[arg-type]


def seconds(cards: Sequence[AssistCard]) -> list[float]:
    """When each was given, by what had been heard."""
    return [card.heard / RATE for card in cards]


def test_a_phrase_gives_its_card_when_it_is_committed_and_none_when_it_settles() -> None:
    rules = [
        phrase("cancel my contract", text="Offer a discount.", link="https://kb.example.com/7", severity="warning")
    ]
    assist = CallAssist(CALL)
    assert assist.partial(partial("i want", "to cancel my contract"), rules) == ()
    assert assist.partial(partial("i want to cancel my", "contract"), rules) == ()
    (card,) = assist.partial(partial("i want to cancel my contract", "please", end=3.5), rules)
    name = utterance_id(CALL.id, CUSTOMER, RATE)
    assert (card.title, card.text, card.severity) == ("rule 1", "Offer a discount.", "warning")
    assert (card.rule, card.version, card.channel, card.utterance_id) == ("rule", 1, CUSTOMER, name)
    assert (card.heard, card.link) == (int(3.5 * RATE), "https://kb.example.com/7")
    assert RATE < card.start < 3 * RATE
    assert assist.partial(partial("i want to cancel my contract please", "", end=4), rules) == ()
    assert assist.final(final("I want to cancel my contract, please. Cancel my contract!", end=5), rules) == ()


def test_what_a_card_tells_holds_nothing_that_was_said() -> None:
    (card,) = CallAssist(CALL).final(final("I am called Zebedee Quux."), [phrase("zebedee")])
    assert "zebedee" not in repr(card).lower()


def test_a_final_without_partials_gives_the_card_and_the_same_id_when_it_comes_again() -> None:
    rules = [phrase("cancel")]
    (card,) = CallAssist(CALL).final(final("Cancel it."), rules)
    (again,) = CallAssist(CALL).partial(partial("cancel", "it"), rules)
    assert card.id == again.id


def test_a_phrase_goes_on_in_the_next_utterance_within_a_breath() -> None:
    assist, rules = CallAssist(CALL), [phrase("cancel my contract")]
    assert assist.final(final("I want to cancel", start=1, end=3), rules) == ()
    (card,) = assist.partial(partial("my contract", start=4, end=5), rules)
    assert card.utterance_id == utterance_id(CALL.id, CUSTOMER, RATE)
    assert assist.final(final("My contract.", start=4, end=5), rules) == ()
    late = CallAssist(CALL)
    assert late.final(final("I want to cancel", start=1, end=3), rules) == ()
    assert late.final(final("my contract", start=8, end=9), rules) == ()


def test_words_near_each_other_in_any_order_with_slips_and_in_scripts_without_blanks() -> None:
    def cards(words: Sequence[str], text: str, **more: object) -> int:
        near = rule({"kind": "near", "words": words, "apart": 2, **more})
        return len(CallAssist(CALL).final(final(text), [near]))

    pair = ("cancel", "contract")
    assert cards(pair, "please cancel my old contract") == 1
    assert cards(pair, "the contract, cancel it") == 1
    assert cards(pair, "the contract, cancel it", in_order=True) == 0
    assert cards(pair, "cancel my very old contract") == 0
    assert cards(pair, "cancal my contrakt", distance=2) == 1
    assert cards(pair, "cancal my contrakt") == 0
    assert cards(("取消", "合同"), "我想取消这个合同") == 1
    assert cards(("取消", "合同"), "我想取消我们的合同") == 0


def test_numbers_match_in_words_and_figures() -> None:
    rules = [phrase("twenty four hours")]
    assert CallAssist(CALL).final(final("We open 24 hours a day."), rules)
    assert CallAssist(CALL).partial(partial("we open twenty four hours"), rules)


def test_a_regular_expression_is_held_against_one_utterance() -> None:
    rules = [rule({"kind": "pattern", "pattern": r"\border (number|no) \d{3}\b"})]
    assist = CallAssist(CALL)
    assert assist.partial(partial("My ORDER number", "is"), rules) == ()
    (card,) = assist.final(final("hm, order number 123", start=2, end=4), rules)
    assert card.start == 2 * RATE + 2 * RATE * 4 // 20
    assert len(CallAssist(CALL).final(final(f"{'well ' * 100}order no 123 {'well ' * 100}"), rules)) == 1


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("(?=a)b", "look around"),
        ("(?<!my )contract", "look around"),
        (r"(a)\1", "what a group has matched"),
        ("(?:a{0,99999}){0,99999}b", "too large"),
        (r"(?:(?:(?:\b){200}){200}){40}x", "too large"),
        (r"(?:\p{L}{0,9}){30}z", "too large"),
        ("(x", "no regular expression"),
        ("a*", "nothing is said"),
        ("a" * 201, "at most 200"),
    ],
)
def test_an_expression_that_could_take_long_is_refused_with_a_sentence(pattern: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=rf"when\.pattern[\s\S]*{sentence}"):
        rule({"kind": "pattern", "pattern": pattern})


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+!",
        "(a|b)*c",
        "(?:a{,}){,}b",
        ".*.{00000,}b",
        ".{0,43}.{0,43}(?:[a-z][a-z]){55}!",
        "(.{0,40}){3}!",
        "[ab]*a[ab]{300}!",
    ],
)
def test_an_expression_that_is_taken_is_quick_whatever_is_said(pattern: str) -> None:
    rules = [rule({"kind": "pattern", "pattern": pattern})]
    begun = time.thread_time()
    for said in ("a" * 3000, "ab" * 1500, "xa " * 1000):
        assert CallAssist(CALL).final(final(said), rules) == ()
    assert time.thread_time() - begun < 1


def test_of_a_long_text_an_expression_is_held_against_the_end() -> None:
    rules = [rule({"kind": "pattern", "pattern": "refund"})]
    (card,) = CallAssist(CALL).final(final(f"{'well ' * 500}refund", start=0, end=3), rules)
    assert card.start == 3 * RATE * 2500 // 2506
    assert CallAssist(CALL).final(final(f"refund {'well ' * 500}"), rules) == ()
    begun = [rule({"kind": "pattern", "pattern": "^well"})]
    assert CallAssist(CALL).final(final("well " * 20), begun)
    assert CallAssist(CALL).final(final("well " * 500), begun) == ()


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("cancel.*contract", "Cancel my contract"),
        (r"(no |not ){1,3}refund", "no not refund"),
        ("取消.*合同", "我想取消这个合同"),
        ("[^]a-z]+!", "no 12!"),
        (r"\{x\}", "{X}"),
        ("a{2,}b?", "aa"),
        (r"\p{L}+ müde", "ÉCOUTE MÜDE"),
    ],
)
def test_usual_expressions_are_taken(pattern: str, said: str) -> None:
    assert CallAssist(CALL).final(final(said), [rule({"kind": "pattern", "pattern": pattern})])


def test_many_rules_with_slips_delay_no_words() -> None:
    chance = random.Random(7)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(3, 11))) for _ in range(3000)]
    rules = RuleSet.of(
        phrase(*({"text": " ".join(chance.choices(words, k=3)), "distance": 1} for _ in range(20)), name=f"rule {each}")
        for each in range(60)
    )
    assist, said = module.CallAssist(CALL), chance.choices(words, k=40)
    begun = time.thread_time()
    for known in range(1, 41):
        assist.partial(partial(" ".join(said[:known]), end=1 + known / 3), rules)
    assert time.thread_time() - begun < 0.5


def test_a_phrase_is_found_once_its_number_is_whole_and_once_its_speaker_is_known() -> None:
    assist, rules = CallAssist(CALL, "en"), [phrase("twenty four hours"), phrase("24 hours", name="figures")]
    assert assist.partial(partial("it takes twenty"), rules) == ()
    assert assist.partial(partial("it takes twenty four"), rules) == ()
    assert len(assist.partial(partial("it takes twenty four hours"), rules)) == 2

    rules = [phrase("cancel", speaker="customer")]
    unknown = replace(CALL, channels=(Channel(AGENT), Channel(CUSTOMER)))
    late = CallAssist(unknown)
    assert late.partial(partial("please cancel"), rules) == ()
    late.over.call = CALL
    assert late.partial(partial("please cancel it"), rules)


def test_what_was_said_is_not_kept_for_the_sake_of_rules() -> None:
    wanted = [{"text": f"{letter}ancellation", "distance": 1} for letter in "abcdefghijklmnopqrstuvwxyz"]
    assist, rules = CallAssist(CALL), [phrase(*wanted)]
    tracemalloc.start()
    try:
        for at in range(60):
            words = " ".join(f"{at}supplement{number}" for number in range(20))
            assist.final(final(words, start=10 * at, end=10 * at + 5), rules)
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert left < 1_500_000


def test_only_the_speaker_the_trunk_and_the_language_of_a_rule_count() -> None:
    rules = [
        phrase("cancel", name="agent's", speaker="agent"),
        phrase("cancel", name="customer's", speaker="customer"),
        phrase("cancel", name="elsewhere", trunks=["other"]),
        phrase("cancel", name="german", languages=["de"]),
        phrase("cancel", name="english", languages=["en"], trunks=["main"]),
    ]
    cards = CallAssist(CALL, "en-GB").final(final("Cancel it."), rules)
    assert [card.rule for card in cards] == ["customer's", "english"]


def test_where_no_language_is_set_the_finals_tell_it() -> None:
    rules, assist = [phrase("cancel", languages=["de"])], CallAssist(CALL)
    assert assist.partial(partial("cancel", start=1), rules)
    assert assist.final(final("Hello.", start=5, end=6), rules) == ()
    assert assist.partial(partial("cancel", start=7, end=8), rules) == ()


def test_after_a_card_a_rule_is_quiet_for_its_cool_down_or_for_good() -> None:
    words = [final("Cancel.", start=at, end=at + 1) for at in (1, 20, 40)]
    cool, once = phrase("cancel", cool_down_s=30), phrase("cancel", once=True)
    for chosen, wanted in ((cool, [2.0, 41.0]), (once, [2.0]), (phrase("cancel"), [2.0, 21.0, 41.0])):
        assist = CallAssist(CALL)
        assert seconds([card for said in words for card in assist.final(said, [chosen])]) == wanted


def test_a_changed_rule_counts_from_the_next_utterance_on() -> None:
    assist, before, after = CallAssist(CALL), phrase("cancel"), phrase("contract", version=2)
    assert assist.partial(partial("the contract"), [before]) == ()
    assert assist.partial(partial("the contract is"), [after]) == ()
    assert assist.final(final("The contract is bad."), [after]) == ()
    (card,) = assist.partial(partial("my contract", start=4, end=5), [after])
    assert (card.version, card.utterance_id) == (2, utterance_id(CALL.id, CUSTOMER, 4 * RATE))


def test_a_silence_gives_one_card_when_all_before_it_is_understood() -> None:
    assist, rules = CallAssist(CALL), [rule({"kind": "silence", "seconds": 5})]
    assist.final(final("Hello.", start=1, end=3), rules)
    assert assist.understood(int(7.9 * RATE), rules) == ()
    (card,) = assist.understood(9 * RATE, rules)
    assert (card.start / RATE, card.heard / RATE, card.channel, card.utterance_id) == (3, 8, None, None)
    assert assist.understood(30 * RATE, rules) == ()
    assist.partial(partial("yes", start=31, end=32), rules)
    assert seconds(assist.understood(38 * RATE, rules)) == [37.0]


def test_what_is_paused_is_no_silence() -> None:
    assist, rules = CallAssist(CALL), [rule({"kind": "silence", "seconds": 5})]
    assist.final(final("Hello.", start=1, end=3), rules)
    assist.over.call = replace(CALL, pauses=(Pause(CUSTOMER, 4 * RATE, None, "api", ""),))
    assert assist.understood(20 * RATE, rules) == ()
    assist.over.call = replace(CALL, pauses=(Pause(CUSTOMER, 4 * RATE, 18 * RATE, "api", ""),))
    assert assist.understood(20 * RATE, rules) == ()
    assert seconds(assist.understood(24 * RATE, rules)) == [23.0]


def test_a_talk_over_gives_one_card_while_both_still_speak() -> None:
    assist, rules = CallAssist(CALL), [rule({"kind": "talk-over", "seconds": 2})]
    assert assist.partial(partial("so", channel=AGENT, start=1, end=5), rules) == ()
    assert assist.partial(partial("but", channel=CUSTOMER, start=3, end=5), rules) == ()
    assert assist.partial(partial("so i", channel=AGENT, start=1, end=6), rules) == ()
    (card,) = assist.partial(partial("but i", channel=CUSTOMER, start=3, end=6), rules)
    assert (card.start / RATE, card.channel) == (3, None)
    assert assist.final(final("So I do.", channel=AGENT, start=1, end=8), rules) == ()
    assert assist.final(final("But I say.", channel=CUSTOMER, start=3, end=9), rules) == ()


def test_the_trail_of_a_partial_behind_its_speech_is_no_talk_over() -> None:
    assist, rules = CallAssist(CALL), [rule({"kind": "talk-over", "seconds": 1})]
    assist.partial(partial("so", channel=AGENT, start=1, end=5.6), rules)
    assert assist.partial(partial("yes", channel=CUSTOMER, start=4.2, end=5.7), rules) == ()
    assert assist.final(final("So.", channel=AGENT, start=1, end=4.9), rules) == ()


def test_two_channels_of_one_side_do_not_talk_over_each_other() -> None:
    both = replace(CALL, channels=(Channel(0, role=Role.AGENT), Channel(1, role=Role.AGENT)))
    assist, rules = CallAssist(both), [rule({"kind": "talk-over", "seconds": 1})]
    assist.final(final("So.", channel=0, start=1, end=5), rules)
    assert assist.final(final("So.", channel=1, start=1, end=5), rules) == ()


def test_an_emotion_gives_a_card_where_the_engine_tells_it() -> None:
    rules = [rule({"kind": "emotion", "emotions": ["angry"]}, speaker="customer")]
    assist = CallAssist(CALL)
    assert assist.final(final("No!", channel=AGENT, emotion="angry"), rules) == ()
    assert assist.final(final("No."), rules) == ()
    (card,) = assist.final(final("No!", start=4, end=5, emotion="angry"), rules)
    assert card.utterance_id == utterance_id(CALL.id, CUSTOMER, 4 * RATE)


def test_a_silence_has_no_speaker() -> None:
    with pytest.raises(ValueError, match="leave speaker out"):
        rule({"kind": "silence", "seconds": 5}, speaker="agent")


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://a b", "ftp://x", "//x"])
def test_a_link_leads_to_the_web(link: str) -> None:
    with pytest.raises(ValueError, match="link"):
        phrase("x", link=link)


def test_a_replay_gives_the_cards_of_a_past_call_in_their_order() -> None:
    finals = [
        final("Hello, this is Ann.", channel=AGENT, start=0, end=2),
        final("I want to cancel.", start=12, end=14),
        final("But why, no, wait", channel=AGENT, start=13, end=17),
        final("No, listen!", start=15, end=18, emotion="angry"),
    ]
    said = tuple(Utterance(utterance_id(CALL.id, each.channel, each.start), each) for each in finals)
    rules = [
        rule({"kind": "silence", "seconds": 8}, name="silence"),
        rule({"kind": "talk-over", "seconds": 2}, name="talk-over"),
        rule({"kind": "emotion", "emotions": ["angry"]}, name="angry"),
        phrase("cancel", name="cancel"),
    ]
    cards = replay(Transcript(CALL, CallState.ENDED, None, said), 30 * RATE, RuleSet.of(rules))
    assert [(card.rule, card.start / RATE) for card in cards if card.rule != "cancel"] == [
        ("silence", 2),
        ("talk-over", 15),
        ("angry", 15),
        ("silence", 18),
    ]
    assert [card.rule for card in cards].index("cancel") == 1
