"""Signing in and out, and what is open to whom."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest
from sqlalchemy import text
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from callscribe.config.settings import Settings
from callscribe.config.web import WebSettings
from callscribe.console import gate, signing_in
from callscribe.console.app import make_app
from callscribe.console.permissions import RULES, UNKNOWN, Open
from callscribe.console.reading import AGAIN_S
from callscribe.console.route_table import known_routes
from callscribe.console.visitor import Visitor, form_key
from callscribe.domain.access import PERMISSIONS, AccountRole, Permission, Principal, User
from storage.audit import AuditEntry, AuditFilter, AuditLog
from storage.database import Database
from storage.users import UserStore
from tests.console.browser import Browser
from tests.console.conftest import Console, serving
from tests.console.guarding import PASSWORD, guarded_console, sign_in, signed_in, token_for
from tests.console.switchboard import Switchboard

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def guarded(settings: Settings) -> Iterator[Console]:
    with guarded_console(settings) as served:
        yield served


def entries(settings: Settings, action: str, subject: str | None = None) -> list[AuditEntry]:
    database = Database(settings.database.url)
    found = AuditLog(database).entries(AuditFilter(action=action, subject=subject), limit=500).entries
    database.close()
    return list(found)


def concrete(path: str) -> str:
    """The template with something for each part."""
    return re.sub(r"{[^}]*}", "11111111-2222-3333-4444-555555555555", path) + ("/x" if path == "/static" else "")


def test_every_route_is_in_the_table_and_the_table_has_no_other(settings: Settings) -> None:
    app = make_app(replace(settings, web=replace(settings.web, sign_in="on")))
    routes = {(route.method, route.path) for route in known_routes(app)}
    assert len(routes) > 50
    assert sorted(routes - set(RULES)) == [], "only administrators may use these until permissions.py tells who may"
    assert sorted(set(RULES) - routes) == [], "there are no such routes"


def test_a_route_that_the_table_does_not_know_is_for_administrators() -> None:
    assert UNKNOWN.need is Permission.ADMIN
    assert [role for role in AccountRole if Permission.ADMIN in PERMISSIONS[role]] == [AccountRole.ADMIN]


def test_who_has_not_signed_in_gets_nothing_from_any_route(guarded: Console) -> None:
    app = make_app(guarded.settings)
    for route in known_routes(app):
        if route.method == "WEBSOCKET" or route.rule.need is Open.TO_ALL:
            continue
        for headers in ({}, {"cookie": "callscribe=forged"}, {"authorization": "Bearer forged"}):
            answer = guarded.client.request(route.method, concrete(route.path), headers=headers)
            assert answer.status_code == 401, (route.method, route.path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"
    assert guarded.client.get("/api/v1/nothing-here").status_code == 401


@pytest.mark.parametrize("path", ["/api/v1/live/ws", "/api/v1/calls/11111111-2222-3333-4444-555555555555/ws"])
def test_a_websocket_is_refused_before_it_opens(guarded: Console, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(guarded.url.replace("http", "ws") + path):
        pass
    assert refused.value.response.status_code == 401


def test_a_page_leads_to_the_form_and_back(guarded: Console) -> None:
    answer = guarded.client.get("/search?q=refund", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/search%3Fq%3Drefund")
    with httpx.Client(base_url=guarded.url, trust_env=False, headers={"origin": guarded.url}) as client:
        assert sign_in(client, "root", PASSWORD, "/search?q=refund").headers["location"] == "/search?q=refund"
        assert client.get("/search?q=refund", headers={"accept": "text/html"}).status_code == 200


@pytest.mark.parametrize("elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "/\t/evil"])
def test_signing_in_leads_to_no_other_site(guarded: Console, elsewhere: str) -> None:
    with httpx.Client(base_url=guarded.url, trust_env=False, headers={"origin": guarded.url}) as client:
        assert sign_in(client, "root", PASSWORD, elsewhere).headers["location"] == "/"


def test_the_cookie_is_for_the_browser_alone(guarded: Console) -> None:
    with httpx.Client(base_url=guarded.url, trust_env=False, headers={"origin": guarded.url}) as client:
        told = "\n".join(sign_in(client, "root", PASSWORD).headers.get_list("set-cookie"))
        [cookie] = re.findall(r"^callscribe=.*$", told, re.MULTILINE)
        assert re.fullmatch(r"callscribe=[\w-]{43}; HttpOnly; Path=/; SameSite=lax", cookie)


def test_where_people_come_by_https_the_cookie_is_for_that_host_and_tls_only(settings: Settings) -> None:
    with guarded_console(settings) as first:
        web = replace(first.settings.web, public_url="https://calls.example.com")
    with serving(replace(first.settings, web=web)) as secure:
        told = secure.client.get("/login", headers={"host": "calls.example.com"}).headers["set-cookie"]
    assert re.fullmatch(r"__Host-callscribe-form=[\w-]{43}; HttpOnly; Path=/; SameSite=lax; Secure", told)


def test_signing_out_ends_it(guarded: Console) -> None:
    with signed_in(guarded, "qa") as client:
        cookies = {"callscribe": client.cookies["callscribe"]}
        [key] = re.findall(r'name="form_key" value="(\w+)"', client.get("/", headers={"accept": "text/html"}).text)
        assert client.post("/logout", data={"form_key": "guessed"}).status_code == 403
        assert client.get("/api/v1/calls").status_code == 200
        assert client.post("/logout", data={"form_key": key}).headers["location"] == "/login"
    with httpx.Client(base_url=guarded.url, trust_env=False, cookies=cookies) as thief:
        assert thief.get("/api/v1/calls").status_code == 401
    assert entries(guarded.settings, "user.signed-out", "qa")


def test_a_form_that_another_site_filled_in_signs_nobody_in(guarded: Console) -> None:
    fields = {"name": "root", "password": PASSWORD, "form_key": "guessed"}
    assert guarded.client.post("/login", data=fields).status_code == 403
    without_cookie = {**fields, "form_key": form_key("")}
    with httpx.Client(base_url=guarded.url, trust_env=False) as client:
        assert client.post("/login", data=without_cookie).status_code == 403
    assert guarded.client.post("/login", data=fields, headers={"origin": "https://evil.example"}).status_code == 403


def test_a_token_signs_no_browser_out(guarded: Console) -> None:
    before = len(entries(guarded.settings, "user.signed-out", "root"))
    answer = guarded.client.post("/logout", data={"form_key": form_key("")}, headers=token_for(guarded, "root"))
    assert answer.status_code == 403
    assert len(entries(guarded.settings, "user.signed-out", "root")) == before


def test_a_form_of_more_fields_than_ours_is_refused(guarded: Console) -> None:
    answer = guarded.client.post("/login", data={f"field-{number}": "x" for number in range(30)})
    assert answer.status_code == 422
    assert "too many fields" in answer.text


def test_no_secret_shows_where_a_visitor_or_settings_do() -> None:
    user = User("ann", AccountRole.AGENT)
    assert "hidden" not in f"{Visitor(Principal(user, frozenset()), None, 'hidden')}{WebSettings(token='hidden')}"


def test_a_cookie_alone_changes_nothing(guarded: Console) -> None:
    """A browser says which page asks; what does not is no page of ours."""
    words = {"words": [{"text": "Callscribe", "weight": 1.0}]}
    with signed_in(guarded, "root") as client:
        del client.headers["origin"]
        assert client.put("/api/v1/hotwords/forged", json=words).status_code == 403
        assert client.put("/api/v1/hotwords/meant", json=words, headers={"origin": guarded.url}).status_code == 200
    assert guarded.client.get("/api/v1/hotwords", headers=token_for(guarded, "root")).text.count("forged") == 0


@pytest.mark.parametrize(
    ("name", "method", "path", "status"),
    [
        ("agent", "GET", "/api/v1/calls", 200),
        ("agent", "GET", "/api/v1/export", 403),
        ("agent", "GET", "/api/v1/corrections", 403),
        ("agent", "GET", "/api/v1/audit", 403),
        ("agent", "PUT", "/api/v1/hotwords/names", 403),
        ("lead", "GET", "/api/v1/export", 200),
        ("lead", "GET", "/api/v1/quality", 403),
        ("qa", "GET", "/api/v1/quality", 200),
        ("qa", "GET", "/api/v1/audit", 403),
        ("qa", "DELETE", "/api/v1/calls/11111111-2222-3333-4444-555555555555", 403),
        ("root", "GET", "/api/v1/audit", 200),
        ("root", "GET", "/metrics", 200),
    ],
)
def test_a_role_does_what_it_may(guarded: Console, name: str, method: str, path: str, status: int) -> None:
    answer = guarded.client.request(method, path, headers=token_for(guarded, name))
    assert answer.status_code == status, answer.text


def test_a_token_does_what_its_scopes_name(guarded: Console) -> None:
    headers = token_for(guarded, "root", Permission.OPERATION_READ)
    assert guarded.client.get("/metrics", headers=headers).status_code == 200
    assert guarded.client.get("/api/v1/calls", headers=headers).status_code == 403


def test_a_disabled_account_is_out_at_once(guarded: Console) -> None:
    database = Database(guarded.settings.database.url)
    headers = token_for(guarded, "idle-agent")
    with signed_in(guarded, "idle-agent") as client:
        assert client.get("/api/v1/calls").status_code == 200
        UserStore(database).set_disabled("idle-agent", disabled=True, by="tests")
        assert client.get("/api/v1/calls").status_code == 401
    assert guarded.client.get("/api/v1/calls", headers=headers).status_code == 401
    UserStore(database).set_disabled("idle-agent", disabled=False, by="tests")
    database.close()


def test_unknown_names_and_wrong_passwords_are_answered_alike_and_no_typed_name_is_kept(guarded: Console) -> None:
    answers, took = {}, {}
    for name in ("qa", "my-secret-typed-as-name"):
        with httpx.Client(base_url=guarded.url, trust_env=False, headers={"origin": guarded.url}, timeout=20) as client:
            began = time.perf_counter()
            answer = sign_in(client, name, "wrong password")
            took[name] = time.perf_counter() - began
            # The form shows again what was typed, and its key is another browser's.
            answers[name] = re.sub(r'value="[^"]*"', "", answer.text)
            assert answer.status_code == 401
    first, second = answers.values()
    assert first == second
    assert max(took.values()) < 20 * min(took.values())
    failed = entries(guarded.settings, "user.sign-in-failed")
    assert {"qa", "unknown"} <= {entry.subject for entry in failed}
    assert "my-secret" not in str(failed)


def test_who_guesses_has_to_wait_longer_and_longer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # Time stands but where the test lets it pass: on a busy machine a wait would be over before the next attempt.
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(signing_in, "time", SimpleNamespace(monotonic=lambda: clock.now))
    with (
        guarded_console(settings) as fresh,
        httpx.Client(base_url=fresh.url, trust_env=False, headers={"origin": fresh.url}, timeout=20) as client,
    ):
        for _ in range(5):
            assert sign_in(client, "support-lead", "wrong password").status_code == 401
        for wait_s in (1, 2, 4):
            for same in ("SUPPORT-LEAD", "support\x00-lead", "support-lead"):
                answer = sign_in(client, same, PASSWORD)
                assert (answer.status_code, answer.headers.get("retry-after")) == (429, str(wait_s))
            assert sign_in(client, "lead", PASSWORD).status_code == 303
            clock.now += wait_s - 0.5
            assert sign_in(client, "support-lead", PASSWORD).status_code == 429
            clock.now += 0.5
            assert sign_in(client, "support-lead", "wrong password").status_code == 401


def test_who_comes_while_the_database_is_away_has_not_tried(lonely: Console) -> None:
    with serving(replace(lonely.settings, web=replace(lonely.settings.web, sign_in="on"))) as away:
        headers = {"origin": away.url}
        with httpx.Client(base_url=away.url, trust_env=False, headers=headers, timeout=20) as client:
            assert [sign_in(client, "lead", PASSWORD).status_code for _ in range(7)] == [503] * 7


def test_an_ipv4_address_is_one_also_where_the_server_listens_on_ipv6(guarded: Console) -> None:
    headers = {"origin": guarded.url, "x-forwarded-for": "::ffff:192.0.2.7"}
    with httpx.Client(base_url=guarded.url, trust_env=False, headers=headers, timeout=20) as client:
        assert sign_in(client, "my-ipv4-name", PASSWORD).status_code == 401
    assert entries(guarded.settings, "user.sign-in-failed")[0].detail["address"] == "192.0.2.7"


def test_the_audit_log_has_who_read_which_call_once_in_a_while(guarded: Console, switchboard: Switchboard) -> None:
    call = switchboard.start(sip_call_id="read-by-qa@sbc")
    call.final(0, 0, "Good morning.")
    call.end(recording=call.record(1))
    headers = token_for(guarded, "qa")
    for _ in range(2):
        assert guarded.client.get("/api/v1/calls/read-by-qa%40sbc", headers=headers).status_code == 200
        assert guarded.client.get(f"/api/v1/calls/{call.id}/transcript", headers=headers).status_code == 200
        assert guarded.client.get(f"/api/v1/calls/{call.id}/audio", headers=headers).status_code == 200
    for action in ("call.read", "transcript.read", "recording.read"):
        [entry] = entries(guarded.settings, action, str(call.id))
        assert entry.by == "qa"
        assert str(entry.detail["token"]).startswith("qa-")
    assert AGAIN_S >= 600
    before = len(entries(guarded.settings, "calls.exported"))
    for _ in range(2):
        assert guarded.client.get("/api/v1/export", headers=headers).status_code == 200
    assert len(entries(guarded.settings, "calls.exported")) == before + 2


def test_who_holds_rules_against_a_call_must_be_able_to_read_it_and_the_log_has_which(
    guarded: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start(sip_call_id="tried-by-qa@sbc")
    call.end(second_pass=False)
    asking = {"call": "tried-by-qa@sbc"}
    writer = token_for(guarded, "qa", Permission.LISTS_WRITE)
    assert guarded.client.post("/api/v1/rules/test", json=asking, headers=writer).status_code == 403
    reader = token_for(guarded, "qa", Permission.LISTS_WRITE, Permission.CALLS_READ)
    for _ in range(2):
        assert guarded.client.post("/api/v1/rules/test", json=asking, headers=reader).status_code == 200
    first, second = entries(guarded.settings, "rules.tested", str(call.id))
    assert {first.by, second.by} == {"qa"}
    assert str(first.detail["token"]).startswith("qa-")


def test_what_a_user_changes_is_the_users_whatever_name_they_give(guarded: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    call.end(second_pass=False)
    asking = {"by": "Somebody Else", "reason": "case 7"}
    answer = guarded.client.put(f"/api/v1/calls/{call.id}/hold", json=asking, headers=token_for(guarded, "root"))
    assert answer.status_code == 200, answer.text
    [entry] = entries(guarded.settings, "call.held", str(call.id))
    assert (entry.by, entry.detail["user"]) == ("Somebody Else", "root")


@pytest.fixture
def impatient(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """One that looks often whether readers of streams may go on."""
    monkeypatch.setattr(gate, "RECHECK_S", 0.2)
    with guarded_console(settings) as served:
        yield served


def test_streams_end_once_their_reader_has_signed_out(impatient: Console, settings: Settings) -> None:
    database = Database(settings.database.url)
    url = impatient.url.replace("http", "ws") + "/api/v1/live/ws"
    with signed_in(impatient, "lead") as client, ExitStack() as stack:
        cookie = {"cookie": f"callscribe={client.cookies['callscribe']}"}
        socket = stack.enter_context(connect(url, additional_headers=cookie))
        with client.stream("GET", "/api/v1/live/events") as stream:
            assert stream.status_code == 200
            time.sleep(0.5)
            UserStore(database).set_password("lead", PASSWORD, "tests")
            # Whole: a stream that breaks off would raise.
            assert "retry:" in "".join(stream.iter_text())
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == gate.CODE_SIGNED_OUT
    database.close()


@pytest.mark.browser
def test_a_page_whose_reader_was_signed_out_leads_to_the_form(
    impatient: Console, settings: Settings, browser: Browser
) -> None:
    database = Database(settings.database.url)
    browser.open(f"{impatient.url}/login?next=/%3Ftrunk%3Dsbc")
    browser.press("qa", "\ue004")
    browser.press(PASSWORD, "\ue007")
    browser.until(lambda: browser.texts(".who span") == ["qa"], "the floor")
    browser.until(lambda: browser.one("#floor").get_attribute("aria-busy") == "false", "what goes on")
    UserStore(database).set_password("qa", PASSWORD, "tests")
    browser.until(lambda: browser.driver.current_url.endswith("/login?next=%2F%3Ftrunk%3Dsbc"), "the form")
    database.close()


@pytest.mark.browser
def test_who_has_signed_in_is_not_asked_for_a_name_to_save_a_search(guarded: Console, browser: Browser) -> None:
    browser.open(f"{guarded.url}/login?next=/search%3Fq%3Drefund")
    browser.press("qa", "\ue004")
    browser.press(PASSWORD, "\ue007")
    browser.until(lambda: browser.texts(".who span") == ["qa"], "the page")
    browser.until(lambda: browser.one("#save button").is_enabled(), "a search that can be saved")
    assert browser.all("#save [name=by]") == []
    browser.one("#save [name=name]").send_keys("of qa\ue007")
    browser.until(lambda: "of qa" in browser.texts("#saved a"), "the saved search")
    found = guarded.client.get("/api/v1/searches/of qa", headers=token_for(guarded, "qa")).json()
    assert (found["by"], found["query"]) == ("qa", "refund")


def test_an_open_page_is_idle_where_nobody_asks_for_anything(impatient: Console, settings: Settings) -> None:
    database = Database(settings.database.url)
    with signed_in(impatient, "lead") as client:
        with client.stream("GET", "/api/v1/live/events") as stream:
            assert stream.status_code == 200
            seen_at = _asked_earlier(database, 59)
            time.sleep(1)
            assert _asked_earlier(database, 2) == seen_at - timedelta(minutes=2), "the stream asked by itself"
            # It ends, whole.
            assert "retry:" in "".join(stream.iter_text())
        assert client.get("/api/v1/calls").status_code == 401
    database.close()


def _asked_earlier(database: Database, minutes: int) -> datetime:
    """When lead's browsers asked last, now that it was so much earlier."""
    earlier = text("UPDATE sign_ins SET seen_at = seen_at - :by WHERE user_name = 'lead' RETURNING seen_at")
    with database.transaction() as session:
        times: list[datetime] = list(session.scalars(earlier, {"by": timedelta(minutes=minutes)}))
    return max(times)


def test_without_sign_in_nothing_is_asked(console: Console) -> None:
    assert console.client.get("/api/v1/calls").status_code == 200
    assert console.client.get("/login").status_code == 404
