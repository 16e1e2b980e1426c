"""SenseVoice: text with its language, the speaker's emotion and sounds beside speech, by our own call of the model.

The model hears whole utterances, so a partial is decoded anew each time. What it writes before the text stands in the
fields of a decoding and never in its text. It knows nothing of hotwords.

An et al., "FunAudioLLM", arXiv 2407.04051; CTC: Graves et al., ICML 2006.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from asr.engine import EMPTY, Capabilities, DecodedWord, Decoding, DecodingJob, Waveform
from asr.engines.funasr.features import Features
from asr.engines.funasr.loading import load_model
from asr.models import model_folder
from asr.settings import Device, SensevoiceSettings
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from callscribe.domain.language import UNKNOWN, joined, primary, units

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor
    from torch import Tensor

_LANGUAGES = ("zh", "en", "yue", "ja", "ko")
_NO_SPEECH = "nospeech"
EMOTIONS = {
    "HAPPY": "happy",
    "SAD": "sad",
    "ANGRY": "angry",
    "NEUTRAL": "neutral",
    "FEARFUL": "fearful",
    "DISGUSTED": "disgusted",
    "SURPRISED": "surprised",
    "EMO_UNKNOWN": "",
}
EVENTS = {
    "Speech": "",
    "BGM": "music",
    "Applause": "applause",
    "Laughter": "laughter",
    "Cry": "crying",
    "Sneeze": "sneeze",
    "Breath": "breath",
    "Cough": "cough",
    "Event_UNK": "",
}
_TAGS = 4
"""Places before the text: language, emotion, event, and how numbers are written."""
_EMOTION_AND_EVENT = (1, 2)
"""Rows of the model's table of questions; those of languages and number styles have names."""
_BLANK = "\u2581"
"""SentencePiece's blank."""


@dataclass(frozen=True, slots=True)
class _Token:
    """A token of the text."""

    id: int
    probability: float
    first: int
    """Frame at which it was heard."""
    end: int
    """Frame after the last one at which it was."""


class SenseVoiceEngine:
    """A loaded SenseVoice model. Used by one thread at a time."""

    name = "sensevoice"
    max_batch = 16

    def __init__(self, settings: SensevoiceSettings, device: Device = "auto") -> None:
        """Load the model that the settings name. Raises EngineUnavailable."""
        loaded = load_model(model_folder(settings.model), device)
        if loaded.frontend is None or loaded.normalization is None or loaded.pieces is None:
            raise EngineUnavailable(f"{loaded.folder} is no SenseVoice model; it is a {loaded.kind}")
        self._module: Any = loaded.module
        self._device = loaded.device
        self._features = Features(loaded.frontend, loaded.normalization)
        self._style = self._module.textnorm_dict["withitn" if settings.figures else "woitn"]
        self._reader = Reader(loaded.pieces, self._module.blank_id, loaded.frontend.vector_samples)
        self.capabilities = Capabilities(
            languages=self._reader.languages, word_times=True, identifies_language=True, emotion=True
        )

    def decode(self, jobs: Sequence[DecodingJob]) -> tuple[Decoding, ...]:
        """One decoding a job. Raises RecognitionError."""
        import torch

        audible = [place for place, job in enumerate(jobs) if self._features.count(len(job.audio), ended=True)]
        found = [EMPTY] * len(jobs)
        try:
            with torch.inference_mode():
                for first in range(0, len(audible), self.max_batch):
                    places = audible[first : first + self.max_batch]
                    batch = [jobs[place] for place in places]
                    for place, job, encoded in zip(places, batch, self._encode(batch), strict=True):
                        # A row at a time: the scores of all, over 25,000 pieces, would take a quarter of a gigabyte.
                        scores = self._module.ctc.ctc_lo(encoded).log_softmax(-1)
                        found[place] = self._reader.decoding(scores, len(job.audio))
        except (RuntimeError, IndexError) as error:
            raise RecognitionError("the SenseVoice model failed") from error
        return tuple(found)

    def identify(self, audio: Waveform) -> Mapping[str, float]:
        """As `asr.identification.LanguageIdentifier`'s, of the languages that it can write. Raises RecognitionError."""
        import torch

        if not self._features.count(len(audio), ended=True):
            return {}
        try:
            with torch.inference_mode():
                (encoded,) = self._encode([DecodingJob(audio, language=UNKNOWN)])
                return self._reader.chances(self._module.ctc.ctc_lo(encoded[:1]).softmax(-1)[0])
        except (RuntimeError, IndexError) as error:
            raise RecognitionError("the SenseVoice model failed") from error

    def _encode(self, jobs: Sequence[DecodingJob]) -> Iterator[Tensor]:
        """Of each audio the encoder's frames, those of the tags first, (_TAGS + vectors, width)."""
        import torch
        from torch.nn.utils.rnn import pad_sequence

        known = self._module.lid_dict
        asked = [[known.get(primary(job.language), known["auto"]), *_EMOTION_AND_EVENT, self._style] for job in jobs]
        questions = self._module.embed(torch.tensor(asked, device=self._device))
        vectors = [
            self._features.vectors(job.audio, 0, self._features.count(len(job.audio), ended=True)) for job in jobs
        ]
        rows = [
            torch.cat([question, torch.from_numpy(row).to(self._device)])
            for question, row in zip(questions, vectors, strict=True)
        ]
        lengths = torch.tensor([len(row) for row in rows], device=self._device)
        encoded, _ = self._module.encoder(pad_sequence(rows, batch_first=True), lengths)
        return (frames[:length] for frames, length in zip(encoded, lengths.tolist(), strict=True))


class Reader:
    """Reads what the model writes: four tags, and the text."""

    def __init__(self, pieces: SentencePieceProcessor, blank: int, frame: int) -> None:
        """`blank` is CTC's token for nothing, `frame` the samples from one frame to the next.

        Raises EngineUnavailable where the pieces have no tags.
        """
        self._pieces = pieces
        self._blank = blank
        self._frame = frame
        self._numbers = {pieces.id_to_piece(number): number for number in range(pieces.get_piece_size())}
        self._languages = self._tags((*_LANGUAGES, _NO_SPEECH))
        self._emotions = self._tags(tuple(EMOTIONS))
        self._events = self._tags(tuple(EVENTS))
        if not (self.languages and self._emotions and self._events):
            raise EngineUnavailable("the model's pieces have no tags of SenseVoice; choose SenseVoiceSmall")

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that the model can write."""
        return tuple(name for name in self._languages.values() if name != _NO_SPEECH)

    def chances(self, likelihoods: Tensor) -> dict[str, float]:
        """Of the languages, by the likelihoods of all pieces (pieces,) in the place of their tag."""
        return {primary(name): float(likelihoods[tag]) for tag, name in self._languages.items() if name != _NO_SPEECH}

    def decoding(self, scores: Tensor, samples: int) -> Decoding:
        """What was heard in so many samples, by the logarithms of likelihoods (frames, pieces), tags first."""
        language = _likeliest(scores[0], self._languages)
        emotion = EMOTIONS[_likeliest(scores[1], self._emotions)]
        tokens = self._tokens(scores[_TAGS:])
        events = [_likeliest(scores[2], self._events), *(self._events.get(token.id, "Speech") for token in tokens)]
        audio_events = tuple(dict.fromkeys(told for event in events if (told := EVENTS[event])))
        if language == _NO_SPEECH:
            return Decoding(tokens=(), text="", confidence=0.0, audio_events=audio_events)
        words = self._words([token for token in tokens if not self._silent(token.id)], samples)
        return Decoding(
            tokens=tuple(token.id for token in tokens),
            text=joined(*(word.text for word in words)),
            confidence=math.prod(word.confidence for word in words) if words else 0.0,
            words=words,
            language=language,
            emotion=emotion,
            audio_events=audio_events,
        )

    def _tags(self, names: Sequence[str]) -> dict[int, str]:
        """Those that the model has, by their tokens."""
        return {self._numbers[f"<|{name}|>"]: name for name in names if f"<|{name}|>" in self._numbers}

    def _tokens(self, scores: Tensor) -> list[_Token]:
        """The likeliest token of each frame; those that follow themselves are one, blanks none."""
        best = scores.max(-1)
        tokens: list[_Token] = []
        frame = 0
        heard = zip(best.indices.tolist(), best.values.exp().tolist(), strict=True)
        for token, run in groupby(heard, lambda found: found[0]):
            probabilities = [probability for _, probability in run]
            if token != self._blank:
                tokens.append(_Token(token, max(probabilities), frame, frame + len(probabilities)))
            frame += len(probabilities)
        return tokens

    def _silent(self, token: int) -> bool:
        """True for what is no text: tags wherever they stand, and marks of the tokenizer's own."""
        piece: str = self._pieces.id_to_piece(token)
        control: bool = self._pieces.is_control(token) or self._pieces.is_unknown(token)
        return control or (piece.startswith("<|") and piece.endswith("|>"))

    def _words(self, tokens: Sequence[_Token], samples: int) -> tuple[DecodedWord, ...]:
        """Words, or characters of scripts without blanks, with the marks behind them."""
        text, spellings = "", []
        for surface, first, end in self._surfaces([token.id for token in tokens]):
            text += surface
            spellings += [(first, end)] * len(surface)
        words, position = [], 0
        for unit in units(text):
            begin = text.index(unit, position)
            position = begin + len(unit)
            spelling = tokens[spellings[begin][0] : spellings[position - 1][1]]
            # A frame stands for what lies half a frame before it.
            start, end = (int((frame - 0.5) * self._frame) for frame in (spelling[0].first, spelling[-1].end))
            confidence = math.prod(token.probability for token in spelling)
            words.append(DecodedWord(unit, min(max(start, 0), samples), min(end, samples), confidence))
        return tuple(words)

    def _surfaces(self, tokens: Sequence[int]) -> Iterator[tuple[str, int, int]]:
        """Pieces of the text, each with the places of its first token and after its last."""
        end = 0
        for spelled, run in groupby(tokens, self._pieces.is_byte):
            group = list(run)
            # A character that is no piece is spelled in bytes.
            surfaces = [self._pieces.decode(group)] if spelled else map(self._pieces.id_to_piece, group)
            for surface in surfaces:
                first, end = end, end + (len(group) if spelled else 1)
                yield surface.replace(_BLANK, " "), first, end


def _likeliest(scores: Tensor, names: dict[int, str]) -> str:
    """Which of the tags the model writes here: it was trained to write no other."""
    return max(names.items(), key=lambda tag: float(scores[tag[0]]))[1]
