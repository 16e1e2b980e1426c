"""A remote engine whose server answers when the test lets it."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from asr.engine import Decoding, DecodingJob
from tests.asr.fake_engine import FakeEngine, count_aloud


class FakeRemote(FakeEngine):
    """Keeps every question until it is answered."""

    capabilities = replace(FakeEngine.capabilities, remote=True)

    def __init__(self, say: Callable[[DecodingJob], str] = count_aloud) -> None:
        super().__init__(say)
        self.asked: list[tuple[DecodingJob, Future[Decoding]]] = []

    def begin(self, job: DecodingJob) -> Future[Decoding]:
        answer: Future[Decoding] = Future()
        self.asked.append((job, answer))
        return answer

    @property
    def open(self) -> list[tuple[DecodingJob, Future[Decoding]]]:
        """Questions that nobody has answered, or taken back."""
        return [(job, answer) for job, answer in self.asked if not answer.done()]

    def answer(self, place: int = 0) -> None:
        """Answer one of `open`."""
        job, answer = self.open[place]
        answer.set_result(self._decode(job))
