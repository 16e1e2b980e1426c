"""Packages, models, disk and servers."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from asr.engines import load_engine, load_identifier
from asr.passes import second_pass_of
from asr.settings import RecognizerSettings
from callscribe.cli.checks.finding import Finding, judged
from callscribe.config.settings import Settings
from callscribe.domain.errors import CallscribeError
from callscribe.events.subscriber import latest_id
from storage.cluster import major_version
from storage.database import Database
from storage.embedded import running_url
from storage.key_rotation import DAMAGED, PLAIN, KeyRotation
from storage.recording_keys import open_keys

MIN_FREE_BYTES = 2 << 30


def check_programs(settings: Settings) -> Iterator[Finding]:
    """What must be installed, and load."""
    yield judged("PJSUA2", _check_pjsua2)
    yield judged("live engine", lambda: _check_engine(settings.recognizer))
    yield judged("second pass", lambda: _check_second_pass(settings))
    yield judged("data folder", lambda: _check_folder(settings.data_folder, "node.data_folder"))
    yield judged("recordings folder", lambda: _check_folder(settings.recordings_folder, "recordings.folder"))
    yield judged("recording keys", lambda: _check_keys(settings))


def check_servers(settings: Settings) -> Iterator[Finding]:
    """What must answer, and the machine."""
    yield judged("database", lambda: _check_database(settings))
    yield judged("events", lambda: _check_events(settings.events.url))
    yield judged("CPU", lambda: f"{os.cpu_count()} cores")


def _check_engine(settings: RecognizerSettings) -> str:
    identifier = load_identifier(settings, load_engine(settings))
    return f"{settings.engine}, its model loads" + (", and what tells languages apart" if identifier else "")


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


def _check_folder(folder: Path, setting: str) -> str:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        raise CallscribeError(f"{existing} is not writable by this user; change its owner or set {setting}")
    free = shutil.disk_usage(existing).free
    if free < MIN_FREE_BYTES:
        raise CallscribeError(f"only {free >> 20} MB are free in {existing}; a two-party call takes 115 MB an hour")
    return f"{folder}, {free >> 30} GB free"


def _check_keys(settings: Settings) -> str:
    keys = open_keys(settings.recordings)
    ids = [key.hex() for key in keys.ids]
    folder = settings.recordings_folder
    counted = KeyRotation(folder, keys).count() if folder.is_dir() else Counter[str]()
    if lost := [key for key in counted if key not in (PLAIN, DAMAGED, *ids)]:
        raise CallscribeError(
            f"{counted[lost[0]]} recordings are encrypted with key {lost[0]}, which is not there; put it back into "
            "recordings.keys_file"
        )
    if counted[DAMAGED]:
        raise CallscribeError(f"{counted[DAMAGED]} recordings have no whole head; put back their copies of a backup")
    if not ids:
        return "none: recordings are not encrypted"
    return f"{ids[0]} encrypts, {len(ids) - 1} more decrypt; {counted[PLAIN]} recordings are not encrypted"


def _check_database(settings: Settings) -> str:
    url = settings.database.url or running_url(settings.data_folder / "postgres")
    if not url:
        return f"PostgreSQL {major_version()}, embedded in `callscribe serve`"
    with closing(Database(url)) as database:
        database.check()
    return "answers, its schema is this release's or a later one's"


def _check_events(url: str) -> str:
    if not url:
        return "Valkey, embedded in `callscribe serve`"
    asyncio.run(latest_id(url, None))
    return "answers"
