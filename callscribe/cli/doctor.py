"""`callscribe doctor`: looks at everything an installation needs and names the cure for what is missing."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from asr.engines import load_engine
from asr.passes import second_pass_of
from asr.settings import RecognizerSettings
from callscribe.cli.api import base_url, fetch
from callscribe.cli.ports import PublicPort, public_ports
from callscribe.config.settings import Settings
from callscribe.domain.errors import CallscribeError
from callscribe.events.subscriber import latest_id
from storage.cluster import major_version
from storage.database import Database

MIN_FREE_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check."""

    check: str
    good: bool
    detail: str
    """What was found, or what is wrong and how to mend it."""


def run_doctor(settings: Settings, as_json: bool) -> int:
    """Print every finding; returns 0 when all are good, else 1."""
    with Console(stderr=True).status("looking"):
        findings = list(_examine(settings))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))  # noqa: T201 - the command's output
    else:
        table = Table(box=None, show_header=False)
        for finding in findings:
            table.add_row("[green]ok[/green]" if finding.good else "[red]no[/red]", finding.check, finding.detail)
        Console(highlight=False).print(table)
    return 0 if all(finding.good for finding in findings) else 1


def _examine(settings: Settings) -> Iterator[Finding]:
    running = _service_answers(settings)
    yield _finding("PJSUA2", _check_pjsua2)
    yield _finding("live engine", lambda: _check_engine(settings.recognizer))
    yield _finding("second pass", lambda: _check_second_pass(settings))
    yield _finding("data folder", lambda: _check_folder(settings.data_folder))
    yield _finding("service", lambda: f"answers at {base_url(settings.web)}" if running else "not running")
    for port in () if running else public_ports(settings):
        yield _finding(port.setting, partial(_check_port, port))
    yield _finding("database", lambda: _check_database(settings.database.url))
    yield _finding("events", lambda: _check_events(settings.events.url))
    yield _finding("CPU", lambda: f"{os.cpu_count()} cores")


def _finding(check: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(check, True, look())
    except CallscribeError as error:
        return Finding(check, False, str(error))


def _service_answers(settings: Settings) -> bool:
    try:
        fetch(base_url(settings.web), "/healthz")
    except CallscribeError:
        return False
    return True


def _check_engine(settings: RecognizerSettings) -> str:
    load_engine(settings)
    return f"{settings.engine}, its model loads"


def _check_second_pass(settings: Settings) -> str:
    engine = second_pass_of(settings.second_pass, settings.recognizer)
    engine.revise(np.zeros(0, np.int16), 8000, ())
    return f"{engine.engine}, its model loads"


def _check_pjsua2() -> str:
    """Looked at in a process of its own, because loading it starts native threads."""
    program = "import pjsua2; ep = pjsua2.Endpoint(); ep.libCreate(); print(ep.libVersion().full)"
    try:
        outcome = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
        ).stdout
    except subprocess.TimeoutExpired:
        outcome = ""
    lines = [line for line in outcome.splitlines() if line and line[0].isdigit() and " " not in line]
    if not lines:
        raise CallscribeError(
            "PJSUA2 cannot be loaded; install the package pjsua2-python on x86_64 with Python 3.11 or 3.12"
        )
    return f"version {lines[-1]}"


def _check_folder(folder: Path) -> str:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        raise CallscribeError(f"{existing} is not writable by this user; change its owner or set node.data_folder")
    free = shutil.disk_usage(existing).free
    if free < MIN_FREE_BYTES:
        raise CallscribeError(f"only {free >> 20} MB are free in {existing}; a two-party call takes 115 MB an hour")
    return f"{folder}, {free >> 30} GB free"


def _check_port(port: PublicPort) -> str:
    port.check()
    return f"{port.port} on {port.host} is free"


def _check_database(url: str) -> str:
    if not url:
        return f"PostgreSQL {major_version()}, embedded in `callscribe serve`"
    with closing(Database(url)) as database:
        database.check()
    return "answers, schema up to date"


def _check_events(url: str) -> str:
    if not url:
        return "Valkey, embedded in `callscribe serve`"
    asyncio.run(latest_id(url, None))
    return "answers"
