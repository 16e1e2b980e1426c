"""Hotwords as a model's tokens. Pure."""

from collections.abc import Mapping, Sequence

from callscribe.domain.language import units


class Speller:
    """Spells what is written in the tokens of one model: characters, English words, and pieces of these."""

    def __init__(self, tokens: Sequence[str], spellings: Mapping[str, tuple[str, ...]]) -> None:
        """`spellings` tells the pieces of words that are more than one token, as LoadedModel has them."""
        self._numbers = {token: number for number, token in enumerate(tokens)}
        self._spellings = spellings

    def spell(self, text: str) -> tuple[int, ...]:
        """Numbers of the tokens, or none where the model could not write all of the text."""
        tokens: list[str] = []
        for unit in units(text.lower()):
            tokens.extend(self._spellings.get(unit, (unit,)))
        numbers = [self._numbers.get(token) for token in tokens]
        return tuple(number for number in numbers if number is not None) if None not in numbers else ()
