"""What operators see and attackers do not: metrics, headers, foreign pages, busy ports, stopping."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from callscribe.config.reload import SettingsInForce
from callscribe.config.settings import Settings
from callscribe.config.web import WebSettings
from callscribe.console.app import make_app
from callscribe.console.server import bind, run_web
from callscribe.domain.errors import PortUnavailable, SettingsError
from callscribe.events.board import add_now, cost_of, post_now
from tests.console.conftest import Console, serving
from tests.console.listening import listening
from tests.console.switchboard import Switchboard

pytestmark = pytest.mark.integration

Sample = tuple[str, frozenset[tuple[str, str]]]


def scraped(console: Console) -> dict[Sample, float]:
    text = console.client.get("/metrics").text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def labelled(name: str, **labels: str) -> Sample:
    return name, frozenset(labels.items())


def test_metrics_hold_what_every_process_posted(console: Console) -> None:
    post_now(console.settings.events.url, "sip-node-7", {"calls_active": 3, "invites_refused_busy": 12})
    post_now(console.settings.events.url, "recognizer-node-7", {"calls_active": 1})
    found = scraped(console)
    assert found[labelled("callscribe_calls_active", process="sip", node="node-7")] == 3
    assert found[labelled("callscribe_calls_active", process="recognizer", node="node-7")] == 1
    assert found[labelled("callscribe_invites_refused_busy", process="sip", node="node-7")] == 12


def test_metrics_tell_what_each_paid_engine_costs(console: Console) -> None:
    post_now(console.settings.events.url, "sip-node-7", {cost_of("google"): 0.5, cost_of("azure"): 0.25})
    add_now(console.settings.events.url, "jobs-node-7", {cost_of("google"): 1.5})
    found = scraped(console)
    for process, engine, cost in (("sip", "google", 0.5), ("sip", "azure", 0.25), ("jobs", "google", 1.5)):
        assert found[labelled("callscribe_recognition_cost", process=process, node="node-7", engine=engine)] == cost


def test_metrics_tell_how_each_trunk_is_registered(console: Console) -> None:
    posted = {"registrations:registered:a": 0, "registrations:no-answer:a:b": 1}
    post_now(console.settings.events.url, "sip-n1", posted)
    found = scraped(console)
    of_node = {"process": "sip", "node": "n1"}
    assert found[labelled("callscribe_registrations", **of_node, state="registered", trunk="a")] == 0
    assert found[labelled("callscribe_registrations", **of_node, state="no-answer", trunk="a:b")] == 1


def test_metrics_count_jobs_and_requests_by_route(console: Console, switchboard: Switchboard) -> None:
    queued = labelled("callscribe_jobs", state="queued")
    route = labelled("callscribe_http_requests_total", method="GET", route="/api/v1/calls/{key}", status="404")
    before = scraped(console)
    call = switchboard.start()
    call.end()
    console.client.get("/api/v1/calls/nobody")
    after = scraped(console)
    assert after[queued] == before[queued] + 1
    assert after[route] == before.get(route, 0) + 1
    assert not any("nobody" in str(labels) for _, labels in after)


def test_metrics_are_answered_while_the_stores_are_away(lonely: Console) -> None:
    found = scraped(lonely)
    assert found[labelled("callscribe_database_up")] == 0
    assert found[labelled("callscribe_events_up")] == 0


@pytest.mark.parametrize("path", ["/", "/static/style.css", "/api/v1/calls", "/nowhere", "/readyz"])
def test_every_answer_forbids_what_a_page_does_not_need(console: Console, path: str) -> None:
    headers = console.client.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == ("no-cache" if path.startswith("/static/") else "no-store")


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd"]
)
def test_nothing_but_static_files_is_served(console: Console, path: str) -> None:
    target = console.url.removeprefix("http://").split(":")
    with socket.create_connection((target[0], int(target[1]))) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.split(b" ")[1] == b"404"
    assert b"make_app" not in answer


def test_pages_of_other_sites_may_not_change_anything(console: Console) -> None:
    path = "/api/v1/hotwords/x"
    refused = console.client.put(path, json={"words": []}, headers={"origin": "https://evil.example"})
    assert refused.status_code == 403
    assert "web.public_url" in refused.json()["detail"]
    own = console.client.put(path, json={"words": []}, headers={"origin": console.url})
    assert own.status_code == 200


def test_a_host_name_that_is_not_this_machine_is_refused(console: Console) -> None:
    refused = console.client.get("/api/v1/calls", headers={"host": "rebound.evil.example"})
    assert refused.status_code == 403
    assert "web.public_url" in refused.json()["detail"]


@pytest.mark.parametrize("header", ["host", "origin"])
def test_a_host_or_origin_that_is_no_address_is_refused_and_not_an_error(console: Console, header: str) -> None:
    refused = console.client.put("/api/v1/hotwords/x", json={"words": []}, headers={header: "http://["})
    assert refused.status_code == 403


def test_head_answers_as_get_without_a_body(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    audio = f"/api/v1/calls/{call.id}/audio"
    route = labelled("callscribe_http_requests_total", method="HEAD", route="/healthz", status="200")
    before = scraped(console).get(route, 0)
    call.end(recording=call.record(2))
    for path, status in (("/healthz", 200), ("/", 200), (audio, 200), ("/api/v1/calls/nobody", 404)):
        head, whole = console.client.head(path), console.client.get(path)
        assert head.status_code == whole.status_code == status
        assert head.content == b""
        for name in ("content-type", "content-length", "etag", "accept-ranges", "content-security-policy"):
            assert head.headers.get(name) == whole.headers.get(name)
    assert scraped(console)[route] == before + 1


def test_head_of_an_endless_answer_ends(console: Console, switchboard: Switchboard) -> None:
    call = switchboard.start()
    for path in (f"/api/v1/calls/{call.id}/events", "/api/v1/live/events"):
        head = console.client.head(path)
        assert head.headers["content-type"].startswith("text/event-stream")
        assert head.content == b""
    assert console.client.get("/healthz").status_code == 200


def test_the_public_address_is_known(settings: Settings) -> None:
    with serving(replace(settings, web=WebSettings(port=0, public_url="https://calls.example.com"))) as console:
        assert console.client.get("/healthz", headers={"host": "calls.example.com"}).status_code == 200
        assert console.client.get("/healthz", headers={"host": "other.example.com"}).status_code == 403


def test_pages_exist_and_problems_of_pages_are_pages(
    console: Console, lonely: Console, switchboard: Switchboard
) -> None:
    call = switchboard.start(sip_call_id="page-test@sbc")
    person = {"accept": "text/html,application/xhtml+xml"}
    assert str(call.id) in console.client.get(f"/calls/{call.id}", headers=person).text
    moved = console.client.get("/calls/page-test@sbc", headers=person)
    assert (moved.status_code, moved.headers["location"]) == (307, f"/calls/{call.id}")
    missing = console.client.get("/calls/nobody", headers=person)
    assert missing.status_code == 404
    assert "<h1" in missing.text
    assert "There is no call with this id" in missing.text
    away = lonely.client.get("/calls/nobody", headers=person)
    assert away.status_code == 503
    assert "database.url" in away.text
    evil = console.client.get("/calls/%3Cscript%3Ealert(1)%3C%2Fscript%3E", headers=person)
    assert "<script>alert" not in evil.text


def test_a_page_and_all_it_loads_is_small(console: Console) -> None:
    names = [
        "style.css",
        "icon.svg",
        "floor.js",
        "call.js",
        "dom.js",
        "feed.js",
        "player.js",
        "transcript.js",
        "words.js",
    ]
    sizes = [len(console.client.get(f"/static/{name}").raise_for_status().content) for name in names]
    assert sum(sizes) + len(console.client.get("/").content) < 200_000


def test_a_busy_port_is_refused_with_the_cure(settings: Settings) -> None:
    with bind(WebSettings(port=0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortUnavailable, match=f"web port {port} is in use .* set web.port"):
            run_web(SettingsInForce(replace(settings, web=WebSettings(port=port)), Settings))


@pytest.mark.parametrize("host", ["203.0.113.7", "no such host"])
def test_an_address_of_another_machine_is_refused_with_the_cure(host: str) -> None:
    with pytest.raises(PortUnavailable, match=r"set web\.host"):
        bind(WebSettings(host=host, port=0))


def test_settings_without_stores_are_refused_with_the_cure() -> None:
    with pytest.raises(SettingsError, match=r"database.url is empty.*callscribe serve"):
        make_app(Settings())


def test_sigterm_ends_open_streams_and_the_process_at_once(settings: Settings, switchboard: Switchboard) -> None:
    call = switchboard.start()
    with bind(WebSettings(port=0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "CALLSCRIBE_DATABASE__URL": settings.database.url,
        "CALLSCRIBE_EVENTS__URL": settings.events.url,
        "CALLSCRIBE_WEB__PORT": str(port),
    }
    program = (
        "import os; from callscribe.config.settings import load_settings;"
        "from callscribe.config.reload import SettingsInForce; from callscribe.console.server import run_web;"
        "run_web(SettingsInForce(load_settings(None, os.environ), lambda: load_settings(None, os.environ)))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
                until = time.monotonic() + 30
                while True:
                    try:
                        client.get("/healthz")
                        break
                    except httpx.ConnectError:
                        assert time.monotonic() < until
                        time.sleep(0.1)
                with listening(client, f"/api/v1/calls/{call.id}/events") as heard:
                    assert next(heard).type == "call.started"
                    began = time.monotonic()
                    process.send_signal(signal.SIGTERM)
                    assert list(heard) == []
            assert process.wait(10) == 0
            assert time.monotonic() - began < 3
        finally:
            process.kill()
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
