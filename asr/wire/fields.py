"""Strict reading of a JSON object that came over the network: every field has a type, a range and a size."""

import json
from typing import NoReturn, Self

from callscribe.domain.errors import WireViolation

MAX_MESSAGE_BYTES = 512 * 1024
"""No message of either side is longer."""
MAX_OFFSET = 2**53 - 1
"""Beyond this a JSON number is no longer exact (RFC 8259 section 6)."""


class Fields:
    """The fields of one JSON object. Every method raises WireViolation when the field is missing or not as asked."""

    __slots__ = ("_tree",)

    def __init__(self, tree: object) -> None:
        if not isinstance(tree, dict):
            raise WireViolation("a message is a JSON object")
        self._tree: dict[str, object] = tree

    @classmethod
    def of_json(cls, text: str, max_characters: int) -> Self:
        """The fields of a JSON text (RFC 8259); NaN and the like are refused."""
        if len(text) > max_characters:
            raise WireViolation(f"a message has at most {max_characters} characters")
        try:
            return cls(json.loads(text, parse_constant=_refuse_constant))
        except (ValueError, RecursionError) as error:
            raise WireViolation("a message is a JSON object") from error

    def absent(self, key: str) -> bool:
        """True when the field is missing or null."""
        return self._tree.get(key) is None

    def integer(self, key: str, lowest: int, highest: int) -> int:
        value = self._tree.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise WireViolation(f"{key} is a whole number from {lowest} to {highest}")
        return value

    def real(self, key: str, lowest: float, highest: float) -> float:
        value = self._tree.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not lowest <= value <= highest:
            raise WireViolation(f"{key} is a number from {lowest} to {highest}")
        return float(value)

    def flag(self, key: str) -> bool:
        value = self._tree.get(key)
        if not isinstance(value, bool):
            raise WireViolation(f"{key} is true or false")
        return value

    def text(self, key: str, max_characters: int) -> str:
        return _checked_text(key, self._tree.get(key), max_characters)

    def texts(self, key: str, max_count: int, max_characters: int) -> tuple[str, ...]:
        return tuple(_checked_text(key, entry, max_characters) for entry in self._list(key, max_count))

    def objects(self, key: str, max_count: int) -> tuple["Fields", ...]:
        return tuple(Fields(entry) for entry in self._list(key, max_count))

    def _list(self, key: str, max_count: int) -> list[object]:
        value = self._tree.get(key)
        if not isinstance(value, list) or len(value) > max_count:
            raise WireViolation(f"{key} is a list of at most {max_count} entries")
        return value


def _checked_text(key: str, value: object, max_characters: int) -> str:
    if not isinstance(value, str) or len(value) > max_characters:
        raise WireViolation(f"{key} is a text of at most {max_characters} characters")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise WireViolation(f"{key} holds half a character") from error
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
