"""One running `callscribe serve` with every other way in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from callscribe.cli.ports import free_port
from tests.acceptance.service import RtpPorts, RunningService, running
from tests.live.ingest.peers import GENESYS_KEY, GENESYS_SECRET, TWILIO_SECRET

TRUNKS = """
[[trunks]]
name = "calls"
allow = ["127.0.0.0/8"]
[trunks.roles]
agent_addresses = ["10??"]
"""


@pytest.fixture(scope="package")
def node(open_folder: Path) -> Iterator[RunningService]:
    """Without a second pass: those of so many calls would hold up other tests' for minutes.

    It is no `service`: what is begun beside everything asks for that one, wherever the first test stands.
    """
    ingest, http, audiosocket = free_port(), free_port(), free_port()
    secrets = f'twilio_auth_token = "{TWILIO_SECRET}"\naudiohook_api_key = "{GENESYS_KEY}"\n'
    secrets += f'audiohook_client_secret = "{GENESYS_SECRET}"\n'
    rtp = RtpPorts()
    ports = f"port = {ingest}\nhttp_port = {http}\nrtp_port_min = {rtp.first}\nrtp_port_max = {rtp.last}\n"
    settings = {
        "sip": "lines = 1\n",
        "second_pass": "enabled = false\n",
        "ingest": f"{ports}media_timeout_s = 4\n{secrets}",
        "audiosocket": f"port = {audiosocket}\nmedia_timeout_s = 4\n",
    }
    folder = open_folder / "ingests"
    started = RunningService(
        folder, settings, TRUNKS, ingest_port=ingest, ingest_http_port=http, audiosocket_port=audiosocket
    )
    with running(started):
        yield started
    rtp.give_back()
