"""Settings of the web process, and of who may use it."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from callscribe.config.oidc import OidcSettings
from callscribe.config.urls import LOOPBACK, check_origin, check_template, check_url


@dataclass(frozen=True, slots=True)
class TeamSettings:
    """What a team sees beside the calls of its own members."""

    name: str
    trunks: tuple[str, ...] = ()
    """Names of trunks whose calls are the team's."""

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name must not be empty")


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The HTTP API and pages."""

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""
    """Address that people use for the pages; "": http://host:port."""
    sign_in: str = "off"
    """"on": pages and API are for users and tokens only; "off": for everybody who reaches the port."""
    sign_in_hours: float = 12.0
    """A browser is asked for the password again after so long."""
    sign_in_idle_minutes: float = 60.0
    """The same, where it asked for nothing for so long."""
    teams: tuple[TeamSettings, ...] = ()
    record_link: str = ""
    """Address of a call's record in another system, as "https://crm.example.com/calls/{ucid}": the desk links to it."""
    embed_origins: tuple[str, ...] = ()
    """Origins whose pages may have the desk in a frame, as "https://crm.example.com"."""
    token: str = field(default="", repr=False)
    """API token that the commands send; `callscribe token create` makes one."""
    oidc: OidcSettings = field(default_factory=OidcSettings)

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError("port must be a port number from 0 to 65535")
        if self.public_url:
            check_url("public_url", self.public_url, ("http", "https"))
        if self.record_link:
            check_template("record_link", self.record_link)
        for origin in self.embed_origins:
            check_origin("embed_origins", origin)
        if self.sign_in not in ("off", "on"):
            raise ValueError('sign_in must be "off" or "on"')
        if not (0 < self.sign_in_hours <= 24 * 366 and 0 < self.sign_in_idle_minutes <= 60 * 24 * 366):
            raise ValueError("sign_in_hours and sign_in_idle_minutes must be above 0, and a year at most")
        names = [team.name for team in self.teams]
        if len(set(names)) < len(names):
            raise ValueError("teams: each needs a name of its own")
        if self.signs_in and self.oidc.is_used and not self.public_url and self.host not in LOOPBACK:
            raise ValueError("set public_url: the provider at oidc.issuer leads people back there")

    @property
    def signs_in(self) -> bool:
        return self.sign_in == "on"

    @property
    def is_open(self) -> bool:
        """Whether other machines may reach pages and API without anybody signing in."""
        return not self.signs_in and self.host not in LOOPBACK

    @property
    def is_secure(self) -> bool:
        """Whether people come by https."""
        return urlsplit(self.public_url).scheme == "https"

    def trunks_of(self, team: str) -> tuple[str, ...]:
        """Names of the trunks whose calls are the team's."""
        return tuple(trunk for one in self.teams if one.name == team for trunk in one.trunks)
