"""`callscribe export`: a call's transcript, from the running service."""

import urllib.parse
from pathlib import Path
from typing import Annotated

import typer

from callscribe.cli.api import base_url, fetch
from callscribe.config.settings import Settings
from callscribe.domain.errors import CallscribeError, SettingsError
from callscribe.text.formats import FORMATS


def export(settings: Settings, call: str, style: str, output: Path | None) -> None:
    """Write the transcript of a call, named by its id or an outside id, to `output` or standard output."""
    if style not in FORMATS:
        raise SettingsError(f"--format must be one of {', '.join(FORMATS)}")
    path = f"/api/v1/calls/{urllib.parse.quote(call, safe='')}/transcript"
    text = fetch(base_url(settings.web), path, {"format": style}).decode()
    if output is None:
        typer.echo(text, nl=not text.endswith("\n"))
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CallscribeError(f"{output} cannot be written: {error.strerror}") from error


def export_command(
    context: typer.Context,
    call: Annotated[str, typer.Argument(help="The call's id, or its id in another system.")],
    style: Annotated[str, typer.Option("--format", "-f", help="json, txt, srt, vtt or vcon.")] = "json",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; default: standard output.")
    ] = None,
) -> None:
    """Write a call's transcript."""
    export(context.obj.settings, call, style, output)
