"""What claims of an identity provider mean."""

import pytest

from callscribe.config.oidc import OidcSettings
from callscribe.console.claims import NoRole, claimed_user, lacks
from callscribe.domain.access import AccountRole
from callscribe.domain.errors import SignInRefused

ROLES = {"a": AccountRole.AGENT, "s": AccountRole.SUPERVISOR, "q": AccountRole.QA, "x": AccountRole.ADMIN}


def settings(role_claim: str = "roles", default_role: str = "") -> OidcSettings:
    return OidcSettings("https://sso.example.com", "c", role_claim=role_claim, roles=ROLES, default_role=default_role)


@pytest.mark.parametrize(
    ("claim", "claims", "role"),
    [
        ("roles", {"roles": ["a", "unknown", "q"]}, AccountRole.QA),
        ("roles", {"roles": "s"}, AccountRole.SUPERVISOR),
        ("roles", {"roles": ["s", "x"]}, AccountRole.ADMIN),
        ("realm_access.roles", {"realm_access": {"roles": ["a"]}}, AccountRole.AGENT),
        ("https://example.com/roles", {"https://example.com/roles": ["a"]}, AccountRole.AGENT),
        ("realm_access.roles", {"realm_access.roles": ["s"], "realm_access": {"roles": ["x"]}}, AccountRole.SUPERVISOR),
    ],
)
def test_who_has_several_roles_gets_the_one_that_may_most(
    claim: str, claims: dict[str, object], role: AccountRole
) -> None:
    assert claimed_user(settings(claim), {"sub": "1", **claims}).role is role


@pytest.mark.parametrize("roles", [[], ["A"], None, {"x": True}, [["x"]], True, [True], 7, ""])
def test_what_is_no_known_role_gives_none(roles: object) -> None:
    with pytest.raises(NoRole):
        claimed_user(settings(), {"sub": "1", "roles": roles})
    found = claimed_user(settings(default_role="agent"), {"sub": "1", "roles": roles})
    assert (found.role, found.first_role) == (AccountRole.AGENT, AccountRole.AGENT)


def test_a_provider_that_tells_no_roles_changes_none() -> None:
    found = claimed_user(settings("", "qa"), {"sub": "1", "roles": ["x"]})
    assert (found.role, found.first_role) == (None, AccountRole.QA)
    assert (found.team, found.addresses) == (None, None)


@pytest.mark.parametrize("subject", [None, "", 7, "x" * 256])
def test_who_is_nobody_is_refused(subject: object) -> None:
    with pytest.raises(SignInRefused):
        claimed_user(settings(), {"sub": subject, "roles": ["a"]})


def test_userinfo_is_asked_for_what_the_settings_name_and_no_more() -> None:
    told = settings("realm_access.roles")
    whole = {"sub": "1", "preferred_username": "ann", "realm_access": {"roles": []}}
    assert not lacks(told, whole)
    assert lacks(told, {**whole, "realm_access": {}})
    assert lacks(told, {"sub": "1", "realm_access": {"roles": []}})
