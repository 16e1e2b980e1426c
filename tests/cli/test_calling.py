"""`callscribe call`: parties as people write them, and words for what cannot be called."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from callscribe.cli.calling import parse_party
from callscribe.cli.main import app
from callscribe.domain.call import Party
from callscribe.domain.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "party"),
    [
        ("Ann Lee <sip:1001@example.com>", Party("sip:1001@example.com", "Ann Lee")),
        ('"Ann Lee" <sip:1001@example.com> ', Party("sip:1001@example.com", "Ann Lee")),
        ("<sip:1001@example.com>", Party("sip:1001@example.com")),
        (" tel:+15550100 ", Party("tel:+15550100")),
        ("Müller, Jörg <tel:+49301234>", Party("tel:+49301234", "Müller, Jörg")),
    ],
)
def test_a_party_is_a_name_and_an_address(text: str, party: Party) -> None:
    assert parse_party(text) == party


def test_metadata_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "metadata.xml").write_bytes(b"\xff\xfe")
    outcome = CliRunner().invoke(app, ["call", "sip:scribe@127.0.0.1", "--metadata", "metadata.xml"])
    assert isinstance(outcome.exception, SettingsError)
    assert str(outcome.exception).startswith("metadata.xml cannot be read as UTF-8 text")


@pytest.mark.parametrize("arguments", [["--metadata", "."], ["--play", "."], ["--seconds", "-1"], ["--play", "no.wav"]])
def test_wrong_usage_is_told_before_anything_is_called(arguments: list[str]) -> None:
    outcome = CliRunner().invoke(app, ["call", "sip:scribe@127.0.0.1", *arguments])
    assert outcome.exit_code == 2
    assert arguments[0] in outcome.output


@pytest.mark.parametrize(
    ("uri", "options", "reason"),
    [
        ("scribe@127.0.0.1", [], "uri must begin with sip:"),
        ("sip:scribe@127.0.0.1", ["--codec", "opus"], "codec must be one of PCMU, PCMA"),
    ],
)
def test_a_call_that_cannot_be_planned_says_why(uri: str, options: list[str], reason: str) -> None:
    outcome = CliRunner().invoke(app, ["call", uri, *options])
    assert isinstance(outcome.exception, SettingsError)
    assert reason in str(outcome.exception)
