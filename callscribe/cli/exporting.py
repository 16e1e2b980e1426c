"""`callscribe export`: a call's transcript, or those of many calls, from the running service."""

import json
import os
import sys
import urllib.error
import urllib.parse
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from callscribe.cli.api import base_url, fetch, stream
from callscribe.config.settings import Settings
from callscribe.domain.errors import CallscribeError, SettingsError
from callscribe.text.formats import FORMATS

PAGE = 100
"""Calls that are asked for at once."""
STANDARD_OUTPUT = Path("-")

ListedCall: TypeAlias = Mapping[str, str]


def export(settings: Settings, call: str, style: str, output: Path | None) -> None:
    """Write the transcript of a call, named by its id or an outside id, to `output` or standard output."""
    _check(style)
    text = _document(settings, call, style).decode()
    if output is None:
        typer.echo(text, nl=not text.endswith("\n"))
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CallscribeError(f"{output} cannot be written: {error.strerror}") from error


def export_all(settings: Settings, which: Mapping[str, str], style: str) -> None:
    """Write the transcripts of the calls that the conditions tell to standard output, as `GET /export` gives them."""
    for part in stream(base_url(settings.web), "/api/v1/export", {"format": style, **which}):
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()


def export_to(settings: Settings, which: Mapping[str, str], style: str, folder: Path) -> tuple[int, int]:
    """Write a file for each of these calls into the folder; how many were written, and how many were there.

    A file that is there was written whole, and is left alone: after an error the same command goes on.
    """
    written = there = 0
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("exporting", total=None)
        for call in _calls(settings, which):
            started = datetime.fromisoformat(call["started_at"])
            path = folder / f"{started:%Y%m%d-%H%M%S}-{call['id']}{FORMATS[style].suffix}"
            if path.exists():
                there += 1
            elif (document := _document_if_there(settings, call["id"], style)) is not None:
                _write_whole(path, document)
                written += 1
            bar.update(task, description=f"{written} written, {there} were there; now {started:%Y-%m-%d %H:%M}")
    return written, there


def _calls(settings: Settings, which: Mapping[str, str]) -> Iterator[ListedCall]:
    """Calls that do not go on any more, newest first."""
    query = {"state": "over", "limit": str(PAGE), **which}
    while True:
        page = json.loads(fetch(base_url(settings.web), "/api/v1/calls", query))
        yield from page["calls"]
        if page["cursor"] is None:
            return
        query["cursor"] = page["cursor"]


def _document(settings: Settings, call: str, style: str) -> bytes:
    path = f"/api/v1/calls/{urllib.parse.quote(call, safe='')}/transcript"
    return fetch(base_url(settings.web), path, {"format": style})


def _document_if_there(settings: Settings, call: str, style: str) -> bytes | None:
    """None for a call that was erased since it was listed."""
    try:
        return _document(settings, call, style)
    except CallscribeError as error:
        if isinstance(error.__cause__, urllib.error.HTTPError) and error.__cause__.code == 404:
            return None
        raise


def _write_whole(path: Path, document: bytes) -> None:
    """So that no file has its name before it is whole."""
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(document)
        os.replace(part, path)
    except OSError as error:
        raise CallscribeError(f"{path} cannot be written: {error.strerror}") from error


def export_command(
    context: typer.Context,
    call: Annotated[
        str | None,
        typer.Argument(
            help="The call's id, or its id in another system (after -- where that begins with -); none: many calls."
        ),
    ] = None,
    style: Annotated[str, typer.Option("--format", "-f", help="json, txt, srt, vtt, csv or vcon.")] = "json",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Of one call: file to write; default: standard output.")
    ] = None,
    since: Annotated[str, typer.Option("--since", help="Calls that started at or after this time (ISO 8601).")] = "",
    until: Annotated[str, typer.Option("--until", help="Calls that started before this time (ISO 8601).")] = "",
    trunk: Annotated[str, typer.Option("--trunk", help="Calls of this trunk.")] = "",
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Of many calls: folder for a file a call, or - for all on standard output."),
    ] = None,
) -> None:
    """Write a call's transcript, or those of many calls.

    A folder is gone on with where it was left: files that are there are skipped. On standard output json is a line a
    call, csv one table, and the others a ZIP archive.
    """
    _check(style)
    named = {"since": _moment("--since", since), "until": _moment("--until", until), "trunk": trunk}
    which = {name: value for name, value in named.items() if value}
    settings = context.obj.settings
    if call is not None:
        if which or to is not None:
            raise SettingsError("--since, --until, --trunk and --to are for many calls; leave the call's id out")
        export(settings, call, style, output)
        return
    if to is None or output is not None:
        raise SettingsError("name a call, or say with --to where the transcripts of many go: a folder, or -")
    if to == STANDARD_OUTPUT:
        export_all(settings, which, style)
        return
    written, there = export_to(settings, which, style, to)
    Console(stderr=True, highlight=False).print(f"{written} written to {to}, {there} were there already")


def _check(style: str) -> None:
    if style not in FORMATS:
        raise SettingsError(f"--format must be one of {', '.join(FORMATS)}")


def _moment(option: str, told: str) -> str:
    """In ISO 8601 with a zone: this machine's where none was told."""
    if not told:
        return ""
    try:
        return datetime.fromisoformat(told).astimezone().isoformat()
    except ValueError:
        raise SettingsError(f"{option} must be a time such as 2026-11-21 or 2026-11-21T09:30+01:00") from None
