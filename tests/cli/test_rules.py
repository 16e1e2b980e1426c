"""Assist rules as people write them into files."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from callscribe.cli import rules as module
from callscribe.cli.rules import read_rules
from callscribe.domain.errors import CallscribeError, SettingsError
from callscribe.text.assist_rules import AssistRule, PhraseCondition, SilenceCondition

DOCUMENT = Path(__file__).parents[2] / "docs" / "assist.md"
RULES = """
[discount]
trunks = ["main"]
speaker = "customer"
title = "Offer a discount"
severity = "warning"
when = { kind = "phrase", phrases = ["cancel * contract", { text = "callscribe", distance = 2 }] }

["dead air"]
title = "Say something"
once = true
when = { kind = "silence", seconds = 10 }
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "rules.toml"
    path.write_text(text)
    return path


def test_a_file_has_rules_by_name(tmp_path: Path) -> None:
    rules = read_rules(written(tmp_path, RULES))
    assert list(rules) == ["discount", "dead air"]
    discount, silence = rules.values()
    assert isinstance(discount.when, PhraseCondition)
    assert [(phrase.text, phrase.distance) for phrase in discount.when.phrases] == [
        ("cancel * contract", 0),
        ("callscribe", 2),
    ]
    assert (discount.trunks, discount.speaker, discount.severity, discount.once) == (
        ("main",),
        "customer",
        "warning",
        False,
    )
    assert isinstance(silence.when, SilenceCondition)
    assert (silence.when.seconds, silence.once) == (10, True)


def test_the_example_of_the_document_can_be_imported(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```toml\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    rules = read_rules(written(tmp_path, example)).values()
    assert [rule.when.kind for rule in rules] == ["phrase", "near", "pattern", "silence", "talk-over", "emotion"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no rule"),
        ("[discount", "is no TOML"),
        (RULES.replace('kind = "phrase"', 'kind = "sung"'), r"discount\.when: "),
        (RULES.replace("severity", "weight"), r"discount\.weight: "),
        (RULES.replace("seconds = 10", "seconds = 1"), r"dead air\.when\.silence\.seconds: "),
        ('discount = "x"', "discount: "),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_place(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(CallscribeError, match=sentence):
        read_rules(written(tmp_path, text))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CallscribeError, match="cannot be read"):
        read_rules(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("given", "condition"),
    [
        (("--phrase", "cancel", "--phrase", "refund"), {"kind": "phrase", "phrases": ["cancel", "refund"]}),
        (("--near", "a", "--near", "b", "--apart", "2"), {"kind": "near", "words": ["a", "b"], "apart": 2}),
        (("--pattern", "a+b"), {"kind": "pattern", "pattern": "a+b"}),
        (("--silence", "30"), {"kind": "silence", "seconds": 30}),
        (("--talk-over", "3"), {"kind": "talk-over", "seconds": 3}),
        (("--emotion", "angry"), {"kind": "emotion", "emotions": ["angry"]}),
    ],
)
def test_a_rule_is_set_by_one_condition(
    monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...], condition: dict[str, object]
) -> None:
    sent: list[tuple[str, object]] = []

    def put(_: object, name: str, rule: AssistRule, by: str) -> None:
        sent.append((f"{name} of {by}", rule))

    monkeypatch.setattr(module, "_put", put)
    command = ["set", "offer", "--title", "Offer", "--by", "ann", "--trunk", "main", "--once"]
    result = CliRunner().invoke(module.app, [*command, *given])
    assert result.exit_code == 0, result.output
    wanted = {"when": condition, "title": "Offer", "trunks": ["main"], "once": True}
    assert sent == [("offer of ann", AssistRule.model_validate(wanted))]


@pytest.mark.parametrize("given", [(), ("--silence", "30", "--pattern", "a")])
def test_a_rule_is_not_set_by_none_or_two(given: tuple[str, ...]) -> None:
    result = CliRunner().invoke(module.app, ["set", "offer", "--title", "Offer", *given])
    assert isinstance(result.exception, SettingsError)
