"""A server of Google's Speech-to-Text API on this machine: its own messages over gRPC, its limits, and a made-up
language in place of a recogniser."""

import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import grpc
from google.cloud.speech_v2.types import (
    RecognitionConfig,
    RecognitionResponseMetadata,
    RecognizeRequest,
    RecognizeResponse,
    SpeechRecognitionAlternative,
    SpeechRecognitionResult,
    StreamingRecognitionResult,
    StreamingRecognizeRequest,
    StreamingRecognizeResponse,
    WordInfo,
)

from tests.asr.cloud.script import understood

MOST_BYTES = 15_000
"""Of audio in one message of a stream."""
MOST_S, MOST_STREAMED_S = 60, 300
"""Of audio in one request, and in one stream."""
WORDS_A_RESULT = 6
"""After which a result is final in the middle of a stream."""
_BYTES_A_SECOND = 32_000


@dataclass(slots=True)
class Asked:
    """A request as it was received."""

    method: str
    recognizer: str
    config: RecognitionConfig
    audio: bytes = b""
    ended: bool = False
    """Whether its client said that no more audio follows. A hang-up may look so, too, for a moment."""
    answered: bool = False
    """Whether it was told all that there was to tell."""
    gone: bool = False
    """Whether its client hung up."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure that the next request meets."""

    code: grpc.StatusCode
    details: str
    after_words: int = 0
    """Words that a stream hears before."""


@dataclass(slots=True)
class FakeGoogle:
    """Serves from `start` to `stop`, on a free port."""

    host: str = ""
    asked: list[Asked] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    slow: bool = False
    """Whether it takes audio and says nothing."""
    ahead_s: float = 10.0
    """By which a stream may be ahead of real time."""
    gathering: int = 0
    """Requests whose audio must have ended before any is answered."""
    language: str = "en-us"
    _server: grpc.Server | None = None

    def start(self) -> None:
        handlers = {
            "StreamingRecognize": grpc.stream_stream_rpc_method_handler(
                self._stream,
                request_deserializer=StreamingRecognizeRequest.deserialize,
                response_serializer=StreamingRecognizeResponse.serialize,
            ),
            "Recognize": grpc.unary_unary_rpc_method_handler(
                self._recognize,
                request_deserializer=RecognizeRequest.deserialize,
                response_serializer=RecognizeResponse.serialize,
            ),
        }
        self._server = grpc.server(ThreadPoolExecutor(32))
        generic = grpc.method_handlers_generic_handler("google.cloud.speech.v2.Speech", handlers)
        self._server.add_generic_rpc_handlers((generic,))
        self.host = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(grace=None).wait()

    def _recognize(self, request: RecognizeRequest, context: grpc.ServicerContext) -> RecognizeResponse:
        asked = Asked("Recognize", request.recognizer, request.config, request.content, ended=True)
        self.asked.append(asked)
        if self.troubles:
            trouble = self.troubles.pop(0)
            context.abort(trouble.code, trouble.details)
        self._check(asked, context)
        if len(asked.audio) > MOST_S * _BYTES_A_SECOND:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Inline audio exceeds duration limit.")
        self._hold(context)
        words = understood(asked.audio)
        results: list[SpeechRecognitionResult] = []
        if words:
            results.append(SpeechRecognitionResult(alternatives=[_alternative(words, 0)], language_code=self.language))
        return RecognizeResponse(results=results, metadata=_metadata(asked.audio))

    def _stream(
        self, requests: Iterator[StreamingRecognizeRequest], context: grpc.ServicerContext
    ) -> Iterator[StreamingRecognizeResponse]:
        first = next(requests)
        if not first.streaming_config.config.model or first.audio:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The first message must hold a configuration only.")
        asked = Asked("StreamingRecognize", first.recognizer, first.streaming_config.config)
        self.asked.append(asked)
        context.add_callback(lambda: setattr(asked, "gone", not asked.answered))
        trouble = self.troubles.pop(0) if self.troubles else None
        self._check(asked, context)
        began, shown, settled = time.monotonic(), 0, 0
        for request in requests:
            if not 0 < len(request.audio) <= MOST_BYTES:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Audio chunk can be of a maximum of 15 kB.")
            asked.audio += request.audio
            words = understood(asked.audio)
            if trouble is not None and len(words) >= trouble.after_words:
                context.abort(trouble.code, trouble.details)
            length_s = len(asked.audio) / _BYTES_A_SECOND
            if length_s > MOST_STREAMED_S:
                context.abort(grpc.StatusCode.OUT_OF_RANGE, "Exceeded maximum allowed stream duration of 305 seconds.")
            if length_s > time.monotonic() - began + self.ahead_s:
                context.abort(grpc.StatusCode.OUT_OF_RANGE, "Audio data is being streamed too fast.")
            while len(words) - settled > WORDS_A_RESULT and not self.slow:
                result = words[settled : settled + WORDS_A_RESULT]
                yield self._final(result, settled)
                settled += WORDS_A_RESULT
            if len(words) > shown and not self.slow:
                shown = len(words)
                # What is heard last is less certain: a result of its own.
                sure, unsure = words[settled:-1], words[-1:]
                texts = [" ".join(part) for part in (sure, unsure) if part]
                results = [
                    StreamingRecognitionResult(
                        alternatives=[SpeechRecognitionAlternative(transcript=text)], stability=0.5
                    )
                    for text in texts
                ]
                yield StreamingRecognizeResponse(results=results)
        asked.ended = True
        if trouble is not None:
            context.abort(trouble.code, trouble.details)
        self._hold(context)
        rest = understood(asked.audio)[settled:]
        last = self._final(rest, settled) if rest else StreamingRecognizeResponse()
        last.metadata = _metadata(asked.audio)
        yield last
        asked.answered = True

    def _final(self, words: list[str], place: int) -> StreamingRecognizeResponse:
        found = [_alternative(words, place)]
        result = StreamingRecognitionResult(alternatives=found, is_final=True, language_code=self.language)
        return StreamingRecognizeResponse(results=[result])

    def _hold(self, context: grpc.ServicerContext) -> None:
        while context.is_active() and (self.slow or sum(asked.ended for asked in self.asked) < self.gathering):
            time.sleep(0.01)

    def _check(self, asked: Asked, context: grpc.ServicerContext) -> None:
        """What the API refuses of any request."""
        decoding = asked.config.explicit_decoding_config
        if (decoding.encoding.name, decoding.sample_rate_hertz, decoding.audio_channel_count) != (
            "LINEAR16",
            16_000,
            1,
        ):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The fake server hears 16 kHz only.")
        if not asked.recognizer.startswith("projects/"):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Invalid recognizer.")
        if dict(context.invocation_metadata()).get("x-goog-request-params", "").replace("%2F", "/") != (
            f"recognizer={asked.recognizer}"
        ):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The routing header is missing.")
        for chosen in asked.config.adaptation.phrase_sets:
            for phrase in chosen.inline_phrase_set.phrases:
                if not 0 <= phrase.boost <= 20:
                    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Boost must be between 0 and 20.")


def _alternative(words: list[str], place: int) -> SpeechRecognitionAlternative:
    """A final text with a capital and a mark, as Google writes; the first `place` words were in results before it."""
    written = [word.capitalize() if number == 0 else word for number, word in enumerate(words)]
    written[-1] += "."
    half = timedelta(seconds=0.5)
    infos = [
        WordInfo(
            word=word, start_offset=half * (place + number), end_offset=half * (place + number + 1), confidence=0.9
        )
        for number, word in enumerate(written)
    ]
    transcript = (" " if place else "") + " ".join(written)
    return SpeechRecognitionAlternative(transcript=transcript, confidence=0.95, words=infos)


def _metadata(audio: bytes) -> RecognitionResponseMetadata:
    seconds = math.ceil(len(audio) / _BYTES_A_SECOND)
    return RecognitionResponseMetadata(total_billed_duration=timedelta(seconds=seconds))
