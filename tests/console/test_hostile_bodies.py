"""Bodies that no program of ours sends: each is refused in bounds, and nobody else waits."""

import socket
import time

import pytest

from callscribe.console.body_limit import MOST_BYTES
from tests.console.conftest import Console

pytestmark = pytest.mark.integration

PATH = "/api/v1/hotwords/hostile"
HEAD = f"PUT {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
JSON = "application/json"
PART = b"x" * 65_536
BODIES = {
    "nested too deep": (JSON, b"[" * 200_000),
    "objects too deep": (JSON, b'{"words":' * 50_000),
    "a number of a million digits": (JSON, b'{"words": [{"text": "a", "weight": ' + b"9" * 1_000_000 + b"}]}"),
    "a number beyond any float": (JSON, b'{"words": [{"text": "a", "weight": 1e999}]}'),
    "no number": (JSON, b'{"words": [{"text": "a", "weight": NaN}]}'),
    "no UTF-8": (JSON, b'{"words": [{"text": "\xff\xfe"}]}'),
    "UTF-32": (JSON, '{"words": "x"}'.encode("utf-32")),
    "half a character": (JSON, b'{"words": [{"text": "\\ud800"}]}'),
    "a form": ("application/x-www-form-urlencoded", b"words=" + b"a&" * 100_000),
    "parts": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="words"\r\n\r\nx\r\n' * 999,
    ),
    "parts without a boundary": ("multipart/form-data", b"--" * 1000),
    "nothing": (JSON, b""),
}


def connected(console: Console) -> socket.socket:
    host, port = console.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_makes_no_sense_is_refused_with_a_sentence(console: Console, name: str) -> None:
    kind, body = BODIES[name]
    answer = console.client.put(PATH, content=body, headers={"content-type": kind})
    assert answer.status_code == 422, answer.text[:300]
    assert len(answer.text) < 20_000
    assert answer.json()["detail"]


def test_a_body_that_tells_a_length_beyond_the_bound_is_not_read(console: Console) -> None:
    with connected(console) as raw:
        raw.sendall(f"{HEAD}Content-Length: {MOST_BYTES + 1}\r\n\r\n".encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_body_without_end_is_left_at_the_bound(console: Console) -> None:
    with connected(console) as raw:
        raw.sendall(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(MOST_BYTES // len(PART) + 1):
            raw.sendall(f"{len(PART):x}\r\n".encode() + PART + b"\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_clients_that_never_finish_a_request_keep_nobody_waiting(console: Console) -> None:
    slow = [connected(console) for _ in range(50)]
    try:
        for place, raw in enumerate(slow):
            raw.sendall((HEAD if place % 2 else f"{HEAD}Content-Length: 1000\r\n\r\n{{").encode())
        began = time.monotonic()
        assert console.client.get("/healthz").status_code == 200
        assert time.monotonic() - began < 20
    finally:
        for raw in slow:
            raw.close()
