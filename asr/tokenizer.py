"""Moonshine's byte-pair vocabulary: token ids to text and back. Pure."""

from collections.abc import Iterable

from callscribe.domain.errors import EngineUnavailable

BEGIN = 1
END = 2
_FIRST_BYTE = 3
"""Ids 3 to 258 are the 256 raw bytes; those below are control tokens."""
_SPACE_MARK = "\u2581"
_TIME_MARK = b"<<ST"
"""Control tokens above the ordinary vocabulary begin like this."""


class Tokenizer:
    """A vocabulary read from a `tokenizer.bin`: one record a token, its length in one or two bytes, then its bytes."""

    def __init__(self, records: bytes) -> None:
        """Raises EngineUnavailable when the records are cut short or too few."""
        self._pieces = tuple(_read_records(records))
        if len(self._pieces) <= _FIRST_BYTE + 256:
            raise EngineUnavailable("the engine's tokenizer file is damaged; install the package moonshine-voice again")
        self._ids = {piece: number for number, piece in enumerate(self._pieces)}

    def __len__(self) -> int:
        return len(self._pieces)

    def decode(self, tokens: Iterable[int]) -> str:
        """The tokens' text, control tokens left out; bytes that make no UTF-8 are dropped."""
        return b"".join(self.pieces(tokens)).decode("utf-8", "ignore").replace(_SPACE_MARK, " ").strip()

    def pieces(self, tokens: Iterable[int]) -> list[bytes]:
        """What each token stands for, in UTF-8, a space as U+2581; nothing for control tokens."""
        return [self._piece(token) for token in tokens]

    def encode(self, text: str) -> tuple[int, ...]:
        """The tokens of a text that stands at the beginning of a word; what is in no token becomes its raw bytes."""
        pieces = [character.encode() for character in _SPACE_MARK + text.replace(" ", _SPACE_MARK)]
        while (place := self._lowest_pair(pieces)) is not None:
            pieces[place : place + 2] = [pieces[place] + pieces[place + 1]]
        tokens: list[int] = []
        for piece in pieces:
            token = self._ids.get(piece)
            tokens.extend([token] if token is not None else [_FIRST_BYTE + byte for byte in piece])
        return tuple(tokens)

    def _piece(self, token: int) -> bytes:
        piece = self._pieces[token] if _FIRST_BYTE <= token < len(self._pieces) else b""
        return b"" if piece.startswith(_TIME_MARK) else piece

    def _lowest_pair(self, pieces: list[bytes]) -> int | None:
        """Where the two neighbours stand that merge into the token of lowest id, None when none do."""
        merges = ((self._ids.get(pieces[i] + pieces[i + 1]), i) for i in range(len(pieces) - 1))
        return min(((token, i) for token, i in merges if token is not None), default=(0, None))[1]


def _read_records(records: bytes) -> Iterable[bytes]:
    place = 0
    while place < len(records):
        length = records[place]
        place += 1
        if length >= 128:
            if place == len(records):
                return
            length = records[place] * 128 + length - 128
            place += 1
        yield records[place : place + length]
        place += length
