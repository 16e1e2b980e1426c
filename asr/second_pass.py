"""A channel of an ended call decoded again by a better model: a second text for each utterance, or none."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import soxr
import structlog
from numpy.typing import NDArray

from asr.differences import Difference, differences
from asr.engine import ENGINE_RATE, Capabilities, Waveform
from asr.engines.whisper import WINDOW_S, Heard, HeardWord, WhisperEngine, whisper_name
from asr.level import leveled
from asr.packing import Piece, Span, Window, pack
from asr.plausibility import heard_in_time, plausible
from asr.settings import SecondPassSettings
from asr.weighing import Witness, gains
from callscribe.domain.errors import EngineUnavailable
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Final, Word

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SecondPassText:
    """The second text of an utterance."""

    text: str
    confidence: float
    """0 to 1: the mean of its words'."""
    words: tuple[Word, ...]
    """With their times, in samples from the start of the call."""
    language: str = ""
    """What the engine took it for, or was told; "": it does not tell."""
    language_probability: float = 1.0
    """0 to 1: chance that it is this language."""
    cost: float = 0.0
    """What was paid for it, about."""
    gains: Mapping[int, float] | None = field(default=None, hash=False)
    """How much likelier (natural logarithm) both engines together find the live engine's words where these differ, by
    the number of the first of this text's words there; None: they were not asked."""

    @property
    def in_words(self) -> bool:
        """False where its language has no blanks between words, or its engine tells none."""
        return bool(self.words) and len(self.text.split()) == len(self.words)


@dataclass(frozen=True, slots=True)
class _Channel:
    """What is decoded, and how."""

    pcm: NDArray[np.int16]
    rate: int
    language: str
    hotwords: tuple[Hotword, ...]


@dataclass(frozen=True, slots=True)
class _Dispute:
    """An utterance of which both engines have other words."""

    piece: Piece
    before: str
    """What was said before it in its window."""
    text: SecondPassText
    places: tuple[Difference, ...]

    @property
    def rivals(self) -> list[str]:
        """The second text as it is, and with each of the places in the first engine's words."""
        texts = [self.text.words, *(place.within(self.text.words) for place in self.places)]
        return [" ".join(word.text for word in words) for words in texts]


class SecondPass:
    """Whisper over whole channels. The model is loaded at the first use; used by one thread at a time."""

    def __init__(
        self,
        settings: SecondPassSettings,
        cpu_clock: Callable[[], float] = time.process_time,
        witness: Callable[[], Witness] | None = None,
    ) -> None:
        """`cpu_clock` tells the CPU seconds that decoding has taken; `witness` loads the live engine, whose finals are
        weighed against the second texts, at its first use. It may raise EngineUnavailable: then nothing is weighed."""
        self._settings = settings
        self._cpu_clock = cpu_clock
        self._witness = cache(witness) if witness else None
        self._loaded: WhisperEngine | None = None

    @property
    def engine(self) -> str:
        """Name of the model, for a revision's `engine`."""
        return whisper_name(self._settings.model)

    @property
    def capabilities(self) -> Capabilities:
        """What the model can do, as the settings have it. Raises EngineUnavailable."""
        return Capabilities(
            languages=self._engine().languages,
            hotwords=self._settings.hotwords_in_prompt,
            word_times=True,
            partials=False,
        )

    def knows(self, language: str) -> bool:
        """True for a BCP 47 tag of a language that the model can decode. Raises EngineUnavailable."""
        return self._engine().knows(language)

    def revise(
        self,
        pcm: NDArray[np.int16],
        rate: int,
        spans: Sequence[Span],
        language: str = "en",
        hotwords: tuple[Hotword, ...] = (),
    ) -> tuple[SecondPassText | None, ...]:
        """A second text for each of a channel's utterances; None: the first text is to be kept.

        `pcm` is the whole channel from sample 0 of the call, 1-D, at `rate` Hz; a span is an utterance's first sample
        and the first after it. Several utterances share a window, so that a minute of speech costs little more than
        two windows; where a language model is to choose, each is heard alone once more. What is given first is
        decoded first: where `cpu_share` ends it early, the last keep their texts. `language` is a BCP 47 tag, or
        "auto": then Whisper says it, for the utterances of a window together. Hotwords are told to Whisper where the
        settings say so. Raises EngineUnavailable when the model is missing, without spans too.
        """
        told = hotwords if self._settings.hotwords_in_prompt else ()
        engine, channel = self._engine(), _Channel(pcm, rate, language, told)
        texts: dict[int, SecondPassText] = {}
        done_by = self._cpu_clock() + self._settings.cpu_share * len(pcm) / rate
        for number, window in enumerate(pack(spans, len(pcm), rate, WINDOW_S)):
            if number and self._cpu_clock() >= done_by:
                break
            texts |= _decode(engine, channel, window)
            astray = [piece for piece in window.pieces if piece.index not in texts]
            # A decoder that is led astray by one utterance leaves out its neighbours: they are heard again alone.
            for piece in astray if len(window.pieces) > 1 else ():
                texts |= _decode(engine, channel, _alone(piece))
            for piece in window.pieces if engine.reconsiders else ():
                if piece.index in texts:
                    texts |= _reconsidered(engine, channel, piece, texts[piece.index])
        return tuple(texts.get(index) for index in range(len(spans)))

    def weigh(
        self,
        pcm: NDArray[np.int16],
        rate: int,
        spans: Sequence[Span],
        finals: Sequence[Final],
        texts: Sequence[SecondPassText | None],
    ) -> tuple[SecondPassText | None, ...]:
        """The texts that `revise` gave for these spans, with what both engines find likelier where a final differs.

        That costs up to half of the decoding. `finals` are what the live engine made of the spans; those of an engine
        that is no witness are left aside. `cpu_share` holds here again.
        """
        if self._witness is None:
            return tuple(texts)
        weighed = list(texts)
        done_by = self._cpu_clock() + self._settings.cpu_share * len(pcm) / rate
        for number, window in enumerate(pack(spans, len(pcm), rate, WINDOW_S)):
            if number and self._cpu_clock() >= done_by:
                break
            disputes = _disputes(window, finals, texts)
            if not disputes or window.samples > WINDOW_S * rate:
                continue
            witness = self._called()
            if witness is None:
                break
            disputes = [one for one in disputes if finals[one.piece.index].engine == witness.name]
            if not disputes:
                continue
            likelihood = self._engine().likelihood(_sound(pcm, rate, window), disputes[0].text.language)
            for one in disputes:
                first = witness.log_probabilities(_sound(pcm, rate, _alone(one.piece)), one.rivals)
                second = likelihood.log_probabilities(one.before, one.rivals)
                weighed[one.piece.index] = replace(one.text, gains=gains(one.places, first, second))
        return tuple(weighed)

    def _called(self) -> Witness | None:
        """The witness, loaded at the first use; None where there is none that can be."""
        if self._witness is None:
            return None
        try:
            return self._witness()
        except EngineUnavailable as error:
            log.warning("witness_left_out", reason=str(error))
            self._witness = None
            return None

    def _engine(self) -> WhisperEngine:
        if self._loaded is None:
            self._loaded = WhisperEngine(self._settings)
        return self._loaded


def _decode(engine: WhisperEngine, channel: _Channel, window: Window) -> dict[int, SecondPassText]:
    """The plausible texts of a window, by the indexes of their spans."""
    sound = _sound(channel.pcm, channel.rate, window)
    return _texts(window, engine.decode(sound, channel.language, channel.hotwords), channel.rate)


def _reconsidered(
    engine: WhisperEngine, channel: _Channel, piece: Piece, earlier: SecondPassText
) -> dict[int, SecondPassText]:
    """What a language model prefers to a text, where that is plausible."""
    alone = _alone(piece)
    language = earlier.language or channel.language
    sound = _sound(channel.pcm, channel.rate, alone)
    heard = engine.reconsider(sound, language, channel.hotwords, earlier.text)
    if heard is None:
        return {}
    heard = replace(heard, language=earlier.language, language_probability=earlier.language_probability)
    return _texts(alone, heard, channel.rate)


def _texts(window: Window, heard: Heard, rate: int) -> dict[int, SecondPassText]:
    """The plausible texts of what was heard in a window."""
    timely = ((piece, heard_in_time(words)) for piece, words in _words_by_piece(window, heard.words, rate))
    return {
        piece.index: replace(
            _text(piece, words, rate), language=heard.language, language_probability=heard.language_probability
        )
        for piece, words in timely
        if plausible(words, (piece.span[1] - piece.span[0]) / rate)
    }


def _disputes(window: Window, finals: Sequence[Final], texts: Sequence[SecondPassText | None]) -> list[_Dispute]:
    """The utterances of a window to which both engines gave other words."""
    disputes: list[_Dispute] = []
    before = ""
    for piece in window.pieces:
        text, final = texts[piece.index], finals[piece.index]
        places = differences(final.words, text.words) if text and text.in_words else ()
        if text and places:
            disputes.append(_Dispute(piece, before, text, places))
        before = f"{before} {text.text if text else final.text}".strip()
    return disputes


def _alone(piece: Piece) -> Window:
    return Window((replace(piece, position=0),))


def _sound(pcm: NDArray[np.int16], rate: int, window: Window) -> Waveform:
    """The window's audio at ENGINE_RATE, each utterance at the same level."""
    pieces = [pcm[piece.start : piece.end].astype(np.float32) / np.float32(32768) for piece in window.pieces]
    return np.concatenate([leveled(soxr.resample(piece, rate, ENGINE_RATE)) for piece in pieces])


def _words_by_piece(window: Window, heard: Sequence[HeardWord], rate: int) -> list[tuple[Piece, tuple[HeardWord, ...]]]:
    """The words whose middle lies in each piece."""
    words: dict[int, list[HeardWord]] = {piece.index: [] for piece in window.pieces}
    for word in heard:
        words[window.piece_at(round((word.start_s + word.end_s) / 2 * rate)).index].append(word)
    return [(piece, tuple(words[piece.index])) for piece in window.pieces]


def _text(piece: Piece, heard: Sequence[HeardWord], rate: int) -> SecondPassText:
    words = tuple(
        Word(
            text=word.text.strip(),
            start=piece.channel_sample(round(word.start_s * rate)),
            end=piece.channel_sample(round(word.end_s * rate)),
            confidence=min(1.0, max(0.0, word.probability)),
        )
        for word in heard
    )
    text = " ".join("".join(word.text for word in heard).split())
    return SecondPassText(text, float(np.mean([word.confidence for word in words])), words)
