"""What the service stored of a call, compared with what was said."""

from functools import partial

from tests.acceptance.service import Json, RunningService, wait_for
from tests.acceptance.speech import Excerpt
from tests.wer import word_error_rate

TAKEN = "callscribe_tasks_accepted"
"""How many calls' jobs the worker took since its start."""


def utterances(service: RunningService, call_id: str) -> list[Json]:
    """The call's utterances as the transcript document has them."""
    found = service.get(f"/api/v1/calls/{call_id}/transcript?format=json")["utterances"]
    assert isinstance(found, list)
    return found


def spoken(service: RunningService, call_id: str, channel: int = 0) -> str:
    """What the channel's utterances say, joined."""
    return " ".join(str(item["text"]) for item in utterances(service, call_id) if item["channel"] == channel)


def assert_spoken(service: RunningService, call_id: str, speech: Excerpt, limit: float = 0.15) -> None:
    """Every channel says what its party said, at most `limit` word errors a word."""
    for channel, text in enumerate(speech.texts):
        heard = spoken(service, call_id, channel)
        assert word_error_rate([text], [heard]) <= limit, f"channel {channel}: {heard}"


def assert_nothing_twice(service: RunningService, call_id: str) -> None:
    """No two utterances of a channel overlap: none was stored twice."""
    ends: dict[object, int] = {}
    for item in utterances(service, call_id):
        start, end = item["start_ms"], item["end_ms"]
        assert isinstance(start, int)
        assert isinstance(end, int)
        assert start >= ends.get(item["channel"], 0), "an utterance begins before the one before it ends"
        ends[item["channel"]] = end


def jobs_done(service: RunningService, call_id: str) -> bool:
    """True when nothing of the call is still to be decoded."""
    jobs = service.get(f"/api/v1/calls/{call_id}")["jobs"]
    return bool(jobs) and all(job["state"] == "done" for job in jobs)


def wait_jobs(service: RunningService, call_id: str, what: str, still_s: float = 300) -> None:
    """Wait until nothing of the call is still to be decoded, for as long as the worker takes jobs: those of any number
    of other calls may come first. Fails the test, naming `what`, after `still_s` without a job that it took."""

    def done_or_more_than(taken: float) -> bool:
        return jobs_done(service, call_id) or service.counter(TAKEN) != taken

    while not jobs_done(service, call_id):
        taken = service.counter(TAKEN)
        wait_for(partial(done_or_more_than, taken), what, still_s, every_s=1)
