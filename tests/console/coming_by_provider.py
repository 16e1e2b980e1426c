"""People who come by an identity provider, and the console to which they come."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx

from callscribe.config.oidc import OidcSettings
from callscribe.config.settings import Settings
from callscribe.domain.access import AccountRole
from storage.audit import AuditEntry, AuditFilter, AuditLog
from storage.database import Database
from tests.console.conftest import Console, serving
from tests.identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider

ROLES = {"agents": AccountRole.AGENT, "leads": AccountRole.SUPERVISOR, "admins": AccountRole.ADMIN}


def oidc(provider: IdentityProvider) -> OidcSettings:
    return OidcSettings(provider.url, CLIENT_ID, CLIENT_SECRET, role_claim="groups", roles=ROLES)


@contextmanager
def served(settings: Settings, told: OidcSettings) -> Iterator[Console]:
    with serving(replace(settings, web=replace(settings.web, sign_in="on", oidc=told))) as console:
        yield console


def person(provider: IdentityProvider, name: str, **claims: object) -> str:
    """Who signs in at the provider next; subjects are their names in capitals."""
    provider.claims = {"sub": name.upper(), "preferred_username": name, "groups": ["agents"], **claims}
    return name


@contextmanager
def visiting(console: Console) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=console.url, timeout=20, trust_env=False, headers={"origin": console.url}) as client:
        yield client


def come_back(client: httpx.Client, after: str = "/") -> str:
    """Click the button, say yes at the provider; the address to which that leads."""
    there = client.get("/login/oidc", params={"next": after})
    assert there.status_code == 303, there.text
    page = httpx.get(there.headers["location"], trust_env=False).text
    return str(re.findall(r"href='([^']*)'", page)[0]).replace("&amp;", "&")


def enter(client: httpx.Client, after: str = "/") -> httpx.Response:
    return client.get(come_back(client, after))


def complaint(answer: httpx.Response) -> str:
    [told] = re.findall(r'id="complaint"[^>]*>([^<]*)<', answer.text)
    return str(told).replace("&#39;", "'")


def failures(database: Database) -> list[AuditEntry]:
    return list(AuditLog(database).entries(AuditFilter(action="user.sign-in-failed")).entries)
