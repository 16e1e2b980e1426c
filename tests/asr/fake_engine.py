"""An engine that needs no model: it says how many half seconds of audio it heard, a word for each."""

from collections.abc import Callable, Sequence

from asr.engine import ENGINE_RATE, Capabilities, DecodedWord, Decoding, DecodingJob

HALF_SECOND = ENGINE_RATE // 2

NUMBERS = tuple(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen".split()  # noqa: SIM905
)


def count_aloud(job: DecodingJob) -> str:
    """One word for each half second."""
    return " ".join(NUMBERS[: len(job.audio) * 2 // ENGINE_RATE])


class FakeEngine:
    """Keeps every batch it was given."""

    name = "fake"
    capabilities = Capabilities(languages=("en",), hotwords=True)
    max_batch = 4

    def __init__(self, say: Callable[[DecodingJob], str] = count_aloud) -> None:
        self.batches: list[list[DecodingJob]] = []
        self._say = say

    def decode(self, jobs: Sequence[DecodingJob]) -> tuple[Decoding, ...]:
        self.batches.append(list(jobs))
        return tuple(self._decode(job) for job in jobs)

    def _decode(self, job: DecodingJob) -> Decoding:
        text = self._say(job)
        words = tuple(
            DecodedWord(word, place * HALF_SECOND, (place + 1) * HALF_SECOND, 0.75)
            for place, word in enumerate(text.split())
        )
        return Decoding(tuple(range(len(words))), text, 0.75 if text else 0.0, words)
