"""All settings of an installation and how they are read: one TOML file, then environment variables over it.

A value at `[sip] port` is also `CALLSCRIBE_SIP__PORT`. Precedence: environment, file, default.
"""

import difflib
import ipaddress
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from asr.diarization.settings import DiarizationSettings
from asr.settings import EndpointSettings, RecognizerSettings, SecondPassSettings
from callscribe.config.admission import AdmissionSettings
from callscribe.config.ingest import AudiosocketSettings, IngestSettings
from callscribe.config.tracing import TracingSettings
from callscribe.config.urls import check_url
from callscribe.config.web import WebSettings
from callscribe.config.webhooks import WebhookSettings
from callscribe.domain.errors import SettingsError
from callscribe.domain.language import UNKNOWN
from callscribe.events.settings import EventSettings
from storage.settings import DatabaseSettings, RecordingSettings, RetentionSettings
from telephony.routes import RouteSettings
from telephony.settings import PRIVATE_NETWORKS, SipSettings, TrunkSettings

ENV_PREFIX = "CALLSCRIBE_"
DEFAULT_FILE = "callscribe.toml"
WRITE = {
    "tuple_type": 'write a list, for example ["a", "b"]',
    "dataclass_type": 'this is a table: write [name] in the file or {name = "value"} in the environment',
    "missing": "it must be set",
    "string_type": "write text in quotes",
}
"""What to write instead, by pydantic's name for what is wrong; its own words serve for the rest."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """This machine."""

    name: str = "node-1"
    """Names this node in events, metrics and call records."""
    data_folder: str = "callscribe-data"
    """Journal, recordings, embedded Postgres and Valkey."""


@dataclass(frozen=True, slots=True)
class FunasrServerSettings:
    """The port for clients of FunASR's WebSocket protocol."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: none. FunASR's own servers have 10095."""
    tls_certificate: str = ""
    """PEM file; "": no TLS."""
    tls_key: str = ""
    """PEM file."""
    allow: tuple[str, ...] = PRIVATE_NETWORKS
    """Networks (CIDR) whose hosts may connect."""
    trunk: str = ""
    """Name of the trunk that the clients' calls belong to; "": the first."""
    default_mode: str = "2pass"
    """For clients that name no mode: "2pass", "online" or "offline"."""
    max_connections: int = 64
    """Clients at once; more get 503."""
    media_timeout_s: int = 300
    """A call whose client sends nothing for so long is ended; 0: never."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError("port must be a port number from 0 to 65535")
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key need each other")
        for network in self.allow:
            ipaddress.ip_network(network)
        if self.default_mode not in ("2pass", "online", "offline"):
            raise ValueError('default_mode must be "2pass", "online" or "offline"')
        if self.max_connections < 1 or self.media_timeout_s < 0:
            raise ValueError("max_connections must be 1 or more, media_timeout_s must not be negative")


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """The job workers."""

    concurrency: int = 1
    """Tasks at once in one worker."""
    jobs_per_minute: float = 0.0
    """Calls that one worker takes in a minute at most, each with the stages that are due one after the other; 0: as
    many as it can."""

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise ValueError("concurrency must be 1 or more")
        if self.jobs_per_minute < 0:
            raise ValueError("jobs_per_minute must not be negative")


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged, on standard error."""

    level: str = "info"
    format: str = "console"
    """"console" for people, "json" for machines."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set."""

    node: NodeSettings = field(default_factory=NodeSettings)
    sip: SipSettings = field(default_factory=SipSettings)
    trunks: tuple[TrunkSettings, ...] = (TrunkSettings(name="default"),)
    routes: tuple[RouteSettings, ...] = ()
    webhooks: tuple[WebhookSettings, ...] = ()
    funasr_server: FunasrServerSettings = field(default_factory=FunasrServerSettings)
    ingest: IngestSettings = field(default_factory=IngestSettings)
    audiosocket: AudiosocketSettings = field(default_factory=AudiosocketSettings)
    admission: AdmissionSettings = field(default_factory=AdmissionSettings)
    recognizer: RecognizerSettings = field(default_factory=RecognizerSettings)
    second_pass: SecondPassSettings = field(default_factory=SecondPassSettings)
    diarization: DiarizationSettings = field(default_factory=DiarizationSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    recordings: RecordingSettings = field(default_factory=RecordingSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    events: EventSettings = field(default_factory=EventSettings)
    web: WebSettings = field(default_factory=WebSettings)
    worker: WorkerSettings = field(default_factory=WorkerSettings)
    log: LogSettings = field(default_factory=LogSettings)
    tracing: TracingSettings = field(default_factory=TracingSettings)

    def __post_init__(self) -> None:
        if self.events.url:
            check_url("events.url", self.events.url, ("redis", "rediss", "unix"))
        for url in self.recognizer.urls:
            check_url("recognizer.urls", url, ("ws", "wss"))
        names = [trunk.name for trunk in self.trunks]
        if len(set(names)) < len(names):
            raise ValueError("trunks: each needs a name of its own")
        for trunk in self.trunks:
            self._check_tls(trunk)
            self.endpoint_of(trunk)
            self._check_language(trunk)
        hooks = [hook.name for hook in self.webhooks]
        if len(set(hooks)) < len(hooks):
            raise ValueError("webhooks: each needs a name of its own")
        for table, listed in (("routes", self.routes), ("webhooks", self.webhooks), ("web.teams", self.web.teams)):
            strange = [name for entry in listed for name in entry.trunks if name not in names]
            if strange:
                raise ValueError(f"{table}: there is no trunk {strange[0]}; name one of {', '.join(names)}")
        for table in ("funasr_server", "ingest", "audiosocket"):
            port: FunasrServerSettings | IngestSettings | AudiosocketSettings = getattr(self, table)
            opened = port.port or (isinstance(port, IngestSettings) and port.http_port)
            if port.trunk not in ("", *names) or (opened and not names):
                raise ValueError(f"{table}.trunk must be the name of a trunk")

    @property
    def funasr_trunk(self) -> TrunkSettings:
        """The trunk that calls of FunASR's clients belong to; where there is no trunk, none come."""
        wanted = self.funasr_server.trunk
        fitting = (trunk for trunk in self.trunks if wanted in ("", trunk.name))
        return next(fitting, TrunkSettings("default"))

    def trunk_named(self, name: str) -> TrunkSettings:
        """The trunk; with defaults where it is gone, as its calls may outlive it, but for what must not be kept: all
        that any trunk names."""
        strictest = sorted({kind for trunk in self.trunks for kind in trunk.redaction})
        gone = TrunkSettings(name, redaction=tuple(strictest))
        return next((trunk for trunk in self.trunks if trunk.name == name), gone)

    def webhooks_of(self, trunk: str) -> tuple[str, ...]:
        """Names of the webhooks that are told of the trunk's calls."""
        return tuple(hook.name for hook in self.webhooks if not hook.trunks or trunk in hook.trunks)

    def endpoint_of(self, trunk: TrunkSettings) -> EndpointSettings:
        """When utterances of the trunk's calls begin and end. Raises ValueError for a value out of bounds."""
        try:
            return replace(self.recognizer.endpoint, **trunk.endpoint.own)
        except ValueError as error:
            raise ValueError(f"trunks: the endpoint of {trunk.name}: {error}") from None

    def _check_tls(self, trunk: TrunkSettings) -> None:
        if trunk.tls != "optional" and not self.sip.tls_port:
            raise ValueError(f"trunks: {trunk.name} takes TLS only: set sip.tls_port")
        if trunk.tls == "verified" and not self.sip.tls_client_ca:
            raise ValueError(f"trunks: {trunk.name} wants certificates: name their signer in sip.tls_client_ca")

    def _check_language(self, trunk: TrunkSettings) -> None:
        """Raise ValueError where nobody can find out what is spoken; recognisers elsewhere have their own settings."""
        engines = trunk.engines or (self.recognizer.engine,)
        here = not self.recognizer.urls
        if here and trunk.language == UNKNOWN and not any(map(self.recognizer.finds_language, engines)):
            raise ValueError(
                f"trunks: the language of {trunk.name} is auto, which {', '.join(engines)} cannot find out; name a "
                "model in recognizer.language_identification, or an engine that can, as sensevoice"
            )

    def engines_of(self, trunk: TrunkSettings) -> tuple[str, ...]:
        """The engines that may hear the trunk's calls, the best first; empty where no trunk chooses: any may."""
        routed = any(one.engines for one in self.trunks)
        return trunk.engines or ((self.recognizer.engine,) if routed else ())

    @property
    def engines(self) -> tuple[str, ...]:
        """All engines that calls may need."""
        wanted = (self.recognizer.engine, *(engine for trunk in self.trunks for engine in trunk.engines))
        return tuple(dict.fromkeys(wanted))

    @property
    def data_folder(self) -> Path:
        """The data folder as an absolute path."""
        return Path(self.node.data_folder).expanduser().absolute()

    @property
    def recordings_folder(self) -> Path:
        """The recordings folder as an absolute path."""
        folder = self.recordings.folder
        return Path(folder).expanduser().absolute() if folder else self.data_folder / "recordings"


def load_settings(file: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the settings.

    `file` None takes callscribe.toml of the working folder where there is one. Raises SettingsError, its message naming
    the key and the cure, for an unknown key, a bad value, or a file that is missing or no TOML.
    """
    tree = _read_file(file)
    for name, value in environ.items():
        if name.startswith(ENV_PREFIX):
            _overlay(tree, name.removeprefix(ENV_PREFIX).lower().split("__"), value)
    _check(tree, Settings, "")
    try:
        return TypeAdapter(Settings).validate_python(tree)
    except ValidationError as error:
        # Its text quotes the value, which may be a password.
        raise SettingsError(_complaint(error.errors(include_url=False, include_input=False)[0])) from None


def _complaint(error: ErrorDetails) -> str:
    """One sentence about a value that a field refused."""
    key = ".".join(str(part) for part in error["loc"])
    place = f"setting {key}: " if key else "setting "
    if error["type"] == "value_error":
        return f"{place}{error['ctx']['error']}"
    return place + WRITE.get(error["type"], error["msg"])


def _read_file(file: Path | None) -> dict[str, object]:
    path = file or Path(DEFAULT_FILE)
    if file is None and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"settings file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {path} is not TOML: {error}") from error


def _overlay(tree: dict[str, object], path: list[str], text: str) -> None:
    *tables, leaf = path
    for table in tables:
        inner = tree.setdefault(table, {})
        if not isinstance(inner, dict):
            raise SettingsError(f"environment variable {_variable(path)}: {table} is no table")
        tree = inner
    try:
        tree[leaf] = _parse_value(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"environment variable {_variable(path)} is no TOML list or table: {error}") from None


def _variable(path: Sequence[str]) -> str:
    return ENV_PREFIX + "__".join(path).upper()


def _parse_value(text: str) -> object:
    """A list or table is written as in TOML; anything else is taken as it stands and converted by its field's type."""
    return tomllib.loads(f"value = {text}")["value"] if text.lstrip().startswith(("[", "{")) else text


def _check(value: object, kind: object, path: str) -> None:
    """Refuse unknown keys, and true or false where a number belongs: Python would take them for 1 and 0."""
    if isinstance(value, bool) and kind in (int, float):
        raise SettingsError(f"setting {path}: write a number")
    if isinstance(value, list):
        for number, entry in enumerate(value):
            _check(entry, get_args(kind)[0] if get_args(kind) else None, f"{path}[{number}]")
    if not isinstance(value, dict) or not (isinstance(kind, type) and is_dataclass(kind)):
        return
    hints = get_type_hints(kind)
    known = [f.name for f in fields(kind)]
    for key, entry in value.items():
        here = f"{path}.{key}" if path else key
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
            raise SettingsError(
                f"unknown setting {here}: did you mean {near[0]}? ({path or 'the top level'} knows: {', '.join(known)})"
            )
        _check(entry, hints[key], here)


def environment_of(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with settings changed, for a child: keys as `sip.port`."""
    named = {_variable(key.split(".")): value for key, value in changes.items()}
    return {**os.environ, **named}
