"""The demo's parts: its own installation, its audio, its measure."""

import socket
import wave
from pathlib import Path

import pytest

from callscribe.cli import demo
from callscribe.cli.demo import DemoService
from callscribe.cli.demo_call import said_by_channel
from callscribe.config.settings import load_settings

THEIRS = """
[database]
url = "postgresql://production/calls"
[events]
url = "redis://production/0"
[recordings]
folder = "/srv/recordings"
[recognizer]
urls = ["ws://production:10190"]
[web]
public_url = "https://calls.example.com"
[sip]
tls_port = 5061
tls_certificate = "cert.pem"
tls_key = "key.pem"
"""


def test_the_demo_touches_nothing_that_the_settings_name(tmp_path: Path) -> None:
    file = tmp_path / "callscribe.toml"
    file.write_text(THEIRS)
    service = DemoService(tmp_path / "demo", sip_port=5099, web_port=8099)
    settings = load_settings(file, service.environment())
    assert (settings.database.url, settings.events.url, settings.recognizer.urls) == ("", "", ())
    assert settings.recordings_folder == tmp_path / "demo" / "recordings"
    assert (settings.sip.host, settings.sip.port, settings.sip.tls_port) == ("127.0.0.1", 5099, 0)
    assert (settings.web.host, settings.web.port, settings.web.public_url) == ("127.0.0.1", 8099, "")
    assert [trunk.name for trunk in settings.trunks] == ["demo"]
    assert service.web == "http://127.0.0.1:8099"


def test_the_packaged_call_has_a_channel_for_each_party_and_its_text(tmp_path: Path) -> None:
    paths = demo._split_channels(tmp_path)
    lengths = []
    for path in paths:
        with wave.open(path) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
            lengths.append(file.getnframes())
    assert len(paths) == len(demo.PARTIES) == 2
    assert lengths[0] == lengths[1]
    said = said_by_channel()
    assert said[0].startswith("Thank you for calling Summit Telecom.")
    assert said[1].startswith("Hello Daniel")


def test_the_measure_is_over_all_channels_and_counts_what_is_missing() -> None:
    said = {0: "one two three four", 1: "five six"}
    assert demo._rate(said, said) == 0
    assert demo._rate(said, {0: "one two three four"}) == pytest.approx(2 / 6)
    assert demo._joined([(1, "a"), (0, "b"), (1, "c")]) == {1: "a c", 0: "b"}


def test_the_pages_keep_their_port_also_right_after_an_earlier_demo() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = listener.getsockname()
        client = socket.create_connection(address)
        accepted, _ = listener.accept()
        assert demo._port_or_free(address[1]) != address[1]
        accepted.close()
        client.close()
    assert demo._port_or_free(address[1]) == address[1]
