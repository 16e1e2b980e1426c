"""The words of pages in the reader's language: English stands in templates and scripts, others in catalogues."""

import json
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import HTTPConnection

STATIC = Path(__file__).parent / "static"
ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", "zh": "中文"}
"""Each by its own name."""
COOKIE = "callscribe-language"
"""Holds a language that was chosen."""

_catalogues: dict[str, Mapping[str, str]] = {
    language: json.loads((STATIC / f"{language}.json").read_text(encoding="utf-8"))
    for language in LANGUAGES
    if language != ENGLISH
}


class Wording:
    """Texts in one language, for a template's `_`."""

    def __init__(self, language: str) -> None:
        self._texts = _catalogues.get(language, {})

    def __call__(self, text: str, **values: object) -> str:
        """The text, with `{name}` replaced by the value of that name. What the catalogue lacks stays English."""
        found = self._texts.get(text, text)
        return found.format(**values) if values else found


def language_of(connection: HTTPConnection) -> str:
    """The language that was chosen, else the first known one that the browser asks for (RFC 9110, 12.5.4)."""
    chosen = connection.cookies.get(COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    asked = [_range(part) for part in connection.headers.get("accept-language", "").split(",")[:20]]
    wanted = [(-weight, place, tag) for place, (tag, weight) in enumerate(asked) if tag in LANGUAGES and weight > 0]
    return min(wanted)[2] if wanted else ENGLISH


def _range(part: str) -> tuple[str, float]:
    """The primary language of a range and its weight; 0 where that is no number."""
    tag, _, quality = part.strip().lower().partition(";q=")
    try:
        return tag.partition("-")[0], float(quality or 1)
    except ValueError:
        return tag, 0.0
