"""What the engines of paid services have in common, each against a server that speaks its service's protocol."""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from asr.attempt import decode_each
from asr.engine import EMPTY, Decoding, DecodingJob, Engine, Waveform
from asr.engines.cloud import CloudEngine
from asr.engines.cloud.dictation import Dictation, pcm16
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from callscribe.domain.hotword import Hotword
from callscribe.domain.language import UNKNOWN

pytest.importorskip("google.cloud.speech_v2")

from tests.asr.cloud.rigs import AzureRig, GoogleRig, Rig
from tests.asr.cloud.script import WORD, said


@pytest.fixture(params=[GoogleRig, AzureRig], ids=["google", "azure"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    made: Rig = request.param()
    yield made
    made.close()


def until(condition: Callable[[], object]) -> None:
    """Wait for what another thread is about to do."""
    while not condition():
        time.sleep(0.005)


def decoded(engine: Engine, audio: Waveform, earlier: Decoding = EMPTY, **options: str) -> Decoding:
    """A final."""
    return engine.decode([DecodingJob(audio, earlier=earlier, **options)])[0]  # type: ignore[arg-type]


def followed(engine: Engine, audio: Waveform, text: str, earlier: Decoding = EMPTY) -> Decoding:
    """What partials come to: this text."""
    while True:
        earlier = engine.decode([DecodingJob(audio, earlier=earlier, final=False)])[0]
        if earlier.text == text:
            return earlier
        time.sleep(0.005)


def plain(decoding: Decoding) -> list[str]:
    return [word.lower().rstrip(".") for word in decoding.text.split()]


def received(rig: Rig) -> list[bytes]:
    return [asked.audio for asked in rig.asked]


def test_what_is_said_is_shown_while_it_is_said(rig: Rig) -> None:
    engine = rig.engine()
    audio = said(1, 2, 3)
    shown = EMPTY
    for count, text in enumerate(["one", "one two", "one two three"], start=1):
        shown = followed(engine, audio[: count * WORD], text, shown)
    assert shown.words == ()
    final = decoded(engine, audio, shown)
    assert final.text == "One two three."
    assert final.confidence == pytest.approx({"google": 0.95, "azure": 0.9}[rig.name])
    assert [(word.text, word.start) for word in final.words] == [("One", 0), ("two", WORD), ("three.", 2 * WORD)]
    assert all(0 < word.end - word.start <= WORD and 0.8 < word.confidence < 0.95 for word in final.words)
    assert received(rig) == [pcm16(audio)]


def test_texts_that_are_final_on_the_way_stay_and_times_go_on(rig: Rig) -> None:
    engine = rig.engine()
    audio = said(*range(9))
    final = decoded(engine, audio, followed(engine, audio[: 8 * WORD], "Zero one two three four five. six seven"))
    assert final.text == "Zero one two three four five. Six seven eight."
    assert [word.start for word in final.words] == [WORD * place for place in range(9)]


def test_each_sample_is_sent_once_however_often_a_speaker_pauses(rig: Rig) -> None:
    """At each pause a final is asked for, which may be the last or not."""
    engine = rig.engine()
    audio = said(1, 2, 3, 4, 5)
    first = decoded(engine, audio[: 2 * WORD], followed(engine, audio[: 2 * WORD], "one two"))
    assert plain(first) == ["one", "two"]
    second = followed(engine, audio[: 4 * WORD], "One two. three four", first)
    assert plain(decoded(engine, audio, second)) == ["one", "two", "three", "four", "five"]
    assert b"".join(received(rig)) == pcm16(audio)
    assert len(rig.asked) == 2


def test_words_after_a_pause_have_their_places_in_the_utterance(rig: Rig) -> None:
    engine = rig.engine()
    audio = said(1, 2, 3)
    paused = decoded(engine, audio[:WORD])
    assert [word.start for word in decoded(engine, audio, paused).words] == [0, WORD, 2 * WORD]


def test_a_request_that_failed_leaves_nothing_that_goes_on(rig: Rig) -> None:
    engine = rig.engine()
    idle = going_on(engine)
    rig.hang_up_next()
    dictation = engine.decode([DecodingJob(said(1), final=False)])[0].state
    assert isinstance(dictation, Dictation)
    until(lambda: dictation.meter.seconds)
    until(lambda: going_on(engine) == idle)


def going_on(engine: CloudEngine) -> int:
    """Tasks on the engine's loop."""
    return len(asyncio.all_tasks(engine._network._loop))


def test_a_job_that_is_repeated_says_the_same_and_costs_nothing(rig: Rig) -> None:
    engine = rig.engine()
    audio = said(4, 5, 6)
    shown = followed(engine, audio[: 2 * WORD], "four five")
    finals = [decoded(engine, audio, shown) for _ in range(3)]
    assert finals[0].text == "Four five six."
    assert finals == [finals[0]] * 3
    assert len(rig.asked) == 1
    assert engine.meter.seconds == pytest.approx(0.5 + {"google": 2.0, "azure": 1.5}[rig.name])


def test_an_utterance_that_is_cut_before_where_its_stream_has_come_to_is_heard_up_to_there(rig: Rig) -> None:
    engine = rig.engine()
    audio = said(1, 2, 3, 4)
    shown = followed(engine, audio, "one two three four")
    assert plain(decoded(engine, audio[: 3 * WORD], shown)) == ["one", "two", "three"]
    assert received(rig)[-1] == pcm16(audio[: 3 * WORD])


def test_all_finals_of_a_batch_are_asked_for_side_by_side_and_do_not_mix(rig: Rig) -> None:
    engine = rig.engine()
    lines = [said(number, (3 * number + 1) % 12, 7) for number in range(12)]
    shown = [followed(engine, line[:WORD], first) for line, first in zip(lines[:2], ["zero", "one"], strict=True)]
    rig.gathering = len(lines)
    jobs = [DecodingJob(line, earlier=earlier) for line, earlier in zip(lines, [*shown, *[EMPTY] * 10], strict=True)]
    finals = engine.decode(jobs)
    rig.gathering = 0
    assert [plain(final) for final in finals] == [plain(decoded(engine, line)) for line in lines]
    assert sorted(received(rig)[: len(lines)]) == sorted(pcm16(line) for line in lines)


def test_partials_and_finals_of_one_batch_come_in_the_order_of_their_jobs(rig: Rig) -> None:
    engine = rig.engine()
    going_on = followed(engine, said(8, 9), "eight nine")
    found = engine.decode(
        [DecodingJob(said(1)), DecodingJob(said(8, 9), earlier=going_on, final=False), DecodingJob(said(2))]
    )
    assert [plain(each) for each in found] == [["one"], ["eight", "nine"], ["two"]]


def test_an_utterance_that_nobody_follows_any_more_is_hung_up(rig: Rig) -> None:
    engine = rig.engine()
    shown = followed(engine, said(1, 2), "one two")
    assert not rig.asked[0].gone
    del shown
    gc.collect()
    until(lambda: rig.asked[0].gone)
    assert plain(decoded(engine, said(3))) == ["three"]


def test_hotwords_arrive_with_the_request(rig: Rig) -> None:
    engine = rig.engine()
    hotwords = (Hotword("Callscribe", 2.0), Hotword("session border controller"), Hotword("https://example.com/list"))
    job = DecodingJob(said(1), hotwords=hotwords)
    engine.decode([job])
    assert rig.hotwords() == [hotword.text for hotword in hotwords]
    assert engine.capabilities.hotwords
    followed(engine, said(1), "one")
    assert rig.hotwords() == []


def test_silence_is_no_text(rig: Rig) -> None:
    engine = rig.engine()
    assert decoded(engine, np.zeros(2 * WORD, np.float32)).text == ""
    assert decoded(engine, np.zeros(0, np.float32)).text == ""
    assert engine.decode([]) == ()


def test_a_stream_that_breaks_is_heard_again_for_the_final(rig: Rig) -> None:
    engine = rig.engine()
    audio = said(1, 2, 3, 4)
    rig.hang_up_next(after_words=2)
    shown = followed(engine, audio[: WORD + 800], "one")
    shown = engine.decode([DecodingJob(audio[: 3 * WORD], earlier=shown, final=False)])[0]
    assert decoded(engine, audio, shown).text == "One two three four."
    assert received(rig)[-1] == pcm16(audio)


def test_a_final_is_asked_for_twice(rig: Rig) -> None:
    engine = rig.engine()
    rig.hang_up_next()
    assert plain(decoded(engine, said(1, 2))) == ["one", "two"]
    assert received(rig)[-1] == pcm16(said(1, 2))


def test_what_was_committed_stays_while_another_stream_comes_to_where_the_one_before_was(rig: Rig) -> None:
    engine = rig.engine()
    rig.hang_up_next(after_words=2)
    shown = followed(engine, said(1, 2)[: WORD + 800], "one")
    rig.slow = True
    while len(rig.asked) < 2:
        shown = engine.decode([DecodingJob(said(1, 2, 3), earlier=shown, held=1, final=False)])[0]
    assert shown.text == "one"
    rig.slow = False
    assert plain(decoded(engine, said(1, 2, 3), shown)) == ["one", "two", "three"]


def test_a_final_that_does_not_come_is_what_the_partials_were(rig: Rig) -> None:
    engine = rig.engine(timeout_s=0.3)
    shown = followed(engine, said(1, 2), "one two")
    rig.slow = True
    final = decoded(engine, said(1, 2, 3), shown)
    assert (final.text, final.confidence) == ("one two", 0.5)
    rig.slow = False
    assert plain(decoded(engine, said(4))) == ["four"]


def test_a_service_that_says_nothing_at_all_is_an_error(rig: Rig) -> None:
    engine = rig.engine(timeout_s=0.3)
    rig.slow = True
    with pytest.raises(RecognitionError, match="no answer came in time"):
        decoded(engine, said(1))
    # It would hold everybody up once more.
    assert len(rig.asked) == 1


def test_of_a_batch_only_what_failed_is_missing(rig: Rig) -> None:
    engine = rig.engine()
    shown = followed(engine, said(1, 2), "one two")
    jobs = [DecodingJob(said(5)), DecodingJob(said(1, 2), earlier=shown)]
    for _ in range(2):
        rig.hang_up_next()
    finals = decode_each(engine, jobs)
    assert [final and plain(final) for final in finals] == [None, ["one", "two"]]


def test_a_batch_of_which_something_failed_is_no_batch_of_which_nothing_was_said(rig: Rig) -> None:
    engine = rig.engine()
    for _ in range(4):
        rig.hang_up_next()
    with pytest.raises(RecognitionError):
        engine.decode([DecodingJob(said(5)), DecodingJob(said(6))])


def test_one_that_is_refused_while_others_are_heard_does_not_end_the_engine(rig: Rig) -> None:
    engine = rig.engine()
    shown = [followed(engine, said(1, 2, 3), "one two three"), followed(engine, said(4, 5, 6), "four five six")]
    assert plain(decoded(engine, said(7))) == ["seven"]
    # Cut before where the streams have come to, they are asked for anew.
    rig.use_up_quota()
    assert plain(decoded(engine, said(1, 2), shown[0])) == ["one", "two"]
    for _ in range(2):
        rig.use_up_quota()
    with pytest.raises(RecognitionError, match="quota") as told:
        decoded(engine, said(4, 5), replace(shown[1], text=""))
    assert not isinstance(told.value, EngineUnavailable)


def test_what_will_not_work_until_somebody_acts_is_told_with_the_cure_and_not_tried_again(rig: Rig) -> None:
    engine = rig.engine()
    rig.use_up_quota()
    with pytest.raises(EngineUnavailable, match=r"quota .*used up.*; raise it in .*, or carry fewer calls") as told:
        decoded(engine, said(1))
    assert "\n" not in str(told.value)
    assert len(rig.asked) == 1


def test_credentials_that_are_refused_are_told_before_the_engine_stands(rig: Rig) -> None:
    rig.refuse_credentials()
    with pytest.raises(EngineUnavailable, match=r"takes the (credentials|key) for none.*set recognizer\.") as told:
        rig.engine()
    assert "a-key-that-nobody-may-see" not in str(told.value)


def test_a_service_that_does_not_answer_is_told_before_the_engine_stands(rig: Rig) -> None:
    rig.slow = True
    with pytest.raises(EngineUnavailable, match=f"{rig.name} does not answer"):
        rig.engine(timeout_s=0.3)
    rig.slow = False


def test_a_server_that_is_not_there_is_told_before_the_engine_stands(rig: Rig) -> None:
    settings = rig.settings(timeout_s=2.0)
    rig.close()
    with pytest.raises(EngineUnavailable, match=r"recogniser failed|cannot be reached"):
        engine_of(settings)


def engine_of(settings: object) -> Engine:
    from asr.engines import load_engine
    from asr.settings import RecognizerSettings

    assert isinstance(settings, RecognizerSettings)
    return load_engine(settings)


def test_language_is_found_out_where_several_are_set(rig: Rig) -> None:
    engine = rig.engine()
    assert engine.capabilities.languages == ("en", "de")
    assert engine.capabilities.knows(UNKNOWN)
    rig.server.language = "de-DE"  # type: ignore[attr-defined]
    assert decoded(engine, said(1, 2), language=UNKNOWN).language == "de"


def test_the_meter_counts_what_is_sent_by_the_price_of_the_settings(rig: Rig) -> None:
    engine = rig.engine()
    assert engine.meter.seconds == 0.5
    decoded(engine, said(1, 2, 3))
    billed = {"google": 2.0, "azure": 1.5}[rig.name]
    assert engine.meter.seconds == pytest.approx(0.5 + billed)
    price = {"google": 0.016, "azure": 0.0167}[rig.name]
    assert engine.meter.cost == pytest.approx((0.5 + billed) / 60 * price)


def test_a_decoding_tells_what_was_paid_for_its_utterance_since_the_one_before(rig: Rig) -> None:
    engine = rig.engine()
    before = engine.meter.cost
    audio = said(1, 2, 3, 4)
    shown = followed(engine, audio[:WORD], "one")
    paused = decoded(engine, audio[: 2 * WORD], shown)
    other = decoded(engine, said(5))
    final = decoded(engine, audio, paused)
    again = decoded(engine, audio, paused)
    assert shown.cost == again.cost == 0.0
    assert min(paused.cost, other.cost, final.cost) > 0.0
    assert paused.cost + other.cost + final.cost == pytest.approx(engine.meter.cost - before)


def test_an_engine_is_loaded_by_its_name(rig: Rig) -> None:
    engine = engine_of(rig.settings())
    assert isinstance(engine, CloudEngine)
    assert engine.name == rig.name
    assert plain(decoded(engine, said(2, 1))) == ["two", "one"]
    engine.close()


def test_finals_that_were_begun_come_each_when_it_is_answered(rig: Rig) -> None:
    engine = rig.engine()
    rig.slow = True
    slow = engine.begin(DecodingJob(said(1, 2)))
    until(lambda: rig.asked)
    assert not slow.done()
    rig.slow = False
    assert plain(decoded(engine, said(3))) == ["three"]
    assert plain(slow.result()) == ["one", "two"]


def requests_of(engine: CloudEngine) -> list[asyncio.Task[object]]:
    """Those that the engine waits for."""
    tasks = asyncio.all_tasks(engine._network._loop)
    return [task for task in tasks if getattr(task.get_coro(), "__name__", "") == "_metered"]


def test_a_final_that_nobody_wants_any_more_is_not_waited_for(rig: Rig) -> None:
    engine = rig.engine()
    rig.slow = True
    answer = engine.begin(DecodingJob(said(1, 2)))
    until(lambda: requests_of(engine))
    answer.cancel()
    until(lambda: not requests_of(engine))
    rig.slow = False
    assert plain(decoded(engine, said(3))) == ["three"]


def test_one_final_that_does_not_come_makes_nobody_impatient_while_others_come(rig: Rig) -> None:
    engine = rig.engine(timeout_s=0.5)
    rig.gathering = 3
    late = engine.begin(DecodingJob(said(1, 2)))
    until(lambda: len(rig.asked) == 1)
    rig.gathering = 0
    assert plain(decoded(engine, said(3))) == ["three"]
    late.exception()
    assert not engine._silent
