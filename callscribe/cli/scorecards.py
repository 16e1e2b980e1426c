"""`callscribe scorecards`: scorecards of the running service, from files."""

import getpass
import json
import urllib.parse
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from callscribe.cli.api import base_url, fetch, send
from callscribe.cli.tables import read_tables
from callscribe.text.scorecard import Scorecard

app = typer.Typer(help="Scorecards: rules that quality assurance has for calls.", no_args_is_help=True)
progress = Console(stderr=True, highlight=False)

API = "/api/v1/scorecards"
By = Annotated[str, typer.Option("--by", help="Who asks, for the scorecard's history; default: this account's name.")]


@app.command("list")
def list_command(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Show the scorecards in their newest versions."""
    told = fetch(base_url(context.obj.settings.web), API).decode()
    if as_json:
        typer.echo(told)
        return
    table = Table("name", "version", "trunks", "languages", "rules")
    for card in json.loads(told):
        whom = (", ".join(card[key]) or "all" for key in ("trunks", "languages"))
        table.add_row(card["name"], str(card["version"]), *whom, ", ".join(rule["name"] for rule in card["rules"]))
    Console().print(table)


@app.command("import")
def import_command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="TOML: a table [NAME] with [[NAME.rules]] for each scorecard.")],
    by: By = "",
) -> None:
    """Make scorecards as a file has them, or new versions of those that change. All are checked before the first."""
    cards = read_scorecards(file)
    for name, card in cards.items():
        wanted = {**card.model_dump(mode="json"), "by": by or getpass.getuser()}
        path = f"{API}/{urllib.parse.quote(name, safe='')}"
        made = json.loads(send(base_url(context.obj.settings.web), "PUT", path, wanted))
        progress.print(f"{made['name']}: version {made['version']}, {len(made['rules'])} rules", markup=False)


@app.command("remove")
def remove_command(
    context: typer.Context, name: Annotated[str, typer.Argument(help="Name of the scorecard.")], by: By = ""
) -> None:
    """Let a scorecard score no more calls; what it found stays."""
    path = f"{API}/{urllib.parse.quote(name, safe='')}"
    send(base_url(context.obj.settings.web), "DELETE", path, query={"by": by or getpass.getuser()})


def read_scorecards(file: Path) -> dict[str, Scorecard]:
    """The scorecards of a TOML file by their names. Raises CallscribeError that tells the place of what is wrong."""
    return read_tables(file, Scorecard, "has no scorecard: begin one with [NAME] and [[NAME.rules]]")
