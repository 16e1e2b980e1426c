"""`callscribe erase` as a client of the API: what it asks, tells and waits for."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner, Result

from callscribe.cli import erasing
from callscribe.cli.main import app

WHO = ("--by", "Ann Baker", "--reason", "case 17")
PARTY = ("--party", "+15550100")
PLANNED = {
    "dry_run": True, "calls": ["c-1", "c-2"], "utterances": 7, "files": 0, "bytes": 0, "held": [], "active": [],
    "failed": [], "alike": [], "addresses": ["tel:+15550100"], "trunks": ["main"],
}  # fmt: skip
BEGUN: dict[str, object] = {
    "id": "e-1", "by": "Ann Baker", "reason": "case 17", "created_at": "2026-11-22T09:00:00Z", "finished_at": None,
    "found": 2, "waiting": 2, "erased": 0, "utterances": 0, "files": 0, "bytes": 0, "held": [], "active": [],
    "failed": [],
}  # fmt: skip
HALFWAY = {**BEGUN, "waiting": 1, "erased": 1, "utterances": 3}
DONE = {**HALFWAY, "waiting": 0, "erased": 2, "utterances": 7, "finished_at": "2026-11-22T09:01:00Z"}
BROKEN = None
"""Instead of an answer: the connection is closed."""


@dataclass(slots=True)
class Api:
    """Answers in their order, the last for ever, by method; and what was asked."""

    answers: dict[str, list[object]]
    asked: list[tuple[str, str, object]] = field(default_factory=list)
    status: int = 200
    port: int = 0

    def answer(self, method: str) -> object:
        queue = self.answers[method]
        return queue.pop(0) if len(queue) > 1 else queue[0]


class Handler(BaseHTTPRequestHandler):
    """Hands requests to the API of its server."""

    api: Api

    def _take(self) -> None:
        size = int(self.headers.get("content-length", 0))
        url = urlsplit(self.path)
        body = json.loads(self.rfile.read(size)) if size else {name: v[0] for name, v in parse_qs(url.query).items()}
        self.api.asked.append((self.command, url.path, body))
        answer = self.api.answer(self.command)
        if answer is BROKEN:
            self.close_connection = True
            return
        sent = json.dumps(answer).encode()
        self.send_response(self.api.status)
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    do_GET = do_POST = do_DELETE = _take  # noqa: N815

    def log_message(self, *told: object) -> None:
        """Not on the runner's standard error."""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A server that a command finds by its settings."""
    made = Api({"DELETE": [PLANNED], "POST": [PLANNED, BEGUN], "GET": [BEGUN, HALFWAY, DONE]})
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OneApi", (Handler,), {"api": made}))
    made.port = server.server_port
    monkeypatch.setenv("CALLSCRIBE_WEB__PORT", str(made.port))
    monkeypatch.setattr(erasing, "POLL_S", 0.01)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    thread.join(5)
    server.server_close()


def erase(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["erase", *arguments], input=typed)


def test_a_party_is_told_asked_about_and_followed_to_the_end(api: Api) -> None:
    result = erase(*PARTY, *WHO, typed="y\n")
    assert result.exit_code == 0
    assert result.stdout.endswith("erased 2 calls with 7 utterances\n")
    assert "to erase: 2 calls with 7 utterances, of tel:+15550100 on main" in result.stderr
    assert "--follow e-1 tells how far it is" in result.stderr
    wanted = {"party": "+15550100", "name": "", "trunk": "", "by": "Ann Baker", "reason": "case 17"}
    assert api.asked[:2] == [("POST", "/api/v1/erasures", {**wanted, "dry_run": dry}) for dry in (True, False)]
    assert api.asked[2:] == [("GET", "/api/v1/erasures/e-1", {})] * 3


def test_who_says_no_erases_nothing(api: Api) -> None:
    assert erase(*PARTY, *WHO, typed="n\n").exit_code == 1
    assert [(method, body) for method, _, body in api.asked if method != "POST"] == []
    assert len(api.asked) == 1


def test_a_dry_run_asks_nobody_and_erases_nothing(api: Api) -> None:
    result = erase(*PARTY, *WHO, "--dry-run", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, PLANNED)
    assert len(api.asked) == 1


@pytest.mark.parametrize("stays", [{"held": ["c-2"]}, {"active": ["c-2"]}, {"failed": ["c-2"]}])
def test_what_stays_is_told_and_the_command_fails(api: Api, stays: dict[str, list[str]]) -> None:
    api.answers |= {"POST": [BEGUN], "GET": [{**DONE, "erased": 1, **stays}]}
    result = erase(*PARTY, *WHO, "--yes")
    assert (result.exit_code, "calls that stay: 1 " in result.stdout) == (1, True)


def test_a_connection_that_breaks_while_it_is_followed_breaks_nothing(api: Api) -> None:
    api.answers |= {"POST": [BEGUN], "GET": [BEGUN, BROKEN, BROKEN, HALFWAY, BROKEN, DONE]}
    result = erase(*PARTY, *WHO, "--yes", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, DONE)


def test_after_long_without_an_answer_the_command_gives_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "PATIENCE_S", 0.1)
    api.answers |= {"POST": [BEGUN], "GET": [BEGUN, BROKEN]}
    result = erase(*PARTY, *WHO, "--yes")
    assert result.exit_code != 0
    assert "erased" not in result.stdout


def test_an_erasure_that_goes_on_is_followed_by_its_id(api: Api) -> None:
    result = erase("--follow", "e-1")
    assert (result.exit_code, result.stdout) == (0, "erased 2 calls with 7 utterances\n")
    assert {method for method, *_ in api.asked} == {"GET"}


def test_a_call_is_told_asked_about_and_erased(api: Api) -> None:
    api.answers["DELETE"] = [{**PLANNED, "alike": ["c-3"]}, {**PLANNED, "dry_run": False}]
    result = erase("sip/id@pbx", *WHO, typed="y\n")
    assert (result.exit_code, "1 more share an id" in " ".join(result.stderr.split())) == (0, True)
    asked = {"by": "Ann Baker", "reason": "case 17", "alike": "false"}
    path = "/api/v1/calls/sip%2Fid%40pbx"
    assert api.asked == [("DELETE", path, {**asked, "dry_run": dry}) for dry in ("true", "false")]


def test_calls_that_are_alike_are_erased_where_that_is_wanted(api: Api) -> None:
    assert erase("c-1", *WHO, "--alike", "--yes").exit_code == 0
    [(_, _, body)] = api.asked
    assert body == {"by": "Ann Baker", "reason": "case 17", "alike": "true", "dry_run": "false"}


@pytest.mark.parametrize(
    "arguments",
    [
        WHO, ("c-1",), ("c-1", "--by", "Ann"), ("c-1", *PARTY, *WHO), ("c-1", "--trunk", "main", *WHO),
        (*PARTY, "--name", "Bob", *WHO), (*PARTY, "--alike", *WHO), ("--follow", "e-1", *PARTY),
    ],
)  # fmt: skip
def test_wrong_usage_asks_nobody(api: Api, arguments: tuple[str, ...]) -> None:
    result = erase(*arguments)
    assert (result.exit_code, api.asked) == (2, []) or "SettingsError" in repr(result.exception)
    assert api.asked == []


def test_why_the_api_refuses_is_told(api: Api) -> None:
    api.status = 409
    api.answers["DELETE"] = [{"detail": "A legal hold is on it; release it."}]
    result = erase("c-1", *WHO, "--yes")
    assert "A legal hold is on it; release it." in f"{result.stderr} {result.exception}"
