"""Searches over HTTP: what is found, how it is told, what is saved, and what mistakes get."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from callscribe.domain.transcript import Final, Word
from storage.search_index import SearchIndex
from tests.console.conftest import Console
from tests.console.switchboard import FakeCall, Switchboard, samples

pytestmark = pytest.mark.integration

SEARCH, SEARCHES = "/api/v1/search", "/api/v1/searches"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Found:
    """What the searches of a test find: its calls have a trunk of their own."""

    def __init__(self, client: httpx.Client, board: Switchboard) -> None:
        self.client = client
        self.board = board
        self.trunk = f"trunk-{uuid4()}"

    def call(self, *texts: str, minutes: int = 0) -> FakeCall:
        """A call whose parties say these in turn, the agent first, ten seconds apart."""
        call = self.board.start(trunk=self.trunk, started_at=NOON + timedelta(minutes=minutes), published=False)
        for number, text in enumerate(texts):
            call.final(number % 2, number * 10_000, text, published=False)
        self.index()
        return call

    def index(self) -> None:
        while SearchIndex(self.board.database).catch_up():
            pass

    def answer(self, q: str, **parameters: str | int) -> Any:
        answer = self.client.get(SEARCH, params={"q": q, "trunk": self.trunk, **parameters})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def texts(self, q: str, **parameters: str | int) -> list[str]:
        return [hit["text"] for hit in hits_of(self.answer(q, **parameters))]


def hits_of(*answers: Any) -> list[Any]:
    return [hit for answer in answers for call in answer["calls"] for hit in call["hits"]]


@pytest.fixture
def found(console: Console, switchboard: Switchboard) -> Found:
    return Found(console.client, switchboard)


GREETING = "Good morning, you are speaking with Anna."
WISH = "I would like a refund on my credit card."
REFUSAL = "We do not refund to a credit card, only to a bank account."
THANKS = "Thanks, then I'll wait for the bank."


@pytest.mark.parametrize(
    ("q", "parameters", "texts"),
    [
        ("refund", {}, [REFUSAL, WISH]),
        ("REFUND credit -bank", {}, [WISH]),
        ('"the bank"', {}, [THANKS]),
        ('"bank the"', {}, []),
        ("bank OR anna", {}, [THANKS, REFUSAL, GREETING]),
        ("refun*", {}, [REFUSAL, WISH]),
        ("card NEAR/4 bank", {}, [REFUSAL]),
        ("bank NEAR/4 card", {}, [REFUSAL]),
        ("card NEAR/3 bank", {}, []),
        ("refnud~", {}, [REFUSAL, WISH]),
        ("refund role:customer", {}, [WISH]),
        ("refund", {"role": "agent"}, [REFUSAL]),
        ("bank", {"party": "anna"}, [REFUSAL]),
        ("refund", {"since": "2026-03-01T12:00:15"}, [REFUSAL]),
        ("refund", {"until": "2026-02-28"}, []),
        ("role:agent", {}, [REFUSAL, GREETING]),
    ],
)
def test_utterances_are_found(found: Found, q: str, parameters: dict[str, str], texts: list[str]) -> None:
    found.call(GREETING, WISH, REFUSAL, THANKS)
    assert found.texts(q, **parameters) == texts


def test_hits_are_grouped_by_call_and_lead_to_their_word(found: Found) -> None:
    call = found.call(GREETING)
    words = tuple(Word(text, samples(ms), samples(ms + 400), 0.9) for text, ms in (("a", 20_000), ("refund", 20_700)))
    call.say(Final(1, samples(20_000), samples(21_500), "A refund", 0.9, "moonshine", "en", words), published=False)
    call.end(at=75_500, second_pass=False)
    older = found.call("Refund?", minutes=-5)
    answer = found.answer("refund", count=1)
    calls = answer["calls"]
    assert [told["id"] for told in calls] == [str(call.id), str(older.id)]
    newest = calls[0]
    hit = newest.pop("hits")[0]
    assert newest == {
        "id": str(call.id),
        "state": "ended",
        "trunk": found.trunk,
        "caller": {"name": "Tom Hall", "address": "sip:+4930123456@carrier.example.com"},
        "callee": {"name": "Anna Weber", "address": "sip:1042@pbx.example.com"},
        "started_at": "2026-03-01T12:00:00Z",
        "duration_ms": 75_500,
        "score": None,
    }
    assert (hit["text"], hit["highlights"]) == ("A refund", [[2, 8]])
    assert (hit["role"], hit["party"]["name"], hit["at"]) == ("customer", "Tom Hall", "2026-03-01T12:00:20Z")
    assert (hit["start_ms"], hit["end_ms"], hit["word_ms"], hit["speaker"]) == (20_000, 21_500, 20_700, None)
    assert hit["link"] == f"/calls/{call.id}#t=20.70"
    assert (hit["revision"], hit["newest"]) == (0, True)
    assert answer["matches"] == {"number": 2, "more": False}
    assert answer["query"] == f"refund trunk:{found.trunk}"
    assert (answer["alike"], answer["cursor"]) == (False, None)


def test_what_nobody_spelled_so_is_found_spelled_alike(found: Found) -> None:
    found.call(WISH)
    answer = found.answer("refunt")
    assert answer["alike"] is True
    assert answer["query"] == f"refunt~ trunk:{found.trunk}"
    assert found.texts("refunt") == [WISH]
    nothing = found.answer("xylophone")
    assert (nothing["alike"], nothing["calls"]) == (False, [])


def test_a_replaced_text_is_found_on_demand(found: Found) -> None:
    call = found.call()
    said = call.final(1, 1000, "I want a reef fund", published=False)
    call.end(at=9000)
    call.second_pass([(said, "I want a refund")])
    found.index()
    assert found.texts("refund") == ["I want a refund"]
    assert found.texts("reef") == []
    assert found.texts("reef in:any") == ["I want a reef fund"]
    [hit] = hits_of(found.answer("reef", **{"in": "any"}))
    assert (hit["revision"], hit["newest"]) == (0, False)


def test_chinese_is_found_as_phrases_and_marked(found: Found) -> None:
    found.call("您好，我要申请退款。", "这款手机可以退吗？")
    assert found.texts("退款") == ["您好，我要申请退款。"]
    assert hits_of(found.answer("退款"))[0]["highlights"] == [[7, 9]]
    assert found.texts("申请 NEAR/3 退款") == ["您好，我要申请退款。"]


def test_pages_go_on_where_the_last_one_ended(found: Found) -> None:
    for minute in range(5):
        found.call(f"refund number {minute}", minutes=minute)
    pages = [found.answer("refund", limit=2)]
    while cursor := pages[-1]["cursor"]:
        following = {"q": pages[-1]["query"], "limit": 2, "cursor": cursor}
        pages.append(found.client.get(SEARCH, params=following).json())
    assert [len(hits_of(page)) for page in pages] == [2, 2, 1]
    told = [hit["text"] for hit in hits_of(*pages)]
    assert told == [f"refund number {minute}" for minute in (4, 3, 2, 1, 0)]


def test_a_page_goes_on_where_the_query_is_written_longer_than_it_was_typed(found: Found) -> None:
    found.call("refund number 1", "refund number 2")
    trunks = [found.trunk, *(f"{number:0>500}" for number in range(5))]
    first = found.client.get(SEARCH, params={"q": "refund", "trunk": trunks, "limit": 1}).json()
    assert len(first["query"]) > 2000
    following = found.client.get(SEARCH, params={"q": first["query"], "limit": 1, "cursor": first["cursor"]})
    assert [hit["text"] for hit in hits_of(first, following.json())] == ["refund number 2", "refund number 1"]


def test_what_cannot_be_found_yet_is_counted(found: Found) -> None:
    call = found.call()
    assert found.answer("refund")["waiting"] == 0
    call.final(1, 1000, "I want a refund", published=False)
    assert found.answer("refund")["waiting"] == 1
    assert "callscribe_search_waiting 1.0" in found.client.get("/metrics").text
    found.index()
    assert found.answer("refund")["waiting"] == 0


def test_the_best_may_come_first(found: Found) -> None:
    best = "refund refund refund"
    found.call(best, "I asked for one refund and for a great many other things that are said at length")
    assert found.texts("refund", order="rank")[0] == best
    assert found.texts("refund")[0] != best


def test_all_matches_are_exported_as_csv(found: Found) -> None:
    call = found.call('=1+1 "refund", she said', "No refund")
    answer = found.client.get("/api/v1/search.csv", params={"q": "refund", "trunk": found.trunk})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="search-')
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["text"] for row in rows] == ["No refund", '\'=1+1 "refund", she said']
    assert (rows[0]["role"], rows[0]["name"], rows[0]["start_s"]) == ("customer", "Tom Hall", "10.00")
    assert rows[0]["speaker"] == ""
    assert rows[0]["at"] == "2026-03-01T12:00:10+00:00"
    assert rows[0]["link"] == f"/calls/{call.id}#t=10.00"
    empty = found.client.get("/api/v1/search.csv", params={"q": "xylophone", "trunk": found.trunk})
    assert list(csv.DictReader(io.StringIO(empty.text))) == []
    assert empty.text.startswith("at,call_id,trunk,")


@pytest.mark.parametrize("path", [SEARCH, f"{SEARCH}.csv"])
@pytest.mark.parametrize(
    ("parameters", "detail"),
    [
        ({"q": 'a "refund'}, 'at character 3, ": the phrase is not closed; put a " at its end'),
        ({}, "at the end: a word is missing here; write what to look for"),
        ({"q": "a", "since": "soon"}, "since: takes a time, such as "),
        ({"q": "a", "color": "red"}, "color: Extra inputs are not permitted"),
    ],
)
def test_a_mistake_is_told(console: Console, path: str, parameters: dict[str, str], detail: str) -> None:
    answer = console.client.get(path, params=parameters)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith(detail)


@pytest.mark.parametrize("cursor", ["x", "AAAA", "\N{BELL}"])
def test_a_cursor_of_nobody_is_refused(console: Console, cursor: str) -> None:
    answer = console.client.get(SEARCH, params={"q": "refund", "cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["detail"].endswith("begin again without one")


def test_a_search_is_saved_changed_and_forgotten(console: Console) -> None:
    name = f"Angry / {uuid4()}"
    path = f"{SEARCHES}/{quote(name, safe='')}"
    wanted = {"query": "refund role:customer since:7d", "by": "Anna"}
    saved = console.client.put(path, json=wanted).json()
    assert saved == {**wanted, "name": name, "saved_at": saved["saved_at"]}
    assert console.client.get(path).json() == saved
    assert saved in console.client.get(SEARCHES).json()
    assert console.client.put(path, json={"query": "bank", "by": "Tom"}).json()["query"] == "bank"
    assert console.client.delete(path).status_code == 204
    assert console.client.delete(path).status_code == 404
    missing = console.client.get(path)
    assert missing.status_code == 404
    assert missing.json()["detail"] == "There is no saved search of this name; /api/v1/searches lists them."


@pytest.mark.parametrize("body", [{"query": "(refund", "by": "Anna"}, {"query": "refund", "by": " "}, {"query": "x"}])
def test_what_is_no_query_or_nobodys_is_not_saved(console: Console, body: dict[str, str]) -> None:
    assert console.client.put(f"{SEARCHES}/broken", json=body).status_code == 422
    assert console.client.get(f"{SEARCHES}/broken").status_code == 404


def test_without_a_database_a_search_says_so(lonely: Console) -> None:
    for path in (SEARCH, f"{SEARCH}.csv", SEARCHES):
        answer = lonely.client.get(path, params={} if path == SEARCHES else {"q": "refund"})
        assert answer.status_code == 503
        assert "database" in answer.json()["detail"]


FACETS = "/api/v1/search/facets"


def facets_of(found: Found, q: str = "", **parameters: str) -> Any:
    answer = found.client.get(FACETS, params={"q": q, "trunk": found.trunk, **parameters})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_facets_count_what_a_search_finds_and_narrow_it(found: Found) -> None:
    found.call(GREETING, WISH, REFUSAL, THANKS)
    found.call(WISH, minutes=24 * 60)
    told = facets_of(found, "refund OR bank")
    assert (told["of"], told["more"]) == (4, False)
    counts = {each["name"]: {value["label"]: value["number"] for value in each["values"]} for each in told["facets"]}
    assert counts["trunk"] == {found.trunk: 4}
    assert counts["role"] == {"agent": 2, "customer": 2}
    assert counts["day"] == {"2026-03-02": 1, "2026-03-01": 3}
    for facet in told["facets"]:
        for value in facet["values"]:
            narrowed = found.answer("refund OR bank", **dict(value["narrow"]))
            assert len(hits_of(narrowed)) == value["number"], value


def test_facets_beyond_a_month_are_months(found: Found) -> None:
    found.call(WISH)
    found.call(WISH, minutes=-40 * 24 * 60)
    [days] = [facet for facet in facets_of(found, "refund")["facets"] if facet["name"] == "month"]
    assert [(value["label"], value["number"]) for value in days["values"]] == [("2026-03", 1), ("2026-01", 1)]
    assert days["values"][1]["narrow"] == [["since", "2026-01-01"], ["until", "2026-01-31"]]


def test_a_mistaken_query_has_no_facets(found: Found) -> None:
    answer = found.client.get(FACETS, params={"q": "refund (card"})
    assert answer.status_code == 422
    assert "at character 8" in answer.json()["detail"]
