"""Accounts, sign-ins and tokens."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from callscribe.domain.access import AccountRole, Permission, User
from storage.api_tokens import ApiTokenStore, TokenExists, TokenUnknown
from storage.audit import AuditLog
from storage.database import Database
from storage.sign_ins import SignInLimits, SignInStore
from storage.users import UserExists, UserStore, UserUnknown

pytestmark = pytest.mark.integration

PASSWORD = "correct horse battery"
LIMITS = SignInLimits(absolute=timedelta(hours=12), idle=timedelta(hours=1))


@pytest.fixture
def users(database: Database) -> UserStore:
    store = UserStore(database)
    store.add(User("Ann", AccountRole.SUPERVISOR, "sales", ("1042",)), PASSWORD, "root")
    return store


def test_only_the_right_password_lets_in_whatever_the_case_of_the_name(users: UserStore) -> None:
    ann = User("ann", AccountRole.SUPERVISOR, "sales", ("1042",))
    assert users.check(" ANN ", PASSWORD) == ann
    assert users.check("ann", PASSWORD + "x") is None
    assert users.check("bob", PASSWORD) is None


def test_an_account_without_a_password_is_opened_by_none(users: UserStore) -> None:
    users.add(User("bot", AccountRole.QA), None, "root")
    assert [users.check("bot", told) for told in ("", "no account has this hash", PASSWORD)] == [None] * 3


def test_neither_password_nor_secrets_are_kept(users: UserStore, database: Database) -> None:
    cookie = SignInStore(database, LIMITS).open("ann")
    token = ApiTokenStore(database).create("prom", "ann", [Permission.CALLS_READ], None, "root")
    with database.transaction() as session:
        kept = [str(session.execute(text(f"SELECT * FROM {table}")).all()) for table in _TABLES]
    for secret in (PASSWORD, cookie, token):
        assert not any(secret in rows for rows in kept)
    assert "$argon2id$" in kept[0]


_TABLES = ("users", "sign_ins", "api_tokens", "audit")


@pytest.mark.parametrize("password", ["", "nine char", "x" * 201])
def test_a_password_is_neither_short_nor_endless(users: UserStore, password: str) -> None:
    with pytest.raises(ValueError, match="10 to 200"):
        users.set_password("ann", password, "root")
    assert users.check("ann", PASSWORD)


def test_a_name_is_given_once(users: UserStore) -> None:
    with pytest.raises(UserExists):
        users.add(User("ANN", AccountRole.ADMIN), PASSWORD, "root")


def test_a_sign_in_ends_by_sign_out_time_idleness_new_password_and_disabling(
    users: UserStore, database: Database
) -> None:
    sign_ins = SignInStore(database, LIMITS)

    def opened() -> str:
        secret = sign_ins.open("ann")
        assert sign_ins.find(secret) == users.check("ann", PASSWORD)
        return secret

    def age(column: str) -> None:
        with database.transaction() as session:
            session.execute(text(f"UPDATE sign_ins SET {column} = now() - interval '61 minutes'"))

    ways: dict[str, Callable[[str], None]] = {
        "sign-out": sign_ins.close,
        "time": lambda _: age("expires_at"),
        "idleness": lambda _: age("seen_at"),
        "password": lambda _: users.set_password("ann", PASSWORD, "root"),
        "disabled": lambda _: users.set_disabled("ann", disabled=True, by="root"),
    }
    for way, end in ways.items():
        secret = opened()
        end(secret)
        assert sign_ins.find(secret) is None, way
    assert users.check("ann", PASSWORD) is None
    users.set_disabled("ann", disabled=False, by="root")
    assert users.check("ann", PASSWORD)


def test_a_browser_that_asks_is_not_idle(users: UserStore, database: Database) -> None:
    sign_ins = SignInStore(database, LIMITS)
    secret = sign_ins.open("ann")
    for _ in range(3):
        with database.transaction() as session:
            session.execute(text("UPDATE sign_ins SET seen_at = seen_at - interval '59 minutes'"))
        assert sign_ins.find(secret)


def test_an_account_changes_in_what_is_named_and_stays_signed_in(users: UserStore, database: Database) -> None:
    sign_ins = SignInStore(database, LIMITS)
    secret = sign_ins.open("ann")
    changed = User("ann", AccountRole.QA, "sales", ("1042",))
    assert users.change(" ANN ", AccountRole.QA, None, None, "root") == changed
    assert sign_ins.find(secret) == changed
    moved = User("ann", AccountRole.QA, "support", ("1099", "sip:ann@pbx.example.com"))
    assert users.change("ann", None, " support ", (" 1099", "sip:ann@pbx.example.com ", " "), "root") == moved
    assert users.addresses_of("support") == {"1099", "sip:ann@pbx.example.com"}
    assert users.change("ann", None, "", (), "root") == User("ann", AccountRole.QA)
    [newest, *_] = AuditLog(database).entries().entries
    assert (newest.action, newest.subject, newest.by) == ("user.changed", "ann", "root")
    assert newest.detail == {"role": "qa", "team": "", "addresses": 0}
    with pytest.raises(UserUnknown):
        users.change("bob", AccountRole.QA, None, None, "root")


def test_what_stands_around_an_own_address_is_no_part_of_it(users: UserStore) -> None:
    assert users.add(User("eve", AccountRole.AGENT, " sales ", (" 2002 ", "")), None, "root").addresses == ("2002",)
    assert users.addresses_of("sales") == {"1042", "2002"}


def test_a_token_gives_its_scopes_and_no_more_than_its_owner_may(users: UserStore, database: Database) -> None:
    tokens = ApiTokenStore(database)
    secret = tokens.create("sync", "Ann", [Permission.CALLS_READ, Permission.AUDIT_READ], None, "root")
    found = tokens.find(secret)
    assert found is not None
    assert (found.user.name, found.token, found.permissions) == ("ann", "sync", frozenset({Permission.CALLS_READ}))
    [told] = tokens.all()
    assert told.last_used_at is not None
    assert told.expires_at is None
    with pytest.raises(TokenExists):
        tokens.create("sync", "ann", [], None, "root")


def test_a_token_ends_by_time_revocation_and_with_its_owner(users: UserStore, database: Database) -> None:
    tokens = ApiTokenStore(database)
    short = tokens.create("short", "ann", [Permission.CALLS_READ], timedelta(days=1), "root")
    assert tokens.find(short)
    with database.transaction() as session:
        session.execute(text("UPDATE api_tokens SET expires_at = now() - interval '1 second'"))
    assert tokens.find(short) is None
    tokens.revoke("short", "root")
    lasting = tokens.create("lasting", "ann", [Permission.CALLS_READ], None, "root")
    users.set_disabled("ann", disabled=True, by="root")
    assert tokens.find(lasting) is None
    with pytest.raises(TokenUnknown):
        tokens.revoke("short", "root")
    with pytest.raises(UserUnknown):
        tokens.create("nobodys", "bob", [], None, "root")


def test_every_change_of_an_account_is_in_the_audit_log(users: UserStore, database: Database) -> None:
    users.set_password("ann", PASSWORD, "root")
    users.set_disabled("ann", disabled=True, by="root")
    ApiTokenStore(database).create("sync", "ann", [], None, "root")
    entries = AuditLog(database).entries().entries
    assert [(entry.action, entry.subject, entry.by) for entry in reversed(entries)] == [
        ("user.added", "ann", "root"),
        ("user.password-set", "ann", "root"),
        ("user.disabled", "ann", "root"),
        ("token.created", "sync", "root"),
    ]
