"""Who spoke when, measured on transcripts whose times are known."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from callscribe.domain.call import Call, CallState, Channel, ChannelHold, Dialect, Party, Role
from callscribe.domain.measures import CallMeasures, Span, measure
from callscribe.domain.pause import Pause
from callscribe.domain.speaker import SpeakerTurn
from callscribe.domain.transcript import Final, Revision, Word, utterance_id
from callscribe.domain.utterance import Transcript, Utterance

CALL_ID = UUID("00000000-0000-4000-8000-000000000001")
STARTED = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
AGENT, CUSTOMER = 0, 1
CHANNELS = (Channel(AGENT, role=Role.AGENT), Channel(CUSTOMER, role=Role.CUSTOMER))


def said(channel: int, start_ms: int, end_ms: int, text: str = "one two three", *words: Word) -> Utterance:
    final = Final(channel, start_ms * 8, end_ms * 8, text, 0.9, "moonshine", words=words)
    return Utterance(utterance_id(CALL_ID, channel, start_ms * 8), final)


def measured(
    *utterances: Utterance,
    length_ms: int = 20_000,
    pauses: tuple[Pause, ...] = (),
    channels: tuple[Channel, ...] = CHANNELS,
    holds: tuple[ChannelHold, ...] | None = None,
) -> CallMeasures:
    nobody = Party("")
    call = Call(CALL_ID, "main", Dialect.PLAIN, STARTED, 8000, channels, nobody, nobody, pauses=pauses)
    return measure(Transcript(call, CallState.ENDED, STARTED, utterances), length_ms, holds)


def test_a_call_of_turns_is_measured() -> None:
    found = measured(said(AGENT, 1000, 4000), said(CUSTOMER, 5000, 6000, "yes"), said(AGENT, 12_000, 13_000, "bye bye"))
    assert [(each.role, each.speech_ms, each.words) for each in found.channels] == [
        (Role.AGENT, 4000, 5),
        (Role.CUSTOMER, 1000, 1),
    ]
    assert (found.agent_speech_ms, found.customer_speech_ms, found.talk_ratio) == (4000, 1000, 0.8)
    assert (found.words_per_minute(Role.AGENT), found.words_per_minute(Role.CUSTOMER)) == (75.0, 60.0)
    assert found.longest_silence == Span(13_000, 20_000)
    assert (found.overtalk_ms, found.interruptions) == (0, 0)


def test_silence_counts_from_the_first_sample_and_not_where_recording_is_paused() -> None:
    assert measured(said(AGENT, 9000, 10_000), length_ms=11_000).longest_silence == Span(0, 9000)
    pauses = (Pause(AGENT, 3000 * 8, 8000 * 8, "api"), Pause(CUSTOMER, 18_000 * 8, None, "api"))
    found = measured(said(AGENT, 0, 1000), said(AGENT, 13_500, 14_000), pauses=pauses)
    assert found.longest_silence == Span(8000, 13_500)


def test_a_call_without_speech_is_one_silence() -> None:
    found = measured(length_ms=4000)
    assert found.longest_silence == Span(0, 4000)
    assert (found.talk_ratio, found.words_per_minute(Role.AGENT)) == (None, None)
    assert measured(length_ms=0).longest_silence == Span(0, 0)


def test_times_of_words_count_more_than_the_utterance_and_the_newest_text_more_than_the_first() -> None:
    words = (Word("well", 1500 * 8, 1800 * 8, 1.0), Word("then", 1900 * 8, 2500 * 8, 1.0))
    spoken = said(AGENT, 1000, 3000, "well then", *words)
    assert measured(spoken).agent_speech_ms == 1000
    taken_away = Utterance(spoken.id, spoken.final, (Revision(spoken.id, "", 0.9, "whisper", "second-pass"),))
    assert measured(taken_away).agent_speech_ms == 0
    figures = Utterance(spoken.id, spoken.final, (Revision(spoken.id, "25", 0.9, "w", "x", spoken="twenty five"),))
    assert measured(figures).channels[AGENT].words == 2


def test_overtalk_is_speech_of_two_sides_at_once() -> None:
    found = measured(said(AGENT, 1000, 5000), said(CUSTOMER, 4000, 4500), said(CUSTOMER, 4800, 6000))
    assert found.overtalk_ms == 700
    colleagues = (Channel(0, role=Role.AGENT), Channel(1, role=Role.AGENT), Channel(2), Channel(3))
    same_side = measured(said(0, 1000, 5000), said(1, 2000, 6000), channels=colleagues)
    assert same_side.overtalk_ms == 0
    strangers = measured(said(2, 1000, 5000), said(3, 2000, 6000), said(0, 2000, 3000), channels=colleagues)
    assert strangers.overtalk_ms == 3000


def test_who_makes_the_other_stop_interrupts() -> None:
    found = measured(said(CUSTOMER, 1000, 5000), said(AGENT, 4000, 8000))
    assert [each.interruptions for each in found.channels] == [(4000,), ()]
    assert found.interruptions == 1


def test_no_interruption_is_a_sign_of_listening_an_early_answer_or_speech_that_the_other_talks_through() -> None:
    listening = measured(said(CUSTOMER, 1000, 5000), said(AGENT, 3000, 3500))
    early = measured(said(CUSTOMER, 1000, 5000), said(AGENT, 4850, 8000))
    through = measured(said(CUSTOMER, 1000, 9000), said(AGENT, 3000, 9500))
    short = measured(said(CUSTOMER, 1000, 5000), said(AGENT, 4500, 5400))
    assert [found.interruptions for found in (listening, early, through, short)] == [0, 0, 0, 0]


def test_a_short_breath_does_not_end_a_turn() -> None:
    goes_on = measured(said(CUSTOMER, 1000, 3000), said(CUSTOMER, 3400, 9000), said(AGENT, 2500, 5000))
    assert goes_on.interruptions == 0
    own_turn = measured(said(CUSTOMER, 1000, 3000), said(AGENT, 500, 2200), said(AGENT, 2600, 5000))
    assert own_turn.channels[AGENT].interruptions == ()


def test_overtalk_of_speakers_on_one_channel_counts_where_they_were_told_apart() -> None:
    mixed = (Channel(0, role=Role.MIXED),)
    turns = (SpeakerTurn(1, 0, 8000), SpeakerTurn(2, 8000, 12_000, overlapped=True))
    found = measured(replace(said(0, 0, 1500), turns=turns), channels=mixed)
    assert (found.overtalk_ms, found.sides, found.talk_ratio) == (500, 1, None)


def test_a_call_is_on_hold_while_any_channel_is_and_where_nobody_knows_it_is_not_measured() -> None:
    holds = (
        ChannelHold(AGENT, 1000 * 8, 3000 * 8),
        ChannelHold(CUSTOMER, 2000 * 8, 4000 * 8),
        ChannelHold(AGENT, 9000 * 8, 10_000 * 8),
    )
    found = measured(holds=holds)
    assert (found.hold_ms, found.longest_hold) == (4000, Span(1000, 4000))
    assert (measured(holds=()).hold_ms, measured(holds=()).longest_hold) == (0, Span(0, 0))
    assert (measured().hold_ms, measured().longest_hold) == (None, None)
