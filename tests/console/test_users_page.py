"""The page on which administrators look after users and tokens, as people use it."""

from collections.abc import Iterator

import httpx
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from callscribe.config.settings import Settings
from callscribe.domain.access import AccountRole, User
from storage.database import Database
from storage.users import UserChange, UserStore
from tests.console.browser import Browser
from tests.console.conftest import Console
from tests.console.guarding import PASSWORD, guarded_console, sign_in

pytestmark = [pytest.mark.integration, pytest.mark.browser]

TAB, ENTER, ESCAPE = "\ue004", "\ue007", "\ue00c"
OTHER = "another good password"


@pytest.fixture(scope="module")
def guarded(settings: Settings) -> Iterator[Console]:
    with guarded_console(settings) as served:
        yield served


@pytest.fixture
def page(guarded: Console, browser: Browser) -> Iterator[Browser]:
    """The page, looked at by root."""
    browser.open(f"{guarded.url}/login?next=/admin/users")
    if "/login" in browser.driver.current_url:
        browser.press("root", TAB)
        browser.press(PASSWORD, ENTER)
    browser.until(lambda: row(browser, "users", "root"), "the users")
    browser.complaints()
    yield browser
    browser.driver.delete_all_cookies()


def row(browser: Browser, table: str, name: str) -> list[str]:
    """The cells of a row, by its name."""
    script = """
      const found = [...document.querySelectorAll(`#${arguments[0]} tbody tr`)]
        .find((row) => row.querySelector("th").textContent === arguments[1]);
      return found ? [...found.children].map((cell) => cell.textContent) : [];
    """
    return [str(text) for text in browser.run(script, table, name)]


def click(browser: Browser, label: str) -> None:
    """The button of this label."""
    browser.one(f'button[aria-label="{label}"]').click()


def may_sign_in(console: Console, name: str, password: str) -> bool:
    with httpx.Client(base_url=console.url, trust_env=False, headers={"origin": console.url}, timeout=20) as client:
        return sign_in(client, name, password).status_code == 303


def test_a_user_is_added_by_keyboard_changed_and_disabled(page: Browser, guarded: Console, database: Database) -> None:
    page.one("#user-add").send_keys(ENTER)
    page.press("Wanda", TAB)
    page.press("Supervisor", TAB)
    page.press("sales", TAB)
    page.press("1060, sip:wanda@example.com", TAB)
    page.press("short", ENTER)
    assert page.run("return document.querySelector('#user-dialog').open"), "the browser tells what is too short"
    page.press(PASSWORD, ENTER)
    page.until(lambda: row(page, "users", "wanda"), "the new user")
    assert row(page, "users", "wanda")[1:6] == [
        "Supervisor", "sales", "1060, sip:wanda@example.com", "password", "not signed in",
    ]  # fmt: skip
    page.until(lambda: page.focused() == "Change wanda", "the focus in the new row")
    assert "wanda was added." in page.texts("#announcer p")
    assert may_sign_in(guarded, "wanda", PASSWORD + "short") or may_sign_in(guarded, "wanda", "short" + PASSWORD)
    page.press(ENTER)
    Select(page.one("#user-dialog select")).select_by_value("agent")
    page.one("#user-dialog [name=team]").clear()
    page.one("#user-dialog [name=team]").send_keys(ENTER)
    page.until(lambda: row(page, "users", "wanda")[1:3] == ["Agent", "–"], "the change")
    changed = User("wanda", AccountRole.AGENT, "", ("1060", "sip:wanda@example.com"))
    assert UserStore(database).named("wanda") == changed
    page.shoot("users")
    click(page, "Disable wanda")
    page.until(lambda: page.texts("dialog[open] h2") == ["Disable wanda?"], "the question")
    page.press(ESCAPE)
    page.until(lambda: not page.all("dialog[open]"), "no question")
    assert row(page, "users", "wanda")[5] != "disabled"
    click(page, "Disable wanda")
    page.one("dialog[open] button.danger").click()
    page.until(lambda: row(page, "users", "wanda")[5:6] == ["disabled"], "that it is disabled")
    page.until(lambda: page.focused() == "Enable wanda", "the focus where it was")
    page.press(ENTER)
    page.until(lambda: row(page, "users", "wanda")[5:6] == ["not signed in"], "that it is enabled")
    assert page.complaints() == []


def test_what_somebody_else_changes_of_a_user_meanwhile_stays(page: Browser, database: Database) -> None:
    users = UserStore(database)
    users.add(User("shared", AccountRole.AGENT, "sales", ("1070",)), PASSWORD, "tests")
    page.driver.refresh()
    page.until(lambda: row(page, "users", "shared"), "the user")
    click(page, "Change shared")
    Select(page.one("#user-dialog select")).select_by_value("supervisor")
    users.amend("shared", UserChange(team="support"), "tests")
    page.one("#user-dialog [type=submit]").click()
    page.until(lambda: row(page, "users", "shared")[1:3] == ["Supervisor", "support"], "both changes")
    assert users.named("shared") == User("shared", AccountRole.SUPERVISOR, "support", ("1070",))


def test_a_password_is_set_and_can_be_looked_at(page: Browser, guarded: Console) -> None:
    click(page, "Set the password of idle-agent")
    page.until(lambda: page.texts("#password-whose") == ["idle-agent"], "whose password")
    assert page.run("return document.activeElement.id") == "new-password"
    page.press(OTHER)
    show = page.one("#password-dialog [data-reveal]")
    show.click()
    assert page.one("#new-password").get_attribute("type") == "text"
    assert (show.text, show.get_attribute("aria-pressed")) == ("Hide", "true")
    page.one("#new-password").send_keys(ENTER)
    page.until(lambda: not page.all("dialog[open]"), "the page")
    page.until(lambda: "idle-agent has another password." in page.texts("#announcer p"), "what is told")
    assert may_sign_in(guarded, "idle-agent", OTHER)


def test_what_the_server_refuses_is_told_where_it_was_typed(page: Browser, database: Database) -> None:
    page.one("#user-add").send_keys(ENTER)
    page.press("QA")
    page.one("#user-dialog [type=submit]").click()
    page.until(lambda: page.texts("#user-dialog .mistake[data-of=name]"), "the mistake")
    assert "already" in page.texts("#user-dialog .mistake[data-of=name]")[0]
    assert page.run("return document.activeElement.name") == "name"
    assert page.one("#user-dialog [name=name]").get_attribute("aria-invalid") == "true"
    page.press(ESCAPE)
    for user in UserStore(database).all():
        if user.role is AccountRole.ADMIN and user.name != "root":
            UserStore(database).set_disabled(user.name, disabled=True, by="tests")
    click(page, "Disable root")
    page.one("dialog[open] button.danger").click()
    page.until(lambda: "make another one first" in "".join(page.texts("dialog[open] .mistake")), "why not")
    page.press(ESCAPE)


def test_a_token_is_shown_once_copied_used_and_revoked(page: Browser, guarded: Console) -> None:
    page.one("#token-add").send_keys(ENTER)
    page.until(lambda: page.all("#token-dialog[open]"), "the form")
    page.press("crm page")
    Select(page.one("#token-dialog [name=owner]")).select_by_value("lead")
    Select(page.one("#token-dialog [name=days]")).select_by_value("0")
    page.one("#token-dialog [type=submit]").click()
    page.until(lambda: "Choose what" in "".join(page.texts("#token-dialog .mistake")), "that it may nothing")
    page.one('#token-dialog [value="calls:read"]').click()
    page.shoot("token-new")
    page.one("#token-dialog [type=submit]").click()
    page.until(lambda: page.all("#secret-dialog[open]"), "the secret")
    secret = str(page.one("#secret").get_attribute("value"))
    page.one("#secret-copy").click()
    page.until(lambda: page.texts("#secret-copied") == ["Copied."], "that it is copied")
    page.shoot("token-secret")
    page.one("#secret-dialog [type=submit]").click()
    page.until(lambda: row(page, "tokens", "crm page"), "the token")
    assert row(page, "tokens", "crm page")[1:5] == ["lead", "calls:read", "never", "never"]
    assert secret not in page.driver.page_source
    assert page.one("#secret").get_attribute("value") == ""
    # What was copied is in the clipboard: it is pasted where something can be typed.
    page.one("#user-add").send_keys(ENTER)
    page.one("#user-dialog [name=name]").send_keys("\ue009v")
    assert page.one("#user-dialog [name=name]").get_attribute("value") == secret
    page.press(ESCAPE)
    headers = {"authorization": f"Bearer {secret}"}
    assert guarded.client.get("/api/v1/calls", headers=headers).status_code == 200
    click(page, "Revoke crm page")
    page.one("dialog[open] button.danger").click()
    page.until(lambda: not row(page, "tokens", "crm page"), "that it is gone")
    assert guarded.client.get("/api/v1/calls", headers=headers).status_code == 401
    assert page.complaints() == []


def test_people_change_their_own_password(guarded: Console, browser: Browser, database: Database) -> None:
    UserStore(database).set_password("idle-agent", PASSWORD, "tests")
    browser.open(f"{guarded.url}/login")
    browser.press("idle-agent", TAB)
    browser.press(PASSWORD, ENTER)
    browser.until(lambda: browser.texts(".who span") == ["idle-agent"], "the first page")
    browser.one(".who a").click()
    browser.until(lambda: browser.texts(".account h1") == ["Your account"], "the account")
    browser.complaints()
    browser.one("#old").send_keys("wrong password", TAB)
    browser.press(OTHER, ENTER)
    browser.until(lambda: "not the password" in "".join(browser.texts(".mistake[data-of=old]")), "what is wrong")
    browser.shoot("account")
    browser.complaints()
    browser.one("#old").clear()
    browser.one("#old").send_keys(PASSWORD, ENTER)
    browser.until(lambda: browser.texts("#password-changed") == ["Your password is changed."], "that it is changed")
    assert browser.complaints() == []
    browser.open(f"{guarded.url}/account")
    browser.until(lambda: browser.texts(".who span") == ["idle-agent"], "that this browser stays signed in")
    assert may_sign_in(guarded, "idle-agent", OTHER)
    assert not may_sign_in(guarded, "idle-agent", PASSWORD)
    browser.driver.delete_all_cookies()


def test_the_navigation_leads_there_and_all_is_labelled(page: Browser) -> None:
    assert "Users and tokens" in page.texts(".admin-nav a[aria-current=page]")
    unlabelled = """
      return [...document.querySelectorAll("input, select, textarea, button")].filter((each) =>
        !each.labels?.length && !each.ariaLabel && !each.textContent.trim() && each.type !== "hidden").length
    """
    assert page.run(unlabelled) == 0
    page.size(390, 844, mobile=True)
    assert page.widest() == 0
    page.size(1360, 860)


def test_where_nobody_signs_in_the_page_says_so(console: Console, browser: Browser) -> None:
    browser.open(f"{console.url}/admin/users")
    browser.until(lambda: browser.texts(".users-off"), "that sign-in is off")
    assert "web.sign_in" in browser.texts(".users-off")[0]
    assert browser.driver.find_element(By.ID, "user-add").is_enabled()
    browser.shoot("users-off")


def test_the_page_speaks_chinese(console: Console, browser: Browser) -> None:
    browser.open(f"{console.url}/admin/users")
    browser.driver.add_cookie({"name": "callscribe-language", "value": "zh"})
    browser.open(f"{console.url}/admin/users")
    browser.until(lambda: "添加用户" in "".join(browser.texts("#user-add")), "Chinese")
    browser.until(lambda: browser.all("#tokens[aria-busy=false]"), "the tokens")
    browser.shoot("users-zh")
    browser.driver.delete_cookie("callscribe-language")
