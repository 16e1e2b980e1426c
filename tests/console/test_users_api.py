"""Users, tokens and the own account over the API."""

from collections.abc import Iterator

import httpx
import pytest

from callscribe.config.settings import Settings
from callscribe.domain.access import AccountRole, Permission
from storage.audit import AuditFilter, AuditLog
from storage.database import Database
from storage.users import UserChange, UserStore
from tests.console.conftest import Console
from tests.console.guarding import PASSWORD, guarded_console, sign_in, signed_in, token_for

pytestmark = pytest.mark.integration

OTHER = "another good password"


@pytest.fixture(scope="module")
def guarded(settings: Settings) -> Iterator[Console]:
    with guarded_console(settings) as served:
        yield served


@pytest.fixture
def root(guarded: Console) -> Iterator[httpx.Client]:
    with signed_in(guarded, "root") as client:
        yield client


def may_sign_in(console: Console, name: str, password: str) -> bool:
    with httpx.Client(base_url=console.url, trust_env=False, headers={"origin": console.url}, timeout=20) as client:
        return sign_in(client, name, password).status_code == 303


def test_an_account_is_made_changed_disabled_and_let_in_again(
    guarded: Console, root: httpx.Client, database: Database
) -> None:
    told = {"name": "Vera/Desk 2", "role": "agent", "team": "sales", "addresses": ["1050"], "password": PASSWORD}
    made = root.post("/api/v1/users", json=told)
    assert made.status_code == 201, made.text
    assert made.json()["name"] == "vera/desk 2"
    assert (made.json()["has_password"], made.json()["is_linked"], made.json()["seen_at"]) == (True, False, None)
    assert root.post("/api/v1/users", json=told).status_code == 409
    with signed_in(guarded, "vera/desk 2") as vera:
        me = vera.get("/api/v1/me").json()
        assert (me["name"], me["role"], me["team"], me["addresses"]) == ("vera/desk 2", "agent", "sales", ["1050"])
        assert me["permissions"] == sorted(me["permissions"])
        assert "calls:read" in me["permissions"]
        assert "admin" not in me["permissions"]
        [listed] = [user for user in root.get("/api/v1/users").json()["users"] if user["name"] == "vera/desk 2"]
        assert listed["seen_at"] is not None
        at = "/api/v1/users/vera%2Fdesk%202"
        changed = root.patch(at, json={"role": "supervisor", "addresses": [" 1051 "]})
        assert (changed.json()["role"], changed.json()["team"], changed.json()["addresses"]) == (
            "supervisor", "sales", ["1051"],
        )  # fmt: skip
        assert vera.get("/api/v1/me").json()["role"] == "supervisor"
        assert root.patch(at, json={"disabled": True}).json()["disabled"] is True
        assert vera.get("/api/v1/me").status_code == 401
    assert not may_sign_in(guarded, "vera/desk 2", PASSWORD)
    assert root.patch(at, json={"disabled": False}).json()["disabled"] is False
    assert root.put(f"{at}/password", json={"password": OTHER}).status_code == 204
    assert may_sign_in(guarded, "vera/desk 2", OTHER)
    found = AuditLog(database).entries(AuditFilter(subject="vera/desk 2", by="root")).entries
    assert [entry.action for entry in found] == [
        "user.password-set", "user.enabled", "user.disabled", "user.changed", "user.added",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"name": " ", "role": "agent"}, "name"),
        ({"name": "x", "role": "boss"}, "role"),
        ({"name": "x", "role": "agent", "password": "short"}, "password"),
        ({"name": "x", "role": "agent", "surname": "y"}, "surname"),
        ({"name": "x", "role": "agent", "addresses": ["a\u0000b"]}, "addresses.0"),
    ],
)
def test_what_makes_no_account_is_told_by_its_field(root: httpx.Client, told: dict[str, str], complaint: str) -> None:
    answer = root.post("/api/v1/users", json=told)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"{complaint}:"), answer.text


def test_who_is_not_there_is_not_found(root: httpx.Client) -> None:
    assert root.patch("/api/v1/users/nobody", json={"role": "qa"}).status_code == 404
    assert root.put("/api/v1/users/nobody/password", json={"password": PASSWORD}).status_code == 404
    assert root.delete("/api/v1/tokens/nothing").status_code == 404
    told = {"name": "x", "owner": "nobody", "scopes": ["calls:read"]}
    assert root.post("/api/v1/tokens", json=told).status_code == 404


def test_the_last_administrator_stays_one(root: httpx.Client, database: Database) -> None:
    users = UserStore(database)
    others = [user.name for user in users.all() if user.role is AccountRole.ADMIN and user.name != "root"]
    for name in others:
        users.amend(name, UserChange(disabled=True), "tests")
    for change in ({"disabled": True}, {"role": "qa"}, {"role": "qa", "disabled": False}):
        answer = root.patch("/api/v1/users/root", json=change)
        assert answer.status_code == 409
        assert "make another one first" in answer.json()["detail"]
    assert root.patch("/api/v1/users/root", json={"team": ""}).status_code == 200
    assert root.post("/api/v1/users", json={"name": "second", "role": "admin"}).status_code == 201
    assert root.patch("/api/v1/users/second", json={"role": "agent"}).status_code == 200
    assert root.patch("/api/v1/users/second", json={"role": "agent", "disabled": True}).status_code == 200


def test_a_token_is_told_once_does_what_its_scopes_say_and_is_revoked(guarded: Console, root: httpx.Client) -> None:
    told = {"name": "crm of root", "owner": "ROOT", "scopes": ["calls:read", "calls:read"], "days": 1}
    made = root.post("/api/v1/tokens", json=told)
    assert made.status_code == 201
    secret = {"authorization": f"Bearer {made.json()['secret']}"}
    assert guarded.client.get("/api/v1/calls", headers=secret).status_code == 200
    assert guarded.client.get("/api/v1/users", headers=secret).status_code == 403
    me = guarded.client.get("/api/v1/me", headers=secret).json()
    assert (me["token"], me["permissions"]) == ("crm of root", ["calls:read"])
    assert root.post("/api/v1/tokens", json=told).status_code == 409
    listed = root.get("/api/v1/tokens")
    assert made.json()["secret"] not in listed.text
    [token] = [one for one in listed.json()["tokens"] if one["name"] == "crm of root"]
    assert (token["owner"], token["scopes"]) == ("root", ["calls:read"])
    assert token["expires_at"] > token["created_at"]
    assert root.post("/api/v1/tokens", json={**told, "name": "x", "scopes": []}).status_code == 422
    assert root.delete("/api/v1/tokens/crm%20of%20root").status_code == 204
    assert guarded.client.get("/api/v1/calls", headers=secret).status_code == 401


@pytest.mark.parametrize("name", ["agent", "lead", "qa"])
def test_only_administrators_look_after_users_and_tokens(guarded: Console, name: str) -> None:
    with signed_in(guarded, name) as client:
        assert client.get("/api/v1/users").status_code == 403
        assert client.post("/api/v1/users", json={"name": "x", "role": "admin"}).status_code == 403
        assert client.patch(f"/api/v1/users/{name}", json={"role": "admin"}).status_code == 403
        assert client.put("/api/v1/users/root/password", json={"password": PASSWORD}).status_code == 403
        assert client.get("/api/v1/tokens").status_code == 403
        told = {"name": "x", "owner": "root", "scopes": ["admin"]}
        assert client.post("/api/v1/tokens", json=told).status_code == 403
        assert client.delete("/api/v1/tokens/x").status_code == 403


def test_a_page_of_another_site_changes_no_account(guarded: Console, root: httpx.Client) -> None:
    told = {"name": "x", "role": "admin"}
    answer = root.post("/api/v1/users", json=told, headers={"origin": "https://evil.example.com"})
    assert answer.status_code == 403


def test_people_change_their_own_password_by_the_old_one(guarded: Console, database: Database) -> None:
    UserStore(database).set_password("idle-agent", PASSWORD, "tests")
    with signed_in(guarded, "idle-agent") as here, signed_in(guarded, "idle-agent") as elsewhere:
        change = "/api/v1/me/password"
        wrong = here.put(change, json={"old": "wrong password", "new": OTHER})
        assert (wrong.status_code, wrong.json()["detail"].partition(":")[0]) == (403, "old")
        assert here.put(change, json={"old": PASSWORD, "new": "short"}).status_code == 422
        assert here.put(change, json={"old": PASSWORD, "new": OTHER}).status_code == 204
        assert here.get("/api/v1/me").json()["name"] == "idle-agent"
        assert elsewhere.get("/api/v1/me").status_code == 401
        codes = {here.put(change, json={"old": "wrong password", "new": OTHER}).status_code for _ in range(12)}
        assert codes == {403, 429}
    by_token = token_for(guarded, "qa", *Permission)
    answer = guarded.client.put(change, json={"old": PASSWORD, "new": OTHER}, headers=by_token)
    assert answer.status_code == 403
    UserStore(database).set_password("idle-agent", PASSWORD, "tests")


def test_where_nobody_signs_in_that_is_told_and_accounts_can_be_made_before(console: Console) -> None:
    me = console.client.get("/api/v1/me").json()
    assert (me["sign_in"], me["name"], me["role"]) == (False, "", None)
    assert me["permissions"] == sorted(Permission)
    own = console.client.put("/api/v1/me/password", json={"old": PASSWORD, "new": OTHER})
    assert own.status_code == 409
    assert "web.sign_in" in own.json()["detail"]
    made = console.client.post("/api/v1/users", json={"name": "before", "role": "qa", "password": PASSWORD})
    assert made.status_code == 201
    users = console.client.get("/api/v1/users").json()
    assert users["sign_in"] is False
    assert "before" in [user["name"] for user in users["users"]]
