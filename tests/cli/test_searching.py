"""`callscribe search` as a client of the API."""

import json

import pytest
from typer.testing import CliRunner

from callscribe.cli.main import app
from callscribe.cli.searching import search
from callscribe.domain.errors import CallscribeError, QueryError
from tests.cli.test_api import OK, answering

HIT = {
    "role": "customer",
    "party": {"name": "", "address": ""},
    "speaker": 2,
    "text": "a refund 🙂 please",
    "highlights": [[2, 8]],
    "word_ms": 3_725_000,
    "link": "/calls/1#t=3725.00",
}
CALL = {
    "caller": {"name": "", "address": "sip:+49301@example.com"},
    "callee": {"name": "Anna Weber", "address": ""},
    "trunk": "sbc",
    "started_at": "2026-11-22T12:00:00Z",
    "hits": [HIT],
}
ANSWER = {"query": "refnd~", "alike": True, "calls": [CALL], "cursor": "abc", "matches": None}


def reply(body: object) -> bytes:
    return OK + json.dumps(body).encode()


def test_hits_are_told_by_call_with_their_links(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(reply(ANSWER)) as web:
        search(web, {"q": "refnd"}, as_json=False)
    told = capsys.readouterr()
    head, hit, link = told.out.splitlines()
    assert head.endswith("sip:+49301@example.com to Anna Weber  (sbc)")
    assert hit == "  1:02:05  customer, speaker 2: a refund 🙂 please"
    assert link == f"           http://127.0.0.1:{web.port}/calls/1#t=3725.00"
    assert "this was found for refnd~" in told.err
    assert "there is more" in told.err


def test_json_is_what_the_api_answered(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(reply(ANSWER)) as web:
        search(web, {"q": "refnd"}, as_json=True)
    assert json.loads(capsys.readouterr().out) == ANSWER


def test_nothing_found_is_said_aside(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(reply({**ANSWER, "calls": [], "alike": False, "cursor": None})) as web:
        search(web, {"q": "refund"}, as_json=False)
    assert capsys.readouterr() == ("", "nothing was found\n")


def test_a_mistaken_query_is_wrong_usage_and_asks_nobody() -> None:
    with answering(b"") as web:
        for parameters in ({"q": "(refund"}, {"q": "refund", "since": "soon"}):
            with pytest.raises(QueryError) as caught:
                search(web, parameters, as_json=False)
            assert caught.value.exit_code == 2


def test_what_is_no_answer_to_a_search_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(OK + b"<html>") as web, pytest.raises(CallscribeError, match="is no Callscribe"):
        search(web, {"q": "refund"}, as_json=False)


def test_an_unknown_order_is_refused() -> None:
    outcome = CliRunner().invoke(app, ["search", "refund", "--order", "size"])
    assert str(outcome.exception) == "--order must be one of time, rank"
