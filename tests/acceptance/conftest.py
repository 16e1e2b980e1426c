"""One running `callscribe serve` for all acceptance tests that leave it whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.service import RunningService, free_port, running
from tests.acceptance.tls import make_certificate

TRUNKS = """
[[trunks]]
name = "calls"
allow = ["127.0.0.0/8"]
hotwords = ["Summit Telecom"]
[trunks.roles]
agent_addresses = ["10??"]
"""


@pytest.fixture(scope="session")
def service(open_folder: Path) -> Iterator[RunningService]:
    folder = open_folder / "service"
    folder.mkdir()
    certificate, key = make_certificate(folder)
    tls_port = free_port()
    sip = f'tls_port = {tls_port}\ntls_certificate = "{certificate}"\ntls_key = "{key}"\nlines = 4\n'
    sip += "rtp_port_min = 20000\nrtp_port_max = 24999\n"
    with running(RunningService(folder, {"sip": sip}, trunks=TRUNKS, tls_port=tls_port)) as started:
        yield started
