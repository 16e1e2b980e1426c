"""Pages in the reader's language, and that no text of theirs was forgotten."""

import json
import re
from pathlib import Path

import pytest

from callscribe.console import wording
from callscribe.console.wording import COOKIE, STATIC
from tests.console.conftest import Console

TEMPLATES = Path(wording.__file__).parent / "templates"
CALLED = re.compile(r"""\b(?:_|t)\(\s*("(?:[^"\\]|\\.)*")""")
"""The text of `_("…")` in a template and of `t("…")` in a script."""


def texts() -> set[str]:
    """What templates and scripts give to be translated."""
    places = [*TEMPLATES.glob("*.html"), *STATIC.glob("*.js")]
    return {json.loads(found) for place in places for found in CALLED.findall(place.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("language", sorted(wording.LANGUAGES.keys() - {wording.ENGLISH}))
def test_a_catalogue_has_every_text_with_its_places_for_values(language: str) -> None:
    catalogue = json.loads((STATIC / f"{language}.json").read_text(encoding="utf-8"))
    assert sorted(texts() - catalogue.keys()) == []
    values = re.compile(r"\{(\w+)\}")
    wrong = [text for text, told in catalogue.items() if set(values.findall(text)) != set(values.findall(told))]
    assert wrong == []


@pytest.mark.parametrize(
    ("asked", "chosen", "language"),
    [
        ("", "", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "zh"),
        ("de-DE,en;q=0.8,zh;q=0.7", "", "en"),
        ("en;q=0.5, zh;q=0.6", "", "zh"),
        ("zh;q=0", "", "en"),
        ("zh;q=much", "", "en"),
        ("zh-CN", "en", "en"),
        ("en", "zh", "zh"),
        ("en", "xx", "en"),
    ],
)
def test_a_page_is_in_the_language_chosen_or_asked_for(
    console: Console, asked: str, chosen: str, language: str
) -> None:
    headers = {"accept-language": asked, "cookie": f"{COOKIE}={chosen}"}
    page = console.client.get("/", headers=headers)
    assert f'<html lang="{language}">' in page.text
    assert ("跳到正文" in page.text) is (language == "zh")
