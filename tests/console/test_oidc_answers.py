"""What an identity provider's answer must prove before it signs anybody in."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey

from callscribe.config.settings import Settings
from storage.database import Database
from storage.users import UserStore
from tests.console.coming_by_provider import come_back, complaint, enter, failures, oidc, person, served, visiting
from tests.console.conftest import Console
from tests.identity_provider import CLIENT_ID, IdentityProvider

pytestmark = pytest.mark.integration


@pytest.fixture
def console(settings: Settings, provider: IdentityProvider) -> Iterator[Console]:
    with served(settings, oidc(provider)) as running:
        yield running


def test_an_answer_that_this_browser_has_not_asked_for_signs_nobody_in(
    console: Console, provider: IdentityProvider
) -> None:
    person(provider, "emil")
    with visiting(console) as mine, visiting(console) as other:
        address = come_back(mine)
        assert "took too long" in complaint(other.get(address))
        come_back(other)
        assert "took too long" in complaint(other.get(address)), "another browser's state"
        forged = address.replace("state=", "state=0")
        assert mine.get(forged).status_code == 403
        assert "callscribe" not in mine.cookies
        assert provider.asked.count("/token") == 0


def test_a_code_is_good_once(console: Console, provider: IdentityProvider) -> None:
    person(provider, "fritz")
    with visiting(console) as client:
        address = come_back(client)
        begun = client.cookies["callscribe-oidc"]
        assert client.get(address).status_code == 303
        assert "callscribe-oidc" not in client.cookies
        assert client.get(address).status_code == 403
        client.cookies.set("callscribe-oidc", begun, domain="127.0.0.1")
        again = client.get(address)
        assert again.status_code == 403
        assert "does not hold" in complaint(again), "the provider takes the code for used"


LIES = {
    "another nonce": lambda claims: {**claims, "nonce": "another"},
    "no nonce": lambda claims: {name: claims[name] for name in claims if name != "nonce"},
    "expired": lambda claims: {**claims, "exp": int(str(claims["iat"])) - 120},
    "no expiry": lambda claims: {name: claims[name] for name in claims if name != "exp"},
    "another audience": lambda claims: {**claims, "aud": "another-client"},
    "several audiences": lambda claims: {**claims, "aud": [CLIENT_ID, "another-client"]},
    "for another party": lambda claims: {**claims, "azp": "another-client"},
    "another issuer": lambda claims: {**claims, "iss": "https://evil.example.com"},
    "nobody": lambda claims: {**claims, "sub": ""},
    "of the access token of another": lambda claims: {**claims, "at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}


@pytest.mark.parametrize("lie", LIES)
def test_an_id_token_that_does_not_hold_signs_nobody_in(
    console: Console, provider: IdentityProvider, database: Database, lie: str
) -> None:
    person(provider, "gustav")
    provider.mend = LIES[lie]
    with visiting(console) as client:
        answer = enter(client)
        assert answer.status_code == 403
        assert "does not hold" in complaint(answer)
        assert client.get("/api/v1/calls").status_code == 401
    assert UserStore(database).named("gustav") is None
    assert failures(database)[0].detail["why"] == "SignInRefused"


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_what_no_key_of_the_provider_has_signed_is_not_its_word(
    console: Console, provider: IdentityProvider, algorithm: str
) -> None:
    person(provider, "hedwig")
    provider.algorithm = algorithm
    with visiting(console) as client:
        assert "does not hold" in complaint(enter(client))


def test_a_key_of_another_that_calls_itself_the_same_is_not_the_providers(
    console: Console, provider: IdentityProvider
) -> None:
    person(provider, "ida")
    provider.published, provider.key = provider.key, RSAKey.generate_key(2048, {"kid": "first"})
    with visiting(console) as client:
        assert "does not hold" in complaint(enter(client))


def test_a_provider_that_changed_its_key_is_believed_at_once(console: Console, provider: IdentityProvider) -> None:
    for name in ("jakob", "karl"):
        person(provider, name)
        with visiting(console) as client:
            assert enter(client).status_code == 303
        provider.rotate()
    assert provider.asked.count("/jwks") == 2


def test_an_answer_of_another_provider_is_not_taken_to_ours(console: Console, provider: IdentityProvider) -> None:
    person(provider, "luise")
    with visiting(console) as client:
        address = come_back(client)
        named = urlsplit(address).query
        assert parse_qs(named)["iss"] == [provider.url]
        other = re.sub(r"iss=[^&]*", "iss=https%3A%2F%2Fevil.example.com", address)
        assert "does not hold" in complaint(client.get(other))
    with visiting(console) as client:
        without = re.sub(r"&?iss=[^&]*", "", come_back(client))
        assert "does not hold" in complaint(client.get(without))
