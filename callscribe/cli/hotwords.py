"""`callscribe hotwords`: hotword lists of the running service, by hand and from files."""

import getpass
import json
import sys
import urllib.parse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from callscribe.cli.api import base_url, fetch, send
from callscribe.domain.errors import CallscribeError, SettingsError
from callscribe.domain.hotword import Hotword
from callscribe.text.hotword_files import HotwordFile, read_csv, read_text, write_csv, write_text

app = typer.Typer(
    help="Hotword lists: show, change, import, export, and what corrections suggest. Trunks name the lists they use.",
    no_args_is_help=True,
)
console = Console(highlight=False, soft_wrap=True)
progress = Console(stderr=True, highlight=False, soft_wrap=True)

API = "/api/v1/hotwords"
READERS: dict[str, Callable[[str], HotwordFile]] = {"text": read_text, "csv": read_csv}
WRITERS: dict[str, Callable[[Sequence[Hotword]], str]] = {"text": write_text, "csv": write_csv}

Json = dict[str, Any]
Kind = TypeVar("Kind")
Name = Annotated[str, typer.Argument(help="Name of the list.")]
Words = Annotated[list[str], typer.Argument(help='Words or phrases, "WORD=2.5" with a weight of its own.')]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
By = Annotated[str, typer.Option("--by", help="Who asks, for the list's history; default: this account's name.")]
Languages = Annotated[list[str], typer.Option("--language", help="ISO 639-1 code of calls it is for; may be repeated.")]
Agents = Annotated[list[str], typer.Option("--agent", help='Pattern of agents it is for ("10??"); may be repeated.')]
Style = Annotated[str, typer.Option("--format", "-f", help="text or csv; default: by the file's name.")]


@dataclass(frozen=True, slots=True)
class _Desk:
    """The lists of one service."""

    base: str

    def find(self, name: str) -> Json:
        """Raises CallscribeError where there is none."""
        found: Json = json.loads(fetch(self.base, _path(name)))
        return found

    def find_or_new(self, name: str) -> Json:
        """A list that is not there yet has nothing in it, and version 0."""
        lists: list[Json] = json.loads(fetch(self.base, API))
        empty: Json = {"words": [], "languages": [], "agents": [], "version": 0}
        return next((each for each in lists if each["name"] == name.strip()), empty)

    def put(self, name: str, known: Json, words: Iterable[Hotword], by: str) -> None:
        """Give the list these words, for the calls it is `known` to be for.

        Raises CallscribeError where the list has another version by now than a `known` one.
        """
        whom = {key: known[key] for key in ("languages", "agents")}
        self._send("PUT", name, {"words": _sent(words), **whom, "version": known.get("version")}, by)

    def amend(self, name: str, words: Iterable[Hotword], removed: Sequence[str], by: str) -> None:
        """Put words on the list and take others off, whatever else happens to it."""
        self._send("PATCH", name, {"words": _sent(words), "remove": removed}, by)

    def _send(self, method: str, name: str, wanted: Json, by: str) -> None:
        made: Json = json.loads(send(self.base, method, _path(name), wanted | {"by": by or getpass.getuser()}))
        progress.print(f"{made['name']}: version {made['version']}, {len(made['words'])} words")


def _sent(words: Iterable[Hotword]) -> list[Json]:
    return [{"text": word.text, "weight": word.weight} for word in words]


def _path(name: str, rest: str = "") -> str:
    return f"{API}/{urllib.parse.quote(name, safe='')}{rest}"


def _desk(context: typer.Context) -> _Desk:
    return _Desk(base_url(context.obj.settings.web))


def _words_of(known: Json) -> dict[str, Hotword]:
    return {word["text"]: Hotword(word["text"], word["weight"]) for word in known["words"]}


def _given(words: Iterable[str]) -> list[Hotword]:
    """Raises SettingsError for a weight that is no number."""
    given = []
    for word in words:
        text, mark, weight = word.rpartition("=")
        try:
            given.append(Hotword(text, float(weight)) if mark else Hotword(word))
        except ValueError:
            raise SettingsError(f"{word}: what follows = must be a weight, as in Zyntrix=2.5") from None
    return given


@app.command("list")
def list_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Name all lists."""
    found = fetch(_desk(context).base, API)
    if as_json:
        typer.echo(found)
        return
    table = _table("name", "version", "words", "languages", "agents")
    for each in json.loads(found):
        whom = (", ".join(each[key]) or "all" for key in ("languages", "agents"))
        table.add_row(each["name"], str(each["version"]), str(len(each["words"])), *whom)
    console.print(table)


@app.command("show")
def show_command(
    context: typer.Context,
    name: Name,
    version: Annotated[int | None, typer.Option("--version", min=1, help="As it stood then; default: now.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print a list's words, one a line, with the weights that are not 1."""
    path = _path(name, f"/versions/{version}") if version else _path(name)
    found = fetch(_desk(context).base, path)
    words = [*_words_of(json.loads(found)).values()]
    typer.echo(found if as_json else write_text(words), nl=as_json)


@app.command("set")
def set_command(
    context: typer.Context,
    name: Name,
    words: Words,
    languages: Languages = [],  # noqa: B006 - typer copies it
    agents: Agents = [],  # noqa: B006
    by: By = "",
) -> None:
    """Give a list these words and calls to be for, in place of all that it has."""
    _desk(context).put(name, {"languages": languages, "agents": agents}, _given(words), by)


@app.command("add")
def add_command(context: typer.Context, name: Name, words: Words, by: By = "") -> None:
    """Put words on a list, which is made where there is none. A word that it has takes the new weight."""
    _desk(context).amend(name, _given(words), [], by)


@app.command("remove")
def remove_command(context: typer.Context, name: Name, words: Words, by: By = "") -> None:
    """Take words off a list."""
    desk = _desk(context)
    has = _words_of(desk.find(name))
    if missing := [word for word in words if word not in has]:
        raise CallscribeError(f"{name} has no {', '.join(missing)}; `callscribe hotwords show` prints its words")
    desk.amend(name, [], words, by)


@app.command("import")
def import_command(
    context: typer.Context,
    name: Name,
    file: Annotated[Path, typer.Argument(help="Text or CSV; - for standard input.")],
    style: Style = "",
    replace: Annotated[bool, typer.Option("--replace", help="Take off all that the file does not have.")] = False,
    by: By = "",
) -> None:
    """Put a file's words on a list.

    Text: one a line, with a weight after a tab or comma where it is not 1; lines that begin with # are left out. CSV:
    word and weight in the first two columns. Lines that give no word are told, with the reason.
    """
    found = _kind(style, file, READERS)(_read(file))
    for skipped in found.skipped:
        progress.print(f"line {skipped.line} skipped: {skipped.why}: {skipped.text[:80]}", markup=False)
    desk = _desk(context)
    if replace:
        desk.put(name, desk.find_or_new(name), found.words, by)
    else:
        desk.amend(name, found.words, [], by)
    progress.print(f"{len(found.words)} words imported, {len(found.skipped)} lines skipped")


@app.command("export")
def export_command(
    context: typer.Context,
    name: Name,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; default: standard output.")] = None,
    style: Style = "",
) -> None:
    """Write a list's words as `import` reads them."""
    text = _kind(style, output, WRITERS)([*_words_of(_desk(context).find(name)).values()])
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise CallscribeError(f"{output} cannot be written: {error.strerror}") from error


@app.command("delete")
def delete_command(context: typer.Context, name: Name, by: By = "") -> None:
    """Remove a list. Its history stays, and `restore` brings it back."""
    send(_desk(context).base, "DELETE", _path(name), query={"by": by or getpass.getuser()})
    progress.print(f"{name} is removed")


@app.command("history")
def history_command(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Tell who changed a list and when, newest first."""
    found = fetch(_desk(context).base, _path(name, "/versions"))
    if as_json:
        typer.echo(found)
        return
    table = _table("version", "changed (UTC)", "by", "words")
    for each in json.loads(found):
        words = f"{each['words']}, removed" if each["deleted"] else str(each["words"])
        table.add_row(str(each["version"]), each["changed_at"][:19].replace("T", " "), each["by"], words)
    console.print(table)


@app.command("restore")
def restore_command(
    context: typer.Context,
    name: Name,
    version: Annotated[int, typer.Argument(min=1, help="As `history` tells it.")],
    by: By = "",
) -> None:
    """Give a list what it had in a version, as a new one."""
    path = _path(name, f"/versions/{version}/restore")
    made = json.loads(send(_desk(context).base, "POST", path, query={"by": by or getpass.getuser()}))
    progress.print(f"{made['name']}: version {made['version']}, {len(made['words'])} words")


@app.command("suggest")
def suggest_command(
    context: typer.Context,
    trunk: Annotated[str, typer.Option("--trunk", help="Of this trunk's calls only.")] = "",
    since: Annotated[str, typer.Option("--since", help="Of calls from this time on (ISO 8601 with zone).")] = "",
    calls: Annotated[int, typer.Option("--calls", min=1, help="Put in on so many calls at least.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Words that people put in where the recogniser wrote something else, and that no list has."""
    query = {"trunk": trunk, "since": since, "calls": str(calls)}
    found = fetch(_desk(context).base, f"{API}/suggestions", {key: value for key, value in query.items() if value})
    if as_json:
        typer.echo(found)
        return
    table = _table("word", "calls", "utterances", "heard")
    for each in json.loads(found):
        table.add_row(each["text"], str(each["calls"]), str(each["count"]), ", ".join(each["heard"]))
    console.print(table)


def _table(*headings: str) -> Table:
    return Table(*headings, box=None, pad_edge=False)


def _kind(style: str, file: Path | None, kinds: Mapping[str, Kind]) -> Kind:
    """Raises SettingsError for a format that there is not."""
    named = style or ("csv" if file is not None and file.suffix.lower() == ".csv" else "text")
    if named not in kinds:
        raise SettingsError(f"--format must be one of {', '.join(kinds)}")
    return kinds[named]


def _read(file: Path) -> str:
    """Raises CallscribeError."""
    try:
        return (sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()).decode()
    except OSError as error:
        raise CallscribeError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CallscribeError(f"{file} is no UTF-8 text; save it as such") from error
