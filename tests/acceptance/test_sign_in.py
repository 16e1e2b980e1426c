"""A service on which people must sign in, as people and programs use it: accounts by the command line, a call by SIP, a
browser, tokens."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from callscribe.cli.ports import free_port
from callscribe.cli.servers import opened_database
from callscribe.config.settings import load_settings
from callscribe.domain.access import AccountRole, Permission, User
from storage.api_tokens import ApiTokenStore
from storage.users import UserStore
from tests.acceptance.recording import start_session
from tests.acceptance.service import Json, RunningService, running, wait_for
from tests.acceptance.speech import excerpt
from tests.console.browser import Browser, chromium, require_chromium
from tests.identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider, identity_provider

pytestmark = pytest.mark.acceptance

PASSWORD = "correct horse battery"
TAB, ENTER = "\ue004", "\ue007"


def callscribe(service: RunningService, *arguments: str, told: str = "", token: str = "") -> str:
    """What the command prints; fails where it does."""
    outcome = subprocess.run(
        [sys.executable, "-m", "callscribe.cli.main", "--config", str(service.config), *arguments],
        env={**os.environ, "CALLSCRIBE_WEB__TOKEN": token},
        input=told, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout.strip()


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as running_provider:
        yield running_provider


@pytest.fixture(scope="module")
def guarded(open_folder: Path, provider: IdentityProvider) -> Iterator[RunningService]:
    """A service that asks who comes; root, and agents whose extensions are 1001 (ben) and 2002 (eve), have accounts."""
    port = free_port()
    oidc = (
        f'oidc = {{issuer = "{provider.url}", client_id = "{CLIENT_ID}", client_secret = "{CLIENT_SECRET}", '
        'role_claim = "groups", roles = {agents = "agent"}, address_claim = "extension"}\n'
    )
    settings = {"web": f'port = {port}\nsign_in = "on"\n{oidc}', "sip": "lines = 1\n"}
    with running(RunningService(open_folder / "guarded", settings, web_port=port)) as service:
        with opened_database(load_settings(service.config, {})) as database:
            users = UserStore(database)
            users.add(User("root", AccountRole.ADMIN), PASSWORD, "tests")
            users.add(User("ben", AccountRole.AGENT, "", ("1001",)), PASSWORD, "tests")
            users.add(User("eve", AccountRole.AGENT, "", ("2002",)), PASSWORD, "tests")
        yield service


@pytest.fixture(scope="module")
def token(guarded: RunningService) -> str:
    """root's, to read calls and the audit log."""
    with opened_database(load_settings(guarded.config, {})) as database:
        scopes = (Permission.CALLS_READ, Permission.AUDIT_READ)
        return ApiTokenStore(database).create("tests", "root", scopes, None, "tests")


@pytest.fixture(scope="module")
def call(guarded: RunningService, token: str, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """An ended call between extension 1001 and a customer."""
    session = start_session(guarded, tmp_path_factory.mktemp("call"), excerpt(2))
    session.finish()

    def ended() -> Json | None:
        found = asked(guarded, f"/api/v1/calls?state=ended&outside_id={session.sip_call_id}", token)["calls"]
        return dict(found[0]) if found else None

    return wait_for(ended, "the ended call")


def asked(service: RunningService, path: str, token: str) -> Json:
    request = urllib.request.Request(f"{service.web}{path}", headers={"authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=20) as response:
        return dict(json.load(response))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    require_chromium()
    with chromium(tmp_path_factory.mktemp("chromium") / "profile") as opened:
        yield opened


def sign_in(browser: Browser, name: str, password: str) -> None:
    """By keyboard alone: the button of the provider has the focus, the form stands after it."""
    wanted = "password" if browser.one("#name").get_attribute("value") else "name"
    if wanted == "name":
        assert "login-provider" in browser.run("return document.activeElement.className")
        browser.press(TAB)
    assert browser.run("return document.activeElement.id") == wanted
    if wanted == "name":
        browser.press(name, TAB)
    browser.press(password, ENTER)


def come_by_provider(browser: Browser, page: str, provider: IdentityProvider, claims: dict[str, object]) -> None:
    """Open the page, click the button and say yes at the provider."""
    provider.claims = {"groups": ["agents"], **claims}
    browser.open(page)
    browser.one(".login-provider").click()
    browser.until(lambda: browser.texts("#yes"), "the provider's page")
    browser.one("#yes").click()


def test_programs_need_a_token(guarded: RunningService, token: str, call: Json) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        guarded.get("/api/v1/calls")
    refused.value.close()
    assert refused.value.code == 401
    assert asked(guarded, f"/api/v1/calls/{call['id']}", token)["id"] == call["id"]
    assert '"entries"' in callscribe(guarded, "audit", "--json", token=token)
    with pytest.raises(AssertionError, match="Sign in at /login"):
        callscribe(guarded, "audit", "--json")


def test_accounts_and_tokens_are_let_in_and_shut_out_by_the_command_line(guarded: RunningService) -> None:
    callscribe(guarded, "user", "add", "Bot", "--role", "qa", "--password-stdin", told=f"{PASSWORD}\n")
    bot = callscribe(guarded, "token", "create", "bots", "--owner", "bot", "--scope", "calls:read", "--days", "1")
    assert asked(guarded, "/api/v1/calls", bot)["calls"] is not None
    users = {user["name"]: user for user in json.loads(callscribe(guarded, "user", "list", "--json"))}
    assert (users["bot"]["role"], users["ben"]["addresses"]) == ("qa", ["1001"])
    callscribe(guarded, "user", "change", "bot", "--role", "agent", "--address", " 3003 ")
    assert callscribe(guarded, "user", "list", "--json").count('"3003"') == 1
    assert asked(guarded, "/api/v1/calls", bot)["calls"] == []
    callscribe(guarded, "token", "revoke", "bots")
    with pytest.raises(urllib.error.HTTPError) as revoked:
        asked(guarded, "/api/v1/calls", bot)
    revoked.value.close()


@pytest.mark.browser
def test_an_agent_signs_in_reads_the_own_call_and_signs_out(
    guarded: RunningService, token: str, call: Json, browser: Browser
) -> None:
    page = f"{guarded.web}/calls/{call['id']}"
    browser.open(page)
    sign_in(browser, "ben", "wrong password")
    browser.until(lambda: browser.texts("#complaint"), "what was wrong")
    sign_in(browser, "ben", PASSWORD)
    browser.until(lambda: browser.driver.current_url == page, "the call's page")
    browser.until(lambda: len(browser.texts(".said")) > 0, "what was said")
    browser.complaints()
    browser.one(".who button").click()
    browser.until(lambda: browser.driver.current_url.endswith("/login"), "the form")
    browser.open(page)
    browser.until(lambda: "/login?next=" in browser.driver.current_url, "the form again")
    assert not [told for told in browser.complaints() if "Content Security Policy" in told]
    entries = asked(guarded, f"/api/v1/audit?subject={call['id']}", token)["entries"]
    assert {("ben", "transcript.read"), ("ben", "call.read")} & {(entry["by"], entry["action"]) for entry in entries}
    actions = {entry["action"] for entry in asked(guarded, "/api/v1/audit?by=ben", token)["entries"]}
    assert {"user.sign-in-failed", "user.signed-in", "user.signed-out"} <= actions


@pytest.mark.browser
def test_another_agent_finds_no_such_call(guarded: RunningService, call: Json, browser: Browser) -> None:
    browser.open(f"{guarded.web}/login?next=/calls/{call['id']}")
    sign_in(browser, "eve", PASSWORD)
    browser.until(lambda: "Not Found" in "".join(browser.texts("main h1")), "the page that tells so")
    browser.open(f"{guarded.web}/")
    browser.until(lambda: browser.texts(".who span") == ["eve"], "the first page")
    assert call["id"] not in browser.driver.page_source


@pytest.mark.browser
def test_people_come_by_the_identity_provider_and_to_accounts_that_are_linked_with_them(
    guarded: RunningService, provider: IdentityProvider, token: str, call: Json, browser: Browser
) -> None:
    page = f"{guarded.web}/calls/{call['id']}"
    browser.driver.delete_all_cookies()
    come_by_provider(browser, page, provider, {"sub": "77", "preferred_username": "Dan", "extension": "1001"})
    browser.until(lambda: browser.driver.current_url == page, "the call's page")
    browser.until(lambda: len(browser.texts(".said")) > 0, "what was said")
    browser.one(".who button").click()
    browser.until(lambda: browser.texts("#back"), "the provider's farewell")
    come_by_provider(browser, page, provider, {"sub": "88", "preferred_username": "ben", "extension": "1001"})
    browser.until(lambda: browser.texts("#complaint"), "that the account is another's")
    [command] = re.findall(r"callscribe (user link .*)$", browser.texts("#complaint")[0])
    assert callscribe(guarded, *command.split()) == "linked"
    come_by_provider(browser, page, provider, {"sub": "88", "preferred_username": "ben", "extension": "1001"})
    browser.until(lambda: browser.texts(".who span") == ["ben"], "ben")
    actions = {entry["action"] for entry in asked(guarded, "/api/v1/audit?by=dan", token)["entries"]}
    assert {"user.signed-in", "call.read", "user.signed-out"} <= actions
    assert CLIENT_SECRET not in guarded.log

    assert "eyJ" not in guarded.log, "a token in the log"
