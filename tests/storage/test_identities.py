"""Accounts of people whom an identity provider names."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from callscribe.domain.access import AccountRole, ClaimedUser, Identity, User
from storage.audit import AuditLog
from storage.database import Database
from storage.identities import AccountDisabled, IdentityStore, NameTaken
from storage.users import LastAdmin, UserChange, UserStore, UserUnknown

pytestmark = pytest.mark.integration

ISSUER = "https://sso.example.com"
ANN = ClaimedUser(Identity(ISSUER, "1"), " Ann ", AccountRole.AGENT)


@pytest.fixture
def identities(database: Database) -> IdentityStore:
    return IdentityStore(database)


@pytest.fixture
def users(database: Database) -> UserStore:
    return UserStore(database)


def test_what_the_provider_does_not_say_stays(identities: IdentityStore, users: UserStore) -> None:
    assert identities.admit(ANN) == User("ann", AccountRole.AGENT)
    users.change("ann", AccountRole.QA, "sales", ("1042",), "root")
    assert identities.admit(ANN) == User("ann", AccountRole.QA, "sales", ("1042",))
    told = replace(ANN, role=AccountRole.AGENT, team=" support ", addresses=())
    assert identities.admit(told) == User("ann", AccountRole.AGENT, "support")


def test_only_what_changes_is_noted(identities: IdentityStore, database: Database) -> None:
    told = replace(ANN, role=AccountRole.QA)
    for _ in range(3):
        identities.admit(told)
    identities.admit(replace(told, team="sales"))
    actions = [entry.action for entry in AuditLog(database).entries().entries]
    assert actions == ["user.changed", "user.added"]


def test_the_same_subject_of_another_provider_is_somebody_else(identities: IdentityStore) -> None:
    identities.admit(ANN)
    other = Identity("https://sso.example.org", "1")
    with pytest.raises(NameTaken):
        identities.admit(replace(ANN, identity=other))
    assert identities.admit(replace(ANN, identity=other, name="ann-2")).name == "ann-2"


@pytest.mark.parametrize("name", ["", "  ", "\x00", "ANN"])
def test_a_name_that_is_none_or_anothers_makes_no_account(
    identities: IdentityStore, users: UserStore, name: str
) -> None:
    users.add(User("ann", AccountRole.ADMIN), None, "root")
    with pytest.raises(NameTaken):
        identities.admit(replace(ANN, name=name))
    assert users.all() == (User("ann", AccountRole.ADMIN),)


def test_an_account_is_linked_and_another_one_is_not_theirs_any_more(
    identities: IdentityStore, users: UserStore, database: Database
) -> None:
    identities.admit(ANN)
    users.add(User("root", AccountRole.ADMIN), None, "setup")
    with pytest.raises(UserUnknown):
        identities.link("nobody", ANN.identity, "setup")
    identities.link("ROOT", ANN.identity, "setup")
    assert identities.admit(ANN) == User("root", AccountRole.ADMIN)
    assert [account.is_linked for account in users.accounts()] == [False, True]
    [entry] = [entry for entry in AuditLog(database).entries().entries if entry.action == "user.linked"]
    assert (entry.subject, entry.by, entry.detail) == ("root", "setup", {"issuer": ISSUER})


def test_who_is_disabled_is_not_admitted_and_not_changed(identities: IdentityStore, users: UserStore) -> None:
    identities.admit(ANN)
    users.set_disabled("ann", disabled=True, by="root")
    with pytest.raises(AccountDisabled):
        identities.admit(replace(ANN, role=AccountRole.ADMIN))
    assert users.named("ann") == User("ann", AccountRole.AGENT, disabled=True)


def test_who_comes_twice_at_once_for_the_first_time_gets_one_account(identities: IdentityStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        admitted = list(pool.map(lambda _: identities.admit(ANN), range(4)))
    assert admitted == [User("ann", AccountRole.AGENT)] * 4


def test_of_two_administrators_who_disable_each_other_at_once_one_stays(users: UserStore) -> None:
    names = ("root", "admin")
    for name in names:
        users.add(User(name, AccountRole.ADMIN), None, "setup")

    def disable(name: str) -> bool:
        try:
            users.amend(name, UserChange(disabled=True), "other")
        except LastAdmin:
            return False
        return True

    for _ in range(5):
        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(disable, names)) == [False, True]
        for name in names:
            users.set_disabled(name, disabled=False, by="setup")
    users.change("admin", AccountRole.QA, None, None, "root")
    with pytest.raises(LastAdmin):
        users.change("root", AccountRole.QA, None, None, "root")
    users.change("root", None, "sales", None, "root")
    users.set_password("root", "correct horse battery", "root")
