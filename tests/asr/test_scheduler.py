from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from asr.activity import ActivityModel
from asr.engine import Decoding, DecodingJob, Waveform
from asr.scheduler import Delivery, Scheduler, cost
from asr.settings import EndpointSettings
from asr.wire.messages import (
    Acknowledged,
    Audio,
    ChannelOptions,
    ClientMessage,
    Close,
    Closed,
    FinalReport,
    Open,
    PartialReport,
    ServerMessage,
    SetHotwords,
)
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from callscribe.domain.hotword import Hotword
from callscribe.domain.language import UNKNOWN
from tests.asr.fake_engine import FakeEngine
from tests.asr.speech import RATE, first_line, silence, two_cities

OPTIONS = ChannelOptions(channel=0, rate=RATE, update_ms=500, endpoint=EndpointSettings(open_hang_ms=480))


@pytest.fixture(scope="module")
def model() -> ActivityModel:
    return ActivityModel()


def audio(number: int, samples: NDArray[np.int16], offset: int = 0) -> list[Audio]:
    """Samples as messages of 100 ms."""
    step = RATE // 10
    return [Audio(number, offset + at, samples[at : at + step].tobytes()) for at in range(0, len(samples), step)]


def work_off(scheduler: Scheduler) -> list[Delivery]:
    deliveries: list[Delivery] = []
    while (turn := scheduler.work()) is not None:
        deliveries.extend(turn.deliveries)
    return deliveries


def of_kind(deliveries: list[Delivery], kind: type[ServerMessage]) -> list[Delivery]:
    return [delivery for delivery in deliveries if isinstance(delivery.message, kind)]


def test_a_channel_is_heard_decoded_acknowledged_and_closed(model: ActivityModel) -> None:
    scheduler = Scheduler(FakeEngine(), model)
    scheduler.accept(1, Open(5, 0, OPTIONS))
    # A turn ends a third of a second into the pause: what was said is told as a partial before it is final.
    line = np.concatenate([silence(0.2), first_line()])
    messages: list[ClientMessage] = [*audio(5, line), Close(5)]
    for message in messages:
        scheduler.accept(1, message)
    deliveries = work_off(scheduler)
    kinds = [type(message) for connection, message in deliveries if connection == 1]
    assert kinds == [PartialReport, FinalReport, Acknowledged, Closed]
    final, acknowledged, closed = (delivery.message for delivery in deliveries[1:])
    assert isinstance(final, FinalReport)
    assert isinstance(acknowledged, Acknowledged)
    assert (final.number, final.final.text[:7]) == (5, "one two")
    assert acknowledged.offset >= final.final.end
    assert closed == Closed(5, len(line))


def test_partials_come_in_real_time_but_not_of_audio_that_is_no_longer_new(model: ActivityModel) -> None:
    live, late = Scheduler(FakeEngine(), model), Scheduler(FakeEngine(), model)
    seen: dict[str, int] = {}
    for name, scheduler in (("live", live), ("late", late)):
        scheduler.accept(1, Open(0, 0, OPTIONS))
        deliveries: list[Delivery] = []
        for message in audio(0, first_line()):
            scheduler.accept(1, message)
            if name == "live":
                deliveries += work_off(scheduler)
        deliveries += work_off(scheduler)
        seen[name] = len(of_kind(deliveries, PartialReport))
        assert len(of_kind(deliveries, FinalReport)) == 1
    assert seen["live"] >= 5
    assert seen["late"] <= 1


def test_finals_of_many_channels_are_decoded_together(model: ActivityModel) -> None:
    engine = FakeEngine()
    scheduler = Scheduler(engine, model)
    for number in range(4):
        scheduler.accept(1, Open(number, 0, OPTIONS))
        for message in audio(number, first_line()):
            scheduler.accept(1, message)
    assert len(of_kind(work_off(scheduler), FinalReport)) == 4
    assert 4 in [len(batch) for batch in engine.batches]


def test_audio_that_waits_is_told_until_it_is_heard(model: ActivityModel) -> None:
    scheduler = Scheduler(FakeEngine(), model)
    scheduler.accept(1, Open(0, 0, OPTIONS))
    for message in audio(0, silence(4.0)):
        scheduler.accept(1, message)
    late: list[float] = []
    while (turn := scheduler.work()) is not None:
        late.append(turn.late_s)
    assert late == sorted(late, reverse=True)
    assert late[0] == pytest.approx(3.5)
    assert late[-1] == 0.0


def test_a_final_that_waits_behind_others_is_late(model: ActivityModel) -> None:
    engine = FakeEngine()
    engine.max_batch = 1
    scheduler = Scheduler(engine, model)
    line = np.concatenate([first_line(), silence(1.0)])
    for number in range(3):
        scheduler.accept(1, Open(number, 0, OPTIONS))
    late: list[float] = []
    for messages in zip(*(audio(number, line) for number in range(3)), strict=True):
        for message in messages:
            scheduler.accept(1, message)
        if turn := scheduler.work():
            late.append(turn.late_s)
    assert max(late) >= 0.1
    assert late[-1] == 0.0


class CountedModel:
    """Takes everything for English, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def identify(self, audio: Waveform) -> Mapping[str, float]:
        self.asked += 1
        return {"en": 0.99, "zh": 0.01}


def test_no_turn_asks_for_more_languages_than_it_decodes(model: ActivityModel) -> None:
    engine, identifier = FakeEngine(), CountedModel()
    scheduler = Scheduler(engine, model, identifier=identifier)
    options = replace(OPTIONS, language=UNKNOWN, languages=("en", "zh"))
    for number in range(engine.max_batch + 2):
        scheduler.accept(1, Open(number, 0, options))
        for message in audio(number, np.concatenate([first_line(), silence(1.0)])):
            scheduler.accept(1, message)
    asked = [0]
    while scheduler.work() is not None:
        asked.append(identifier.asked)
    assert np.diff(asked).max() == engine.max_batch
    assert asked[-1] >= engine.max_batch + 2


def test_a_final_goes_before_partials_that_are_due(model: ActivityModel) -> None:
    engine = FakeEngine()
    scheduler = Scheduler(engine, model)
    for number in (0, 1):
        scheduler.accept(1, Open(number, 0, OPTIONS))
    paused, speaking = first_line()[: int(4.8 * RATE)], first_line()[: 3 * RATE]
    scheduler.accept(1, Audio(0, 0, paused[: 4 * RATE].tobytes()))
    work_off(scheduler)
    engine.batches.clear()
    scheduler.accept(1, Audio(0, 4 * RATE, paused[4 * RATE :].tobytes()))
    scheduler.accept(1, Audio(1, 0, speaking.tobytes()))
    work_off(scheduler)
    assert [round(len(batch[0].audio) / 16000) for batch in engine.batches] == [4, 2]


def test_one_channel_with_much_audio_does_not_hold_up_another(model: ActivityModel) -> None:
    scheduler = Scheduler(FakeEngine(), model)
    for number in (0, 1):
        scheduler.accept(number, Open(0, 0, OPTIONS))
    for message in audio(0, two_cities()):
        scheduler.accept(0, message)
    for message in audio(0, first_line()):
        scheduler.accept(1, message)
    connections = [delivery.connection for delivery in of_kind(work_off(scheduler), FinalReport)]
    assert 1 in connections[:2]
    assert connections.count(1) == 1
    assert connections.count(0) >= 10


def test_hotwords_change_from_where_they_were_sent(model: ActivityModel) -> None:
    engine = FakeEngine()
    scheduler = Scheduler(engine, model)
    scheduler.accept(1, Open(0, 0, OPTIONS))
    later = len(first_line())
    change = SetHotwords(0, (Hotword("Dickens"),))
    messages: list[ClientMessage] = [*audio(0, first_line()), change, *audio(0, first_line(), later)]
    for message in messages:
        scheduler.accept(1, message)
        work_off(scheduler)
    hotwords = [len(job.hotwords) for batch in engine.batches for job in batch]
    assert hotwords == sorted(hotwords)
    assert {0, 1} == set(hotwords)


def test_every_byte_that_was_accepted_is_told_to_be_heard(model: ActivityModel) -> None:
    scheduler = Scheduler(FakeEngine(), model)
    sound = [*audio(0, silence(3.0)), *audio(9, silence(0.3))]
    messages: list[ClientMessage] = [Open(0, 0, OPTIONS), *sound, Close(0)]
    for message in messages:
        scheduler.accept(7, message)
    heard = 0
    while (turn := scheduler.work()) is not None:
        heard += turn.heard.get(7, 0)
    assert heard == sum(map(cost, messages))


def test_a_dropped_connection_leaves_nothing_behind(model: ActivityModel) -> None:
    engine = FakeEngine()
    scheduler = Scheduler(engine, model)
    scheduler.accept(1, Open(0, 0, OPTIONS))
    for message in audio(0, first_line()):
        scheduler.accept(1, message)
    scheduler.drop(1)
    assert scheduler.work() is None
    assert engine.batches == []


def test_an_engine_that_will_not_work_hears_nothing_rather_than_silence(model: ActivityModel) -> None:
    class Barred(FakeEngine):
        def _decode(self, job: DecodingJob) -> Decoding:
            raise EngineUnavailable("the quota is used up")

    scheduler = Scheduler(Barred(), model)
    scheduler.accept(1, Open(0, 0, OPTIONS))
    for message in audio(0, first_line()):
        scheduler.accept(1, message)
    with pytest.raises(EngineUnavailable, match="quota"):
        work_off(scheduler)


def test_what_the_engine_fails_on_is_told_and_costs_no_other_channel_its_final(
    model: ActivityModel, capsys: pytest.CaptureFixture[str]
) -> None:
    class Failing(FakeEngine):
        def _decode(self, job: DecodingJob) -> Decoding:
            if job.hotwords:
                raise RecognitionError
            return super()._decode(job)

    scheduler = Scheduler(Failing(), model)
    poisoned = ChannelOptions(channel=0, rate=RATE, hotwords=(Hotword("poison"),))
    for number, options in enumerate((OPTIONS, poisoned, OPTIONS)):
        scheduler.accept(1, Open(number, 0, options))
        for message in audio(number, first_line()):
            scheduler.accept(1, message)
    deliveries = work_off(scheduler)
    finals = of_kind(deliveries, FinalReport)
    assert sorted(delivery.message.number for delivery in finals if isinstance(delivery.message, FinalReport)) == [0, 2]
    told = [message for _, message in deliveries if isinstance(message, Acknowledged) and message.undecoded]
    assert [message.number for message in told] == [1]
    [(start, end)] = told[0].undecoded
    assert (start < 1.25 * RATE, end > 4.5 * RATE) == (True, True)
    logged = capsys.readouterr().out
    assert logged.count("speech_not_decoded") == 1
    assert "poison" not in logged
