"""`callscribe keys`: the keys that recordings are encrypted with at rest."""

import getpass
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from callscribe.config.settings import Settings
from callscribe.domain.errors import SettingsError

if TYPE_CHECKING:
    from storage.key_rotation import KeyRotation

app = typer.Typer(help="Keys that recordings are encrypted with at rest.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@app.command("new")
def new_command(context: typer.Context) -> None:
    """Put a new key before those of the keys file, or print one where the settings name no file.

    From then on new recordings are encrypted with it; those before it go on decrypting theirs. Keep a copy of the file
    apart from the recordings and their backups: without its key a recording is lost.
    """
    from storage.recording_keys import RecordingKeys, new_key

    settings: Settings = context.obj.settings
    key = new_key()
    if not settings.recordings.keys_file:
        typer.echo(key)
        return
    path = Path(settings.recordings.keys_file).expanduser().absolute()
    before = ""
    if path.exists() and (before := path.read_text(encoding="utf-8")):
        RecordingKeys(file=str(path))
    _write(path, f"{key}\n{before}")
    typer.echo(f"{RecordingKeys((key,)).ids[0].hex()} encrypts recordings that begin from now on; back {path} up")


@app.command("list")
def list_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the keys by their ids, never the keys themselves, and how many recordings need each."""
    from storage.key_rotation import DAMAGED, PLAIN

    rotation, ids = _rotation(context)
    with Console(stderr=True).status("looking"):
        counted = rotation.count()
    plain, damaged = counted.pop(PLAIN, 0), counted.pop(DAMAGED, 0)
    uses = {key: "encrypts" if place == 0 else "decrypts" for place, key in enumerate(ids)}
    keys = [
        {"key": key, "use": uses.get(key, "missing"), "recordings": counted[key]}
        for key in dict.fromkeys([*ids, *counted])
    ]
    if as_json:
        typer.echo(json.dumps({"keys": keys, "not_encrypted": plain, "damaged": damaged}))
        return
    table = Table("key", "use", "recordings")
    for told in keys:
        table.add_row(str(told["key"]), str(told["use"]), str(told["recordings"]))
    table.add_row("none", "not encrypted", str(plain))
    if damaged:
        table.add_row("unknown", "damaged", str(damaged))
    Console().print(table)


@app.command("rotate")
def rotate_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Have every encrypted recording need the first key only, so that the others can be taken away.

    Audio stays as it is. Calls and players need not stop; broken off, it goes on where it was. First see to it that
    every machine has the first key.
    """
    from callscribe.cli.servers import opened_database

    rotation, ids = _rotation(context)
    done, failures = 0, []
    with opened_database(context.obj.settings) as database, Console(stderr=True).status("rotating") as status:
        for found in rotation.run(database, getpass.getuser()):
            done += found.done
            failures += [{"recording": str(found.path), "failure": found.failure}] if found.failure else []
            status.update(f"rotating: {done} done")
    if as_json:
        typer.echo(json.dumps({"key": ids[0], "rotated": done, "failed": failures}))
    else:
        for failed in failures:
            typer.echo(f"{failed['recording']}: {failed['failure']}", err=True)
        typer.echo(f"{done} recordings now need key {ids[0]}, {len(failures)} could not be changed")
    if failures:
        raise typer.Exit(1)


def _rotation(context: typer.Context) -> "tuple[KeyRotation, list[str]]":
    """And the keys' ids, the first first. Raises SettingsError."""
    from storage.key_rotation import KeyRotation
    from storage.recording_keys import open_keys

    settings: Settings = context.obj.settings
    keys = open_keys(settings.recordings)
    return KeyRotation(settings.recordings_folder, keys), [key.hex() for key in keys.ids]


def _write(path: Path, text: str) -> None:
    """The whole file or none, for its owner only. Raises SettingsError."""
    part = path.with_name(f".{path.name}.part")
    try:
        mode, owner = (path.stat().st_mode & 0o777, path.stat()) if path.exists() else (0o600, None)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            if owner is not None:
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SettingsError(f"recordings.keys_file: {path} cannot be written: {error.strerror}") from error
