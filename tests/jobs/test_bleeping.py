"""Tones in recordings over what is masked, and texts that jobs mask."""

import wave
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import CallState
from callscribe.domain.errors import RecordingNotFound
from callscribe.domain.redaction import Redaction
from callscribe.domain.transcript import Final, Revision, Word, utterance_id
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.jobs.bleeping import PADDING_MS, bleep_call
from callscribe.jobs.masking import mask_finals, mask_recovered, mask_revisions
from callscribe.text.redaction.masking import RedactionPolicy, masked_where
from storage.recordings import RecordingWriter
from storage.records import ChannelRange
from tests.live.calls import make_call

RATE = 8000
PADDING = PADDING_MS * RATE // 1000
POLICY = RedactionPolicy.of(["payment"])


def recorded(path: Path) -> NDArray[np.int16]:
    """A recording of two channels of noise, 5 s; shape (samples, channels)."""
    noise = np.random.default_rng(7).integers(-9000, 9000, (5 * RATE, 2), dtype=np.int16)
    writer = RecordingWriter(path, RATE, 2)
    for channel in range(2):
        writer.write(AudioChunk(channel, 0, np.ascontiguousarray(noise[:, channel]).tobytes()))
    writer.close()
    return noise


def read(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


def said(call_id: UUID, start: int, text: str, channel: int = 0) -> Utterance:
    words = tuple(Word(w, start + n * 1000, start + n * 1000 + 900, 0.9) for n, w in enumerate(text.split()))
    final = Final(channel, start, words[-1].end, text, 0.9, "live", words=words)
    return Utterance(utterance_id(call_id, channel, start), final)


def transcript(*utterances: Utterance) -> Transcript:
    return Transcript(make_call(), CallState.ENDED, None, utterances)


def heard_anew(utterance: Utterance, text: str) -> tuple[Utterance, Revision]:
    words = tuple(replace(w, text=t) for w, t in zip(utterance.final.words, text.split(), strict=True))
    return utterance, Revision(utterance.id, text, 0.9, "second", "second-pass", words)


def test_a_tone_covers_every_hearing_of_it_on_its_channel_alone_and_twice_is_the_same(tmp_path: Path) -> None:
    before = recorded(path := tmp_path / "a.wav")
    call_id = make_call().id
    utterance = said(call_id, 8000, "one two three")
    masked = replace(
        utterance,
        final=replace(utterance.final, redactions=(Redaction("card", 10_000, 12_000),)),
        revisions=(Revision(utterance.id, "", 1, "", "", redactions=(Redaction("card", 11_000, 14_000),)),),
    )
    covered = bleep_call(transcript(masked), path)
    assert covered == (ChannelRange(0, 10_000 - PADDING, 14_000 + PADDING),)
    after = read(path)
    assert np.array_equal(after[:, 1], before[:, 1])
    changed = np.flatnonzero(after[:, 0] != before[:, 0])
    assert (changed[0] - (10_000 - PADDING), 14_000 + PADDING - 1 - changed[-1]) == (0, 0)
    tone = after[10_000:14_000, 0].astype(float)
    assert np.argmax(np.abs(np.fft.rfft(tone))) == 500  # 1000 Hz of 4000 samples at 8 kHz
    assert bleep_call(transcript(masked), path) == covered
    assert np.array_equal(read(path), after)


def test_a_range_beyond_the_end_and_at_the_start_is_cut(tmp_path: Path) -> None:
    recorded(path := tmp_path / "a.wav")
    utterance = said(make_call().id, 0, "one")
    masked = replace(utterance, final=replace(utterance.final, redactions=(Redaction("card", 0, 9 * RATE),)))
    bleep_call(transcript(masked), path)
    assert len(read(path)) == 5 * RATE
    assert np.abs(read(path)[:, 0]).max() < 5000


def test_a_channel_that_the_recording_has_not_is_passed_over(tmp_path: Path) -> None:
    before = recorded(path := tmp_path / "a.wav")
    utterance = said(make_call().id, 0, "one", channel=2)
    masked = replace(utterance, final=replace(utterance.final, redactions=(Redaction("card", 0, RATE),)))
    assert bleep_call(transcript(masked), path) == (ChannelRange(2, 0, RATE + PADDING),)
    assert np.array_equal(read(path), before)


def test_nothing_masked_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    before = recorded(path := tmp_path / "a.wav")
    assert bleep_call(transcript(said(make_call().id, 0, "one")), path) == ()
    assert np.array_equal(read(path), before)


def test_a_recording_that_is_gone_is_said_to_be() -> None:
    with pytest.raises(RecordingNotFound):
        bleep_call(transcript(), Path("/nonexistent/a.wav"))


def test_a_revision_is_masked_with_what_was_said_around_it_and_its_final_is_written_anew() -> None:
    call_id = make_call().id
    first = said(call_id, 0, "five four two five two three three")
    second = said(call_id, 16_000, "free zero one zero nine nine zero three")
    whole = transcript(first, second)
    revised = [heard_anew(second, "four three zero one zero nine nine zero three"[: -len(" three")])]
    masked = mask_revisions(whole, revised, POLICY)
    assert [(utterance, revision.text) for utterance, revision in masked] == [(first, "[card]"), (second, "[card]")]
    assert [revision.cost for _, revision in masked] == [0, 0]
    for final in mask_finals(whole, masked, POLICY):
        assert (final.text, [word.text for word in final.words], len(final.redactions)) == ("[card]", ["[card]"], 1)


def test_a_number_that_a_revision_completes_is_masked_in_the_other_utterances_as_well() -> None:
    call_id = make_call().id
    first, thanks = said(call_id, 0, "it's four five three nine one four eight eight"), said(call_id, 40_000, "thanks")
    second = said(call_id, 16_000, "old street for the free of us in")
    whole = transcript(first, second, thanks)
    masked = mask_revisions(whole, [heard_anew(second, "oh three four three six four six seven")], POLICY)
    assert [(each, revision.text) for each, revision in masked] == [(first, "it's [card]"), (second, "[card]")]
    assert [final.text for final in mask_finals(whole, masked, POLICY)] == ["it's [card]", "[card]"]
    again = transcript(*(replace(each, revisions=(revision,)) for each, revision in masked), thanks)
    assert mask_revisions(again, [heard_anew(thanks, "thanks")], POLICY) == (heard_anew(thanks, "thanks"),)


def test_what_was_lost_is_masked_with_what_was_said_around_it_and_that_with_it() -> None:
    call_id = make_call().id
    question = said(call_id, 0, "what's the security code")
    code = said(call_id, 24_000, "it's one two three", channel=1).final
    found = mask_recovered(transcript(question), [code], POLICY)
    assert ([final.text for final in found[0]], found[1]) == (["it's [security-code]"], ())
    first = said(call_id, 0, "it's four five three nine one four eight eight")
    rest = said(call_id, 16_000, "oh three four three six four six seven").final
    recovered, anew = mask_recovered(transcript(first), [rest], POLICY)
    assert [final.text for final in (*recovered, *anew)] == ["[card]", "it's [card]"]
    assert mask_recovered(transcript(first), [rest], RedactionPolicy()) == ((rest,), ())


def test_without_redaction_revisions_stay_as_they_are() -> None:
    utterance = said(make_call().id, 0, "5425 2334 3010 9903")
    revised = (heard_anew(utterance, "5425 2334 3010 9903"),)
    assert mask_revisions(transcript(utterance), revised, RedactionPolicy()) == revised
    assert mask_finals(transcript(utterance), revised, RedactionPolicy()) == ()


@pytest.mark.parametrize(
    ("spans", "text"),
    [
        ([(9_400, 17_600)], "my card [card] ok thanks now"),
        ([(20_500, 23_600)], "my card [card] thanks now"),
        ([(90_000, 99_000)], "[card]"),
    ],
)
def test_a_final_is_masked_where_another_engine_heard_the_number(spans: list[tuple[int, int]], text: str) -> None:
    """Words of 450 ms, two a second."""
    final = said(make_call().id, 0, "my card 4539 1488 0343 6467 ok thanks now").final
    words = tuple(replace(word, start=4 * word.start, end=4 * word.start + 3600) for word in final.words)
    told = [Redaction("card", *span) for span in spans]
    assert masked_where(replace(final, words=words), told, POLICY, RATE).text == text
