"""Texts of one sentence that was cut because it was long: joined, they read as one. Pure."""

from dataclasses import replace

from asr.completeness import wants_more
from asr.engine import Decoding

_SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")
_GUESSED = " .,"


def left_open(text: str) -> bool:
    """True when the text, cut off, ends inside a sentence."""
    return not text.endswith(_SENTENCE_ENDS)


def cut_off(decoding: Decoding) -> Decoding:
    """The decoding of an utterance that was cut: a mark after a word that wants another is a guess, and goes."""
    return replace(decoding, text=decoding.text.rstrip(_GUESSED)) if wants_more(decoding.text) else decoding


def continued(decoding: Decoding) -> Decoding:
    """The decoding of what follows inside a sentence: its first word loses the capital that a beginning gave it.

    "I" keeps it, and so does what has a capital or a figure further on. A name loses it too: text alone cannot tell.
    """
    words = decoding.words
    if words:
        words = (replace(words[0], text=uncapitalised(words[0].text)), *words[1:])
    return replace(decoding, text=uncapitalised(decoding.text), words=words)


def uncapitalised(text: str) -> str:
    """The text without the capital of a beginning; "I", figures and words with capitals further on stay."""
    first = text.split(maxsplit=1)[0] if text else ""
    if first.partition("'")[0].rstrip(",.?!") == "I" or first[1:] != first[1:].lower() or any(map(str.isdigit, first)):
        return text
    return text[:1].lower() + text[1:]
