"""Hotwords as the wire carries them: a list of objects, each a text and its weight. Pure."""

from collections.abc import Iterable
from itertools import islice

from asr.wire.fields import Fields
from callscribe.domain.hotword import MAX_HOTWORD_CHARACTERS, MAX_HOTWORDS, MAX_WEIGHT, Hotword


def carried(hotwords: Iterable[Hotword]) -> tuple[Hotword, ...]:
    """Those hotwords that a message takes: the first MAX_HOTWORDS that are printable, not blank and not too long."""
    plain = (Hotword(" ".join(hotword.text.split()), hotword.weight) for hotword in hotwords)
    return tuple(islice(filter(_fits, plain), MAX_HOTWORDS))


def _fits(hotword: Hotword) -> bool:
    text = hotword.text
    printable = bool(text) and text.isprintable() and len(text) <= MAX_HOTWORD_CHARACTERS
    return printable and 0 < hotword.weight <= MAX_WEIGHT


def hotword_fields(hotwords: Iterable[Hotword]) -> list[dict[str, object]]:
    """As a message's `hotwords` field has them."""
    return [{"text": hotword.text, "weight": round(hotword.weight, 4)} for hotword in hotwords]


def parse_hotwords(fields: Fields) -> tuple[Hotword, ...]:
    """The `hotwords` field of a message. Raises WireViolation."""
    return tuple(
        Hotword(entry.text("text", MAX_HOTWORD_CHARACTERS), entry.real("weight", 0.0, MAX_WEIGHT))
        for entry in fields.objects("hotwords", MAX_HOTWORDS)
    )
