"""Flower, Celery's monitor, beside a worker: it is told of the worker, the task and what came of it."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import pytest

from callscribe.cli.ports import free_port
from callscribe.config.settings import Settings
from callscribe.events.embedded import EmbeddedValkey, broker_url
from callscribe.jobs.app import TASK
from storage.records import JobKind
from tests.jobs.ended_calls import ended_call, settings_of
from tests.jobs.test_worker import running_worker, wait_for

pytestmark = pytest.mark.integration


@contextmanager
def running_flower(settings: Settings, folder: Path) -> Iterator[str]:
    """URL of its API."""
    url = f"http://127.0.0.1:{(port := free_port())}/api"
    arguments = [f"--broker={broker_url(settings.events.url)}", "flower", f"--port={port}", "--address=127.0.0.1"]
    with (folder / "worker.log").open("ab") as output:
        flower = subprocess.Popen(
            [sys.executable, "-m", "celery", *arguments],
            env={"FLOWER_UNAUTHENTICATED_API": "true", "PATH": "/usr/bin"},
            stdout=output, stderr=output, cwd=folder,
        )  # fmt: skip
        try:
            yield url
        finally:
            flower.kill()
            flower.wait()


def told(url: str) -> dict[str, dict[str, object]]:
    """What an address of the API answers; nothing while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            found: dict[str, dict[str, object]] = json.load(answer)
            return found
    except URLError:
        return {}


def test_flower_shows_the_worker_and_its_tasks(database_url: str, tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path / "valkey")
    settings = settings_of(database_url, valkey.start(), tmp_path)
    with running_worker(settings, tmp_path), running_flower(settings, tmp_path) as api:
        wait_for(lambda: bool(told(f"{api}/workers?refresh=1")), tmp_path)
        _, job_id = ended_call(settings, JobKind.SECOND_PASS)
        wait_for(lambda: any(task["state"] == "SUCCESS" for task in told(f"{api}/tasks").values()), tmp_path)
        (worker,) = told(f"{api}/workers")
        tasks = told(f"{api}/tasks").values()
    valkey.stop()
    assert worker.startswith("test-node-")
    assert {task["name"] for task in tasks} == {TASK}
    assert any(str(job_id) in str(task["args"]) for task in tasks)
