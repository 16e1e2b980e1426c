"""Inverse text normalisation: a table of what is written how, and what may never happen."""

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest

from callscribe.domain.transcript import Correction, Final, Revision, Word
from callscribe.text.word_errors import DIGITS
from callscribe.text.written import write, written

WRITTEN = (
    ("four one five five five five one two one two", "415-555-1212"),
    ("My number is four one five, five five five, one two one two.", "My number is 415-555-1212."),
    ("Four, one, five, five, five, five, one, two, one, two.", "415-555-1212."),
    ("call one eight hundred five five five one two one two", "call 1-800-555-1212"),
    ("oh one six one four nine six oh nine nine nine", "01614960999"),
    ("it's double four seven one two nine", "it's 447129"),
    ("Extension four oh two, please.", "Extension 402, please."),
    ("Your ticket number is seven, three, zero, six.", "Your ticket number is 7306."),
    ("Great, seven, three, zero, six, I wrote it down.", "Great, 7306, I wrote it down."),
    ("Extension, four, zero, two.", "Extension, 402."),
    ("extension forty two", "extension 42"),
    ("Press one for sales or two for support.", "Press 1 for sales or two for support."),
    ("dial nine", "dial 9"),
    ("room two oh five", "room 205"),
    ("flight eleven eighty", "flight 1180"),
    ("the pin is one nine eight four", "the pin is 1984"),
    ("account number twenty two forty seven one nine", "account number 224719"),
    ("nine one one", "911"),
    ("twenty five dollars and ten cents", "$25.10"),
    ("That is twenty-five dollars.", "That is $25."),
    ("one dollar", "$1"),
    ("one thousand two hundred and fifty dollars", "$1,250"),
    ("two million dollars", "$2 million"),
    ("three point two million dollars", "$3.2 million"),
    ("fifty cents", "50 cents"),
    ("ten euros", "€10"),
    ("twelve pounds fifty", "£12.50"),
    ("ten pounds and five pence", "£10.05"),
    ("a hundred and five dollars", "$105"),
    ("fifteen percent", "15%"),
    ("three point five per cent", "3.5%"),
    ("five percent off", "5% off"),
    ("three point one four", "3.14"),
    ("zero point two five", "0.25"),
    ("twenty one", "21"),
    ("You have twenty one messages.", "You have 21 messages."),
    ("three hundred forty two", "342"),
    ("seventeen hundred", "1700"),
    ("one hundred and one", "101"),
    ("twenty five thousand", "25,000"),
    ("one million two hundred thousand and five", "1,200,005"),
    ("Two million people.", "2 million people."),
    ("the twenty first floor", "the 21st floor"),
    ("the twelfth", "the 12th"),
    ("the third of may twenty twenty six", "the 3rd of May 2026"),
    ("May third, twenty twenty six.", "May 3, 2026."),
    ("on january twenty first", "on January 21"),
    ("March twenty", "March 20"),
    ("june fourth nineteen eighty nine", "June 4, 1989"),
    ("in nineteen eighty four", "in 1984"),
    ("since two thousand eight", "since 2008"),
    ("in two thousand and nineteen", "in 2019"),
    ("in twenty ten", "in 2010"),
    ("half past nine", "9:30"),
    ("quarter to five", "4:45"),
    ("a quarter past twelve", "12:15"),
    ("at nine thirty", "at 9:30"),
    ("at nine thirty a m", "at 9:30 am"),
    ("It opens at seven p.m. today.", "It opens at 7 p.m. today."),
    ("nine o'clock", "9 o'clock"),
    ("at nine oh five pm", "at 9:05 pm"),
    ("a b one two", "AB12"),
    ("It shows E one one nine, and the lamp is blinking.", "It shows E119, and the lamp is blinking."),
    ("r two d two", "R2D2"),
    ("in twenty minutes", "in 20 minutes"),
    ("between one hundred and two hundred people", "between 100 and 200 people"),
    ("between one thousand and two thousand", "between 1000 and 2000"),
    ("five hundred and six thousand", "506,000"),
    ("January twenty twenty six", "January 2026"),
    ("on May twenty fifth at ten fifteen.", "on May 25 at 10:15."),
    ("until seven thirty", "until 7:30"),
    ("a million dollars", "$1 million"),
    ("five dollar bill", "$5 bill"),
    ("one and a half", "one and a half"),
    ("zero eight hundred one two three four five six", "0800123456"),
    ("oh eight hundred one two three four five six", "0800123456"),
    ("two oh six, five five five, oh one two three", "206-555-0123"),
    ("your call is number twelve in the queue", "your call is number 12 in the queue"),
    ("the year two thousand", "the year 2000"),
    ("version two point one", "version 2.1"),
    ("forty-two", "42"),
    ("double o seven", "007"),
    ("my zip is nine four one one zero", "my zip is 94110"),
    ("B-M-W three two five", "BMW325"),
    ("nine thirty a.m. and ten p.m.", "9:30 a.m. and 10 p.m."),
    ("one dollar fifty", "$1.50"),
    ("the fourth of july nineteen seventy six", "the 4th of July 1976"),
    ("ten thousand", "10,000"),
    ("one dollar and one cent", "$1.01"),
    ("My social is one two three, four five, six seven eight nine.", "My social is 123, 45, 6789."),
    ("You owe one hundred and twenty-three pounds and forty-five pence.", "You owe £123.45."),
    ("quarter past nine in the morning", "9:15 in the morning"),
    ("ten, eleven, twelve", "10, 11, 12"),
    ("seven, seven, seven, seven, seven", "77777"),
)
SPOKEN = (
    "one of them",
    "for two",
    "second to none",
    "Give me a second.",
    "No one is here.",
    "one on one",
    "twenty four seven",
    "a hundred times",
    "He won two to one.",
    "One moment, please.",
    "the first one",
    "That one, two, or three.",
    "Gates two, five, and nine.",
    "Lines two, four, six, eight.",
    "One, two, three, four, five.",
    "nine to five",
    "twenty twenty vision",
    "fifty fifty",
    "at four fifteen main street",
    "May one of you call back?",
    "Just a quarter of an hour.",
    "I have a one track mind.",
    "Are you for or against it?",
    "The second one of those.",
    "You won.",
    "One for all, and all for one.",
    "It may first need a reset.",
    "We march second.",
    "Oh, one thing.",
    "I two have seen it.",
    "to be or not to be",
    "Plan B.",
    "It is one or the other.",
    "point taken",
    "cents and sensibility",
    "A one way street.",
    "the twenty second timer",
    "after nine eleven",
    "ten to six",
    "one in ten",
    "It costs nineteen ninety nine.",
    "two thirds of a million dollars",
    "half a million dollars",
    "I have two, three hundred dollars",
    "few hundred and twenty people",
    "point five percent",
    "twenty third party apps",
    "thirty first class tickets",
    "eight, nine, ten, eleven",
    "two twenty five dollars",
    "three fifty",
    "half past nine thirty",
    "a quarter to three quarters",
    "sold at five fifty each",
    "I have a three track mind",
    "at 9:30 am for $25, room 402",
    "may the fourth be with you",
    "",
)
SOME_WORDS = """
    ten eleven twelve fifteen twenty thirty ninety hundred thousand million and a oh double point first second third
    twentieth dollars dollar cents pounds euros percent per cent may march june of the at in to past half quarter
    o'clock am pm p m b c extension press number room five, one, seven. twenty-one we have
"""
VOCABULARY = (*DIGITS, *SOME_WORDS.split())
BELOW_TWENTY = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
"""
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
ROUNDS = 3000
FINAL = Final(0, 0, 8000, "Extension four oh two.", 0.9, "e", words=(Word("Extension", 0, 8, 0.9),))


@pytest.mark.parametrize(("spoken", "figures"), WRITTEN)
def test_numbers_are_written_as_people_write_them(spoken: str, figures: str) -> None:
    assert written(spoken, "en") == figures


@pytest.mark.parametrize("spoken", SPOKEN)
def test_what_may_mean_something_else_stays_as_it_was_spoken(spoken: str) -> None:
    assert written(spoken, "en-GB") == spoken


def any_texts() -> Iterator[str]:
    chance = random.Random(9)
    for _ in range(ROUNDS):
        yield " ".join(chance.choices(VOCABULARY, k=chance.randint(1, 12)))


def test_what_is_written_once_is_not_written_again() -> None:
    links = {"to", "in", "of", "and", "past"}
    """These, and commas, tie a number to its neighbour, which may be in figures by then."""
    for spoken in any_texts():
        if "," in spoken or links & set(spoken.split()):
            continue
        figures = written(spoken, "en")
        assert written(figures, "en") == figures, spoken


def test_words_that_are_no_part_of_a_number_stay_in_their_order() -> None:
    known = {"we", "have", "extension", "press", "room", "number"}
    for spoken in any_texts():
        left = [[word for word in text.lower().split() if word in known] for text in (spoken, written(spoken, "en"))]
        assert left[0] == left[1], spoken


def test_no_digit_is_lost_or_moved() -> None:
    chance = random.Random(7)
    for length in range(3, 14):
        for separator in (" ", ", ") if length > 6 else (" ",):
            said = "".join(chance.choices("0123456789", k=length - 2)) + "51"
            spoken = separator.join(DIGITS[int(digit)] for digit in said)
            assert re.sub(r"\D", "", written(f"It is {spoken}.", "en")) == said


def test_a_cardinal_keeps_its_value() -> None:
    chance = random.Random(5)
    for bits in range(4, 37):
        value = max(10, chance.getrandbits(bits))
        figures = written(f"We have {in_words(value)} here", "en")
        plain = figures.removeprefix("We have ").removesuffix(" here").replace(",", "")
        number, _, scale = plain.partition(" ")
        assert int(number) * {"": 1, "million": 10**6, "billion": 10**9}[scale] == value


def in_words(value: int) -> str:
    """1 to 999 billion, as it is said."""
    for scale, name in ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred")):
        if value >= scale:
            rest = value % scale
            tail = "" if not rest else f" and {in_words(rest)}" if name == "hundred" else f" {in_words(rest)}"
            return f"{in_words(value // scale)} {name}{tail}"
    if value < 20:
        return BELOW_TWENTY.split()[value]
    return TENS.split()[value // 10 - 2] + (f"-{DIGITS[value % 10]}" if value % 10 else "")


@pytest.mark.parametrize("said", ["twelve, ", "one, two, ", "a b ", "a "])
def test_nonsense_of_any_length_is_read_in_time(said: str) -> None:
    assert written(said * 5_000, "en")


def test_a_language_without_rules_is_left_alone() -> None:
    assert written("vier fünf one two three", "de") == "vier fünf one two three"


def test_a_phrase_is_kept_as_its_owner_writes_it() -> None:
    assert written("Route Sixty Six, room sixty six", "en", keep=("Route Sixty Six", "")) == "Route Sixty Six, room 66"


def test_a_final_keeps_the_spoken_form_and_its_words() -> None:
    figures = write(FINAL, "en")
    assert figures == replace(FINAL, text="Extension 402.", spoken=FINAL.text)
    assert write(figures, "en") is figures


def test_a_final_without_numbers_stays_as_it_is() -> None:
    final = replace(FINAL, text="One moment, please.")
    assert write(final, "en") is final


def test_a_corrected_phrase_is_left_alone_in_a_revision_too() -> None:
    corrections = (Correction("root sixty six", "Route Sixty Six", 0.9),)
    text = "Route Sixty Six costs twenty dollars."
    revision = write(Revision(uuid4(), text, 0.9, "e", "second-pass", corrections=corrections), "en")
    assert (revision.text, revision.spoken) == ("Route Sixty Six costs $20.", text)
