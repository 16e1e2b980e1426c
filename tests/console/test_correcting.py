"""Texts that people write through the API: newest everywhere, locked, undone, listed, counted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from callscribe.config.settings import Settings
from callscribe.domain.hotword import ListVersion
from callscribe.domain.transcript import Final, Word
from telephony.settings import TrunkSettings
from tests.acceptance.service import Json
from tests.console.conftest import Console, serving
from tests.console.switchboard import FakeCall, Switchboard

pytestmark = pytest.mark.integration

HEARD = "my zin tricks is broken"


@pytest.fixture
def call(switchboard: Switchboard) -> FakeCall:
    """On a trunk of its own, which has what was said."""
    return switchboard.start(trunk=f"trunk-{uuid4()}")


def heard(call: FakeCall, text: str = HEARD, at: int = 0) -> UUID:
    """A final of half a second a word."""
    words = tuple(Word(word, 8 * at + n * 4000, 8 * at + (n + 1) * 4000, 0.4) for n, word in enumerate(text.split()))
    lists = (ListVersion("products", 3),)
    return call.say(Final(0, 8 * at, words[-1].end, text, 0.6, "moonshine", words=words, hotword_lists=lists))


def correct(console: Console, call: FakeCall, name: UUID, text: str, **told: object) -> httpx.Response:
    order = {"text": text, "by": "Ann", **told}
    return console.client.post(f"/api/v1/calls/{call.id}/utterances/{name}/corrections", json=order)


def stored(console: Console, call: FakeCall) -> Json:
    utterances: list[Json] = console.client.get(f"/api/v1/calls/{call.id}/transcript").json()["utterances"]
    return utterances[0]


def test_a_persons_text_is_the_transcripts_with_times_and_who_wrote_it(console: Console, call: FakeCall) -> None:
    name = heard(call)
    answer = correct(console, call, name, " My Zyntrix  is broken. ")
    assert answer.status_code == 201
    assert answer.json() == {
        "call_id": str(call.id), "utterance_id": str(name), "text": "My Zyntrix is broken.", "reason": "person",
        "by": "Ann", "revisions": 1,
    }  # fmt: skip
    said = stored(console, call)
    assert said["text"] == "My Zyntrix is broken."
    (revision,) = said["revisions"]
    assert (revision["reason"], revision["by"], revision["engine"]) == ("person", "Ann", "")
    assert [(word["text"], word["start_ms"], word["end_ms"]) for word in revision["words"]] == [
        ("My", 0, 500), ("Zyntrix", 500, 1500), ("is", 1500, 2000), ("broken.", 2000, 2500)
    ]  # fmt: skip
    assert said["final"]["hotword_lists"] == [{"name": "products", "version": 3}]
    assert "My Zyntrix is broken." in console.client.get(f"/api/v1/calls/{call.id}/transcript?format=vtt").text


def test_the_events_of_a_call_tell_a_correction_and_that_it_was_taken_back(console: Console, call: FakeCall) -> None:
    name = heard(call)
    correct(console, call, name, "My Zyntrix is broken")
    path = f"/api/v1/calls/{call.id}/utterances/{name}/corrections"
    assert console.client.delete(path, params={"by": "Bob"}).json()["text"] == HEARD
    assert stored(console, call)["text"] == HEARD
    assert console.client.delete(path, params={"by": "Bob"}).status_code == 409
    call.end(second_pass=False)
    call.processed()
    lines = console.client.get(f"/api/v1/calls/{call.id}/events").text.splitlines()
    told = [line for line in lines if '"type":"utterance.revised"' in line]
    assert ['"reason":"person"' in told[0], '"by":"Ann"' in told[0]] == [True, True]
    assert ['"reason":"undone"' in told[1], '"by":"Bob"' in told[1]] == [True, True]


def test_a_second_pass_does_not_win_over_a_person(console: Console, call: FakeCall) -> None:
    name = heard(call)
    correct(console, call, name, "My Zyntrix is broken")
    call.end()
    call.second_pass([(name, "my sin tricks is broken")])
    assert stored(console, call)["text"] == "My Zyntrix is broken"


def test_who_saw_an_older_text_is_told_so(console: Console, call: FakeCall) -> None:
    name = heard(call)
    assert correct(console, call, name, "one", seen=0).status_code == 201
    refused = correct(console, call, name, "two", seen=0)
    assert refused.status_code == 409
    assert "read the transcript again" in refused.json()["detail"]
    assert correct(console, call, name, "two", seen=1).status_code == 201


def test_what_cannot_be_corrected_is_told_with_the_cure(console: Console, call: FakeCall) -> None:
    name = heard(call)
    assert correct(console, call, uuid4(), "text").status_code == 404
    path = f"/api/v1/calls/{uuid4()}/utterances/{name}/corrections"
    assert console.client.post(path, json={"text": "text", "by": "Ann"}).status_code == 404
    for bad in ({"by": " "}, {"by": "x" * 101}, {"seen": -1}, {"text": "x" * 10_001}, {"other": 1}):
        assert correct(console, call, name, **{"text": "text", **bad}).status_code == 422  # type: ignore[arg-type]
    refused = correct(console, call, name, "订" * 221)
    assert (refused.status_code, "in 220 at most" in refused.json()["detail"]) == (422, True)


def test_a_correction_on_a_trunk_with_redaction_is_masked(settings: Settings, switchboard: Switchboard) -> None:
    trunk = TrunkSettings("paying", redaction=("payment",))
    with serving(replace(settings, trunks=(trunk,))) as masking:
        call = switchboard.start(trunk="paying")
        name = heard(call, "my card is for one double one")
        answer = correct(masking, call, name, "My card is 4111 1111 1111 1111")
        assert answer.json()["text"] == "My card is [card]"
        assert "1111" not in masking.client.get(f"/api/v1/calls/{call.id}/transcript").text
        (pair,) = masking.client.get("/api/v1/corrections", params={"trunk": "paying"}).json()["corrections"]
        assert (pair["text"], pair["redacted"]) == ("My card is [card]", True)


def test_corrections_are_listed_in_stretches_as_pairs(console: Console, call: FakeCall) -> None:
    names = [heard(call, at=at) for at in (0, 3000, 6000)]
    for name in names:
        correct(console, call, name, "My Zyntrix is broken")
    wanted = {"trunk": call.call.trunk, "limit": "2"}
    first = console.client.get("/api/v1/corrections", params=wanted).json()
    rest = console.client.get("/api/v1/corrections", params={**wanted, "cursor": first["cursor"]}).json()
    found = [*first["corrections"], *rest["corrections"]]
    assert [UUID(each["utterance_id"]) for each in found] == names[::-1]
    assert rest["cursor"] is None
    assert (found[0]["live"], found[0]["text"], found[0]["start_ms"]) == (HEARD, "My Zyntrix is broken", 6000)
    assert found[0]["redacted"] is False
    assert console.client.get("/api/v1/corrections?cursor=nonsense").status_code == 422


def test_word_error_rates_are_by_trunk_and_week_on_the_api_the_page_and_the_metric(
    console: Console, switchboard: Switchboard, call: FakeCall
) -> None:
    trunk = call.call.trunk
    correct(console, call, heard(call), "My Zyntrix is broken")
    earlier = switchboard.start(trunk=trunk, started_at=datetime.now(UTC) - timedelta(weeks=1))
    name = heard(earlier, "hello wold")
    earlier.end()
    earlier.second_pass([(name, "hello world")])
    correct(console, earlier, name, "Hello, world!")
    weeks = console.client.get("/api/v1/quality", params={"trunk": trunk}).json()["weeks"]
    assert [(week["words"], week["live_wer"], week["second_pass_wer"]) for week in weeks] == [
        (2, 0.5, 0.0), (4, 0.5, None)
    ]  # fmt: skip
    page = console.client.get("/quality", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert trunk in page.text
    assert "no random sample" in page.text
    assert "<polyline" in page.text
    metrics = console.client.get("/metrics").text
    assert f'callscribe_word_error_rate{{text="live",trunk="{trunk}"}} 0.5' in metrics
    assert f'callscribe_corrected_words{{text="second-pass",trunk="{trunk}"}} 2.0' in metrics


def test_a_word_that_people_put_in_on_several_calls_is_suggested_until_a_list_has_it(
    console: Console, switchboard: Switchboard
) -> None:
    trunk = f"trunk-{uuid4()}"
    for _ in range(3):
        call = switchboard.start(trunk=trunk)
        correct(console, call, heard(call), "My Zyntrix is broken")

    def ask() -> object:
        found = console.client.get("/api/v1/hotwords/suggestions", params={"trunk": trunk}).json()
        return [(each["text"], each["calls"], each["heard"]) for each in found]

    assert ask() == [("Zyntrix", 3, ["zin tricks"])]
    console.client.put(f"/api/v1/hotwords/{trunk}", json={"words": [{"text": "zyntrix"}]})
    assert ask() == []
    console.client.delete(f"/api/v1/hotwords/{trunk}")


def test_changes_of_a_list_are_versions_that_can_be_read_and_restored(console: Console) -> None:
    path = f"/api/v1/hotwords/{uuid4()}"
    assert console.client.put(path, json={"words": [{"text": "one"}], "by": "Ann"}).json()["version"] == 1
    assert console.client.put(path, json={"words": [{"text": "two"}], "languages": ["de"]}).json()["version"] == 2
    assert console.client.delete(path, params={"by": "Bob"}).status_code == 204
    versions = console.client.get(f"{path}/versions").json()
    assert [(was["version"], was["by"], was["deleted"], was["words"]) for was in versions] == [
        (3, "Bob", True, 1), (2, "", False, 1), (1, "Ann", False, 1)
    ]  # fmt: skip
    assert console.client.get(f"{path}/versions/1").json()["words"] == [{"text": "one", "weight": 1.0}]
    restored = console.client.post(f"{path}/versions/2/restore", params={"by": "Cay"}).json()
    assert (restored["version"], restored["languages"]) == (4, ["de"])
    assert console.client.get(f"{path}/versions/9").status_code == 404
    assert console.client.post(f"{path}/versions/9/restore").status_code == 404
    assert console.client.get(f"/api/v1/hotwords/{uuid4()}/versions").status_code == 404
    console.client.delete(path)


def test_of_two_who_change_a_list_they_both_read_the_second_is_told(console: Console) -> None:
    path = f"/api/v1/hotwords/{uuid4()}"
    client = console.client
    assert client.put(path, json={"words": [{"text": "one"}], "version": 0}).headers["etag"] == '"1"'
    assert client.put(path, json={"words": []}, headers={"if-none-match": "*"}).status_code == 412
    tag = client.get(path).headers["etag"]
    first = client.put(path, json={"words": [{"text": "one"}, {"text": "two"}]}, headers={"if-match": tag})
    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    wanted = {"words": [{"text": "one"}, {"text": "three"}]}
    second = client.put(path, json=wanted, headers={"if-match": tag})
    assert second.status_code == 412
    assert "read it again" in second.json()["detail"]
    assert client.put(path, json=wanted | {"version": 1}).status_code == 409
    assert client.delete(path, headers={"if-match": tag}).status_code == 412
    assert client.post(f"{path}/versions/1/restore", headers={"if-match": tag}).status_code == 412
    assert [word["text"] for word in client.get(path).json()["words"]] == ["one", "two"]
    assert client.put(path, json=wanted, headers={"if-match": '"1", W/"2"'}).json()["version"] == 3
    assert client.delete(path, headers={"if-match": "*"}).status_code == 204
    assert client.put(path, json=wanted, headers={"if-match": "*"}).status_code == 412


def test_words_are_put_on_a_list_and_taken_off_without_its_others(console: Console) -> None:
    path = f"/api/v1/hotwords/{uuid4()}"
    client = console.client
    client.put(path, json={"words": [{"text": "one"}, {"text": "two"}], "agents": ["10??"]})
    change = {"words": [{"text": "three"}, {"text": "two", "weight": 2}], "remove": ["one", "never there"], "by": "Ann"}
    amended = client.patch(path, json=change)
    assert amended.json()["words"] == [{"text": "two", "weight": 2.0}, {"text": "three", "weight": 1.0}]
    assert (amended.json()["agents"], amended.headers["etag"]) == (["10??"], '"2"')
    assert client.patch(path, json={"words": [{"text": "four"}], "version": 1}).status_code == 409
    assert client.patch(path, json={"remove": ["two"]}, headers={"if-match": '"1"'}).status_code == 412
    many = [{"text": f"word {number}"} for number in range(999)]
    refused = client.patch(path, json={"words": many})
    assert (refused.status_code, "at most 1000" in refused.json()["detail"]) == (422, True)
    client.delete(path)
