"""Loops of a decoder that has lost its way: the same few tokens again and again. Pure."""

from collections.abc import Sequence

_ALLOWED = (8, 6, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3)
"""Times that a run of 1, 2, 3 … tokens may stand in a row; people do say "nine nine nine"."""


def loop_length(tokens: Sequence[int]) -> int:
    """How many tokens at the end only repeat what stands before them; 0 when the end is no loop.

    Looks at runs of up to 12 tokens. All copies but the first count.
    """
    for size, allowed in enumerate(_ALLOWED, start=1):
        copies = 1
        last = tokens[len(tokens) - size :]
        while len(tokens) >= size * (copies + 1) and _copy(tokens, size, copies) == last:
            copies += 1
        if copies > allowed:
            return size * (copies - 1)
    return 0


def _copy(tokens: Sequence[int], size: int, number: int) -> Sequence[int]:
    end = len(tokens) - size * number
    return tokens[end - size : end]
