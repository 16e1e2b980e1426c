"""What a client is told: as it puts the messages together, it must end with the finals and nothing else."""

from collections.abc import Sequence

import pytest

from callscribe.domain.transcript import Final, Partial, Word
from callscribe.live.funasr.protocol import Config, Mode, Reply
from callscribe.live.funasr.replies import Replies, replies_for

RATE = 16_000


def replies(mode: Mode, *, figures: bool = True) -> Replies:
    return replies_for(Config(mode, "demo", figures=figures), RATE)


def partial(start: int, committed: str, tentative: str = "") -> Partial:
    return Partial(0, start, start + 8000, committed, tentative, 1)


def final(start: int, text: str, *words: str, spoken: str = "") -> Final:
    placed = tuple(Word(word, start + place, start + place + 1, 0.9) for place, word in enumerate(words))
    return Final(0, start, start + 8000, text, 0.9, "fake", words=placed, spoken=spoken)


def told(replies: Sequence[Reply]) -> list[tuple[str, str, bool]]:
    return [(reply.mode, reply.text, reply.is_final) for reply in replies]


def shown(replies: Sequence[Reply]) -> str:
    """The text as FunASR's own clients put it together."""
    stands = online = ""
    for reply in replies:
        if reply.mode in ("2pass-offline", "offline"):
            stands, online = stands + reply.text, ""
        else:
            online += reply.text
    return stands + online


def test_two_pass_tells_committed_words_as_increments_and_the_final_in_their_place() -> None:
    ours = replies(Mode.TWO_PASS)
    assert ours.partial(partial(100, "", "good")) == ()
    assert told(ours.partial(partial(100, "good", "mourning"))) == [("2pass-online", "good", False)]
    assert ours.partial(partial(100, "good", "morning to")) == ()
    assert told(ours.partial(partial(100, "Good morning to", "you"))) == [("2pass-online", " morning to", False)]
    assert told(ours.final(final(100, "Good morning to you."))) == [("2pass-offline", "Good morning to you.", False)]
    assert told(ours.partial(partial(90_000, "this is"))) == [("2pass-online", " this is", False)]
    assert told(ours.final(final(90_000, "This is Ann."))) == [("2pass-offline", " This is Ann.", False)]


def test_the_last_message_of_two_pass_is_the_last_final() -> None:
    ours = replies(Mode.TWO_PASS)
    ours.expect_end()
    assert ours.final(final(100, "One.")) == ()
    assert told(ours.final(final(200, "Two."))) == [("2pass-offline", "One.", False)]
    assert told(ours.partial(partial(300, "three"))) == [
        ("2pass-offline", " Two.", False),
        ("2pass-online", " three", False),
    ]
    assert ours.final(final(300, "Three.")) == ()
    assert told(ours.last()) == [("2pass-offline", " Three.", True)]


@pytest.mark.parametrize(
    ("mode", "name"), [(Mode.TWO_PASS, "2pass-offline"), (Mode.ONLINE, "online"), (Mode.OFFLINE, "offline")]
)
def test_an_end_without_text_is_answered(mode: Mode, name: str) -> None:
    ours = replies(mode)
    ours.expect_end()
    assert told(ours.last()) == [(name, "", True)]


def test_an_acknowledgement_comes_behind_the_last_text() -> None:
    ours = replies(Mode.TWO_PASS)
    ours.expect_end()
    ours.final(final(100, "One."))
    text, ack = ours.last(ack=True)
    assert (text.text, text.is_final, text.is_end) == ("One.", True, False)
    assert (ack.mode, ack.text, ack.is_final, ack.is_end) == ("2pass", "", True, True)


def test_an_acknowledgement_alone_ends_what_had_no_text_and_tells_an_error() -> None:
    (ack,) = replies(Mode.OFFLINE).last(ack=True, error="lost")
    assert (ack.is_end, ack.is_final, ack.error) == (True, False, "lost")


def test_words_of_what_was_no_speech_are_taken_back() -> None:
    ours = replies(Mode.TWO_PASS)
    given = [
        *ours.final(final(0, "Yes.")),
        *ours.partial(partial(100, "thank you")),
        *ours.partial(partial(100, "")),
        *ours.partial(partial(200, "so")),
    ]
    assert told(given)[1:3] == [("2pass-online", " thank you", False), ("2pass-offline", "", False)]
    assert shown(given) == "Yes. so"
    assert ours.partial(partial(300, "")) == ()


def test_an_utterance_waits_until_the_one_before_has_its_final() -> None:
    ours = replies(Mode.TWO_PASS)
    given = [*ours.partial(partial(100, "one")), *ours.partial(partial(900, "two"))]
    assert told(given) == [("2pass-online", "one", False)]
    given += [*ours.final(final(100, "One.")), *ours.partial(partial(900, "two three"))]
    assert shown(given) == "One. two three"


def test_chinese_stands_without_blanks() -> None:
    ours = replies(Mode.TWO_PASS)
    given = [*ours.partial(partial(100, "你")), *ours.partial(partial(100, "你好", "世"))]
    assert [reply.text for reply in given] == ["你", "好"]
    given += [*ours.final(final(100, "你好世界。")), *ours.partial(partial(900, "再见"))]
    assert shown(given) == "你好世界。再见"


def test_words_have_their_times_in_what_stands() -> None:
    ours = replies(Mode.TWO_PASS)
    (reply,) = ours.final(final(16_000, "Good morning.", "Good", "morning."))
    assert reply.timestamp == ((1000, 1000), (1000, 1000))
    assert [(each.text, each.mark) for each in reply.sentences] == [("Good morning", ".")]


def test_times_that_the_browser_page_would_stumble_over_stand_in_the_sentences_only() -> None:
    (reply,) = replies(Mode.TWO_PASS).final(final(0, "It's 42.", "It's", "42."))
    assert (reply.timestamp, len(reply.sentences)) == ((), 1)


def test_online_tells_each_word_once_and_the_rest_of_the_final_at_its_end() -> None:
    ours = replies(Mode.ONLINE)
    given = [
        *ours.partial(partial(100, "good", "morning")),
        *ours.final(final(100, "Good morning to you.")),
        *ours.partial(partial(900, "this is")),
        *ours.final(final(900, "This is Ann.")),
    ]
    assert {reply.mode for reply in given} == {"online"}
    assert shown(given) == "good morning to you. this is Ann."
    ours.expect_end()
    assert ours.final(final(2000, "Bye.")) == ()
    assert told(ours.last()) == [("online", " Bye.", True)]


@pytest.mark.parametrize(
    ("committed", "heard", "rest"),
    [
        ("can you here me", "Can you hear me now?", " now?"),
        ("can hear me", "Can you hear me now?", " now?"),
        ("can you all hear me", "Can you hear me now?", " now?"),
        ("can you hear me now", "Can you hear me now?", None),
        ("well then", "Good.", None),
    ],
)
def test_online_says_no_word_twice_where_the_final_has_others(committed: str, heard: str, rest: str | None) -> None:
    ours = replies(Mode.ONLINE)
    ours.partial(partial(100, committed))
    assert [reply.text for reply in ours.final(final(100, heard))] == ([rest] if rest else [])


def test_online_words_cannot_be_taken_back() -> None:
    ours = replies(Mode.ONLINE)
    given = [*ours.partial(partial(100, "thanks")), *ours.partial(partial(100, "")), *ours.final(final(900, "Yes."))]
    assert shown(given) == "thanks Yes."


def test_offline_is_one_message_with_everything() -> None:
    ours = replies(Mode.OFFLINE)
    assert ours.partial(partial(100, "one")) == ()
    assert ours.final(final(100, "One.", "One.")) == ()
    ours.expect_end()
    assert ours.final(final(900, "Two.", "Two.")) == ()
    (reply,) = ours.last()
    assert told([reply]) == [("offline", "One. Two.", True)]
    assert (len(reply.timestamp), len(reply.sentences)) == (2, 2)


def test_a_client_may_want_numbers_as_they_were_spoken() -> None:
    said = final(0, "Room 12.", spoken="Room twelve.")
    assert [reply.text for reply in replies(Mode.TWO_PASS).final(said)] == ["Room 12."]
    assert [reply.text for reply in replies(Mode.TWO_PASS, figures=False).final(said)] == ["Room twelve."]
