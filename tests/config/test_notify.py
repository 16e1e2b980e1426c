"""Telling whoever started the process that it serves."""

import socket
from pathlib import Path

import pytest

from callscribe.config.notify import notify_ready


def test_a_listener_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for written, bound in ((str(tmp_path / "s"), str(tmp_path / "s")), ("@callscribe-test", "\0callscribe-test")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(bound)
            monkeypatch.setenv("NOTIFY_SOCKET", written)
            notify_ready()
            assert listener.recv(64) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nowhere/at/all"])
def test_without_a_listener_nothing_happens(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify_ready()
