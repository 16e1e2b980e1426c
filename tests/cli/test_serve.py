"""What `callscribe serve` looks at before it starts anything."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from callscribe.cli.ports import PublicPort, free_port, public_ports
from callscribe.cli.serve import data_folder_lock
from callscribe.config.ingest import AudiosocketSettings, IngestSettings
from callscribe.config.settings import FunasrServerSettings, Settings
from callscribe.config.web import WebSettings
from callscribe.domain.errors import PortUnavailable, StorageError
from telephony.settings import SipSettings


def test_the_data_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    data = tmp_path / "data"
    in_use = pytest.raises(StorageError, match=r"is in use by another .* set node.data_folder")
    with data_folder_lock(data), in_use, data_folder_lock(data):
        pass
    with data_folder_lock(data):
        pass


def test_a_data_folder_that_cannot_be_made_is_named_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StorageError, match=r"file/data cannot be used: Not a directory; .* set node.data_folder"),
        data_folder_lock(tmp_path / "file" / "data"),
    ):
        pass


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_busy_port_is_named_with_its_setting(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        wanted = PublicPort("sip.port", "127.0.0.1", port, (socket.SOCK_DGRAM, socket.SOCK_STREAM))
        with pytest.raises(PortUnavailable, match=rf"^sip.port {port} on 127.0.0.1 .* in use; .* set sip.port$"):
            wanted.check()
    wanted.check()


def test_a_free_port_is_told_once_and_is_none_that_the_kernel_gives_away() -> None:
    first, _ = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    ports = [free_port() for _ in range(200)]
    assert len(set(ports)) == 200
    assert max(ports) < int(first)


def test_hosts_may_be_names_and_addresses_of_either_family() -> None:
    for host in ("localhost", "127.0.0.1", "::1", "::", "0.0.0.0"):
        PublicPort("web.port", host, free_port(), (socket.SOCK_STREAM,)).check()
    with pytest.raises(PortUnavailable, match=r"web.port \d+ on no.such.host.invalid cannot be bound"):
        PublicPort("web.port", "no.such.host.invalid", free_port(), (socket.SOCK_STREAM,)).check()


def test_the_ports_are_those_of_the_pages_of_sip_and_of_the_other_ways_in() -> None:
    settings = Settings(web=WebSettings(host="::1", port=81), sip=SipSettings(port=5070))
    assert [(port.setting, port.host, port.port) for port in public_ports(settings)] == [
        ("web.port", "::1", 81),
        ("sip.port", "0.0.0.0", 5070),
    ]
    secured = replace(settings, sip=SipSettings(tls_port=5061, tls_certificate="c.pem", tls_key="k.pem"))
    assert [port.port for port in public_ports(secured)] == [81, 5060, 5061]
    dictated = replace(settings, funasr_server=FunasrServerSettings(port=10095))
    assert [port.setting for port in public_ports(dictated)] == ["web.port", "sip.port", "funasr_server.port"]
    streamed = replace(settings, ingest=IngestSettings(port=8765), audiosocket=AudiosocketSettings(port=9019))
    assert [port.port for port in public_ports(streamed)] == [81, 5070, 8765, 9019]
