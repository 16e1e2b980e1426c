"""`callscribe hotwords` and `callscribe training --corrected`, against a real console."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner, Result

from callscribe.cli.api import fetch
from callscribe.cli.main import app
from callscribe.domain.errors import CallscribeError, SettingsError
from callscribe.domain.redaction import Redaction
from callscribe.domain.transcript import Final
from tests.console.conftest import (  # noqa: F401 - fixtures
    Console,
    console,
    database,
    publish,
    settings,
    switchboard,
)
from tests.console.switchboard import FakeCall, Switchboard

pytestmark = pytest.mark.integration

Run = Callable[..., Result]


@pytest.fixture
def run(console: Console, tmp_path: Path) -> Run:  # noqa: F811
    """A command with the console's address in its settings; what it printed. Raises its errors."""
    config = tmp_path / "callscribe.toml"
    config.write_text(f"[web]\nport = {console.url.rpartition(':')[2]}\n")

    def call(*arguments: object, standard_input: str = "") -> Result:
        words = ["--config", str(config), *map(str, arguments)]
        outcome = CliRunner().invoke(app, words, input=standard_input)
        if isinstance(outcome.exception, CallscribeError):
            raise outcome.exception
        assert outcome.exit_code == 0, outcome.output
        return outcome

    return call


@pytest.fixture
def name(run: Run) -> str:
    """Of a list of the test's own."""
    return f"list-{uuid4()}"


def shown(run: Run, name: str, *more: object) -> list[str]:
    return run("hotwords", "show", name, *more).stdout.splitlines()


def test_words_are_set_put_on_and_taken_off_and_each_change_is_in_the_history(run: Run, name: str) -> None:
    run("hotwords", "set", name, "Zyntrix=2.5", "two words", "--language", "en", "--by", "Ann")
    assert shown(run, name) == ["Zyntrix\t2.5", "two words"]
    run("hotwords", "add", name, "Acme", "Zyntrix=3", "--by", "Bob")
    assert shown(run, name) == ["Zyntrix\t3", "two words", "Acme"]
    run("hotwords", "remove", name, "two words", "--by", "Cay")
    assert shown(run, name) == ["Zyntrix\t3", "Acme"]
    assert shown(run, name, "--version", "1") == ["Zyntrix\t2.5", "two words"]
    found = json.loads(run("hotwords", "show", name, "--json").stdout)
    assert (found["languages"], found["version"]) == (["en"], 3)
    history = json.loads(run("hotwords", "history", name, "--json").stdout)
    assert [(each["version"], each["by"]) for each in history] == [(3, "Cay"), (2, "Bob"), (1, "Ann")]
    assert "Cay" in run("hotwords", "history", name).stdout
    assert name in run("hotwords", "list").stdout
    assert name in [each["name"] for each in json.loads(run("hotwords", "list", "--json").stdout)]


def test_whoever_replaces_a_list_that_another_changed_meanwhile_is_told(
    run: Run,
    console: Console,  # noqa: F811
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run("hotwords", "add", name, "Zyntrix")

    def read_then_another_changes(base: str, path: str) -> bytes:
        found = fetch(base, path)
        console.client.patch(f"/api/v1/hotwords/{name}", json={"words": [{"text": "Acme"}]})
        return found

    monkeypatch.setattr("callscribe.cli.hotwords.fetch", read_then_another_changes)
    with pytest.raises(CallscribeError, match="changed the list meanwhile"):
        run("hotwords", "import", name, "-", "--replace", standard_input="Only\n")
    run("hotwords", "remove", name, "Zyntrix")
    monkeypatch.undo()
    assert shown(run, name) == ["Acme"]


def test_a_removed_list_is_restored_from_its_history(run: Run, name: str) -> None:
    run("hotwords", "add", name, "Zyntrix")
    run("hotwords", "delete", name)
    with pytest.raises(CallscribeError, match="no hotword list"):
        shown(run, name)
    assert "removed" in run("hotwords", "history", name).stdout
    run("hotwords", "restore", name, 1)
    assert shown(run, name) == ["Zyntrix"]


def test_a_file_is_imported_with_a_report_of_what_was_skipped_and_exported_again(
    run: Run, name: str, tmp_path: Path
) -> None:
    (tmp_path / "words.txt").write_text("Zyntrix\t2\nAcme,nine\nAcme\n")
    told = run("hotwords", "import", name, tmp_path / "words.txt").stderr
    assert "line 2 skipped: 'nine' is no weight: Acme" in told
    assert "2 words imported, 1 lines skipped" in told
    run("hotwords", "import", name, tmp_path / "words.txt", standard_input="")
    (tmp_path / "more.csv").write_text('word;weight\n"Smith; John";1.5\n')
    run("hotwords", "import", name, tmp_path / "more.csv")
    assert shown(run, name) == ["Zyntrix\t2", "Acme", "Smith; John\t1.5"]
    run("hotwords", "export", name, "-o", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "word,weight\nZyntrix,2\nAcme,1\nSmith; John,1.5\n"
    run("hotwords", "import", name, "-", "--replace", standard_input="Only\n")
    assert run("hotwords", "export", name).stdout == "Only\n"


def test_wrong_usage_is_told(run: Run, name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="weight"):
        run("hotwords", "set", name, "Zyntrix=much")
    with pytest.raises(SettingsError, match="text, csv"):
        run("hotwords", "export", name, "-f", "xml")
    with pytest.raises(CallscribeError, match="cannot be read"):
        run("hotwords", "import", name, tmp_path / "nowhere")
    run("hotwords", "add", name, "Zyntrix")
    with pytest.raises(CallscribeError, match="has no Acme"):
        run("hotwords", "remove", name, "Acme")
    with pytest.raises(SettingsError, match="--corrected"):
        run("training", "-o", tmp_path)


@pytest.fixture
def recorded(switchboard: Switchboard) -> tuple[FakeCall, UUID]:  # noqa: F811
    """An ended call with audio, on a trunk of its own, and the id of what was said on it."""
    call = switchboard.start(trunk=f"trunk-{uuid4()}")
    name = call.final(0, 1000, "my zin tricks is broken")
    call.final(1, 3000, "oh dear")
    call.end(recording=call.record(5), second_pass=False)
    return call, name


def test_what_people_put_in_is_suggested(run: Run, console: Console, recorded: tuple[FakeCall, UUID]) -> None:  # noqa: F811
    call, said = recorded
    path = f"/api/v1/calls/{call.id}/utterances/{said}/corrections"
    assert console.client.post(path, json={"text": "my Qorvexa is broken", "by": "Ann"}).status_code == 201
    chosen = ("--trunk", call.call.trunk, "--calls", "1")
    (found,) = json.loads(run("hotwords", "suggest", *chosen, "--json").stdout)
    assert (found["text"], found["heard"]) == ("Qorvexa", ["zin tricks"])
    assert "Qorvexa" in run("hotwords", "suggest", *chosen).stdout


def test_training_reads_what_people_corrected_and_nothing_else(
    run: Run,
    console: Console,  # noqa: F811
    recorded: tuple[FakeCall, UUID],
    tmp_path: Path,
) -> None:
    call, said = recorded
    path = f"/api/v1/calls/{call.id}/utterances/{said}/corrections"
    console.client.post(path, json={"text": "My Zyntrix is broken.", "by": "Ann"})
    run("training", "--corrected", "--trunk", call.call.trunk, "-o", tmp_path, "-f", "whisper")
    (line,) = (tmp_path / "metadata.jsonl").read_text().splitlines()
    assert json.loads(line)["transcription"] == "My Zyntrix is broken."
    assert (tmp_path / "wav" / f"{said}.wav").is_file()


def test_training_again_replaces_what_it_wrote_and_leaves_masked_utterances_out(
    run: Run,
    console: Console,  # noqa: F811
    switchboard: Switchboard,  # noqa: F811
    tmp_path: Path,
) -> None:
    call = switchboard.start(trunk=f"trunk-{uuid4()}")
    said = call.final(0, 1000, "my zin tricks is broken")
    masked = call.say(Final(1, 24_000, 32_000, "it is [card]", 0.9, "fake", redactions=(Redaction("card", 1, 2),)))
    call.end(recording=call.record(5), second_pass=False)

    def train(text: str) -> tuple[list[str], str]:
        for name, what in ((said, text), (masked, "it is for one one")):
            path = f"/api/v1/calls/{call.id}/utterances/{name}/corrections"
            assert console.client.post(path, json={"text": what, "by": "Ann"}).status_code == 201
        told = run("training", "--corrected", "--trunk", call.call.trunk, "-o", tmp_path, "-f", "whisper").stderr
        lines = (tmp_path / "metadata.jsonl").read_text().splitlines()
        return [json.loads(line)["transcription"] for line in lines], told

    (tmp_path / "metadata.jsonl").write_text(
        '{"file_name": "wav/other.wav", "transcription": "Another call.", "language": "en"}\n'
        f'{{"file_name": "wav/{masked}.wav", "transcription": "it is [card]", "language": "en"}}\n'
    )
    learnt, told = train("My Zintrix is broken.")
    assert learnt == ["Another call.", "My Zintrix is broken."]
    assert "1 utterances left out" in told
    assert train("My Zyntrix is broken.")[0] == ["Another call.", "My Zyntrix is broken."]
    assert sorted(path.name for path in tmp_path.glob("wav/*")) == [f"{said}.wav"]
    assert train("")[0] == ["Another call."]


def test_training_adds_to_no_strange_list(run: Run, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text("mine\n")
    with pytest.raises(CallscribeError, match="name another folder"):
        run("training", "--corrected", "-o", tmp_path)
    assert (tmp_path / "train.jsonl").read_text() == "mine\n"
