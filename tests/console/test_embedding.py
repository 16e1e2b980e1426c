"""The desk in a frame of another origin: as an iframe, as an element with events, and refused."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from callscribe.config.settings import Settings
from callscribe.config.web import WebSettings
from tests.console.browser import Browser
from tests.console.conftest import Console, serving
from tests.console.guarding import guarded_console, sign_in
from tests.console.switchboard import Switchboard
from tests.console.test_desk_page import Desk

pytestmark = [pytest.mark.integration, pytest.mark.browser]

PAGE = """<!doctype html><meta charset="utf-8"><title>CRM</title><main><h1>A customer's record</h1>
<script src="{server}/static/callscribe-desk.js"></script><script>
window.told = [];
for (const name of ["call-started", "call-ended", "final", "card"])
  addEventListener(name, ({detail}) => told.push([name, detail.call.id, detail.title || detail.text || ""]));
window.messages = [];
addEventListener("message", (event) => messages.push(event.data.type));
</script>{body}</main>"""
ELEMENT = '<callscribe-desk server="{server}" address="{address}" style="height: 640px"></callscribe-desk>'
IFRAME = '<iframe src="{server}/desk?address={address}" style="width: 100%; height: 640px"></iframe>'


@contextmanager
def crm(pages: dict[str, str]) -> Iterator[str]:
    """A site of its own: its pages by path; yields its origin."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path, "").encode()
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@pytest.fixture
def desk(switchboard: Switchboard) -> Iterator[Desk]:
    made = Desk(switchboard, "77042")
    yield made
    made.close()


def embedding(settings: Settings, origin: str) -> Settings:
    return replace(settings, web=replace(settings.web, embed_origins=(origin,)))


def in_frame(browser: Browser, selector: str) -> list[str]:
    browser.driver.switch_to.frame(browser.one("iframe"))
    try:
        return browser.texts(selector)
    finally:
        browser.driver.switch_to.default_content()


def test_a_listed_page_has_the_desk_both_ways_and_hears_of_its_calls(
    browser: Browser, settings: Settings, desk: Desk
) -> None:
    pages: dict[str, str] = {}
    with crm(pages) as origin, serving(embedding(settings, origin)) as console:
        for path, body in (("/element", ELEMENT), ("/iframe", IFRAME)):
            pages[path] = (
                PAGE.replace("{body}", body).replace("{server}", console.url).replace("{address}", desk.address)
            )
        browser.open(f"{origin}/element")
        browser.until(lambda: in_frame(browser, "#connection") == ["Live"], "the desk in the element")
        call = desk.ring()
        said = call.final(1, 1000, "my card is lost")
        call.card(1100, said, title="Block the card", severity="critical")
        browser.until(lambda: in_frame(browser, ".assist-title") == ["Block the card"], "the card in the frame")
        browser.shoot("desk-embedded")
        call.end(second_pass=False)
        wanted = [
            ["call-started", str(call.id), ""],
            ["final", str(call.id), "my card is lost"],
            ["card", str(call.id), "Block the card"],
            ["call-ended", str(call.id), ""],
        ]
        browser.until(
            lambda: sorted(browser.run("return told")) == sorted(wanted),
            f"the events, only {browser.run('return told')}",
        )
        browser.open(f"{origin}/iframe")
        browser.until(lambda: in_frame(browser, "#connection") == ["Live"], "the desk in the iframe")
        assert in_frame(browser, "html[data-framed=true] .desk-title") == ["My desk"]


def test_a_page_that_is_not_listed_gets_no_frame_and_no_message(
    browser: Browser, settings: Settings, desk: Desk
) -> None:
    pages: dict[str, str] = {}
    call = desk.ring()
    with crm(pages) as origin, serving(embedding(settings, "https://crm.example.com")) as console:
        pages["/"] = PAGE.replace("{body}", ELEMENT).replace("{server}", console.url).replace("{address}", desk.address)
        browser.open(origin)
        refused = "frame-ancestors https://crm.example.com"
        browser.until(lambda: any(refused in line for line in browser.complaints()), "the refusal")
        call.final(1, 1000, "for the agent only")
        call.end(second_pass=False)
        # Somebody who opens the desk in a window of their own and asks there is no frame's page either.
        assert browser.run("return [told, messages]") == [[], []]


def test_a_listed_frame_hears_no_stranger(browser: Browser, settings: Settings, desk: Desk) -> None:
    """A page within the frame's reach that is not around it, or is of another origin, is told nothing."""
    pages: dict[str, str] = {}
    with crm(pages) as origin, serving(embedding(settings, origin)) as console:
        pages["/"] = PAGE.replace("{body}", IFRAME).replace("{server}", console.url).replace("{address}", desk.address)
        browser.open(origin)
        browser.until(lambda: in_frame(browser, "#connection") == ["Live"], "the desk")
        call = desk.ring()
        call.final(1, 1000, "said before anybody asked")
        browser.until(lambda: in_frame(browser, ".utterance .committed") == ["said before anybody asked"], "the words")
        # Nobody has said hello: what is told is held back, but that the frame is ready.
        assert set(browser.run("return messages")) <= {"callscribe:ready"}
        # An answer of the wrong kind does not open it.
        browser.run(
            f"document.querySelector('iframe').contentWindow.postMessage({{type: 'hello'}}, {json.dumps(console.url)})"
        )
        call.final(0, 4000, "and still nobody")
        browser.until(lambda: len(in_frame(browser, ".utterance .committed")) == 2, "the second line")
        assert set(browser.run("return messages")) <= {"callscribe:ready"}


def test_a_frame_tells_what_failed_and_leads_to_the_desk(browser: Browser, settings: Settings, desk: Desk) -> None:
    pages: dict[str, str] = {}
    with crm(pages) as origin, serving(embedding(settings, origin)) as console:
        pages["/"] = PAGE.replace("{body}", IFRAME.replace("/desk", "/calls/gone")).replace("{server}", console.url)
        browser.open(origin)
        browser.until(lambda: in_frame(browser, ".empty-title") == ["Not Found"], "what failed")
        browser.driver.switch_to.frame(browser.one("iframe"))
        assert [link.text for link in browser.all("header a, main a, footer a") if link.is_displayed()] == ["Try again"]
        browser.one(".empty .button").click()
        browser.until(lambda: "Whose calls?" in browser.texts("#empty-title"), "the desk")
        browser.driver.switch_to.default_content()


def test_headers_let_the_desk_alone_into_frames(settings: Settings, console: Console) -> None:
    with serving(embedding(settings, "https://crm.example.com")) as embedded:
        for path, framed in (
            ("/desk", True),
            ("/login", True),
            ("/", False),
            ("/search", False),
            ("/api/v1/live", False),
            ("/calls/gone", True),
        ):
            headers = embedded.client.get(path).headers
            assert ("frame-ancestors https://crm.example.com" in headers["content-security-policy"]) is framed, path
            assert ("frame-ancestors 'none'" in headers["content-security-policy"]) is not framed, path
            assert headers.get("x-frame-options") == (None if framed else "DENY"), path
        script = embedded.client.get("/static/callscribe-desk.js")
        assert (script.status_code, script.headers["cross-origin-resource-policy"]) == (200, "cross-origin")
        assert embedded.client.get("/static/desk.js").headers["cross-origin-resource-policy"] == "same-origin"
    assert console.client.get("/desk").headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("url", ["https://callscribe.example.com", ""])
def test_the_sign_in_reaches_frames_of_other_sites_over_tls_only(settings: Settings, url: str) -> None:
    web = replace(settings.web, public_url=url, embed_origins=("https://crm.example.com",))
    with guarded_console(replace(settings, web=web)) as guarded:
        headers = {"origin": guarded.url}
        with httpx.Client(base_url=guarded.url, timeout=20, trust_env=False, headers=headers) as client:
            cookies = client.get("/login").headers.get_list("set-cookie")
            if not url:
                cookies += sign_in(client, "agent", "correct horse battery").headers.get_list("set-cookie")
    for cookie in cookies:
        framed = "SameSite=none; Secure; Partitioned" in cookie or "Secure; Partitioned" in cookie
        assert framed is bool(url), cookie
        assert ("SameSite=lax" in cookie) is not bool(url), cookie


@pytest.mark.parametrize(
    "origin",
    ["crm.example.com", "https://crm.example.com/", "https://*.example.com", "*", "https://a b", "https://a;b"],
)
def test_only_whole_origins_are_taken(origin: str) -> None:
    with pytest.raises(ValueError, match="embed_origins"):
        WebSettings(embed_origins=(origin,))
