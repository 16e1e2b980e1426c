"""Every page for everybody: what axe-core says of it, in both themes and languages, on a phone, and what it weighs."""

import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import selenium_axe_python
from selenium.webdriver.support.ui import Select

from callscribe.config.settings import Settings
from callscribe.console.admin import ADMIN_PLACES
from callscribe.console.pages import PLACES
from callscribe.console.permissions import RULES
from callscribe.console.reference import API
from callscribe.console.theme import COOKIE as THEME
from callscribe.console.wording import COOKIE as LANGUAGE
from callscribe.console.wording import LANGUAGES
from callscribe.events.publisher import publish_now
from storage.database import Database
from tests.console.browser import Browser
from tests.console.conftest import Console
from tests.console.guarding import guarded_console, signed_in
from tests.console.switchboard import Switchboard

pytestmark = [pytest.mark.integration, pytest.mark.browser]

AXE = Path(selenium_axe_python.__file__).parent / "axe-core" / "axe.min.js"
RULE_SETS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AUDIT = """
const told = arguments[arguments.length - 1];
axe.run(document, { runOnly: arguments[0], resultTypes: ["violations"] }).then(
  ({ violations }) => told(violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help}: ${node.target.join(" ")} ${node.any[0]?.message ?? ""}`))),
  (error) => told([String(error)]),
);
"""
SETTLED = """
const shown = (each) => each.checkVisibility();
return document.readyState === "complete" && ![...document.querySelectorAll('[aria-busy="true"]')].some(shown);
"""
SPILLING = """
const edge = document.documentElement.clientWidth;
return [...document.querySelectorAll("main :not(nav *)")].filter((each) => each.getBoundingClientRect().right > edge)
  .map((each) => each.outerHTML.slice(0, 120)).slice(0, 5);
"""
"""What reaches beyond the window."""
STATUS = "return performance.getEntriesByType('navigation')[0].responseStatus"
WEIGHT = """
const [page] = performance.getEntriesByType("navigation");
const files = performance.getEntriesByType("resource").filter(({ name }) => name.includes("/static/"));
return { ms: performance.now(), bytes: [page, ...files].map(({ encodedBodySize }) => encodedBodySize + 300) };
"""
LIMIT_BYTES = 200_000
"""Of a page with its styles, scripts and catalogue, as they are sent, each with 300 bytes of headers."""
NO_PAGES = {"/healthz", "/readyz", "/static", "/metrics", "/login/oidc", "/login/oidc/callback"}
CHOSEN = ("/admin/hotwords#shown", "/admin/rules#shown", "/admin/scorecards#shown")
"""Pages on which something is chosen to be edited."""
DIALOGS = (
    ("/admin/users", "", "#user-add"),
    ("/admin/users", "", "#token-add"),
    ("/admin/users", "", "[data-user=agent] .acts button:nth-child(2)"),
    ("/admin/users", "", "[data-user=agent] .acts button:nth-child(3)"),
    ("/admin/retention", "#hold-form [name=call]", "#hold-form button"),
    ("/admin/retention", "#erase-call [name=call]", "#erase-call button"),
    ("/admin/jobs", "", "#retry-all"),
    ("/admin/hotwords#shown", "", "#delete-list"),
    ("/admin/rules#shown", "", "#delete-rule"),
    ("/admin/scorecards#shown", "", "#delete-card"),
    ("/search", "", "#keys-help"),
)
"""Where a dialog is opened: the page, the field for a call's id where it asks for one, and the button."""
SEEN_AS = tuple(zip(LANGUAGES, ("light", "dark"), strict=True))
"""Each language and each theme once: a theme has the colours, a language the words."""
ROLES = {"/desk": "agent"}
"""Who looks at a page; "root" where nobody stands here."""


@dataclass(frozen=True, slots=True)
class World:
    """A console and what its pages have to show."""

    console: Console
    live: str
    """Id of a call that goes on."""
    ended: str
    sign_ins: dict[str, tuple[str, str]]
    """The cookie's name and value, by user."""


def _paths() -> list[str]:
    """Templates of all pages that the application has, and of what is no page."""
    found = [path for method, path in RULES if method == "GET" and not path.startswith(f"{API}/")]
    return [*sorted(set(found) - NO_PAGES), *CHOSEN, "/calls/{ended}", "/nothing-here"]


def _make_what_is_chosen(console: Console) -> None:
    """What CHOSEN names."""
    said = {"kind": "said", "name": "greeting", "phrases": ["good morning"]}
    wanted = {
        "hotwords": {"words": [{"text": "Callscribe", "weight": 2}, {"text": "Weber"}]},
        "rules": {"when": {"kind": "phrase", "phrases": ["money back"]}, "title": "Refund"},
        "scorecards": {"by": "root", "rules": [said]},
    }
    with signed_in(console, "root") as client:
        for kind, content in wanted.items():
            answer = client.put(f"{API}/{kind}/shown", json=content)
            assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def world(settings: Settings) -> Iterator[World]:
    database = Database(settings.database.url)

    board = Switchboard(
        database,
        settings.recordings_folder,
        lambda event: publish_now(settings.events.url, [event], settings.events.stream_length),
    )
    with guarded_console(settings) as console:
        ended = board.start(started_at=datetime.now(UTC) - timedelta(minutes=5))
        first = ended.final(0, 600, "Good morning, Weber's heating service, you are speaking with Anna.")
        second = ended.final(1, 4800, "Hello, our boiler stopped last night.")
        ended.card(5000, second, title="Boiler", text="Ask for the code on the display.", severity="warning")
        ended.end(recording=ended.record(20))
        ended.second_pass([(first, "Good morning, Weber's Heating Service, you are speaking with Anna.")])
        broken = board.start()
        broken.end()
        broken.fail_second_pass("The recording cannot be read.")
        _make_what_is_chosen(console)
        live = board.start(trunk="frankfurt-am-main-customer-service-second-carrier")
        live.final(0, 600, "Good morning, how can I help you?")
        said = live.final(1, 4800, "I want my money back.")
        live.card(
            5600, said, title="Refund", text="Read out the refund policy.", link="https://wiki.example.com/refund"
        )
        live.partial(1, 9000, "The boiler was", "bought in")
        sign_ins = {}
        for name in ("root", "agent"):
            with signed_in(console, name) as client:
                sign_ins[name] = next(iter(client.cookies.items()))
        yield World(console, str(live.id), str(ended.id), sign_ins)
        live.end(second_pass=False)
    database.close()


def show(browser: Browser, world: World, path: str, **cookies: str) -> None:
    """Open a page as somebody who may see it, with these choices, and wait for all that it shows."""
    browser.driver.delete_all_cookies()
    browser.open(f"{world.console.url}/static/icon.svg")
    name, value = world.sign_ins[ROLES.get(path, "root")]
    if path != "/login":
        browser.driver.add_cookie({"name": name, "value": value, "path": "/"})
    for choice, chosen in cookies.items():
        browser.driver.add_cookie({"name": choice, "value": chosen, "path": "/"})
    browser.open(world.console.url + path.replace("{key:path}", world.live).replace("{ended}", world.ended))
    browser.until(lambda: browser.run(SETTLED), f"all of {path}")
    assert browser.run(STATUS) == (404 if path == "/nothing-here" else 200)


def complaints(browser: Browser) -> list[str]:
    """What axe-core finds on the page."""
    browser.run(AXE.read_text(encoding="utf-8"))
    return [str(found) for found in browser.driver.execute_async_script(AUDIT, RULE_SETS)]


@pytest.mark.parametrize("path", _paths())
def test_axe_finds_no_fault_on_any_page(browser: Browser, world: World, path: str) -> None:
    for language, theme in SEEN_AS:
        show(browser, world, path, **{LANGUAGE: language, THEME: theme})
        assert browser.run("return document.documentElement.lang") == language
        assert complaints(browser) == [], (language, theme)


@pytest.mark.parametrize(("path", "field", "button"), DIALOGS)
def test_axe_finds_no_fault_in_an_open_dialog(
    browser: Browser, world: World, path: str, field: str, button: str
) -> None:
    for language, theme in SEEN_AS:
        show(browser, world, path, **{LANGUAGE: language, THEME: theme})
        open_dialog(browser, world, field, button)
        assert complaints(browser) == [], (language, theme)


def open_dialog(browser: Browser, world: World, field: str, button: str) -> None:
    """As a person would."""
    browser.until(lambda: browser.all(button) and browser.one(button).is_displayed(), button)
    if field:
        browser.one(field).send_keys(world.ended)
    browser.one(button).click()
    browser.until(lambda: browser.all("dialog[open]"), f"the dialog of {button}")


def test_every_page_that_people_are_led_to_is_looked_at() -> None:
    places = {place[0] for place in (*PLACES, *ADMIN_PLACES)}
    assert sorted((places | {"/account", "/admin", "/login"}) - set(_paths())) == []


def test_axe_finds_a_fault_in_a_dialog_where_there_is_one(browser: Browser, world: World) -> None:
    show(browser, world, "/admin/users")
    open_dialog(browser, world, "", "#user-add")
    browser.run("for (const words of document.querySelectorAll('dialog[open] label > *:not([name])')) words.remove()")
    assert "label: " in "\n".join(complaints(browser))


def test_axe_finds_a_fault_where_there_is_one(browser: Browser, world: World) -> None:
    show(browser, world, "/login")
    browser.run("document.querySelector('label[for=name]').remove(); document.querySelector('h1').style.color = '#ccc'")
    found = "\n".join(complaints(browser))
    assert "label: " in found
    assert "color-contrast: " in found


@pytest.mark.parametrize("path", _paths())
def test_a_page_fits_a_phone(browser: Browser, world: World, path: str) -> None:
    for language in LANGUAGES:
        show(browser, world, path, **{LANGUAGE: language})
        browser.size(360, 740, mobile=True)
        try:
            assert browser.widest() == 0, browser.run(SPILLING)
        finally:
            browser.size(1360, 860)


@pytest.mark.parametrize("path", _paths())
def test_a_page_is_light(browser: Browser, world: World, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    show(browser, world, path, **{LANGUAGE: "zh"})
    found = browser.run(WEIGHT)
    sent = sum(found["bytes"])
    with capsys.disabled():
        sys.stdout.write(
            f"\n{path}: {len(found['bytes'])} files, {sent / 1000:.0f} kB, all there after {found['ms']:.0f} ms"
        )
    assert min(found["bytes"]) > 300
    assert sent < LIMIT_BYTES


def test_files_of_pages_are_kept_until_they_change(console: Console) -> None:
    name = re.findall(r'href="(/static/[^"]*/style.css)"', console.client.get("/").text)[0]
    kept = console.client.get(name, headers={"accept-encoding": "gzip"})
    assert "immutable" in kept.headers["cache-control"]
    assert kept.headers["content-encoding"] == "gzip"
    plain = console.client.get("/static/style.css", headers={"accept-encoding": "identity"})
    assert plain.headers["cache-control"] == "no-cache"
    assert plain.text == kept.text
    assert console.client.get("/static/style.css", headers={"if-none-match": plain.headers["etag"]}).status_code == 304
    assert console.client.get("/static/0123456789ab/style.css").status_code == 404


def test_a_person_chooses_language_and_theme(browser: Browser, console: Console) -> None:
    browser.open(console.url)
    browser.driver.delete_all_cookies()
    browser.open(console.url)
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = browser.run(ground)
    browser.scheme("dark")
    dark = browser.run(ground)
    assert dark != light, "as the system says"
    Select(browser.one("#choose-theme")).select_by_visible_text("Light")
    assert browser.run(ground) == light
    browser.scheme("light")
    Select(browser.one("#choose-theme")).select_by_visible_text("Dark")
    assert browser.run(ground) == dark
    Select(browser.one("#choose-language")).select_by_visible_text("中文")
    browser.until(lambda: browser.run("return document.documentElement.lang") == "zh", "the page in Chinese")
    browser.open(f"{console.url}/search")
    assert browser.one("#choose-theme").get_attribute("value") == "dark"
    assert browser.one(".nav [aria-current]").text == "搜索"
    assert browser.run(ground) == dark
    kept = {cookie["name"]: cookie for cookie in browser.driver.get_cookies()}
    assert {name: cookie["sameSite"] for name, cookie in kept.items()} == {LANGUAGE: "Lax", THEME: "Lax"}
    assert all(cookie["expiry"] > time.time() + 360 * 24 * 3600 for cookie in kept.values())
    browser.driver.delete_all_cookies()
