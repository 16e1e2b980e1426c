"""Pages in the reader's language, and that no text of theirs was forgotten."""

import ast
import json
import re
from http import HTTPStatus
from pathlib import Path

import pytest

from callscribe.console import wording
from callscribe.console.pages import PLACES
from callscribe.console.problems import CURES, FAILED, NOTHING_HERE, OTHER_METHOD
from callscribe.console.provider_door import COMPLAINTS
from callscribe.console.signing_in import NO_PASSWORDS, OLD_FORM, TOO_OFTEN, WRONG
from callscribe.console.theme import COOKIE as THEME_COOKIE
from callscribe.console.theme import THEMES
from callscribe.console.wording import COOKIE, STATIC
from callscribe.domain import errors
from telephony import registration
from tests.console.conftest import Console

TEMPLATES = Path(wording.__file__).parent / "templates"
CALLED = re.compile(r"""\b(?:_|t)\(\s*("(?:[^"\\]|\\.)*")""")
"""The text of `_("…")` in a template and of `t("…")` in a script."""


DECLARED = (
    *(place[1] for place in PLACES),
    *THEMES.values(),
    *CURES.values(),
    NOTHING_HERE,
    OTHER_METHOD,
    FAILED,
    *(each.text for each in (WRONG, OLD_FORM, TOO_OFTEN, NO_PASSWORDS, *COMPLAINTS.values())),
)
"""Texts that stand in Python, where a template gets them from."""


def texts() -> set[str]:
    """What is given to be translated."""
    places = [*TEMPLATES.glob("*.html"), *STATIC.glob("*.js")]
    called = {json.loads(found) for place in places for found in CALLED.findall(place.read_text(encoding="utf-8"))}
    return called.union(DECLARED)


@pytest.mark.parametrize("language", sorted(wording.LANGUAGES.keys() - {wording.ENGLISH}))
def test_a_catalogue_has_every_text_with_its_places_for_values(language: str) -> None:
    catalogue = json.loads((STATIC / f"{language}.json").read_text(encoding="utf-8"))
    assert sorted(texts() - catalogue.keys()) == []
    values = re.compile(r"\{(\w+)\}")
    wrong = [text for text, told in catalogue.items() if set(values.findall(text)) != set(values.findall(told))]
    assert wrong == []


def literals() -> set[str]:
    """What stands in Python, from where scripts and templates get texts: whole, and before and after a colon."""
    found = {status.phrase for status in HTTPStatus}
    for path in (*Path(wording.__file__).parent.glob("*.py"), Path(errors.__file__), Path(registration.__file__)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update((node.value, *node.value.split(": ", 1)))
    return found


@pytest.mark.parametrize("language", sorted(wording.LANGUAGES.keys() - {wording.ENGLISH}))
def test_a_catalogue_has_no_text_that_nothing_says(language: str) -> None:
    catalogue = json.loads((STATIC / f"{language}.json").read_text(encoding="utf-8"))
    assert sorted(catalogue.keys() - texts() - literals()) == []


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
    assert f'<html lang="{language}" ' in page.text
    assert ("跳到正文" in page.text) is (language == "zh")


@pytest.mark.parametrize(
    ("chosen", "theme", "schemes"),
    [
        ("", "system", "light dark"),
        ("dark", "dark", "dark"),
        ("light", "light", "light"),
        ("xx", "system", "light dark"),
    ],
)
def test_a_page_has_the_chosen_theme_before_any_script_runs(
    console: Console, chosen: str, theme: str, schemes: str
) -> None:
    page = console.client.get("/", headers={"cookie": f"{THEME_COOKIE}={chosen}"})
    assert f'data-theme="{theme}">' in page.text
    assert f'<meta name="color-scheme" content="{schemes}">' in page.text
