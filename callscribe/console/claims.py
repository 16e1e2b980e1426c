"""What an identity provider's claims about somebody mean here. Pure."""

from collections.abc import Iterable, Mapping

from callscribe.config.oidc import OidcSettings
from callscribe.domain.access import AccountRole, ClaimedUser, Identity
from callscribe.domain.errors import ProviderError, SignInRefused

Claims = Mapping[str, object]

STRONGEST = (AccountRole.ADMIN, AccountRole.QA, AccountRole.SUPERVISOR, AccountRole.AGENT)
LONGEST_SUBJECT = 255
"""Characters (OpenID Connect Core 1.0, section 2)."""
MOST_VALUES = 1000


class NoRole(ProviderError):
    """The identity provider's claims give no role that Callscribe knows."""


class NotForHere(ProviderError):
    """The identity provider's claims are not those that web.oidc.require names."""


def claimed_user(settings: OidcSettings, claims: Claims) -> ClaimedUser:
    """Who it is. Raises NotForHere, NoRole, and SignInRefused where nobody is named."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise SignInRefused("the id_token names nobody: sub is missing or too long")
    if any(value not in _texts(claims, name) for name, value in settings.require.items()):
        raise NotForHere
    role = _role(settings, claims)
    first = role or AccountRole(settings.default_role)
    teams = _texts(claims, settings.team_claim)
    addresses = tuple(
        each for text in _texts(claims, settings.address_claim) for each in text.replace(",", " ").split()
    )
    return ClaimedUser(
        identity=Identity(settings.issuer, subject),
        name=_name(settings, claims) or subject,
        first_role=first,
        role=role,
        team=(teams[0] if teams else "") if settings.team_claim else None,
        addresses=addresses if settings.address_claim else None,
    )


def lacks(settings: OidcSettings, claims: Claims) -> bool:
    """Whether a claim is missing that the settings name; userinfo may have it."""
    wanted = (settings.name_claim, settings.role_claim, settings.team_claim, settings.address_claim, *settings.require)
    return any(name and _value(claims, name) is None for name in wanted)


def _role(settings: OidcSettings, claims: Claims) -> AccountRole | None:
    """None: the provider tells no roles. Raises NoRole."""
    if not settings.role_claim:
        return None
    told = {settings.roles[text] for text in _texts(claims, settings.role_claim) if text in settings.roles}
    if not told and not settings.default_role:
        raise NoRole
    return next((role for role in STRONGEST if role in told), None) or AccountRole(settings.default_role)


def _name(settings: OidcSettings, claims: Claims) -> str:
    """An e-mail address only where the provider has verified it: else it may be anybody's."""
    named = _texts(claims, settings.name_claim)
    if named and (settings.name_claim != "email" or claims.get("email_verified") is True):
        return named[0].strip()
    emails = _texts(claims, "email") if claims.get("email_verified") is True else []
    return emails[0].strip() if emails else ""


def _value(claims: Claims, name: str) -> object:
    """The claim of this name, else the value at this path, as "realm_access.roles"; None: there is none."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _texts(claims: Claims, name: str) -> list[str]:
    """The texts of a claim, which may be one or a list of them."""
    value = _value(claims, name) if name else None
    values: Iterable[object] = value[:MOST_VALUES] if isinstance(value, list) else [value]
    return [str(each) for each in values if isinstance(each, str | int) and not isinstance(each, bool) and str(each)]
