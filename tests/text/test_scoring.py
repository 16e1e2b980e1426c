"""Scorecards over exact transcripts."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from pydantic import ValidationError

from callscribe.domain.call import Call, CallState, Channel, ChannelHold, Dialect, Party, Role
from callscribe.domain.scores import Evaluation, RuleResult
from callscribe.domain.speaker import SpeakerTurn
from callscribe.domain.transcript import Final, Revision, Word, utterance_id
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.text.scorecard import Scorecard
from callscribe.text.scoring import NamedScorecard, evaluate, language_of

CALL_ID = UUID("00000000-0000-4000-8000-000000000001")
STARTED = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
AGENT, CUSTOMER = 0, 1
CHANNELS = (Channel(AGENT, role=Role.AGENT), Channel(CUSTOMER, role=Role.CUSTOMER))
LENGTH_MS = 60_000


def said(
    channel: int, start_s: float, text: str, language: str = "en", seconds: float = 2.0, spoken: str = ""
) -> Utterance:
    start, end = int(start_s * 8000), int((start_s + seconds) * 8000)
    final = Final(channel, start, end, text, 0.9, "moonshine", language, spoken=spoken)
    return Utterance(utterance_id(CALL_ID, channel, start), final)


GREETING = said(AGENT, 1, "Thank you so much for calling Acme, this is Ann.", seconds=4.8)
CONVERSATION = (
    GREETING,
    said(CUSTOMER, 6, "Can you guarantee that?"),
    said(AGENT, 10, "No. This call"),
    said(
        AGENT,
        13,
        "is recorded. We are here 24 hours a day.",
        spoken="is recorded. We are here twenty four hours a day.",
    ),
    said(CUSTOMER, 50, "Bye."),
)


def evaluated(
    *rules: dict[str, object], said: tuple[Utterance, ...] = CONVERSATION, channels: tuple[Channel, ...] = CHANNELS
) -> Evaluation:
    nobody = Party("")
    call = Call(CALL_ID, "main", Dialect.PLAIN, STARTED, 8000, channels, nobody, nobody)
    card = Scorecard.model_validate({"rules": [{"name": f"rule {n}", **rule} for n, rule in enumerate(rules)]})
    transcript = Transcript(call, CallState.ENDED, STARTED, said)
    return evaluate(transcript, LENGTH_MS, [NamedScorecard("service", 3, card)])


def judged(rule: dict[str, object], *said: Utterance) -> RuleResult:
    return evaluated(rule, said=said or CONVERSATION).scores[0].results[0]


def phrase(*texts: object, kind: str = "said", **more: object) -> dict[str, object]:
    return {"kind": kind, "phrases": texts, **more}


def test_a_greeting_in_time_passes_with_its_quote() -> None:
    found = judged(phrase("thank you * calling", within_s=5))
    assert found.passed
    assert found.evidence is not None
    assert (found.evidence.utterance_id, found.evidence.start_ms) == (GREETING.id, 1000)
    assert found.evidence.quote == "Thank you so much for calling"


def test_a_phrase_outside_of_its_time_fails_and_says_where_it_was() -> None:
    late = judged(phrase("this call is recorded", within_s=5))
    assert (late.passed, late.reason) == (False, "It was said at 10.6 s.")
    assert judged(phrase("bye", speaker="customer", last_s=15)).passed
    assert not judged(phrase("bye", speaker="customer", last_s=5)).passed
    assert not judged(phrase("thank you", after_s=5)).passed


def test_a_phrase_goes_on_in_the_next_utterance_of_the_speaker_after_a_breath() -> None:
    found = judged(phrase("this call is recorded"))
    assert found.evidence is not None
    assert (found.evidence.utterance_id, found.evidence.quote) == (CONVERSATION[2].id, "This call is recorded")
    later = said(AGENT, 14.1, "is recorded.")
    assert not judged(phrase("this call is recorded"), CONVERSATION[2], later).passed


def test_a_forbidden_phrase_fails_by_who_says_it() -> None:
    assert judged(phrase("guarantee", kind="not-said")).passed
    found = judged(phrase("guarantee", kind="not-said", speaker="any"))
    assert not found.passed
    assert found.evidence is not None
    assert found.evidence.quote == "guarantee"


@pytest.mark.parametrize(
    ("wanted", "heard"),
    [
        ("twenty-four hours", said(AGENT, 1, "24 hours", spoken="twenty four hours")),
        ("24 hours", said(AGENT, 1, "24 hours", spoken="twenty four hours")),
        ("24 hours", said(AGENT, 1, "twenty four hours")),
        ("twenty four hours", said(AGENT, 1, "we say 24 hours")),
        ("don't worry", said(AGENT, 1, "Dont, worry!")),
        ("很高兴为您服务", said(AGENT, 1, "您好,很高兴 为您服务。", "zh")),
        ("您好*服务", said(AGENT, 1, "您好,很高兴为您服务。", "zh")),
        ({"text": "callscribe", "distance": 2}, said(AGENT, 1, "welcome to callscribble")),
    ],
)
def test_phrases_are_heard_however_they_are_written(wanted: object, heard: Utterance) -> None:
    assert judged(phrase(wanted), heard).passed


@pytest.mark.parametrize(
    ("wanted", "heard"),
    [
        ("thank you", said(AGENT, 1, "thanks to you")),
        ("thank * calling", said(AGENT, 1, "thank a b c d e f g h i calling")),
        ({"text": "ann", "distance": 3}, said(AGENT, 1, "and")),
        ("callscribe", said(AGENT, 1, "callscribes")),
        ("您好客服", said(AGENT, 1, "您好,服务", "zh")),
    ],
)
def test_other_words_are_no_phrase(wanted: object, heard: Utterance) -> None:
    assert not judged(phrase(wanted), heard).passed


def test_a_phrase_begins_where_its_first_word_does() -> None:
    words = tuple(
        Word(text, place, place + 800, 0.9) for text, place in (("now", 8000), ("hello", 20_000), ("you", 22_000))
    )
    final = Final(AGENT, 8000, 24_000, "Now, hello you", 0.9, "moonshine", words=words)
    found = judged(phrase("hello"), Utterance(utterance_id(CALL_ID, AGENT, 8000), final))
    assert found.evidence is not None
    assert found.evidence.start_ms == 2500


def test_the_newest_text_is_judged() -> None:
    revised = Utterance(
        GREETING.id, GREETING.final, (Revision(GREETING.id, "Goodbye.", 0.9, "whisper", "second-pass"),)
    )
    assert not judged(phrase("thank you"), revised).passed


def test_order_applies_where_the_second_is_said() -> None:
    def order(first: str, then: str) -> dict[str, object]:
        return {"kind": "order", "first": [first], "then": [then]}

    assert judged(order("thank you", "recorded")).passed
    assert judged(order("recorded", "thank you")).passed is False
    missing = judged(order("hello", "recorded"))
    assert missing.passed is False
    assert missing.evidence is not None
    assert missing.evidence.quote == "recorded"
    assert judged(order("thank you", "goodbye")).passed is None


def test_measures_lie_within_bounds() -> None:
    def bound(measure: str, **bounds: float) -> RuleResult:
        return judged({"kind": "measure", "measure": measure, **bounds})

    silence = bound("longest-silence-s", at_most=20)
    assert (silence.passed, silence.reason) == (False, "35 is above 20.")
    assert silence.evidence is not None
    assert (silence.evidence.start_ms, silence.evidence.utterance_id) == (15_000, None)
    assert bound("talk-ratio", at_least=0.4, at_most=0.7).passed
    assert bound("customer-words-per-minute", at_least=100).reason == "75 is below 100."
    assert bound("interruptions", at_most=0).passed


def test_interruptions_are_shown_where_they_begin() -> None:
    over = said(AGENT, 7.5, "let me say something", seconds=4)
    found = judged({"kind": "measure", "measure": "agent-interruptions", "at_most": 0}, CONVERSATION[1], over)
    assert found.passed is False
    assert found.evidence is not None
    assert (found.evidence.utterance_id, found.evidence.start_ms) == (over.id, 7500)


def test_the_score_is_the_weighted_share_of_the_rules_that_apply() -> None:
    nothing: dict[str, object] = {"kind": "order", "first": ["a"], "then": ["never said"], "weight": 50}
    found = evaluated(phrase("thank you", weight=3), phrase("sorry"), nothing)
    assert (found.scores[0].scorecard, found.scores[0].version, found.score) == ("service", 3, 75.0)
    assert found.failed_rules == ("rule 1",)
    assert evaluated(phrase("thank you", weight=3), phrase("sorry", critical=True)).score == 0.0
    assert evaluated(nothing).score is None


def test_rules_on_a_speaker_whom_no_channel_is_do_not_apply() -> None:
    found = evaluated(phrase("thank you"), phrase("thank you", speaker="any"), channels=(Channel(0), Channel(1)))
    assert [result.passed for result in found.scores[0].results] == [None, True]


MIXED = (Channel(0, role=Role.MIXED),)
TURNS = (SpeakerTurn(1, 8000, 24_000), SpeakerTurn(2, 24_000, 40_000, overlapped=True))
SHARED = replace(said(0, 1, "Thank you for calling. Can you guarantee that", seconds=4), turns=TURNS)


@pytest.mark.parametrize(
    ("rule", "passed", "reason"),
    [
        (phrase("goodbye"), False, "It was not said."),
        (phrase("goodbye", kind="not-said"), True, "It was not said."),
        (
            phrase("guarantee"),
            None,
            "by speaker 2, where agent and customer share a channel: whether by the agent is not",
        ),
        (
            phrase("thank you", kind="not-said", speaker="customer"),
            None,
            "by speaker 1, where agent and customer share",
        ),
        (phrase("thank you", after_s=3), False, "It was said at 1.0 s."),
        (phrase("guarantee", speaker="any"), True, "It was said at"),
        ({"kind": "order", "first": ["thank you"], "then": ["guarantee"]}, None, "whether by the agent is not known."),
        ({"kind": "order", "first": ["thank you"], "then": ["goodbye"]}, None, "was not said."),
        ({"kind": "measure", "measure": "talk-ratio", "at_most": 1}, None, "Agent and customer share a channel."),
        ({"kind": "measure", "measure": "interruptions", "at_most": 9}, None, "Agent and customer share a channel."),
        ({"kind": "measure", "measure": "agent-interruptions", "at_most": 9}, None, "share a channel."),
        ({"kind": "measure", "measure": "overtalk-s", "at_most": 1}, False, "2 is above 1."),
    ],
)
def test_where_both_share_a_channel_only_what_nobody_says_is_judged(
    rule: dict[str, object], passed: bool | None, reason: str
) -> None:
    found = evaluated(rule, said=(SHARED,), channels=MIXED).scores[0].results[0]
    assert found.passed is passed
    assert reason in found.reason
    if "whether by" in found.reason:
        assert found.evidence is not None
        assert found.evidence.utterance_id == SHARED.id


def test_whoever_was_not_told_apart_has_no_number() -> None:
    together = replace(SHARED, turns=())
    found = evaluated(phrase("guarantee"), said=(together,), channels=MIXED).scores[0].results[0]
    assert found.passed is None
    assert "speaker" not in found.reason


def test_hold_is_judged_and_shown_where_telephony_tells_it() -> None:
    wanted = ("hold-s", 1), ("hold-s", 9), ("longest-hold-s", 1)
    rules = tuple(
        {"name": f"rule {n}", "kind": "measure", "measure": name, "at_most": most}
        for n, (name, most) in enumerate(wanted)
    )
    cards = [NamedScorecard("service", 1, Scorecard.model_validate({"rules": rules}))]
    nobody = Party("")
    call = Call(CALL_ID, "main", Dialect.PLAIN, STARTED, 8000, CHANNELS, nobody, nobody)
    transcript = Transcript(call, CallState.ENDED, STARTED, CONVERSATION)
    told = evaluate(transcript, LENGTH_MS, cards, (ChannelHold(AGENT, 16_000, 40_000),)).scores[0].results
    assert [result.passed for result in told] == [False, True, False]
    assert {result.evidence and result.evidence.start_ms for result in told} == {2000}
    untold = evaluate(transcript, LENGTH_MS, cards).scores[0].results
    assert [result.passed for result in untold] == [None] * 3


def test_what_one_side_does_not_tell_is_not_measured() -> None:
    measures = ("talk-ratio", "interruptions", "customer-interruptions", "overtalk-s")
    rules = [{"kind": "measure", "measure": name, "at_most": 100} for name in measures]
    alone = evaluated(*rules, said=(GREETING,), channels=CHANNELS[:1])
    assert [result.passed for result in alone.scores[0].results] == [None] * 4


def test_a_call_without_a_word_has_measures_and_no_score() -> None:
    found = evaluated(phrase("thank you"), said=())
    assert (found.scores, found.score, found.measures.longest_silence.length) == ((), None, LENGTH_MS)


def test_a_scorecard_is_for_its_trunks_and_languages() -> None:
    assert (
        language_of(
            Transcript(
                Call(CALL_ID, "m", Dialect.PLAIN, STARTED, 8000, (), Party(""), Party("")),
                CallState.ENDED,
                None,
                (said(0, 1, "hola", "es-MX", 3), *CONVERSATION[1:3]),
            )
        )
        == "en"
    )
    card = Scorecard.model_validate({"trunks": ["main"], "languages": ["zh"], "rules": [{"name": "a", **phrase("x")}]})
    assert card.is_for("main", "cmn-CN")
    assert not card.is_for("main", "en")
    assert not card.is_for("other", "zh")


@pytest.mark.parametrize(
    "rule",
    [
        phrase("* calling"),
        phrase("a * * b"),
        phrase("a * b * c * d * e"),
        phrase("?!"),
        phrase("nul \0"),
        phrase(),
        phrase("a", weight=0),
        phrase("a", speaker="boss"),
        {"kind": "measure", "measure": "talk-ratio"},
        {"kind": "measure", "measure": "talk-ratio", "at_least": 2, "at_most": 1},
        {"kind": "unknown"},
    ],
)
def test_rules_that_no_call_could_be_held_against_are_refused(rule: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Scorecard.model_validate({"rules": [{"name": "rule", **rule}]})


def test_rules_are_told_apart_by_their_names() -> None:
    with pytest.raises(ValidationError, match="name of its own"):
        Scorecard.model_validate({"rules": [{"name": "a", **phrase("x")}, {"name": "a", **phrase("y")}]})
