"""sherpa-onnx behind the engine's interface: a streaming model for partials, it or an offline one for finals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from asr.engine import EMPTY, Capabilities, Decoding, DecodingJob
from asr.engines.sherpa.biasing import Biaser
from asr.engines.sherpa.folder import ModelFiles, offline_files, streaming_files
from asr.engines.sherpa.loading import Biasing, biasing_of, load, offline_recipe, streaming_recipe
from asr.engines.sherpa.offline import OfflineModel
from asr.engines.sherpa.reading import Transcript, decoding_of
from asr.engines.sherpa.streaming import StreamingModel
from asr.engines.sherpa.vocabulary import Vocabulary
from asr.models import model_folder
from asr.settings import Device, SherpaSettings
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from callscribe.domain.language import UNKNOWN

_TIMED = frozenset({"transducer", "sense-voice", "zipformer-ctc", "zipformer2-ctc", "nemo-ctc", "wenet-ctc"})
"""Kinds of models of whose tokens the library tells when they were heard."""
_LINGUISTS = frozenset({"sense-voice", "whisper"})
"""Kinds of models that tell which language they heard."""
_Model = TypeVar("_Model", StreamingModel, OfflineModel)


@dataclass(frozen=True, slots=True)
class _Loaded(Generic[_Model]):
    """A model with what is needed to read what it writes."""

    model: _Model
    files: ModelFiles
    vocabulary: Vocabulary

    def read(self, transcript: Transcript, job: DecodingJob) -> Decoding:
        """What a transcript says of the job's audio."""
        written = replace(transcript, text=self.vocabulary.written(transcript.text))
        return decoding_of(written, len(job.audio), job.earlier.state)


class SherpaEngine:
    """Partials go on from where the earlier ones ended; finals are decoded as a whole.

    With an offline model only, a partial is decoded as a final is.
    """

    name = "sherpa"
    max_batch = 16

    def __init__(self, settings: SherpaSettings, device: Device = "auto") -> None:
        """Load the models that the settings name. Raises EngineUnavailable."""
        self._streaming = _streaming(settings, device) if settings.streaming else None
        self._offline = _offline(settings, device) if settings.offline else None
        finals = self._offline or self._streaming
        if finals is None:
            raise EngineUnavailable("recognizer.sherpa names no model: set its streaming, its offline, or both")
        self._languages = settings.languages
        self.capabilities = Capabilities(
            languages=settings.languages,
            hotwords=finals.model.biasing,
            word_times=finals.files.kind in _TIMED,
            identifies_language=finals.files.kind in _LINGUISTS and len(settings.languages) > 1,
            emotion=finals.files.kind == "sense-voice",
        )

    def decode(self, jobs: Sequence[DecodingJob]) -> tuple[Decoding, ...]:
        """One decoding a job. Raises RecognitionError."""
        found = [EMPTY] * len(jobs)
        audible = [place for place, job in enumerate(jobs) if len(job.audio)]
        whole = [place for place in audible if jobs[place].final or self._streaming is None]
        parts = [place for place in audible if place not in whole]
        try:
            for places, decode in ((whole, self._decode_whole), (parts, self._go_on)):
                for first in range(0, len(places), self.max_batch):
                    batch = places[first : first + self.max_batch]
                    for place, decoding in zip(batch, decode([jobs[place] for place in batch]), strict=True):
                        found[place] = decoding
        except (RuntimeError, IndexError) as error:
            raise RecognitionError("the sherpa-onnx model failed") from error
        return tuple(found)

    def _go_on(self, jobs: Sequence[DecodingJob]) -> list[Decoding]:
        if self._streaming is None:
            return []
        heard = self._streaming.model.go_on(jobs)
        return [
            replace(self._streaming.read(transcript, job), state=place)
            for job, (transcript, place) in zip(jobs, heard, strict=True)
        ]

    def _decode_whole(self, jobs: Sequence[DecodingJob]) -> list[Decoding]:
        """The utterance may go on after all; then so does its stream, which these leave alone."""
        if self._offline is None:
            return self._stream_whole(jobs)
        decodings = []
        for job, told in zip(jobs, self._offline.model.decode(jobs), strict=True):
            decoding = replace(
                self._offline.read(told.transcript, job),
                # A recogniser asks SenseVoice about all languages at once, and what it hears then is less sure.
                language=told.language if job.language == UNKNOWN and told.language in self._languages else "",
                emotion=told.emotion,
                audio_events=(told.event,) if told.event else (),
            )
            decodings.append(decoding)
        return decodings

    def _stream_whole(self, jobs: Sequence[DecodingJob]) -> list[Decoding]:
        if self._streaming is None:
            return []
        heard = self._streaming.model.decode(jobs)
        return [self._streaming.read(transcript, job) for job, transcript in zip(jobs, heard, strict=True)]


def _streaming(settings: SherpaSettings, device: Device) -> _Loaded[StreamingModel]:
    files = streaming_files(model_folder(settings.streaming), settings.streaming_kind, quantized=settings.quantized)
    vocabulary, biasing = _spelling(files, settings)
    recognizer = load(streaming_recipe(files, settings, device, biasing), files)
    biaser = Biaser(recognizer, vocabulary, biasing, settings.hotwords_score)
    return _Loaded(StreamingModel(recognizer, biaser), files, vocabulary)


def _offline(settings: SherpaSettings, device: Device) -> _Loaded[OfflineModel]:
    files = offline_files(model_folder(settings.offline), settings.offline_kind, quantized=settings.quantized)
    vocabulary, biasing = _spelling(files, settings)
    recognizer = load(offline_recipe(files, settings, device, biasing), files)
    biaser = Biaser(recognizer, vocabulary, biasing, settings.hotwords_score)
    # Of a Paraformer the library reads all that was decoded of the longest text, also where a text is shorter.
    return _Loaded(OfflineModel(recognizer, biaser, batches=files.kind != "paraformer"), files, vocabulary)


def _spelling(files: ModelFiles, settings: SherpaSettings) -> tuple[Vocabulary, Biasing | None]:
    vocabulary = Vocabulary.read(files.tokens)
    return vocabulary, biasing_of(files, vocabulary, settings)
