"""Scorecards as people write them into files."""

import re
from pathlib import Path

import pytest

from callscribe.cli.scorecards import read_scorecards
from callscribe.domain.errors import CallscribeError
from callscribe.text.scorecard import MeasureRule, PhraseRule

DOCUMENT = Path(__file__).parents[2] / "docs" / "scorecards.md"
CARDS = """
[service]
trunks = ["main"]

[[service.rules]]
name = "greeting"
kind = "said"
phrases = ["thank you * calling", { text = "callscribe", distance = 2 }]
within_s = 10
critical = true

[["sales calls".rules]]
name = "talk ratio"
kind = "measure"
measure = "talk-ratio"
at_most = 0.6
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "cards.toml"
    path.write_text(text)
    return path


def test_a_file_has_scorecards_by_name(tmp_path: Path) -> None:
    cards = read_scorecards(written(tmp_path, CARDS))
    assert list(cards) == ["service", "sales calls"]
    (greeting,), (ratio,) = (card.rules for card in cards.values())
    assert isinstance(greeting, PhraseRule)
    assert [(phrase.text, phrase.distance) for phrase in greeting.phrases] == [
        ("thank you * calling", 0),
        ("callscribe", 2),
    ]
    assert (greeting.within_s, greeting.critical, greeting.weight) == (10, True, 1)
    assert isinstance(ratio, MeasureRule)
    assert ratio.at_most == 0.6


def test_the_example_of_the_document_can_be_imported(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```toml\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    (card,) = read_scorecards(written(tmp_path, example)).values()
    assert [rule.kind for rule in card.rules] == ["said", "not-said", "order", "measure"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no scorecard"),
        ("[service", "is no TOML"),
        (CARDS.replace('kind = "said"', 'kind = "sung"'), "service.rules.0: "),
        (CARDS.replace("within_s", "in_s"), "service.rules.0.said.in_s"),
        ('service = "x"', "service: "),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_place(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(CallscribeError, match=sentence):
        read_scorecards(written(tmp_path, text))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CallscribeError, match="cannot be read"):
        read_scorecards(tmp_path / "none.toml")
