"""`callscribe reload`, and the signal by which a running service is told to read its settings again."""

import fcntl
import os
import signal
from pathlib import Path

import typer
from rich.console import Console

from callscribe.config.settings import Settings
from callscribe.domain.errors import CallscribeError

LOCK = "serve.lock"
"""In the data folder: held by the `callscribe serve` that runs there, and has its process id."""
ELSEWHERE = "a role that runs alone takes SIGHUP: `systemctl reload`, or `kill -HUP` and its process id"


def reload_command(context: typer.Context) -> None:
    """Let the running `callscribe serve` take the trunks that the settings name now.

    Calls that go on stay as they are; other settings wait for a restart. Settings with an error are refused here.
    """
    settings: Settings = context.obj.settings
    os.kill(_serving(settings.data_folder / LOCK), signal.SIGHUP)
    Console(stderr=True, highlight=False).print(
        "the service reads its settings again; its log and `callscribe doctor` tell what became of them"
    )


def _serving(lock: Path) -> int:
    """The process that holds the lock. Raises CallscribeError."""
    try:
        with lock.open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read())
    except (OSError, ValueError):
        pass
    raise CallscribeError(f"no `callscribe serve` runs on {lock.parent}; {ELSEWHERE}")


def has_terminal() -> bool:
    """Whether this process has a terminal that is still there: one that is closed sends SIGHUP, too."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
