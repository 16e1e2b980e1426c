"""One running `callscribe serve` for all acceptance tests that leave it whole."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from callscribe.cli.ports import free_port
from callscribe.cli.processes import die_with_parent
from telephony.sip.digest import Credentials
from tests.acceptance.bridged import bridge_settings
from tests.acceptance.recording import RecordingSession, start_session
from tests.acceptance.service import RunningService, running
from tests.acceptance.speech import clicks
from tests.acceptance.tls import make_certificate, make_pair
from tests.registrar import EXTENSIONS, Registrar, running_registrar, trunk
from tests.webhooks import OLD_SECRET, SECRET, Receiver, receiving

FIGURES_ADDRESS = "127.0.0.9"
"""Whoever calls from here has numbers in figures."""
RECORDER_ADDRESS = "127.0.0.8"
"""Whoever calls from here is a recording client, whatever it says."""
KEYS_ADDRESS = "127.0.0.7"
"""The keys of whoever calls from here are shown."""
MEDIA_TIMEOUT_S = 6
"""Seconds without RTP after which the fragile service ends a call."""
WIDE_ADDRESS = "127.0.0.6"
"""Whoever calls from here is heard in wide band where its offer has G.722."""
ASKING_ADDRESS = "127.0.0.31"
"""Whoever calls from here is asked for PASSWORD."""
PASSWORD = Credentials("pbx", "s3cret")
OLD_ADDRESS = "127.0.0.33"
"""The same for callers that know MD5 only."""
SURE_ADDRESS = "127.0.0.32"
"""Whoever calls from here must show a certificate as TRUSTED has."""
REDACTED_ADDRESS = "127.0.0.41"
"""What whoever calls from here says of cards is masked."""
SHARED_ADDRESS = "127.0.0.42"
"""Calls from here have two people on their one channel."""
SCORED_ADDRESS = "127.0.0.43"
"""Calls from here are held against scorecards."""
BRIEF_ADDRESS = "127.0.0.44"
"""Recordings of calls from here are kept for some seconds."""
CORRECTED_ADDRESS = "127.0.0.45"
"""Calls from here have a hotword list, and people correct them."""
KEPT_S = 6
"""So many."""
LINES = 6
"""Of the shared service, of four calls each: the dialects alone are up to eighteen calls at once."""
HOOKED_ADDRESS = "127.0.0.46"
"""A webhook is told of calls from here."""
ASSISTED_ADDRESS = "127.0.0.47"
"""Calls from here are for assist rules."""
TRUSTED = "trusted"
"""Stem of the PEM files of a certificate and its key, in the service's folder."""
WRONG_PASSWORD = "s3cret-of-another"
TRUNKS = f"""
[[trunks]]
name = "asking"
allow = ["{ASKING_ADDRESS}/32"]
digest_username = "{PASSWORD.username}"
digest_password = "{PASSWORD.password}"

[[trunks]]
name = "old"
allow = ["{OLD_ADDRESS}/32"]
digest_username = "{PASSWORD.username}"
digest_password = "{PASSWORD.password}"
digest_algorithms = ["MD5"]

[[trunks]]
name = "sure"
allow = ["{SURE_ADDRESS}/32"]
tls = "verified"

[[trunks]]
name = "wide"
allow = ["{WIDE_ADDRESS}/32"]
codecs = ["G722", "PCMA"]

[[trunks]]
name = "keys"
allow = ["{KEYS_ADDRESS}/32"]
dtmf = "shown"

[[trunks]]
name = "recorder"
allow = ["{RECORDER_ADDRESS}/32"]
siprec = true

[[trunks]]
name = "figures"
allow = ["{FIGURES_ADDRESS}/32"]
inverse_text_normalization = true

[[trunks]]
name = "redacted"
allow = ["{REDACTED_ADDRESS}/32"]
redaction = ["payment"]

[[trunks]]
name = "shared"
allow = ["{SHARED_ADDRESS}/32"]
speakers = 2
[trunks.roles]
mixed = true

[[trunks]]
name = "scored"
allow = ["{SCORED_ADDRESS}/32"]
[trunks.roles]
agent_addresses = ["10??"]

[[trunks]]
name = "kept-briefly"
allow = ["{BRIEF_ADDRESS}/32"]
keep_audio_days = {KEPT_S / 86_400:.8f}

[[trunks]]
name = "corrected"
allow = ["{CORRECTED_ADDRESS}/32"]
hotword_lists = ["corrected"]

[[trunks]]
name = "hooked"
allow = ["{HOOKED_ADDRESS}/32"]

[[trunks]]
name = "assisted"
allow = ["{ASSISTED_ADDRESS}/32"]
[trunks.roles]
agent_addresses = ["10??"]

[[trunks]]
name = "calls"
allow = ["127.0.0.0/8"]
hotwords = ["Summit Telecom"]
hotword_lists = ["names"]
[trunks.roles]
agent_addresses = ["10??"]
"""


@pytest.fixture(scope="session")
def pbx() -> Iterator[Registrar]:
    """A PBX that the service is extensions of."""
    with running_registrar() as started:
        yield started


def extensions(request: pytest.FixtureRequest) -> str:
    """Trunks that register, one with a wrong password; none where there is no PBX."""
    try:
        pbx: Registrar = request.getfixturevalue("pbx")
    except pytest.skip.Exception:
        return ""
    accounts = {transport: pbx.account(transport) for transport in EXTENSIONS}
    accounts["mistaken"] = replace(pbx.account("udp", password=WRONG_PASSWORD), extension="4799")
    return "".join(trunk(name, account) for name, account in accounts.items())


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """Who is told of calls from HOOKED_ADDRESS."""
    with receiving() as started:
        yield started


def webhook(receiver: Receiver) -> str:
    secrets = f'secret = "{SECRET}"\nold_secrets = ["{OLD_SECRET}"]\n'
    return f'[[webhooks]]\nname = "crm"\nurl = "{receiver.url}"\n{secrets}trunks = ["hooked"]\n'


RETENTION = "sweep_s = 1\nlost_node_hours = 0.005\n"
"""A node is lost after 18 s, longer than any test keeps one from coming back."""


@pytest.fixture(scope="session")
def service(open_folder: Path, receiver: Receiver, request: pytest.FixtureRequest) -> Iterator[RunningService]:
    folder = open_folder / "service"
    folder.mkdir()
    certificate, key = make_certificate(folder)
    signer = make_pair(folder, "signer")
    make_pair(folder, TRUSTED, signer=signer)
    tls_port, funasr_port = free_port(), free_port()
    sip = f'tls_port = {tls_port}\ntls_certificate = "{certificate}"\ntls_key = "{key}"\nlines = {LINES}\n'
    sip += f'tls_client_ca = "{signer.certificate}"\n'
    settings = {"sip": sip, "funasr_server": f'port = {funasr_port}\ntrunk = "calls"\n', "retention": RETENTION}
    service = RunningService(folder, settings, tls_port=tls_port, funasr_port=funasr_port, callee_port=free_port())
    service.trunks = TRUNKS + extensions(request) + bridge_settings(service.callee_port, service.sip_port)
    service.trunks += webhook(receiver)
    with running(service) as started:
        yield started


@pytest.fixture(scope="session")
def fragile(open_folder: Path) -> Iterator[RunningService]:
    """A service with two lines that tests may harm, behind an address that is not its own as behind a NAT."""
    sip = 'lines = 2\nadvertised_address = "127.0.0.2"\n'
    sip += f"media_timeout_s = {MEDIA_TIMEOUT_S}\n"
    service = RunningService(open_folder / "fragile", {"sip": sip}, callee_port=free_port())
    service.trunks = '[[trunks]]\nname = "default"\n' + bridge_settings(service.callee_port, service.sip_port)
    with running(service) as started:
        yield started


@pytest.fixture(scope="session")
def ten_minutes(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordingSession]:
    """A call of ten minutes in which both parties click at the same instants."""
    session = start_session(service, Path(tmp_path_factory.mktemp("ten-minutes")), clicks(10 * 60 + 2))
    yield session
    session.abandon()


@pytest.fixture(scope="session")
def demo(open_folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`callscribe demo --once` on its way, in an empty folder."""
    folder = open_folder / "demo"
    folder.mkdir()
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "callscribe.cli.main", "demo", "--once"],
            cwd=folder, stdout=output, stderr=output, text=True, preexec_fn=die_with_parent,  # noqa: PLW1509
        )  # fmt: skip
    yield process
    process.terminate()
    process.wait(30)


BESIDE_EVERYTHING = ("demo", "ten_minutes")
"""What takes long and little: it begins before the first test and is looked at after all others, the longest last."""


@pytest.fixture(scope="session", autouse=True)
def long_ones_beside_everything(request: pytest.FixtureRequest) -> None:
    """Begin what is asked for at all."""
    asked = {name for item in request.session.items if isinstance(item, pytest.Function) for name in item.fixturenames}
    for name in BESIDE_EVERYTHING:
        if name in asked:
            request.getfixturevalue(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def last(item: pytest.Item) -> int:
        names = getattr(item, "fixturenames", ())
        return max((place for place, name in enumerate(BESIDE_EVERYTHING, 1) if name in names), default=0)

    items.sort(key=last)
