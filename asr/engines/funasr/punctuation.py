"""Marks between words, by FunASR's CT-Transformer. Words go in, marks come out: nothing here can change a word.

Chen et al., "Controllable Time-Delay Transformer for Real-Time Punctuation Prediction and Disfluency Detection",
arXiv 2003.01309. Its realtime form has the same use here.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import torch

from asr.engines.funasr.loading import LoadedModel
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from callscribe.domain.language import joined

_KINDS = ("CTTransformer", "CTTransformerStreaming")
_COMMA, _PAUSE, _STOP, _QUESTION = "，", "、", "。", "？"
_WESTERN = {_COMMA: ",", _PAUSE: ",", _STOP: ".", _QUESTION: "?"}
_ENDS = (_STOP, _QUESTION)
_WIDE = {narrow: wide for wide, narrow in _WESTERN.items() if wide != _PAUSE}
"""Some models' lists have narrow marks."""
_BLOCK = 20
"""Words that the model is given at a time, behind those of the sentence that goes on: as it was trained."""
_LONGEST_SENTENCE = 200
"""Words after which what is before the last comma is marked for good; without one, all of it."""

Segmenter = Callable[[str], Iterable[str]]
"""Cuts a text without blanks into words."""


class Punctuation:
    """A loaded model. Keeps nothing of what it marked. Used by one thread at a time."""

    def __init__(self, loaded: LoadedModel) -> None:
        """Raises EngineUnavailable when it is another kind of model."""
        if loaded.kind not in _KINDS:
            raise EngineUnavailable(f"{loaded.folder} is no punctuation model; it is a {loaded.kind}")
        self._module: Any = loaded.module
        self._device = loaded.device
        self._numbers = {token: number for number, token in enumerate(loaded.tokens)}
        self._unknown = self._numbers.get("<unk>", 0)
        self._realtime = loaded.kind == "CTTransformerStreaming"
        self._segment = _segmenter(loaded.user_words) if loaded.user_words is not None else None

    def marks(self, words: Sequence[str]) -> tuple[str, ...]:
        """What follows each word of an utterance: a mark of its script, or "". The last has one that ends a sentence.

        A word is one without blanks in it: of a script without blanks, a character. Raises RecognitionError.
        """
        if not words:
            return ()
        try:
            with torch.inference_mode():
                found = self._chinese_marks(words)
        except (RuntimeError, IndexError) as error:
            raise RecognitionError("the punctuation model failed") from error
        if found[-1] not in _ENDS:
            found[-1] = _STOP
        return tuple(
            mark if _unbroken(word) else _WESTERN.get(mark, "") for word, mark in zip(words, found, strict=True)
        )

    def marked(self, words: Sequence[str]) -> str:
        """The words as a text, with their marks."""
        return joined(*(word + mark for word, mark in zip(words, self.marks(words), strict=True)))

    def _chinese_marks(self, words: Sequence[str]) -> list[str]:
        """As `marks`, whatever the script, but for what follows the last word."""
        terms = self._terms(words)
        numbers = [self._number(term) for term, _ in terms]
        found: list[str] = []
        for seen in range(_BLOCK, len(numbers), _BLOCK):
            marks = self._ask(numbers[len(found) : seen])
            found += marks[: _decided(marks)]
        found += self._ask(numbers[len(found) :])
        return [mark for (_, size), end in zip(terms, found, strict=True) for mark in (*[""] * (size - 1), end)]

    def _ask(self, numbers: Sequence[int]) -> list[str]:
        terms = torch.tensor([numbers], device=self._device)
        lengths = torch.tensor([len(numbers)], device=self._device)
        # The realtime form is told how many words were marked before: none of these.
        before = {"vad_indexes": torch.zeros(1, dtype=torch.int, device=self._device)} if self._realtime else {}
        scores, _ = self._module.punc_forward(terms, lengths, **before)
        marks = (self._module.punc_list[place] for place in scores[0].argmax(-1).tolist())
        wide = (_WIDE.get(mark, mark) for mark in marks)
        return [mark if mark in _WESTERN else "" for mark in wide]

    def _terms(self, words: Sequence[str]) -> list[tuple[str, int]]:
        """What the model has numbers for, and how many of the words each is."""
        if self._segment is None:
            return [(word, 1) for word in words]
        terms: list[tuple[str, int]] = []
        for together, group in groupby(words, lambda word: len(word) == 1 and _unbroken(word)):
            if together:
                terms += [(term, len(term)) for term in self._segment("".join(group))]
            else:
                terms += [(word, 1) for word in group]
        return terms

    def _number(self, term: str) -> int:
        return self._numbers.get(term, self._numbers.get(term.lower(), self._unknown))


def _decided(marks: Sequence[str]) -> int:
    """How many of the marks of what was seen so far no longer depend on what follows: those of whole sentences."""
    for wanted in (_ENDS, (_COMMA, _PAUSE)):
        last = max((place for place, mark in enumerate(marks[:-1], 1) if mark in wanted), default=0)
        if last or len(marks) <= _LONGEST_SENTENCE:
            return last
    return len(marks)


def _unbroken(word: str) -> bool:
    """True where the word ends in a script without blanks, whose marks are wide."""
    return joined(word[-1], word[-1]) == 2 * word[-1]


def _segmenter(user_words: Path) -> Segmenter:
    """Jieba with a model's dictionary beside its own. Raises EngineUnavailable."""
    try:
        from jieba import Tokenizer  # type: ignore[import-untyped]
    except ImportError as error:
        raise EngineUnavailable("the package jieba is missing: install callscribe[funasr]") from error
    tokenizer = Tokenizer()
    # Its own way to initialize reads a file from the shared /tmp, and writes it there.
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    try:
        with user_words.open("rb") as words:
            tokenizer.load_userdict(words)
    except (OSError, ValueError, AttributeError) as error:
        raise EngineUnavailable(f"{user_words} is no dictionary of jieba") from error
    return lambda text: tokenizer.cut(text, HMM=False)
