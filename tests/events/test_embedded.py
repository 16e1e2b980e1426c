import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from callscribe.domain.errors import DataFolderMismatch, EventsUnavailable
from callscribe.events.embedded import SOCKET_PATH_MAX, EmbeddedValkey, broker_url

pytestmark = pytest.mark.integration


def client_of(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, decode_responses=True)


def server_pid(url: str) -> int:
    with client_of(url) as client:
        return int(client.info("server")["process_id"])


def gone(pid: int) -> bool:
    """Whether the process ended, or is a zombie that its parent has not asked for."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while not gone(pid):
        assert time.monotonic() < deadline, "the server outlived its parent"
        time.sleep(0.02)


def test_what_was_written_is_there_after_a_stop_and_a_start(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path / "valkey")
    url = valkey.start()
    with client_of(url) as client:
        client.set("kept", "yes")
    pid = server_pid(url)
    valkey.stop()
    assert gone(pid)
    assert not valkey.alive
    assert valkey.start() == url
    with client_of(url) as client:
        assert client.get("kept") == "yes"
    valkey.stop()


def test_it_starts_again_after_its_server_was_killed(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path)
    url = valkey.start()
    with client_of(url) as client:
        client.set("kept", "yes")
    time.sleep(1.1)
    pid = server_pid(url)
    os.kill(pid, signal.SIGKILL)
    while valkey.alive:
        time.sleep(0.01)
    assert valkey.start() == url
    with client_of(url) as client:
        assert client.get("kept") == "yes"
    assert server_pid(url) != pid
    valkey.stop()


OWNER = r"""
import os, signal, sys, time
from pathlib import Path
from callscribe.events.embedded import EmbeddedValkey
signal.signal(signal.SIGINT, lambda number, frame: os.write(1, b"interrupted\n"))
print(EmbeddedValkey(Path(sys.argv[1])).start(), flush=True)
time.sleep(60)
"""


@contextmanager
def owner_in_child(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process, in a process group of its own, that owns a server, and the server's address."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert owner.stdout is not None
    try:
        yield owner, next(line for line in owner.stdout if line.startswith("unix://")).strip()
    finally:
        owner.kill()
        owner.communicate()


def test_it_dies_with_a_killed_owner_and_its_folder_can_be_used_at_once(tmp_path: Path) -> None:
    with owner_in_child(tmp_path) as (_, url):
        pid = server_pid(url)
    successor = EmbeddedValkey(tmp_path)
    assert successor.start() == url
    assert server_pid(url) != pid
    wait_until_gone(pid)
    successor.stop()


def test_an_interrupt_at_the_terminal_does_not_end_the_server_before_its_owner_does(tmp_path: Path) -> None:
    with owner_in_child(tmp_path) as (owner, url):
        os.killpg(owner.pid, signal.SIGINT)
        assert owner.stdout is not None
        assert owner.stdout.readline() == "interrupted\n"
        pid = server_pid(url)
    wait_until_gone(pid)


def test_a_folder_in_use_is_refused_and_its_server_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callscribe.events.embedded.LEFTOVER_S", 0.2)
    first = EmbeddedValkey(tmp_path)
    url = first.start()
    with pytest.raises(EventsUnavailable, match="in use by another"):
        EmbeddedValkey(tmp_path).start()
    with client_of(url) as client:
        assert client.ping()
    first.stop()


def test_a_folder_of_another_major_version_is_refused_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "MAJOR_VERSION").write_text("7\n")
    with pytest.raises(DataFolderMismatch, match=r"written by Valkey 7, this is Valkey 9: move the folder away"):
        EmbeddedValkey(tmp_path).start()


def test_a_folder_too_deep_for_a_socket_has_its_socket_elsewhere(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path / ("deep" * 40))
    url = valkey.start()
    path = Path(url.removeprefix("unix://"))
    assert len(os.fsencode(path)) <= SOCKET_PATH_MAX
    assert path.parent.stat().st_mode & 0o077 == 0
    with client_of(url) as client:
        assert client.ping()
    valkey.stop()
    path.parent.rmdir()


def test_a_broken_file_is_told_with_the_place_of_the_log(tmp_path: Path) -> None:
    aof = tmp_path / "appendonlydir"
    aof.mkdir()
    (aof / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(EventsUnavailable, match=r"valkey\.log"):
        EmbeddedValkey(tmp_path).start()


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("unix:///data/valkey.sock", "redis+socket:///data/valkey.sock?virtual_host=0"),
        ("unix:///data/valkey.sock?db=2", "redis+socket:///data/valkey.sock?virtual_host=2"),
        ("redis://:secret@valkey:6379/1", "redis://:secret@valkey:6379/1"),
        ("rediss://valkey:6380/0", "rediss://valkey:6380/0"),
    ],
)
def test_the_broker_is_told_the_same_store_in_its_own_words(url: str, broker: str) -> None:
    assert broker_url(url) == broker
