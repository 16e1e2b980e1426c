r"""Regular expressions that anyone may write: none of them takes long, whatever is said. Pure.

RE2 reads a text once, however often an expression could be tried anew: its time grows with the text and with the size
of the expression's program, and both are bounded here. What it cannot do that way (look-around, back references) is
refused.
"""

from functools import lru_cache
from typing import Final, Protocol

import re2

LONGEST = 200
"""Characters of an expression."""
LOOKED_AT = 1_000
"""Characters at the end of a text that are looked at: a minute of speech."""
_MEMORY: Final = 64 * 1024
"""Bytes for the program and what is remembered of it: the largest takes some milliseconds for what is looked at."""


class Match(Protocol):
    """Where an expression matches."""

    def start(self) -> int: ...


class Expression(Protocol):
    """An expression that is ready."""

    def search(self, text: str, start: int = 0) -> Match | None: ...


@lru_cache(maxsize=1024)
def bounded(pattern: str) -> Expression:
    """The expression, whatever the case of letters. Raises ValueError, with a sentence, for one that is refused."""
    if len(pattern) > LONGEST:
        raise ValueError(f"an expression has at most {LONGEST} characters")
    options = re2.Options()
    options.max_mem, options.case_sensitive, options.log_errors = _MEMORY, False, False
    try:
        compiled: Expression = re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(_refusal(error.args[0].decode())) from error
    if compiled.search(""):
        raise ValueError("it matches where nothing is said")
    return compiled


def first_place(pattern: str, text: str) -> int | None:
    """The character at which the first match in the end of the text begins."""
    match = bounded(pattern).search(text, max(len(text) - LOOKED_AT, 0))
    return None if match is None else match.start()


def _refusal(reason: str) -> str:
    if "too large" in reason or "repetition size" in reason:
        return f"it is too large, write shorter repetitions: {reason}"
    if "perl operator" in reason or "named capture" in reason:
        return f"it may not look around: {reason}"
    if "escape sequence" in reason:
        return f"it may not ask for what a group has matched, nor have escapes that nobody knows: {reason}"
    return f"no regular expression: {reason}"
