from collections.abc import Sequence

import numpy as np
import pytest

from asr.attempt import decode_each
from asr.engine import Decoding, DecodingJob
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from callscribe.domain.hotword import Hotword
from tests.asr.fake_engine import HALF_SECOND, FakeEngine
from tests.asr.fake_remote import FakeRemote

POISON = (Hotword("poison"),)


def job(words: int, *, poisoned: bool = False, final: bool = True) -> DecodingJob:
    audio = np.zeros(words * HALF_SECOND, np.float32)
    return DecodingJob(audio, hotwords=POISON if poisoned else (), final=final)


class Failing(FakeEngine):
    """Fails on a batch in which something is poisoned."""

    def _decode(self, job: DecodingJob) -> Decoding:
        if job.hotwords:
            raise RecognitionError
        return super()._decode(job)


class Stumbling(FakeEngine):
    """Fails the first time it is asked."""

    def decode(self, jobs: Sequence[DecodingJob]) -> tuple[Decoding, ...]:
        first = not self.batches
        decodings = super().decode(jobs)
        if first:
            raise RecognitionError
        return decodings


def texts(decodings: Sequence[Decoding | None]) -> list[str | None]:
    return [None if decoding is None else decoding.text for decoding in decodings]


def test_only_what_the_engine_fails_on_is_missing() -> None:
    engine = Failing()
    assert texts(decode_each(engine, [job(1), job(2, poisoned=True), job(3)])) == ["one", None, "one two three"]
    assert [len(batch) for batch in engine.batches] == [3, 1, 1, 1]
    assert decode_each(engine, []) == ()


def test_a_final_that_was_alone_is_tried_once_more_and_a_partial_is_not() -> None:
    assert texts(decode_each(Stumbling(), [job(2)])) == ["one two"]
    assert texts(decode_each(Failing(), [job(2, poisoned=True)])) == [None]
    assert texts(decode_each(Stumbling(), [job(2, final=False)])) == [None]


def test_an_engine_that_will_not_work_any_more_is_not_tried_again() -> None:
    class Barred(FakeEngine):
        def _decode(self, job: DecodingJob) -> Decoding:
            raise EngineUnavailable("the quota is used up")

    engine = Barred()
    with pytest.raises(EngineUnavailable, match="quota"):
        decode_each(engine, [job(1), job(2)])
    assert len(engine.batches) == 1


def test_of_a_remote_engine_each_answer_counts_for_itself_and_none_is_asked_for_twice() -> None:
    class Prompt(FakeRemote):
        def begin(self, job: DecodingJob):  # type: ignore[no-untyped-def]
            answer = super().begin(job)
            if job.hotwords:
                answer.set_exception(RecognitionError())
            else:
                self.answer()
            return answer

    engine = Prompt()
    assert texts(decode_each(engine, [job(1), job(2, poisoned=True), job(3)])) == ["one", None, "one two three"]
    assert len(engine.asked) == 3
    assert texts(decode_each(engine, [job(2, final=False)])) == ["one two"]
    assert len(engine.asked) == 3


def test_what_it_failed_on_is_logged_and_what_was_said_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    decode_each(Failing(), [job(2, poisoned=True)])
    logged = capsys.readouterr().out
    assert logged.count("decoding_failed") == 2
    assert "poison" not in logged
