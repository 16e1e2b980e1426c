"""Settings of the identity provider by which people sign in (OpenID Connect)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from callscribe.config.urls import LOOPBACK, check_url
from callscribe.domain.access import AccountRole


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """The provider, what Callscribe is to it, and what its claims about people mean here."""

    issuer: str = ""
    """The provider's address, letter for letter as its discovery document has it; "": there is none."""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    """"": a public client, for which the code verifier alone speaks."""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    label: str = ""
    """What the button says; "": Sign in with your company account."""
    require: Mapping[str, str] = field(default_factory=dict)
    """Claims that somebody must have with these values, as {hd = "example.com"}; others are not let in."""
    name_claim: str = "preferred_username"
    """Claim that names a new account; where it is missing, a verified email does, else sub."""
    role_claim: str = ""
    """Claim whose values `roles` has, as "groups" or "realm_access.roles"; "": the provider tells no roles."""
    roles: Mapping[str, AccountRole] = field(default_factory=dict)
    """Role by value of the claim. Who has several gets the one that may most."""
    default_role: str = ""
    """Of people for whom the provider tells no role; "": they are not let in."""
    team_claim: str = ""
    address_claim: str = ""
    """Claim that has somebody's own extensions, numbers and SIP addresses."""
    local: bool = True
    """Whether passwords open accounts as well."""

    def __post_init__(self) -> None:
        if not self.issuer:
            if not self.local:
                raise ValueError("local = false needs an issuer: otherwise nobody could sign in")
            return
        check_url("issuer", self.issuer, ("https", "http"))
        if not is_safe(self.issuer):
            raise ValueError("issuer must be an https:// address: who changes what it says on the way is anybody")
        if not self.client_id:
            raise ValueError("client_id must be set: the provider gives it when Callscribe is registered there")
        if "openid" not in self.scopes:
            raise ValueError('scopes must have "openid"')
        if self.default_role and self.default_role not in set(AccountRole):
            raise ValueError(f"default_role must be one of {', '.join(AccountRole)}")
        if not self.default_role and not (self.role_claim and self.roles):
            raise ValueError("name role_claim and roles, or default_role: otherwise nobody has a role")

    @property
    def is_used(self) -> bool:
        return bool(self.issuer)


def is_safe(url: str) -> bool:
    """Whether nobody on the way can change what is asked there: by TLS, or because it stays on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
