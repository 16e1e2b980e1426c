"""The page with a microphone in a real headless Chromium, its WebSocket and its recorder in the test's hand."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from callscribe.live.ingest import http
from tests.console.browser import Browser, chromium, require_chromium

pytestmark = pytest.mark.browser

FAKES = """
    window.sockets = [];
    window.WebSocket = class {
        static CONNECTING = 0;
        static OPEN = 1;
        readyState = 0;
        sent = [];
        constructor() { sockets.push(this); }
        send(data) {
            if (this.readyState === 0) throw new DOMException("", "InvalidStateError");
            if (this.readyState === 1) this.sent.push(data);
        }
        open() { this.readyState = 1; this.onopen(); }
        tell(told) { this.onmessage({ data: JSON.stringify(told) }); }
        close() { this.readyState = 3; }
        lose() { this.close(); this.onclose(); }
    };
    window.MediaRecorder = class {
        state = "inactive";
        constructor() { window.recorder = this; }
        start() { this.state = "recording"; }
        stop() { this.state = "inactive"; setTimeout(() => this.onstop()); }
    };
    window.tracks = [{ stop() { this.stopped = true; } }];
    navigator.mediaDevices.getUserMedia = async () => ({ getTracks: () => tracks });
"""
STARTED = 'sockets.at(-1).open(); sockets.at(-1).tell({event: "started", call_id: "1"});'
PIECE = 'recorder.ondataavailable({data: "piece"});'
SENT = 'return sockets.at(-1).sent.map((data) => data[0] === "{" ? JSON.parse(data) : data)'


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    folder = Path(http.__file__).parent / "page"
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/microphone.html"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    require_chromium()
    with chromium(tmp_path_factory.mktemp("chromium") / "profile") as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, address: str) -> Browser:
    """The page, whose WebSocket is about to connect."""
    browser.open(address)
    browser.run(FAKES)
    browser.one("[value=websocket]").click()
    browser.one("[name=start]").click()
    browser.until(lambda: browser.run("return !document.forms[0].stop.disabled"), "the button that stops")
    return browser


def connections(page: Browser, count: int) -> None:
    page.until(lambda: page.run("return sockets.length") == count, f"{count} connections")


def test_what_was_said_is_sent_again_once_the_same_call_goes_on(page: Browser) -> None:
    page.run(STARTED + PIECE + PIECE + "sockets[0].lose();" + PIECE)
    connections(page, 2)
    page.run("sockets[1].open();" + PIECE)
    (start,) = page.run(SENT)
    assert (start["event"], start["again"]) == ("start", True)
    page.run('sockets[1].tell({event: "started", call_id: "1"});' + PIECE)
    assert page.run(SENT)[1:] == ["piece"] * 5


@pytest.mark.parametrize("told", ['{event: "ended", reason: "connection-lost"}', '{event: "started", call_id: "2"}'])
def test_no_other_call_is_told_what_was_said_in_one_that_has_ended(page: Browser, told: str) -> None:
    page.run(STARTED + PIECE + "sockets[0].lose()")
    connections(page, 2)
    page.run(f"sockets[1].open(); sockets[1].tell({told});" + PIECE)
    assert [data["event"] for data in page.run(SENT)] == ["start"]
    page.until_texts("[role=status]", ["WebSocket: ended"])


@pytest.mark.parametrize("again", [False, True])
def test_a_page_that_is_stopped_while_it_connects_lets_the_microphone_go(page: Browser, again: bool) -> None:
    if again:
        page.run(STARTED + PIECE + "sockets[0].lose()")
        connections(page, 2)
    page.one("[name=stop]").click()
    page.until_texts("[role=status]", ["ended"])
    assert page.run("return [tracks[0].stopped, sockets.at(-1).readyState]") == [True, 3]


def test_a_page_that_is_stopped_before_it_connects_again_does_not(page: Browser) -> None:
    page.run(
        STARTED + PIECE + "sockets[0].lose(); document.forms[0].stop.click(); setTimeout(() => window.later = 1, 700)"
    )
    page.until(lambda: page.run("return window.later"), "what is after the time to connect again")
    assert page.texts("[role=status]") == ["ended"]
    assert page.run("return sockets.length") == 1
