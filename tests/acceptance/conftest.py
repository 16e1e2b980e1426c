"""One running `callscribe serve` for all acceptance tests that leave it whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from callscribe.cli.ports import free_port
from tests.acceptance.recording import RecordingSession, start_session
from tests.acceptance.service import RunningService, running
from tests.acceptance.speech import clicks
from tests.acceptance.tls import make_certificate

FIGURES_ADDRESS = "127.0.0.9"
"""Whoever calls from here has numbers in figures."""
TRUNKS = f"""
[[trunks]]
name = "figures"
allow = ["{FIGURES_ADDRESS}/32"]
inverse_text_normalization = true

[[trunks]]
name = "calls"
allow = ["127.0.0.0/8"]
hotwords = ["Summit Telecom"]
hotword_lists = ["names"]
[trunks.roles]
agent_addresses = ["10??"]
"""


@pytest.fixture(scope="session")
def service(open_folder: Path) -> Iterator[RunningService]:
    folder = open_folder / "service"
    folder.mkdir()
    certificate, key = make_certificate(folder)
    tls_port, funasr_port = free_port(), free_port()
    sip = f'tls_port = {tls_port}\ntls_certificate = "{certificate}"\ntls_key = "{key}"\nlines = 4\n'
    sip += "rtp_port_min = 20000\nrtp_port_max = 24999\n"
    settings = {"sip": sip, "funasr_server": f'port = {funasr_port}\ntrunk = "calls"\n'}
    service = RunningService(folder, settings, trunks=TRUNKS, tls_port=tls_port, funasr_port=funasr_port)
    with running(service) as started:
        yield started


@pytest.fixture(scope="session")
def fragile(open_folder: Path) -> Iterator[RunningService]:
    """A service with two lines that tests may harm, behind an address that is not its own as behind a NAT."""
    sip = 'lines = 2\nrtp_port_min = 25000\nrtp_port_max = 25999\nadvertised_address = "127.0.0.2"\n'
    with running(RunningService(open_folder / "fragile", {"sip": sip})) as started:
        yield started


@pytest.fixture(scope="session")
def ten_minutes(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordingSession]:
    """A call of ten minutes in which both parties click at the same instants."""
    session = start_session(service, Path(tmp_path_factory.mktemp("ten-minutes")), clicks(10 * 60 + 2))
    yield session
    session.abandon()


@pytest.fixture(scope="session", autouse=True)
def long_call_beside_everything(request: pytest.FixtureRequest) -> None:
    """Begin the ten-minute call before the first acceptance test, where it is asked for at all."""
    if any("ten_minutes" in item.fixturenames for item in request.session.items if isinstance(item, pytest.Function)):
        request.getfixturevalue("ten_minutes")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The ten-minute call is looked at last."""
    items.sort(key=lambda item: "ten_minutes" in getattr(item, "fixturenames", ()))
