"""What is told and deployed is what the code has: documents, example settings, compose, Dockerfiles, Kamailio."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Literal, get_args

import pytest
import typer
import yaml  # type: ignore[import-untyped]  # comes with huggingface_hub, see requirements/
from pydantic import BaseModel

from callscribe.config.settings import ENV_PREFIX, Settings, load_settings
from callscribe.config.webhooks import WebhookSettings
from callscribe.domain.errors import SettingsError
from callscribe.events.schema import Event
from telephony.routes import RouteSettings
from telephony.settings import RoleRule, TrunkSettings
from tests.peers import require

ROOT = Path(__file__).parent.parent
COMPOSE = ROOT / "docker-compose.yml"
SYSTEMD = ROOT / "deploy" / "systemd"
KAMAILIO = ROOT / "deploy" / "kamailio"
EXAMPLE_TOML = ROOT / "callscribe.example.toml"
EXAMPLE_ENV = ROOT / ".env.example"
README = ROOT / "README.md"
OPERATIONS = ROOT / "docs" / "operations.md"

Condition = Literal["service_started", "service_healthy", "service_completed_successfully"]


@dataclass(frozen=True, slots=True)
class Documented:
    """One row of the table of settings."""

    key: str
    default: str
    variable: str


class Dependency(BaseModel):
    condition: Condition


class Service(BaseModel):
    """What these tests read of a compose service."""

    image: str = ""
    command: list[str] = []
    environment: dict[str, str] = {}
    depends_on: dict[str, Dependency] = {}
    healthcheck: dict[str, object] = {}
    volumes: list[str] = []

    @property
    def is_callscribe(self) -> bool:
        return self.image.startswith("callscribe:")


class Compose(BaseModel):
    """What these tests read of the compose file."""

    services: dict[str, Service]
    volumes: dict[str, None]

    def roles(self) -> Mapping[str, Service]:
        return {name: service for name, service in self.services.items() if service.is_callscribe}


@pytest.fixture(scope="module")
def compose() -> Compose:
    return Compose.model_validate(yaml.safe_load(COMPOSE.read_text()))


def leaves(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every setting below a settings object: its key as in `sip.port`, and its value."""
    assert is_dataclass(value)
    for field in fields(value):
        inner = getattr(value, field.name)
        if is_dataclass(inner):
            yield from leaves(inner, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", inner


LISTS = ("trunks", "routes", "webhooks")


def defaults() -> dict[str, object]:
    """Every setting but the lists of tables."""
    return {key: value for key, value in leaves(Settings()) if key not in LISTS}


def trunk_defaults() -> dict[str, object]:
    return {key: value for key, value in leaves(TrunkSettings(name="default")) if key != "name"}


def entry_defaults(kind: type[RouteSettings | WebhookSettings]) -> dict[str, object]:
    return {field.name: field.default for field in fields(kind) if field.default is not MISSING}


ENTRY_KEYS = [field.name for kind in (RouteSettings, WebhookSettings) for field in fields(kind)]


def variable(key: str) -> str:
    return ENV_PREFIX + key.replace(".", "__").upper()


def written(value: object) -> str:
    """A value as TOML writes it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case tuple():
            return "[" + ", ".join(written(entry) for entry in value) + "]"
    return str(value)


def uncommented(text: str) -> str:
    """The text with every setting in it un-commented: prose has a blank after the sign, a setting has none."""
    return re.sub(r"^#(?=[\[A-Za-z])", "", text, flags=re.MULTILINE)


def environment_file(text: str) -> dict[str, str]:
    """The variables of a file for a shell or `env_file`."""
    pairs = (shlex.split(line)[0].partition("=") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def documented() -> list[Documented]:
    row = re.compile(r"^\| `([a-z_.\[\]]+)` \| `([^`]*)` \| [^|]+ \| [^|]+ \| `([A-Z_]+)` \|$", re.MULTILINE)
    return [Documented(*found) for found in row.findall(OPERATIONS.read_text())]


def test_the_operations_document_tells_every_setting_with_its_default_and_variable() -> None:
    told = documented()
    expected = [Documented(key, written(value), variable(key)) for key, value in defaults().items()]
    expected += [
        Documented(f"trunks[].{key}", written(value), "CALLSCRIBE_TRUNKS") for key, value in trunk_defaults().items()
    ]
    for table, kind in (("routes", RouteSettings), ("webhooks", WebhookSettings)):
        expected += [
            Documented(f"{table}[].{key}", written(value), variable(table))
            for key, value in entry_defaults(kind).items()
        ]
    assert sorted(told, key=lambda row: row.key) == sorted(expected, key=lambda row: row.key)


def test_the_readme_tells_the_fields_of_every_event() -> None:
    row = re.compile(r"^\| `([a-z]+\.[a-z]+)` \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)
    text = README.read_text()
    told = {kind: re.findall(r"`(\w+)`", cell) for kind, cell in row.findall(text)}
    told["call.updated"] = told["call.started"]
    told["call.corrected"] += told["call.started"]
    (common,) = re.findall(r"fields beside ((?:`\w+`(?:, )?)+)", text)
    shared = set(re.findall(r"`(\w+)`", common))
    events = {str(kind.__dataclass_fields__["type"].default): kind for kind in get_args(Event)}
    assert told.keys() == events.keys()
    for name, kind in events.items():
        assert {*told[name], *shared} == {field.name for field in fields(kind)}, name


def test_the_settings_that_the_readme_shows_are_taken(tmp_path: Path) -> None:
    (shown,) = re.findall(r"^```toml\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    file = tmp_path / "callscribe.toml"
    file.write_text(shown)
    assert load_settings(file, {}).trunks[0].roles.agent_addresses == ("1???", "*@agents.example.com")


@pytest.mark.parametrize("document", [README, *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name)
def test_what_a_document_links_to_exists(document: Path) -> None:
    text = document.read_text()
    for target in re.findall(r"\]\(([^)]+)\)", text):
        file, _, heading = target.partition("#")
        if "://" in target:
            continue
        linked = (document.parent / file) if file else document
        assert linked.exists(), target
        assert not heading or heading in anchors(linked), target


def anchors(document: Path) -> set[str]:
    """What the headings of a document are called in links, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_example_environment_holds_every_setting_at_its_default() -> None:
    environment = environment_file(uncommented(EXAMPLE_ENV.read_text()))
    settings = {name: value for name, value in environment.items() if name.startswith(ENV_PREFIX)}
    assert sorted(settings) == sorted([variable(key) for key in defaults()] + [variable(name) for name in LISTS])
    assert load_settings(None, settings) == Settings()


def test_the_example_settings_hold_every_setting_at_its_default(tmp_path: Path) -> None:
    file = tmp_path / "callscribe.toml"
    file.write_text(uncommented(EXAMPLE_TOML.read_text()))
    loaded = load_settings(file, {})
    assert {key: value for key, value in leaves(loaded) if key not in LISTS} == defaults()
    named = set(re.findall(r"^(\w+) =", file.read_text(), re.MULTILINE))
    assert named == {key.rpartition(".")[2] for key in [*defaults(), *trunk_defaults(), "name", *ENTRY_KEYS]}


def test_the_example_trunk_says_which_party_is_the_agent(tmp_path: Path) -> None:
    file = tmp_path / "callscribe.toml"
    file.write_text(uncommented(EXAMPLE_TOML.read_text()))
    trunk = load_settings(file, {}).trunks[0]
    assert trunk.allow == ("192.0.2.0/24",)
    assert trunk.roles == RoleRule(agent_labels=("2",), agent_addresses=("1???", "*@agents.example.com"))


def test_the_example_settings_change_nothing_as_they_stand() -> None:
    assert load_settings(EXAMPLE_TOML, {}) == Settings()
    assert environment_file(EXAMPLE_ENV.read_text()) == {}


def test_what_compose_waits_for_exists_and_can_tell_what_is_waited_for(compose: Compose) -> None:
    for name, service in compose.services.items():
        for other, dependency in service.depends_on.items():
            assert other in compose.services, f"{name} waits for {other}"
            if dependency.condition == "service_healthy":
                assert compose.services[other].healthcheck, f"{name} waits for the health of {other}"


def test_every_volume_of_compose_is_declared(compose: Compose) -> None:
    used = {volume.partition(":")[0] for service in compose.services.values() for volume in service.volumes}
    assert used == set(compose.volumes)


def test_compose_runs_every_role_with_a_command_that_exists(compose: Compose) -> None:
    from callscribe.cli.main import app

    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    assert {service.command[0] for service in compose.roles().values()} == {
        "migrate",
        "recognizer",
        "sip",
        "web",
        "worker",
    }
    for service in compose.roles().values():
        name, *arguments = service.command
        command = group.commands[name]
        assert command.make_context(name, list(arguments)).info_name == name


def test_every_setting_in_compose_is_taken(compose: Compose) -> None:
    for name, service in compose.roles().items():
        loaded = load_settings(None, {key: plain(value) for key, value in service.environment.items()})
        assert isinstance(loaded, Settings), name


def test_compose_gives_each_role_the_servers_that_it_refuses_to_run_without(compose: Compose) -> None:
    for name in ("sip", "web", "worker"):
        loaded = load_settings(None, {key: plain(value) for key, value in compose.services[name].environment.items()})
        assert loaded.database.url == "postgresql://callscribe:callscribe@127.0.0.1:5432/callscribe"
        assert loaded.events.url == "redis://127.0.0.1:6379/0"
        assert loaded.recordings.folder == "/var/lib/callscribe/recordings"
    sip = load_settings(None, {key: plain(value) for key, value in compose.services["sip"].environment.items()})
    assert sip.recognizer.urls == ("ws://127.0.0.1:10190",)
    dispatched = (KAMAILIO / "dispatcher.list").read_text()
    assert f"sip:127.0.0.1:{sip.sip.port} " in dispatched


def plain(value: str) -> str:
    """A compose value as it stands when nobody sets the variables in it."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def test_a_setting_that_compose_misspells_would_be_refused() -> None:
    with pytest.raises(SettingsError, match=r"unknown setting sip\.prot: did you mean port\?"):
        load_settings(None, {"CALLSCRIBE_SIP__PROT": "5070"})


@pytest.mark.parametrize("file", ["deploy/Dockerfile", "deploy/kamailio/Dockerfile"])
def test_what_an_image_copies_from_the_checkout_exists(file: str) -> None:
    context = ROOT if file == "deploy/Dockerfile" else KAMAILIO
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / file).read_text(), re.MULTILINE)
    assert copied
    for source in " ".join(copied).split():
        assert (context / source).exists(), source


def test_docker_accepts_the_compose_file() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("the docker compose plugin is not installed")
    checked = subprocess.run(
        [docker, "compose", "-f", str(COMPOSE), "config", "-q"], capture_output=True, text=True, check=False, timeout=60
    )
    assert checked.returncode == 0, checked.stderr


def test_kamailio_accepts_its_configuration() -> None:
    checked = subprocess.run(
        [require("kamailio"), "-c", "-E", "-f", str(KAMAILIO / "kamailio.cfg"), "-l", "udp:127.0.0.1:5060"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert checked.returncode == 0, checked.stderr
    assert "ERROR" not in checked.stderr


def test_the_image_starts_kamailio_with_networks_that_it_takes() -> None:
    kamailio = Path(require("kamailio"))
    (command,) = re.findall(r"^CMD (.+)$", (KAMAILIO / "Dockerfile").read_text(), re.MULTILINE)
    shell, option, line = json.loads(command)
    line = line.replace("kamailio -DD", "kamailio -c").replace("/etc/kamailio/", f"{KAMAILIO}/")
    environment = {
        "PATH": f"{kamailio.parent}:/usr/bin:/bin",
        "LISTEN_ADDRESS": "127.0.0.1",
        "CALLERS": "192.0.2.0/24,198.51.100.0/24",
    }
    checked = subprocess.run(
        [shell, option, line], env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert checked.returncode == 0, checked.stderr


def units() -> list[Path]:
    return sorted(SYSTEMD.glob("*.service"))


@pytest.mark.parametrize("unit", units(), ids=lambda unit: unit.name)
def test_a_unit_runs_a_command_that_exists_with_settings_that_are_taken(unit: Path) -> None:
    from callscribe.cli.main import app

    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    lines = [
        *unit.read_text().splitlines(),
        *(SYSTEMD / "callscribe-.service.d" / "common.conf").read_text().splitlines(),
    ]
    (started,) = (line.partition("=")[2] for line in lines if line.startswith("ExecStart="))
    program, option, file, name, *arguments = shlex.split(started)
    assert (program, option, file) == (
        "/opt/callscribe/bin/callscribe", "--config", "/etc/callscribe/callscribe.toml",
    )  # fmt: skip
    assert group.commands[name].make_context(name, arguments).info_name == name
    given = " ".join(line.partition("=")[2] for line in lines if line.startswith("Environment="))
    environment = environment_file("\n".join(shlex.split(given.replace("%i", "10190"))))
    assert load_settings(None, environment).log.format == "json"


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not there")
    shutil.copytree(SYSTEMD, tmp_path / "units")
    for path in (tmp_path / "units").glob("*.service"):
        path.write_text(path.read_text().replace("/opt/callscribe/bin/callscribe", "/bin/true"))
    named = [unit.name.replace("@", "@10190") for unit in units()]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *named],
        check=False, cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "SYSTEMD_UNIT_PATH": f"{tmp_path / 'units'}:"},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if "callscribe" in line]
    assert (complaints, done.returncode) == ([], 0), done.stderr


def test_the_roles_units_keep_what_the_whole_ones_unit_keeps() -> None:
    def kept(path: Path) -> set[str]:
        wanted = (
            "Environment",
            "Limit",
            "No",
            "Protect",
            "Private",
            "Restrict",
            "Capability",
            "UMask",
            "State",
            "User",
        )
        return {line for line in path.read_text().splitlines() if line.startswith(wanted) and "RTPRIO" not in line}

    assert kept(SYSTEMD / "callscribe.service") == kept(SYSTEMD / "callscribe-.service.d" / "common.conf")
