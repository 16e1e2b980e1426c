"""Who works on ended calls, as the running service tells."""

from collections.abc import Iterator

from pydantic import ValidationError

from callscribe.cli.api import fetch
from callscribe.cli.checks.finding import Finding, bad, hint, ok
from callscribe.console.jobs import JobCountsAnswer
from callscribe.domain.errors import CallscribeError


def check_work(base: str) -> Iterator[Finding]:
    """Nothing where the service does not run, or lets only others ask."""
    try:
        told = JobCountsAnswer.model_validate_json(fetch(base, "/api/v1/jobs/counts"))
    except (CallscribeError, ValidationError):
        return
    yield _workers(told)
    yield _jobs(told)


def _workers(told: JobCountsAnswer) -> Finding:
    if told.workers is None:
        return hint("worker", "the event store does not tell whether one runs", "look at events.url")
    if not told.workers:
        return bad("worker", "nobody works on ended calls", "start `callscribe worker`; its log says why it ended")
    return ok("worker", f"works on {', '.join(told.workers)}")


def _jobs(told: JobCountsAnswer) -> Finding:
    numbers = {
        state: sum(count.number for count in told.counts if count.state == state) for state in ("queued", "failed")
    }
    if numbers["failed"]:
        cure = "/admin/jobs says why, and has them tried again"
        return hint("jobs", f"{numbers['failed']} were given up, {numbers['queued']} wait", cure)
    return ok("jobs", f"none was given up, {numbers['queued']} wait")
