"""What a person writes is masked as what a machine understands."""

from datetime import UTC, datetime
from uuid import UUID

from callscribe.domain.call import Call, CallState, Channel, Dialect, Party
from callscribe.domain.transcript import Final, Word
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.text.correcting import corrected
from callscribe.text.redaction.corrections import masked_correction
from callscribe.text.redaction.masking import RedactionPolicy

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
CALL = Call(UUID(int=1), "main", Dialect.PLAIN, AT, 8000, (Channel(0), Channel(1)), Party(""), Party(""))
PAYMENT = RedactionPolicy.of(["payment"])


def said(channel: int, second: int, text: str) -> Utterance:
    """Half a second a word."""
    start = second * 8000
    words = tuple(Word(word, start + n * 4000, start + (n + 1) * 4000, 0.9) for n, word in enumerate(text.split()))
    return Utterance(UUID(int=second), Final(channel, start, words[-1].end, text, 0.9, "moonshine", words=words))


def transcript(*utterances: Utterance) -> Transcript:
    return Transcript(CALL, CallState.ENDED, AT, utterances)


def test_a_card_that_a_person_writes_is_masked_in_text_and_words_and_told() -> None:
    heard = said(0, 1, "my card is for one one one")
    revision = corrected(heard, "My card is 4111 1111 1111 1111", "Ann")
    masked = masked_correction(transcript(heard), revision, PAYMENT)
    assert masked.text == "My card is [card]"
    assert [word.text for word in masked.words] == ["My", "card", "is", "[card]"]
    assert [found.kind for found in masked.redactions] == ["card"]
    assert (masked.by, masked.reason) == ("Ann", "person")


def test_what_is_asked_for_around_a_number_tells_what_it_is() -> None:
    question, heard = said(1, 1, "And the security code on the back?"), said(0, 5, "for one too")
    revision = corrected(heard, "412", "Ann")
    assert masked_correction(transcript(question, heard), revision, PAYMENT).text == "[security-code]"


def test_without_a_policy_and_without_numbers_a_text_stays_as_it_was_written() -> None:
    heard = said(0, 1, "my zin tricks")
    revision = corrected(heard, "My Zyntrix 4111 1111 1111 1111", "Ann")
    assert masked_correction(transcript(heard), revision, RedactionPolicy()) is revision
    plain = corrected(heard, "My Zyntrix", "Ann")
    assert masked_correction(transcript(heard), plain, PAYMENT) == plain
