"""Signing in by an identity provider, over the running console."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import urlencode

import httpx
import pytest

from callscribe.config.oidc import OidcSettings
from callscribe.config.settings import Settings
from callscribe.console.visitor import form_key
from callscribe.domain.access import AccountRole, Identity, User
from storage.audit import AuditFilter, AuditLog
from storage.database import Database
from storage.identities import IdentityStore
from storage.users import UserChange, UserStore
from tests.console.browser import Browser
from tests.console.coming_by_provider import complaint, enter, failures, oidc, person, served, visiting
from tests.console.conftest import Console, serving
from tests.console.guarding import PASSWORD, sign_in, token_for
from tests.identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider

pytestmark = pytest.mark.integration


@pytest.fixture
def console(settings: Settings, provider: IdentityProvider) -> Iterator[Console]:
    with served(settings, oidc(provider)) as running:
        yield running


def ensured(database: Database, name: str) -> str:
    """An administrator's account of this name."""
    UserStore(database).add(User(name, AccountRole.ADMIN), None, "tests")
    return name


@pytest.mark.browser
def test_a_person_clicks_the_button_and_is_where_they_wanted_to_be_and_signs_out_in_both_places(
    console: Console, provider: IdentityProvider, browser: Browser
) -> None:
    person(provider, "clara", groups=["leads"])
    browser.open(f"{console.url}/search?q=refund")
    browser.until(lambda: browser.texts(".login-provider"), "the form")
    browser.shoot("sign-in-provider")
    browser.complaints()
    browser.one(".login-provider").click()
    browser.until(lambda: browser.texts("#yes"), "the provider's page")
    browser.one("#yes").click()
    browser.until(lambda: browser.driver.current_url == f"{console.url}/search?q=refund", "the search")
    browser.until(lambda: browser.texts(".who span") == ["clara"], "who signed in")
    browser.one(".who button").click()
    browser.until(lambda: browser.texts("#back"), "the provider's farewell")
    assert not [told for told in browser.complaints() if "Content Security Policy" in told]
    [told] = provider.ended
    assert told["client_id"] == CLIENT_ID
    assert told["id_token_hint"].count(".") == 2
    browser.one("#back").click()
    browser.until(lambda: browser.driver.current_url == f"{console.url}/login", "the form")
    browser.open(f"{console.url}/search")
    browser.until(lambda: "/login?next=" in browser.driver.current_url, "the form again")


def test_the_first_time_makes_the_account_and_each_time_the_claims_are_what_it_has(
    settings: Settings, provider: IdentityProvider, database: Database
) -> None:
    told = replace(oidc(provider), team_claim="org.team", address_claim="phones")
    person(provider, "Dora", org={"team": "sales"}, phones=["1042", "sip:dora@example.com"])
    with served(settings, told) as console:
        with visiting(console) as client:
            answer = enter(client, "/search?q=a%26b")
            assert (answer.status_code, answer.headers["location"]) == (303, "/search?q=a%26b")
            assert client.get("/api/v1/calls").status_code == 200
        made = User("dora", AccountRole.AGENT, "sales", ("1042", "sip:dora@example.com"))
        assert UserStore(database).named("dora") == made
        [added] = AuditLog(database).entries(AuditFilter(action="user.added", subject="dora")).entries
        assert added.detail["issuer"] == provider.url
        [entry] = AuditLog(database).entries(AuditFilter(action="user.signed-in", subject="dora")).entries
        assert entry.detail["how"] == "oidc"
        person(provider, "Dora", preferred_username="dora.new-name", groups=["agents", "leads"], phones="1043, 1044")
        with visiting(console) as client:
            assert enter(client).status_code == 303
        changed = User("dora", AccountRole.SUPERVISOR, "", ("1043", "1044"))
        assert UserStore(database).named("dora") == changed
        assert UserStore(database).named("dora.new-name") is None
        [entry] = AuditLog(database).entries(AuditFilter(action="user.changed", subject="dora")).entries
        assert (entry.detail["role"], entry.detail["how"]) == ("supervisor", "oidc")


def test_what_the_id_token_lacks_userinfo_tells(
    console: Console, provider: IdentityProvider, database: Database
) -> None:
    provider.claims = {"sub": "U-1"}
    provider.userinfo = {"sub": "U-1", "preferred_username": "userinfo-una", "groups": ["leads"]}
    with visiting(console) as client:
        assert enter(client).status_code == 303
    assert UserStore(database).named("userinfo-una") == User("userinfo-una", AccountRole.SUPERVISOR)
    provider.userinfo = {"sub": "U-2", "preferred_username": "userinfo-una", "groups": ["admins"]}
    with visiting(console) as client:
        assert enter(client).status_code == 403
    provider.asked.clear()
    person(provider, "una-two")
    with visiting(console) as client:
        assert enter(client).status_code == 303
    assert "/userinfo" not in provider.asked


def test_a_provider_that_is_away_is_told_of_and_passwords_still_open(
    console: Console, provider: IdentityProvider, database: Database
) -> None:
    UserStore(database).add(User("glass-breaker", AccountRole.ADMIN), PASSWORD, "tests")
    provider.broken = "/.well-known/openid-configuration"
    with visiting(console) as client:
        answer = client.get("/login/oidc")
        assert answer.status_code == 503
        assert "does not answer" in complaint(answer)
        assert CLIENT_SECRET not in answer.text
        assert sign_in(client, "glass-breaker", PASSWORD).status_code == 303
    provider.broken = "/token"
    person(provider, "martha")
    with visiting(console) as client:
        assert "does not answer" in complaint(enter(client))
    provider.broken = ""
    with visiting(console) as client:
        assert enter(client).status_code == 303


def test_a_provider_that_takes_its_time_holds_up_nobody_else(
    console: Console, provider: IdentityProvider, database: Database
) -> None:
    token = token_for(console, ensured(database, "patient"))
    provider.delay_s = 4.0
    with ThreadPoolExecutor(12) as pool:
        there = [pool.submit(httpx.get, f"{console.url}/login/oidc", trust_env=False, timeout=60) for _ in range(12)]
        time.sleep(0.5)
        longest = 0.0
        for _ in range(5):
            began = time.monotonic()
            assert console.client.get("/api/v1/me", headers=token).status_code == 200
            longest = max(longest, time.monotonic() - began)
        assert {answer.result().status_code for answer in there} == {303}
    assert longest < 3.0
    assert provider.asked.count("/.well-known/openid-configuration") <= 2, "what was told is kept"


@pytest.mark.browser
def test_in_a_frame_the_provider_is_asked_in_a_tab_of_its_own(
    settings: Settings, provider: IdentityProvider, browser: Browser
) -> None:
    person(provider, "frida", groups=["leads"])
    web = replace(settings.web, sign_in="on", oidc=oidc(provider), embed_origins=(provider.url,))
    with serving(replace(settings, web=web)) as console:
        browser.open(f"{provider.url}/frame?{urlencode({'page': console.url + '/desk'})}")
        outer = browser.driver.current_window_handle
        browser.driver.switch_to.frame(browser.one("iframe"))
        browser.until(lambda: browser.texts(".login-provider"), "the form")
        browser.one(".login-provider").click()
        browser.until(lambda: len(browser.driver.window_handles) == 2, "the tab")
        [tab] = set(browser.driver.window_handles) - {outer}
        browser.driver.switch_to.window(tab)
        browser.until(lambda: browser.texts("#yes"), "the provider's page")
        browser.one("#yes").click()
        browser.until(lambda: browser.driver.current_url == f"{console.url}/desk", "the page, in the tab")
        browser.driver.close()
        browser.driver.switch_to.window(outer)
        browser.driver.switch_to.frame(browser.one("iframe"))
        browser.until(lambda: browser.run("return location.pathname") == "/desk", "the page, in the frame")
        browser.driver.switch_to.default_content()
        browser.driver.delete_all_cookies()


def test_settings_that_do_not_fit_are_told_of(settings: Settings, provider: IdentityProvider) -> None:
    person(provider, "nora")
    with served(settings, replace(oidc(provider), client_secret="wrong")) as console, visiting(console) as client:
        answer = enter(client)
        assert answer.status_code == 502
        assert "not set up right" in complaint(answer)
    provider.issuer = "https://another.example.com"
    with served(settings, oidc(provider)) as console, visiting(console) as client:
        assert "not set up right" in complaint(client.get("/login/oidc"))


def test_who_is_disabled_here_stays_out(console: Console, provider: IdentityProvider, database: Database) -> None:
    person(provider, "otto")
    with visiting(console) as client:
        assert enter(client).status_code == 303
        UserStore(database).set_disabled("otto", disabled=True, by="tests")
        assert client.get("/api/v1/calls").status_code == 401
        answer = enter(client)
    assert (answer.status_code, complaint(answer)) == (403, "Your account is disabled. Ask an administrator.")
    assert failures(database)[0].detail["why"] == "AccountDisabled"


def test_whom_the_provider_gives_no_role_is_refused(
    settings: Settings, provider: IdentityProvider, database: Database
) -> None:
    person(provider, "paula", groups=["cooks"])
    with served(settings, oidc(provider)) as console, visiting(console) as client:
        assert "no role" in complaint(enter(client))
    assert UserStore(database).named("paula") is None
    with served(settings, replace(oidc(provider), default_role="qa")) as console, visiting(console) as client:
        assert enter(client).status_code == 303
    assert UserStore(database).named("paula") == User("paula", AccountRole.QA)


def test_who_lacks_what_the_settings_require_is_refused(
    settings: Settings, provider: IdentityProvider, database: Database
) -> None:
    told = OidcSettings(provider.url, CLIENT_ID, CLIENT_SECRET, require={"hd": "example.com"}, default_role="agent")
    with served(settings, told) as console, visiting(console) as client:
        person(provider, "viktor", hd="evil.example.org")
        assert "not for Callscribe" in complaint(enter(client))
        person(provider, "viktor")
        assert "not for Callscribe" in complaint(enter(client))
        assert UserStore(database).named("viktor") is None
        person(provider, "viktor", hd="example.com")
        assert enter(client).status_code == 303
        UserStore(database).amend("viktor", UserChange(AccountRole.QA), "tests")
        assert enter(client).status_code == 303
    assert UserStore(database).named("viktor") == User("viktor", AccountRole.QA), "the provider tells no roles"


def test_an_account_that_stands_is_nobodys_by_name_until_an_administrator_links_it(
    console: Console, provider: IdentityProvider, database: Database
) -> None:
    UserStore(database).add(User("quentin", AccountRole.ADMIN), PASSWORD, "tests")
    person(provider, "Quentin", email="quentin@example.com", email_verified=True)
    with visiting(console) as client:
        told = complaint(enter(client))
        assert "callscribe user link Quentin --subject QUENTIN" in told
        assert client.get("/api/v1/calls").status_code == 401
    IdentityStore(database).link("quentin", Identity(provider.url, "QUENTIN"), "tests")
    with visiting(console) as client:
        assert enter(client).status_code == 303
    assert UserStore(database).named("quentin") == User("quentin", AccountRole.AGENT), "the provider's word counts"
    UserStore(database).change("quentin", AccountRole.ADMIN, None, None, "tests")


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"email": "Rosa@example.com", "email_verified": True}, "rosa@example.com"),
        ({"email": "root@example.com", "email_verified": False}, "r-2"),
        ({"email": "root@example.com"}, "r-3"),
    ],
)
def test_without_a_name_a_verified_address_names_the_account_and_else_the_subject(
    console: Console, provider: IdentityProvider, database: Database, claims: dict[str, object], name: str
) -> None:
    provider.claims = {"sub": name.upper(), "groups": ["agents"], **claims}
    with visiting(console) as client:
        assert enter(client).status_code == 303
    assert UserStore(database).named(name) is not None


def test_whom_the_provider_turns_away_reads_why_and_no_text_of_another_site(
    console: Console, provider: IdentityProvider
) -> None:
    provider.error = "access_denied"
    with visiting(console) as client:
        assert "(access_denied)" in complaint(enter(client))
    provider.error = "Call +1 900 now!"
    with visiting(console) as client:
        assert "(no code)" in complaint(enter(client))


def test_only_places_of_this_server_are_led_to(console: Console, provider: IdentityProvider) -> None:
    person(provider, "sophie")
    for after in ("https://evil.example.com/", "//evil.example.com", "/\\evil.example.com"):
        with visiting(console) as client:
            assert enter(client, after).headers["location"] == "/"


def test_the_cookie_of_a_flow_is_out_of_reach_and_ends_soon(console: Console, provider: IdentityProvider) -> None:
    with visiting(console) as client:
        [cookie] = [
            told
            for told in client.get("/login/oidc").headers.get_list("set-cookie")
            if told.startswith("callscribe-oidc=")
        ]
    assert {"HttpOnly", "Max-Age=600", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    told = provider.authorizations or [{}]
    assert CLIENT_SECRET not in str(told)


def test_without_local_accounts_passwords_open_nothing(
    settings: Settings, provider: IdentityProvider, database: Database
) -> None:
    UserStore(database).add(User("thea", AccountRole.ADMIN), PASSWORD, "tests")
    told = replace(oidc(provider), local=False, label="Example account")
    with served(settings, told) as console, visiting(console) as client:
        page = client.get("/login").text
        assert "Example account" in page
        assert 'type="password"' not in page
        client.cookies.set("callscribe-form", "a secret", domain="127.0.0.1")
        form = {"name": "thea", "password": PASSWORD, "form_key": form_key("a secret"), "next": "/"}
        assert "Passwords open no account" in complaint(client.post("/login", data=form))
        assert client.get("/api/v1/calls").status_code == 401


def test_where_there_is_no_provider_there_is_no_button(settings: Settings) -> None:
    with served(settings, OidcSettings()) as console, visiting(console) as client:
        assert "/login/oidc" not in client.get("/login").text
        assert client.get("/login/oidc").status_code == 404


def test_who_fails_again_and_again_must_wait(console: Console, provider: IdentityProvider) -> None:
    person(provider, "ulrich", groups=[])
    with visiting(console) as client:
        codes = [enter(client).status_code for _ in range(11)]
    assert codes == [403] * 10 + [429]
