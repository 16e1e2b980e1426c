"""Hotwords from files, and what is said of lines that give none."""

import pytest

from callscribe.domain.hotword import MAX_HOTWORDS, Hotword
from callscribe.text.hotword_files import HotwordFile, SkippedLine, read_csv, read_text, write_csv, write_text


def test_a_text_has_a_word_a_line_with_a_weight_after_tab_or_comma() -> None:
    found = read_text("\ufeff# products\nZyntrix\n  two   words \t2.5\n\nAcme router, 0.5\n订单\n")
    assert found == HotwordFile(
        (Hotword("Zyntrix"), Hotword("two words", 2.5), Hotword("Acme router", 0.5), Hotword("订单")), ()
    )


def test_lines_that_give_no_word_are_told_with_the_reason() -> None:
    found = read_text("one\n,2\nSmith, John\nlow\t0\nhigh\t5.1\nodd\tnan\none\t2\n" + "x" * 101 + "\nbell\x07\n")
    assert found.words == (Hotword("one"),)
    assert found.skipped == (
        SkippedLine(2, "", "there is no word"),
        SkippedLine(3, "Smith", "'John' is no weight"),
        SkippedLine(4, "low", "a weight is above 0 and at most 5"),
        SkippedLine(5, "high", "a weight is above 0 and at most 5"),
        SkippedLine(6, "odd", "a weight is above 0 and at most 5"),
        SkippedLine(7, "one", "it stands in the file before"),
        SkippedLine(8, "x" * 101, "it has 101 characters; 100 are allowed"),
        SkippedLine(9, "bell\x07", "it holds characters that cannot be printed"),
    )


def test_what_is_beyond_a_lists_limit_is_skipped() -> None:
    found = read_text("\n".join(f"word {number}" for number in range(MAX_HOTWORDS + 2)))
    assert len(found.words) == MAX_HOTWORDS
    assert [skipped.line for skipped in found.skipped] == [MAX_HOTWORDS + 1, MAX_HOTWORDS + 2]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_csv_has_words_in_its_first_column_and_weights_in_its_second(mark: str) -> None:
    text = f'Word{mark}Weight\r\n"Smith, John"{mark}2\r\nZyntrix{mark}\r\nAcme{mark}much\r\n'
    found = read_csv(text)
    assert found.words == (Hotword("Smith, John", 2.0), Hotword("Zyntrix"))
    assert found.skipped == (SkippedLine(4, "Acme", "'much' is no weight"),)


def test_a_csv_needs_no_heading() -> None:
    assert read_csv("Zyntrix\nAcme\n").words == (Hotword("Zyntrix"), Hotword("Acme"))


def test_what_stands_between_cells_is_told_by_all_lines_and_decimals_may_have_a_comma() -> None:
    found = read_csv('Zyntrix\nFoo;2\n"Smith, John, Ann";2,5\nBar;3\n')
    assert found.words == (
        Hotword("Zyntrix"),
        Hotword("Foo", 2.0),
        Hotword("Smith, John, Ann", 2.5),
        Hotword("Bar", 3.0),
    )
    assert found.skipped == ()
    assert read_csv("Foo\t0,5\n").words == (Hotword("Foo", 0.5),)
    assert read_csv("Foo;2,5\n").words == (Hotword("Foo", 2.5),)


def test_a_quotation_mark_that_is_never_closed_costs_what_follows_it_and_nothing_else() -> None:
    found = read_csv('Zyntrix,2\n"Acme,1\nFoo,3\n')
    assert found.words == (Hotword("Zyntrix", 2.0),)
    assert found.skipped == (
        SkippedLine(2, '"Acme,1', "its quotation marks do not close, so it and what follows is left out"),
    )
    assert read_csv('"' + "long word\n" * 20_000).words == ()


def test_what_is_written_is_read_again() -> None:
    words = (Hotword("Zyntrix", 2.5), Hotword("Smith, John"), Hotword('a "quoted" one', 0.1), Hotword("订单"))
    assert read_text(write_text(words)).words == words
    assert read_csv(write_csv(words)).words == words
