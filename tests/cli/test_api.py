"""The commands as clients of the HTTP API, before servers that are not Callscribe and before none."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from callscribe.cli.api import base_url, fetch
from callscribe.cli.doctor import run_doctor
from callscribe.cli.exporting import export
from callscribe.cli.ports import free_port
from callscribe.config.settings import NodeSettings, Settings
from callscribe.config.web import WebSettings
from callscribe.domain.errors import CallscribeError, SettingsError
from telephony.settings import SipSettings

OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


@contextmanager
def answering(reply: bytes) -> Iterator[WebSettings]:
    """A server on loopback that gives everybody the same answer."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield WebSettings(port=listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


@pytest.mark.parametrize(
    ("web", "url"),
    [
        (WebSettings(), "http://127.0.0.1:8080"),
        (WebSettings(host="0.0.0.0", port=81), "http://127.0.0.1:81"),
        (WebSettings(host="::1"), "http://[::1]:8080"),
        (WebSettings(public_url="https://calls.example.com/"), "https://calls.example.com"),
    ],
)
def test_the_address_is_one_that_can_be_asked(web: WebSettings, url: str) -> None:
    assert base_url(web) == url


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with answering(OK + b"here") as web:
        assert fetch(base_url(web), "/healthz") == b"here"


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "is no Callscribe"),
        (b"", "no Callscribe answers"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", "is no Callscribe"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "is no Callscribe"),
        (b'HTTP/1.1 404 Not Found\r\nContent-Length: 22\r\n\r\n{"detail": "No call."}', "^No call.$"),
    ],
)
def test_what_answers_wrongly_is_told_in_one_sentence(reply: bytes, sentence: str) -> None:
    with answering(reply) as web, pytest.raises(CallscribeError, match=sentence):
        fetch(base_url(web), "/healthz")


def test_export_names_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with answering(OK + b"text") as web:
        with pytest.raises(CallscribeError, match=r"no/such/folder.txt cannot be written: No such file or directory"):
            export(Settings(web=web), "a call", "txt", tmp_path / "no/such/folder.txt")
        export(Settings(web=web), "a call", "txt", tmp_path / "call.txt")
    assert (tmp_path / "call.txt").read_text() == "text"
    with pytest.raises(SettingsError, match="json, txt, srt, vtt, csv, vcon"):
        export(Settings(), "a call", "pdf", None)


def test_doctor_looks_at_everything_when_a_stranger_has_the_port(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(b"HTTP/1.1 404 Not Found\r\n\r\n") as web:
        settings = Settings(
            web=web,
            node=NodeSettings(data_folder=str(tmp_path)),
            sip=SipSettings(host="127.0.0.1", port=free_port()),
        )
        assert run_doctor(settings, as_json=True) == 1
    findings = {found["check"]: found for found in json.loads(capsys.readouterr().out)}
    assert [check for check, found in findings.items() if not found["good"]] == ["web.port"]
    assert f"(process {os.getpid()})" in findings["web.port"]["detail"]
    assert findings["web.port"]["cure"] == "stop what uses it or set web.port"
    assert findings["service"]["detail"].startswith("nobody answers at http://127.0.0.1:")
    assert findings["database"]["detail"].startswith("PostgreSQL 18")
