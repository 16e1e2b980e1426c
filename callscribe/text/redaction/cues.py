"""What is said around a number tells what it is. Pure."""

import re
from collections.abc import Sequence

from callscribe.text.redaction.phrases import OTHER, cues_in
from callscribe.text.redaction.symbols import Line, Token

PERHAPS_OTHER = "perhaps-other"
"""Somebody spoke of other things, but not directly before the number: one with the shape of a card's or a telephone
number may still be that."""

_LOOK_BACK = 160
"""Characters before a number in which a cue counts, utterances of all channels taken as they came."""
_LOOK_BACK_S = 25.0
_LOOK_AHEAD = 48
_DIRECTLY = 32
"""Characters between a cue of other things and its number that leave no doubt."""


def is_stray(word: str) -> bool:
    """Whether a word tells nothing of numbers, and is none."""
    return word != "or" and not any(map(str.isdigit, word)) and not cues_in(word)


def cue_before(lines: Sequence[Line], token: Token) -> str | None:
    """What the nearest cue before the token says of it: a RedactionKind, OTHER, PERHAPS_OTHER, or None for no cue.

    Lines of every channel count, as one party asks and another answers. A cue of other things is used up by the number
    that follows it: "your total comes to 50 dollars" tells nothing of the next one.
    """
    here, seen, used_up = lines[token.line], 0, False
    for line in (here, *reversed(lines[: token.line])):
        if seen >= _LOOK_BACK or here.start_s - line.end_s > _LOOK_BACK_S:
            break
        end = token.word.start if line is here else len(line.text)
        for cue in reversed(line.cues):
            if cue.end > end or seen + end - cue.start > _LOOK_BACK:
                continue
            if cue.kind != OTHER:
                return cue.kind
            if not used_up and not any(cue.end <= start < end for start in line.numbers):
                return OTHER if line is here and end - cue.end <= _DIRECTLY else PERHAPS_OTHER
        used_up = used_up or any(start < end for start in line.numbers)
        seen += end
    return None


def cue_after(lines: Sequence[Line], token: Token) -> str | None:
    """The same of what is said after the token in its utterance: "… is my account number"."""
    end = token.word.end
    near = (cue.kind for cue in lines[token.line].cues if end <= cue.start and cue.end <= end + _LOOK_AHEAD)
    kind = next(near, None)
    return PERHAPS_OTHER if kind == OTHER else kind


def email_before(lines: Sequence[Line], token: Token) -> bool:
    """Whether somebody has just spoken of an e-mail address."""
    here = lines[token.line]
    said = here.text[: token.word.start]
    for earlier in reversed(lines[: token.line]):
        if here.start_s - earlier.end_s > _LOOK_BACK_S:
            break
        said = f"{earlier.text} / {said}"
    return re.search(r"\be ?-?mails?\b|邮箱|邮件|电邮", said[-_LOOK_BACK:].lower()) is not None
