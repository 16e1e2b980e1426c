"""Google Cloud Speech-to-Text, version 2 of its API: streams for what is being said, requests for what was said.

https://cloud.google.com/speech-to-text/v2/docs/reference/rpc/google.cloud.speech.v2
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from asr.engine import ENGINE_RATE
from asr.engines.cloud import CloudEngine
from asr.engines.cloud.service import USUAL_CONFIDENCE, Heard, HeardWord, Request, placed, together
from asr.settings import GoogleSettings
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from callscribe.domain.language import joined

if TYPE_CHECKING:
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.credentials import Credentials
    from google.cloud.speech_v2 import SpeechAsyncClient
    from google.cloud.speech_v2.types import (
        RecognitionConfig,
        RecognizeResponse,
        SpeechRecognitionAlternative,
        StreamingRecognizeRequest,
        StreamingRecognizeResponse,
    )

_MESSAGE_BYTES = 12_800
"""Audio in one message of a stream; the service takes 15 kB."""
_LONGEST_S = 55.0
"""Of one request; the service takes a minute at once, and five as a stream."""
_MOST_BOOST = 20.0
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_NO_TOKEN = "metadata from plugin failed"
"""What gRPC says where Google's library gets no token for the credentials."""
_MISSING = "the engine google needs its package; pip install 'callscribe[google]'"


class GoogleEngine(CloudEngine):
    """Google's recogniser. Audio leaves this machine, and is paid for."""

    def __init__(self, settings: GoogleSettings) -> None:
        """Raises EngineUnavailable when its package or credentials are missing, or the service refuses them."""
        super().__init__(GoogleService(settings), settings.languages, settings.price_per_minute, settings.timeout_s)


class GoogleService:
    """The service as `asr.engines.cloud.service.Service` has it."""

    name = "google"
    longest_s = _LONGEST_S

    def __init__(self, settings: GoogleSettings) -> None:
        """Finds the credentials; connects when first asked. Raises EngineUnavailable."""
        try:
            import google.cloud.speech_v2  # noqa: F401
        except ImportError as error:
            raise EngineUnavailable(_MISSING) from error
        self._settings = settings
        self._host = settings.endpoint or _host(settings.location)
        self._credentials: Credentials | None = None
        self._project = settings.project
        if not _loopback(self._host):
            self._credentials, project = _credentials(settings.credentials)
            self._project = settings.project or project
        if not self._project:
            raise EngineUnavailable("recognizer.google.project is not set; set it to the id of your Google project")
        self._client: SpeechAsyncClient | None = None

    @property
    def _recognizer(self) -> str:
        return f"projects/{self._project}/locations/{self._settings.location}/recognizers/_"

    async def listen(self, request: Request, audio: AsyncIterator[bytes], tell: Callable[[Heard], None]) -> Heard:
        from google.api_core.exceptions import GoogleAPICallError

        reading = _Reading()
        metadata = (("x-goog-request-params", f"recognizer={self._recognizer}"),)
        try:
            responses = await self._connected().streaming_recognize(self._requests(request, audio), metadata=metadata)
            async for response in responses:
                tell(reading.take(response))
        except GoogleAPICallError as error:
            raise self._failure(error) from error
        return reading.heard

    async def recognize(self, request: Request, pcm: bytes) -> Heard:
        from google.api_core.exceptions import GoogleAPICallError
        from google.cloud.speech_v2.types import RecognizeRequest

        asked = RecognizeRequest(recognizer=self._recognizer, config=self._config(request), content=pcm)
        # Who asked waits for half as long: no answer is told in one way only.
        limit_s = 2 * self._settings.timeout_s
        try:
            response = await self._connected().recognize(asked, retry=None, timeout=limit_s)
        except GoogleAPICallError as error:
            raise self._failure(error) from error
        return _recognized(response)

    def allowed_s(self, length_s: float) -> float:
        return 0.0

    async def close(self) -> None:
        if self._client is not None:
            await self._client.transport.close()

    def _connected(self) -> SpeechAsyncClient:
        """The client; it belongs to the loop on which it was made."""
        if self._client is None:
            from google.api_core.client_options import ClientOptions
            from google.cloud.speech_v2 import SpeechAsyncClient
            from google.cloud.speech_v2.services.speech.transports import SpeechGrpcAsyncIOTransport
            from grpc.aio import insecure_channel

            if self._credentials is None:
                transport = SpeechGrpcAsyncIOTransport(channel=insecure_channel(self._host))
                self._client = SpeechAsyncClient(transport=transport)
            else:
                options = ClientOptions(api_endpoint=self._host)
                self._client = SpeechAsyncClient(credentials=self._credentials, client_options=options)
        return self._client

    async def _requests(
        self, request: Request, audio: AsyncIterator[bytes]
    ) -> AsyncIterator[StreamingRecognizeRequest]:
        from google.cloud.speech_v2.types import (
            StreamingRecognitionConfig,
            StreamingRecognitionFeatures,
            StreamingRecognizeRequest,
        )

        features = StreamingRecognitionFeatures(interim_results=True)
        config = StreamingRecognitionConfig(config=self._config(request), streaming_features=features)
        yield StreamingRecognizeRequest(recognizer=self._recognizer, streaming_config=config)
        async for pcm in audio:
            for start in range(0, len(pcm), _MESSAGE_BYTES):
                yield StreamingRecognizeRequest(audio=pcm[start : start + _MESSAGE_BYTES])

    def _config(self, request: Request) -> RecognitionConfig:
        from google.cloud.speech_v2.types import (
            ExplicitDecodingConfig,
            PhraseSet,
            RecognitionConfig,
            RecognitionFeatures,
            SpeechAdaptation,
        )

        config = RecognitionConfig(
            explicit_decoding_config=ExplicitDecodingConfig(
                encoding=ExplicitDecodingConfig.AudioEncoding.LINEAR16,
                sample_rate_hertz=ENGINE_RATE,
                audio_channel_count=1,
            ),
            model=self._settings.model,
            language_codes=list(request.languages),
            features=RecognitionFeatures(
                enable_automatic_punctuation=True, enable_word_time_offsets=True, enable_word_confidence=True
            ),
        )
        if request.hotwords and self._settings.boost:
            phrases = [
                PhraseSet.Phrase(value=hotword.text, boost=min(self._settings.boost * hotword.weight, _MOST_BOOST))
                for hotword in request.hotwords
            ]
            inline = SpeechAdaptation.AdaptationPhraseSet(inline_phrase_set=PhraseSet(phrases=phrases))
            config.adaptation = SpeechAdaptation(phrase_sets=[inline])
        return config

    def _failure(self, error: GoogleAPICallError) -> RecognitionError:
        """The failure of a request as one sentence, with the cure where there is one."""
        from google.api_core import exceptions

        said = " ".join(str(error.message).split())
        settings = "recognizer.google"
        cures: list[tuple[type[GoogleAPICallError], str]] = [
            (
                exceptions.Unauthenticated,
                f"Google takes the credentials for none; renew them, or set {settings}.credentials",
            ),
            (
                exceptions.Forbidden,
                f"Google does not let these credentials recognise speech for the project {self._project}; enable the "
                "Speech-to-Text API there and grant them the role Cloud Speech Client",
            ),
            (
                exceptions.ResourceExhausted,
                f"the Speech-to-Text quota of the project {self._project} is used up; raise it in Google's console, or "
                "carry fewer calls",
            ),
            (
                exceptions.NotFound,
                f"Google knows no recogniser at {self._recognizer}; correct {settings}.project and {settings}.location",
            ),
            (
                exceptions.InvalidArgument,
                f"Google refuses the request; correct {settings}.model, {settings}.languages and {settings}.location",
            ),
        ]
        if _NO_TOKEN in said:
            return EngineUnavailable(f"{cures[0][1]} ({said})")
        for kind, cure in cures:
            if isinstance(error, kind):
                return EngineUnavailable(f"{cure} ({said})")
        return RecognitionError(f"Google's recogniser failed: {said}")


class _Reading:
    """What a stream has said so far."""

    def __init__(self) -> None:
        self._settled: list[Heard] = []
        self._tentative = ""
        self._billed_s: float | None = None

    @property
    def heard(self) -> Heard:
        if not self._tentative:
            return _chained(self._settled, self._billed_s)
        return _chained([*self._settled, Heard(self._tentative, USUAL_CONFIDENCE)], self._billed_s)

    def take(self, response: StreamingRecognizeResponse) -> Heard:
        """Take a message in, and say what is understood now. Results that are not final are one text together."""
        if response.metadata.total_billed_duration:
            self._billed_s = _seconds(response.metadata.total_billed_duration)
        if response.results:
            self._tentative = ""
        for result in response.results:
            if not result.alternatives:
                continue
            if result.is_final:
                self._settled.append(_heard(result.alternatives[0], result.language_code))
            else:
                self._tentative = joined(self._tentative, result.alternatives[0].transcript)
        return self.heard


def _recognized(response: RecognizeResponse) -> Heard:
    billed = response.metadata.total_billed_duration
    found = [_heard(result.alternatives[0], result.language_code) for result in response.results if result.alternatives]
    return _chained(found, _seconds(billed) if billed else None)


def _chained(parts: Iterable[Heard], billed_s: float | None) -> Heard:
    """Results of one request as one; their times count from its beginning."""
    whole = together([(0, part) for part in parts], "")
    return replace(whole, billed_s=billed_s)


def _heard(alternative: SpeechRecognitionAlternative, language: str) -> Heard:
    text = alternative.transcript.strip()
    confidence = alternative.confidence or USUAL_CONFIDENCE
    words = [
        HeardWord(word.word, _sample(word.start_offset), _sample(word.end_offset), word.confidence or confidence)
        for word in alternative.words
    ]
    timed = bool(words) and words[-1].end > 0
    return Heard(text, confidence, placed(text, words) if timed else (), language)


def _seconds(offset: timedelta) -> float:
    return offset.total_seconds()


def _sample(offset: timedelta | None) -> int:
    return 0 if offset is None else round(_seconds(offset) * ENGINE_RATE)


def _host(location: str) -> str:
    return "speech.googleapis.com" if location == "global" else f"{location}-speech.googleapis.com"


def _loopback(host: str) -> bool:
    """True for an address of this machine: what listens there has no certificate, and credentials of its own."""
    name = host.rpartition(":")[0].strip("[]")
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _credentials(file: str) -> tuple[Credentials, str]:
    """Credentials, and the project that they name or "". Raises EngineUnavailable."""
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.oauth2.service_account import Credentials as ServiceAccount

    try:
        if file:
            account = ServiceAccount.from_service_account_file(str(Path(file).expanduser()), scopes=[_SCOPE])
            return account, account.project_id or ""
        found, project = google.auth.default(scopes=[_SCOPE])
    except (GoogleAuthError, OSError, ValueError) as error:
        place = f"recognizer.google.credentials ({file})" if file else "this machine"
        raise EngineUnavailable(
            f"there are no Google credentials at {place}; set recognizer.google.credentials, or the variable "
            "GOOGLE_APPLICATION_CREDENTIALS, to the file of a service account's key"
        ) from error
    return found, project or ""
