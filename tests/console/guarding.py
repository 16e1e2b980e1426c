"""A console on which people must sign in, and people to do so."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import httpx
import pytest

from callscribe.config.settings import Settings
from callscribe.config.web import TeamSettings
from callscribe.domain.access import AccountRole, Permission, User
from storage.api_tokens import ApiTokenStore
from storage.database import Database
from storage.passwords import hash_password
from storage.users import UserExists, UserStore
from tests.console.conftest import Console, serving

PASSWORD = "correct horse battery"
PEOPLE = (
    User("agent", AccountRole.AGENT, "sales", ("1042",)),
    User("other-agent", AccountRole.AGENT, "support", ("sip:1099@pbx.example.com",)),
    User("idle-agent", AccountRole.AGENT),
    User("sales-lead", AccountRole.SUPERVISOR, "sales"),
    User("support-lead", AccountRole.SUPERVISOR, "support"),
    User("lead", AccountRole.SUPERVISOR),
    User("qa", AccountRole.QA),
    User("root", AccountRole.ADMIN),
)

_hashed_once = cache(hash_password)
"""A hash takes long, as it shall, and all have the same password."""


@contextmanager
def guarded_console(settings: Settings) -> Iterator[Console]:
    """A console with PEOPLE; the team support has the trunk "hotline"."""
    database = Database(settings.database.url)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("storage.users.hash_password", _hashed_once)
        for user in PEOPLE:
            try:
                UserStore(database).add(user, PASSWORD, "tests")
            except UserExists:
                UserStore(database).set_disabled(user.name, disabled=False, by="tests")
    database.close()
    web = replace(settings.web, sign_in="on", teams=(TeamSettings("support", ("hotline",)),))
    trunks = (*settings.trunks, replace(settings.trunks[0], name="hotline"))
    with serving(replace(settings, web=web, trunks=trunks)) as served:
        yield served


@contextmanager
def signed_in(console: Console, name: str, password: str = PASSWORD) -> Iterator[httpx.Client]:
    """A browser's client, with the headers that a browser sends."""
    headers = {"origin": console.url}
    with httpx.Client(base_url=console.url, timeout=20, trust_env=False, headers=headers) as client:
        answer = sign_in(client, name, password)
        assert answer.status_code == 303, answer.text
        yield client


def sign_in(client: httpx.Client, name: str, password: str, after: str = "/") -> httpx.Response:
    """Fill in the form and send it."""
    form = client.get("/login", params={"next": after}).text
    fields = dict(re.findall(r'name="(form_key|next)" value="([^"]*)"', form))
    return client.post("/login", data={**fields, "name": name, "password": password})


def token_for(console: Console, owner: str, *scopes: Permission) -> dict[str, str]:
    """The header of a new token."""
    database = Database(console.settings.database.url)
    name = f"{owner}-{len(ApiTokenStore(database).all())}"
    secret = ApiTokenStore(database).create(name, owner, _all(scopes), None, "tests")
    database.close()
    return {"authorization": f"Bearer {secret}"}


def _all(scopes: Sequence[Permission]) -> Sequence[Permission]:
    return scopes or tuple(Permission)
