r"""Regular expressions that anyone may write: none of them takes long, whatever is said. Pure.

Python's `re` goes back and tries again wherever a part can match in several ways, and nothing bounds that but the
expression and the text. So the text is cut to WINDOW characters, a repetition of what can match in several ways is
refused unless it is short (the ways grow exponentially with it), and so is an expression with more than MOST_WAYS ways
of matching at one place. One repetition without a bound stays below that, as in `cancel.*contract`, or two of up to 40.
"""

import re
import warnings
from collections.abc import Iterator
from functools import lru_cache

WINDOW = 200
"""Characters of a text that are looked at together."""
STEP = WINDOW // 2
"""So far apart windows begin: what is shorter than this is never cut."""
MOST_WAYS = 2_000
"""Tried at each of 200 places that takes a tenth of a second of one core, if all is made for the worst."""
LONGEST = 200
"""Characters of an expression."""
DEEPEST = 10
FEW = 5
"""Times that what can match in several ways may be repeated."""
_QUANTIFIER = re.compile(r"([*+?])|\{(\d{0,4})(,?)(\d{0,4})\}")
_OPENINGS = ("?:", "?=", "?!", "?<=", "?<!")


@lru_cache(maxsize=1024)
def bounded(pattern: str) -> re.Pattern[str]:
    """The expression, whatever the case of letters. Raises ValueError, with a sentence, for one that is refused."""
    if len(pattern) > LONGEST:
        raise ValueError(f"an expression has at most {LONGEST} characters")
    try:
        # What Python may once read otherwise, such as a set in a set, is the scanner's to refuse.
        with warnings.catch_warnings(action="ignore"):
            compiled = re.compile(pattern, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"no regular expression: {error}") from error
    if _Scanner(pattern).ways() > MOST_WAYS:
        raise ValueError(
            "it could match in too many ways: have one repetition without a bound, or bound them, as in .{0,40}"
        )
    if compiled.search(""):
        raise ValueError("it matches where nothing is said")
    return compiled


def places(pattern: str, text: str) -> Iterator[int]:
    """The character at which each match in the text begins; a match that stands in two windows comes twice."""
    compiled = bounded(pattern)
    for start in range(0, max(len(text) - STEP, 1), STEP):
        for match in compiled.finditer(text, start, start + WINDOW):
            yield match.start()


class _Scanner:
    """Counts in how many ways an expression that compiles can match one place of a window, at most."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0

    def ways(self) -> int:
        """Raises ValueError for what is refused."""
        return self._alternatives()

    def _alternatives(self) -> int:
        """Those up to the end of the group."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise ValueError(f"groups stand in each other at most {DEEPEST} deep")
        ways = self._sequence()
        while self._peek() == "|":
            self._at += 1
            ways += self._sequence()
        self._depth -= 1
        return ways

    def _sequence(self) -> int:
        ways = 1
        while self._peek() not in ("", "|", ")"):
            ways *= self._repeated(self._atom())
        return ways

    def _repeated(self, ways: int) -> int:
        """With the quantifier that stands here, if any."""
        found = _QUANTIFIER.match(self._pattern, self._at)
        if found is None or found.group() in ("{}", "{,}"):
            return ways
        self._at = found.end()
        if self._peek() in ("?", "+"):
            self._at += 1
        least, most = _bounds(found)
        if ways == 1:
            return most - least + 1
        if most > FEW:
            raise ValueError(f"a repetition or | within a repetition needs that to be at most {FEW} times")
        return sum(ways**times for times in range(least, most + 1))

    def _atom(self) -> int:
        mark = self._pattern[self._at]
        self._at += 1
        if mark == "\\":
            return self._escape()
        if mark == "[":
            return self._set()
        return self._group() if mark == "(" else 1

    def _escape(self) -> int:
        if self._peek() in tuple("123456789"):
            raise ValueError("it may not ask for what a group has matched")
        self._at += 1
        return 1

    def _set(self) -> int:
        self._at += self._peek() == "^"
        first = self._at
        while self._peek() != "]" or self._at == first:
            if self._peek() == "[":
                raise ValueError("write [ as \\[ within a set")
            self._at += 2 if self._peek() == "\\" else 1
        self._at += 1
        return 1

    def _group(self) -> int:
        if self._peek() == "?":
            opening = next((each for each in _OPENINGS if self._pattern.startswith(each, self._at)), None)
            if opening is None:
                raise ValueError("of groups with (? only (?: (?= (?! (?<= (?<! are allowed")
            self._at += len(opening)
        ways = self._alternatives()
        self._at += 1
        return ways

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]


def _bounds(found: re.Match[str]) -> tuple[int, int]:
    """Least and greatest number of times; without a bound, as many as a window has characters."""
    mark, least, comma, most = found.groups()
    if mark:
        return {"*": (0, WINDOW), "+": (1, WINDOW), "?": (0, 1)}[mark]
    fewest = int(least or 0)
    greatest = int(most) if most else WINDOW if comma else fewest
    return min(fewest, WINDOW), min(max(greatest, fewest), WINDOW)
