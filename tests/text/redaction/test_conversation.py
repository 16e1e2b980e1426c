"""A call's texts masked as they are spoken: what is told, when, and what is held back."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest

from callscribe.domain.redaction import Redaction, RedactionKind
from callscribe.domain.transcript import Correction, Final, Partial, Word
from callscribe.text.redaction.conversation import HOLD_S, CallRedactor, redacted
from callscribe.text.redaction.finding import find
from callscribe.text.redaction.masking import RedactionPolicy
from callscribe.text.redaction.places import Finding
from callscribe.text.redaction.symbols import Line

RATE = 8000
STEP = 4000
"""Samples that a word takes, a tenth of them silence."""
ALL = RedactionPolicy.of(["all"])
PAYMENT = RedactionPolicy.of(["payment"])


def final(start_s: float, text: str, channel: int = 0) -> Final:
    start = int(start_s * RATE)
    words = tuple(
        Word(word, start + n * STEP, start + n * STEP + 3600, 0.9 - n / 100) for n, word in enumerate(text.split())
    )
    return Final(channel, start, words[-1].end, text, 0.9, "made", words=words)


def partial(committed: str, tentative: str, start_s: float = 0.0) -> Partial:
    return Partial(0, int(start_s * RATE), int((start_s + 1) * RATE), committed, tentative, 1)


def shown(redactor: CallRedactor, committed: str, tentative: str, start_s: float = 0.0) -> tuple[str, str]:
    masked = redactor.partial(partial(committed, tentative, start_s), 0.0)
    return masked.committed, masked.tentative


def test_a_masked_text_has_one_word_in_place_of_the_number_with_its_times() -> None:
    (told,) = CallRedactor(ALL, RATE).final(final(1.0, "yes 5425 2334 3010 9903 thanks"), 0.0)
    assert told.text == "yes [card] thanks"
    assert told.words == (
        Word("yes", 8000, 11_600, 0.9),
        Word("[card]", 12_000, 27_600, 0.86),
        Word("thanks", 28_000, 31_600, 0.85),
    )
    assert told.redactions == (Redaction("card", 12_000, 27_600),)
    assert told.spoken == ""


def test_words_that_are_written_otherwise_than_the_text_are_masked_where_they_stand_for_it() -> None:
    spoken = final(0.0, "call four one five five five five one two one two now")
    (told,) = CallRedactor(ALL, RATE).final(replace(spoken, text="call 415-555-1212 now"), 0.0)
    assert told.text == "call [phone] now"
    assert [word.text for word in told.words] == ["call", "[phone]", "now"]


def test_without_word_times_the_share_of_the_text_is_covered_and_more() -> None:
    whole = replace(final(0.0, "it is 5425 2334 3010 9903 and that is all that I have for you"), words=(), end=80_000)
    (told,) = CallRedactor(ALL, RATE).final(whole, 0.0)
    assert told.redactions[0].start == 0
    assert 32_000 < told.redactions[0].end < 56_000


def test_a_correction_that_repeats_what_is_masked_goes() -> None:
    made = replace(
        final(0.0, "Summit card 5425 2334 3010 9903"),
        corrections=(Correction("sum it", "Summit", 0.9), Correction("5425", "fifty", 0.9)),
    )
    (told,) = CallRedactor(ALL, RATE).final(made, 0.0)
    assert told.corrections == (Correction("sum it", "Summit", 0.9),)


def test_the_parts_of_a_number_are_held_back_until_they_are_known_and_told_in_order() -> None:
    redactor = CallRedactor(PAYMENT, RATE)
    assert redactor.final(final(0.0, "five four two five"), 0.0) == ()
    assert redactor.holds(0)
    assert redactor.final(final(3.0, "five four two five?", channel=1), 1.0) == ()
    assert redactor.final(final(6.0, "two three three"), 2.0) == ()
    told = redactor.final(final(12.0, "four three zero one zero nine nine zero three"), 3.0)
    assert [(said.channel, said.text) for said in told] == [(0, "[card]"), (1, "[card]?"), (0, "[card]"), (0, "[card]")]
    assert not redactor.holds()


def test_what_turns_out_to_be_no_number_is_told_as_it_was_said() -> None:
    redactor = CallRedactor(PAYMENT, RATE)
    assert redactor.final(final(0.0, "seven two three"), 0.0) == ()
    told = redactor.final(final(3.0, "that was my old house"), 2.0)
    assert [said.text for said in told] == ["seven two three", "that was my old house"]


def test_a_held_final_is_told_when_nobody_says_more_of_it() -> None:
    redactor = CallRedactor(PAYMENT, RATE)
    redactor.final(final(0.0, "seven two three"), 10.0)
    assert redactor.overdue(10.0 + HOLD_S - 0.1) == ()
    redactor.partial(partial("", "four", start_s=3.0), 17.0)
    assert redactor.overdue(10.0 + HOLD_S) == ()
    assert [said.text for said in redactor.overdue(17.0 + HOLD_S)] == ["seven two three"]


def test_a_number_that_is_not_masked_does_not_hold_up_what_is_said() -> None:
    redactor = CallRedactor(ALL, RATE)
    assert [said.text for said in redactor.final(final(0.0, "your order number is 7306"), 0.0)] == [
        "your order number is 7306"
    ]
    assert len(redactor.final(final(5.0, "twenty five dollars"), 0.0)) == 1


def test_a_channel_that_is_over_is_told_and_others_wait() -> None:
    redactor = CallRedactor(PAYMENT, RATE)
    redactor.final(final(0.0, "seven two three"), 0.0)
    redactor.final(final(2.0, "six one", channel=1), 0.0)
    assert [said.text for said in redactor.release(0)] == ["seven two three"]
    assert redactor.holds(1)
    assert [said.text for said in redactor.release()] == ["six one"]


def test_digits_that_may_become_a_number_are_not_shown_in_partials() -> None:
    redactor = CallRedactor(PAYMENT, RATE)
    assert shown(redactor, "so it is", "five") == ("so it is", "…")
    assert shown(redactor, "so it is five four", "two five") == ("so it is", "…")
    rest = "zero nine nine zero three"
    assert shown(redactor, "so it is five four two five two three three four three zero one", rest) == (
        "so it is",
        "[card]",
    )
    assert shown(redactor, "so it is five apples", "and") == ("so it is five apples", "and")


def test_the_rest_of_a_number_in_a_later_partial_is_not_shown() -> None:
    redactor = CallRedactor(PAYMENT, RATE)
    redactor.final(final(0.0, "five four two five two three three four"), 0.0)
    assert shown(redactor, "three zero one zero", "nine nine zero three", 6.0) == ("", "[card]")


def test_the_last_digits_stay_only_of_a_whole_number_and_never_in_a_partial() -> None:
    policy = RedactionPolicy.of(["payment", "phone"], "[{kind} {last4}]")
    assert redacted([final(0.0, "5425 2334 3010 9903")], policy, RATE)[0].text == "[card 9903]"
    parts = [final(0.0, "5425 2334"), final(3.0, "3010 9903")]
    assert [said.text for said in redacted(parts, policy, RATE)] == ["[card]", "[card]"]
    assert shown(CallRedactor(policy, RATE), "", "415 555 1212") == ("", "[phone]")


@pytest.mark.parametrize("mask", ["", " ", "{digits}", "{kind", "[{0}]"])
def test_a_mask_that_cannot_be_filled_is_refused(mask: str) -> None:
    with pytest.raises(ValueError, match="redaction_mask"):
        RedactionPolicy.of(["card"], mask)


def test_a_kind_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r'no "cards"; it takes payment, all, card,'):
        RedactionPolicy.of(["cards"])


def test_without_kinds_all_is_told_as_it_is() -> None:
    redactor = CallRedactor(RedactionPolicy(), RATE)
    said = final(0.0, "5425 2334 3010 9903")
    assert redactor.final(said, 0.0) == (said,)
    assert redactor.partial(partial("", "5425"), 0.0) == partial("", "5425")


def test_words_that_a_recogniser_made_of_a_digit_do_not_hide_a_number() -> None:
    parts = [
        final(0.0, "five four two five the real three three four"),
        final(6.0, "three zero one zero nine nine bore"),
    ]
    redactor = CallRedactor(PAYMENT, RATE)
    assert redactor.final(parts[0], 0.0) == ()
    assert [said.text for said in redactor.final(parts[1], 3.0)] == ["[card]", "[card] bore"]
    assert shown(CallRedactor(PAYMENT, RATE), "", "or five four two five there are") == ("", "or …")


def test_what_is_left_of_a_number_is_masked_though_the_rest_was_not_heard() -> None:
    told = redacted([final(0.0, "five four two five two three three four three zero one zero")], PAYMENT, RATE)
    assert [said.text for said in told] == ["[card]"]


@pytest.mark.parametrize(
    "before",
    [
        "so your total comes to 50 dollars, go ahead whenever you're ready",
        "and that will pay the balance, go ahead with the number",
    ],
)
def test_talk_of_prices_before_a_card_in_parts_leaves_none_of_it(before: str) -> None:
    redactor = CallRedactor(PAYMENT, RATE)
    parts = ("five four two five", "two three three four", "three zero one zero", "nine nine zero three")
    turns = [final(0.0, before, 0), *(final(5.0 + 3 * n, part, 1) for n, part in enumerate(parts))]
    told = [said.text for turn in turns for said in redactor.final(turn, turn.end / RATE)]
    assert told == [before, *["[card]"] * 4]
    misread = redacted([turns[0], final(8.0, "5425 2334 3010 990", 1)], PAYMENT, RATE)
    assert misread[1].text == "[card]"


def test_a_question_for_a_telephone_number_that_speaks_of_the_order_masks_it() -> None:
    question = final(0.0, "what's the number to reach someone about the order", 0)
    parts = [question, final(5.0, "415 555", 1), final(7.0, "2671", 1)]
    assert [said.text for said in redacted(parts, ALL, RATE)[1:]] == ["[phone]", "[phone]"]


@pytest.mark.parametrize("text", ["my order number is 4425 2334 3010 99", "the tracking number 415 555 2671"])
def test_what_is_called_something_else_directly_before_is_told_at_once(text: str) -> None:
    assert CallRedactor(ALL, RATE).final(final(0.0, text), 0.0) == (final(0.0, text),)


def test_what_others_say_does_not_put_off_the_rest_that_is_waited_for() -> None:
    redactor = CallRedactor(ALL, RATE)
    assert redactor.final(final(0.0, "seven two three", 1), 2.0) == ()
    told = redactor.final(final(3.0, "let me explain how the plan of 20 a month works", 0), 8.0)
    assert (len(told), redactor.due) == (1, 2.0 + HOLD_S)
    redactor.partial(partial("", "and then", 9.0), 9.5)
    assert [said.text for said in redactor.overdue(2.0 + HOLD_S)] == ["seven two three"]


def test_each_channel_waits_for_its_own_rest() -> None:
    redactor = CallRedactor(ALL, RATE)
    redactor.final(final(0.0, "seven two three", 1), 2.0)
    redactor.final(final(3.0, "eight two four", 0), 5.0)
    assert [said.channel for said in redactor.overdue(2.0 + HOLD_S)] == [1]
    assert (redactor.holds(0), redactor.due) == (True, 5.0 + HOLD_S)


def test_hesitation_after_too_long_a_pause_holds_nothing_any_longer() -> None:
    redactor = CallRedactor(ALL, RATE)
    assert redactor.final(final(0.0, "seven two three"), 2.0) == ()
    assert redactor.final(final(8.0, "um"), 9.0) == ()
    assert [said.text for said in redactor.final(final(17.0, "right"), 16.9)] == ["seven two three", "um", "right"]


def test_after_the_call_parts_are_joined_over_as_long_a_pause_as_may_be_and_no_longer() -> None:
    parts = [final(0.0, "5425 2334", 1), final(15.0, "3010 9903", 1)]
    assert [said.text for said in redacted(parts, PAYMENT, RATE)] == ["[card]", "[card]"]
    apart = [parts[0], final(17.0, "3010 9903", 1)]
    assert redacted(apart, PAYMENT, RATE) == tuple(apart)


def test_what_was_heard_in_place_of_a_hotword_is_not_kept_where_it_may_be_of_the_number() -> None:
    of_number, of_words = Correction("visa five four two five", "Visa", 0.9), Correction("thinks", "thanks", 0.9)
    said = replace(final(0.0, "Visa 5425 2334 3010 9903 thanks"), corrections=(of_number, of_words))
    (told,) = redacted([said], PAYMENT, RATE)
    assert (told.text, told.corrections) == ("Visa [card] thanks", (of_words,))


def test_a_mask_of_earlier_tells_nothing_of_the_next_number() -> None:
    assert redacted([final(0.0, "[card] and the building has 2500 people")], ALL, RATE)[0].redactions == ()
    assert redacted([final(0.0, "[account] so 4 of 2500 9")], ALL, RATE)[0].redactions == ()


def test_many_partials_look_at_what_is_remembered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def counted(lines: Sequence[Line], kinds: Collection[RedactionKind]) -> tuple[Finding, ...]:
        looked.append(len(lines))
        return find(lines, kinds)

    redactor = CallRedactor(ALL, RATE)
    redactor.final(final(0.0, "it's 5425 2334 3010 9903"), 0.0)
    redactor.final(final(4.0, "thanks, you can then write to us and four one five"), 0.0)
    monkeypatch.setattr("callscribe.text.redaction.conversation.find", counted)
    assert shown(redactor, "five five five", "two six", 7.0) == ("", "…")
    assert shown(redactor, "five five five two six seven one", "", 7.0) == ("[phone]", "")
    assert shown(redactor, "so 233 right", "", 7.0) == ("so [card] right", "")
    assert looked == [2]
