"""`callscribe rules`: assist rules of the running service, by hand and from files, and tried on past calls."""

import getpass
import json
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from callscribe.cli.api import base_url, fetch, send
from callscribe.cli.tables import checked, read_tables
from callscribe.domain.assist import Severity
from callscribe.domain.errors import SettingsError
from callscribe.text.assist_rules import AssistRule

app = typer.Typer(help="Assist rules: what shows a card while a call goes on.", no_args_is_help=True)
progress = Console(stderr=True, highlight=False)

API = "/api/v1/rules"
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
By = Annotated[str, typer.Option("--by", help="Who asks, for the rule's history; default: this account's name.")]
Name = Annotated[str, typer.Argument(help="Name of the rule.")]
File = Annotated[Path, typer.Argument(help="TOML: a table [NAME] for each rule.")]


@app.command("list")
def list_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the rules in their newest versions."""
    told = fetch(base_url(context.obj.settings.web), API).decode()
    if as_json:
        typer.echo(told)
        return
    table = Table("name", "version", "for", "when", "card")
    for rule in json.loads(told):
        row = (rule["name"], str(rule["version"]), _whom(rule), _when(rule["when"]), _card(rule))
        table.add_row(*map(escape, row))
    Console().print(table)


@app.command("set")
def set_command(
    context: typer.Context,
    name: Name,
    title: Annotated[str, typer.Option("--title", help="What the card says first.")],
    phrase: Annotated[list[str] | None, typer.Option("--phrase", help="Is said; may be repeated: any of them.")] = None,
    near: Annotated[list[str] | None, typer.Option("--near", help="Word near the others; give two to four.")] = None,
    apart: Annotated[int, typer.Option("--apart", help="Other words between them at most.")] = 3,
    pattern: Annotated[str, typer.Option("--pattern", help="Regular expression.")] = "",
    silence: Annotated[float, typer.Option("--silence", help="Seconds in which nobody speaks.")] = 0,
    talk_over: Annotated[float, typer.Option("--talk-over", help="Seconds in which both speak.")] = 0,
    emotion: Annotated[list[str] | None, typer.Option("--emotion", help="Somebody sounds so; may be repeated.")] = None,
    speaker: Annotated[str, typer.Option("--speaker", help="agent, customer or any.")] = "any",
    text: Annotated[str, typer.Option("--text", help="What else stands on the card.")] = "",
    link: Annotated[str, typer.Option("--link", help="URL of where more stands.")] = "",
    severity: Annotated[Severity, typer.Option("--severity")] = Severity.INFO,
    cool_down: Annotated[float, typer.Option("--cool-down", help="Seconds from a card to the next.")] = 30,
    once: Annotated[bool, typer.Option("--once", help="One card on a call at most.")] = False,
    trunk: Annotated[list[str] | None, typer.Option("--trunk", help="Of its calls only; may be repeated.")] = None,
    language: Annotated[list[str] | None, typer.Option("--language", help="The same, ISO 639-1 code.")] = None,
    by: By = "",
) -> None:
    """Make a rule, or give it another condition and card. It is given by one of --phrase, --near, --pattern, --silence,
    --talk-over and --emotion."""
    when = _one_of(
        {
            "phrase": {"phrases": phrase},
            "near": {"words": near, "apart": apart},
            "pattern": {"pattern": pattern},
            "silence": {"seconds": silence},
            "talk-over": {"seconds": talk_over},
            "emotion": {"emotions": emotion},
        }
    )
    card = {"title": title, "text": text, "link": link, "severity": severity, "cool_down_s": cool_down, "once": once}
    whom = {"speaker": speaker, "trunks": trunk or [], "languages": language or []}
    _put(context, name, checked(AssistRule, name, name, {"when": when, **card, **whom}), by)


@app.command("import")
def import_command(context: typer.Context, file: File, by: By = "") -> None:
    """Make rules as a file has them, or new versions of those that change. All are checked before the first."""
    for name, rule in read_rules(file).items():
        _put(context, name, rule, by)


@app.command("remove")
def remove_command(context: typer.Context, name: Name, by: By = "") -> None:
    """Let a rule give no more cards; those that it gave stay."""
    send(base_url(context.obj.settings.web), "DELETE", _path(name), query={"by": by or getpass.getuser()})


@app.command("test")
def try_command(
    context: typer.Context,
    call: Annotated[str, typer.Argument(help="Id of a past call, Callscribe's or another system's.")],
    file: Annotated[Path | None, typer.Argument(help="Rules as for import; default: those of the service.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the cards that rules would have given on a call. Nothing is kept of it."""
    wanted: dict[str, object] = {"call": call}
    if file is not None:
        wanted["rules"] = {name: rule.model_dump(mode="json") for name, rule in read_rules(file).items()}
    told = send(base_url(context.obj.settings.web), "POST", f"{API}/test", wanted, timeout_s=300).decode()
    if as_json:
        typer.echo(told)
        return
    table = Table("from", "known at", "rule", "who", "card")
    for card in json.loads(told)["cards"]:
        times = (f"{card[key] / 1000:.1f} s" for key in ("start_ms", "heard_ms"))
        table.add_row(
            *times, *map(escape, (card["rule"], "" if card["channel"] is None else card["role"], _card(card)))
        )
    Console().print(table)


def read_rules(file: Path) -> dict[str, AssistRule]:
    """The rules of a TOML file by their names. Raises CallscribeError that tells the place of what is wrong."""
    return read_tables(file, AssistRule, "has no rule: begin one with [NAME]")


def _put(context: typer.Context, name: str, rule: AssistRule, by: str) -> None:
    wanted = {**rule.model_dump(mode="json"), "by": by or getpass.getuser()}
    made = json.loads(send(base_url(context.obj.settings.web), "PUT", _path(name), wanted))
    progress.print(f"{made['name']}: version {made['version']}", markup=False)


def _path(name: str) -> str:
    return f"{API}/{urllib.parse.quote(name, safe='')}"


def _one_of(conditions: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """The condition whose first value was given. Raises SettingsError unless there is one."""
    given = [{"kind": kind, **told} for kind, told in conditions.items() if next(iter(told.values()))]
    if len(given) != 1:
        raise SettingsError("give one of --phrase, --near, --pattern, --silence, --talk-over and --emotion")
    return given[0]


def _whom(rule: Mapping[str, object]) -> str:
    """Trunks, languages and speaker, where it is not for all, in a cell."""
    match rule:
        case {"trunks": list(trunks), "languages": list(languages), "speaker": str(speaker)}:
            return ", ".join([*trunks, *languages, *([] if speaker == "any" else [speaker])]) or "all"
        case _:
            return ""


def _when(when: Mapping[str, object]) -> str:
    """A condition in a cell."""
    match when["kind"], when:
        case "phrase", {"phrases": list(phrases)}:
            return " | ".join(phrase["text"] for phrase in phrases)
        case "near", {"words": list(words), "apart": apart}:
            return f"{' … '.join(words)} (at most {apart} apart)"
        case "pattern", {"pattern": pattern}:
            return f"/{pattern}/"
        case "emotion", {"emotions": list(emotions)}:
            return f"sounds {' or '.join(emotions)}"
        case kind, _:
            return f"{kind} of {when['seconds']} s"


def _card(told: Mapping[str, object]) -> str:
    return f"{told['severity']}: {told['title']}"
