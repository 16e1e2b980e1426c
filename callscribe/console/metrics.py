"""What Prometheus reads: counters that every process posted, jobs by state, and the requests answered here."""

import asyncio
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric, UnknownMetricFamily
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callscribe.console.quality import recent_quality
from callscribe.console.sources import Sources, SourcesOf
from callscribe.domain.corrected import WeekOfCorrections
from callscribe.domain.errors import EventsUnavailable, StorageError
from callscribe.events.board import ENGINE_MARK, LABELS
from storage.job_lists import JobCount
from storage.records import JobState

router = APIRouter(tags=["Operation"])

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
UNKNOWN_ROUTE = "unknown"
_WAITING = (JobState.QUEUED, JobState.RUNNING)
"""Jobs that somebody waits for."""


class RequestMetrics:
    """Counts requests by route, never by address: an address holds ids."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "callscribe_http_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "callscribe_http_request_seconds",
            "Time until an answer began.",
            ("route",),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self.open = Gauge("callscribe_http_open", "Requests and streams now open.", ("kind",), registry=self.registry)


class CountRequests:
    """Middleware that fills RequestMetrics."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = _route_of(scope)
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._metrics.requests.labels(method, route, str(message["status"])).inc()
                self._metrics.seconds.labels(route).observe(time.perf_counter() - began)
            await send(message)

        with self._metrics.open.labels(scope["type"]).track_inprogress():
            await self._app(scope, receive, count if scope["type"] == "http" else send)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


def _route_of(scope: Scope) -> str:
    """The template of the route that answers, so that the number of series stays small."""
    if scope["path"].startswith("/static/"):
        return "/static"
    return re.sub(r":\w+}", "}", str(getattr(scope.get("route"), "path", UNKNOWN_ROUTE)))


class _Snapshot(Collector):
    """Values that were read before, as metrics."""

    def __init__(
        self,
        boards: Mapping[str, Mapping[str, float]],
        jobs: Sequence[JobCount] | None,
        quality: Mapping[str, WeekOfCorrections],
    ) -> None:
        self._boards = boards
        self._jobs = jobs
        self._quality = quality

    def collect(self) -> Iterator[Metric]:
        families: dict[str, UnknownMetricFamily] = {}
        for process, values in sorted(self._boards.items()):
            role, _, node = process.partition("-")
            for posted, value in values.items():
                name, mark, marked = posted.partition(ENGINE_MARK)
                kinds = LABELS.get(name, ("engine",)) if mark else ()
                full = "callscribe_" + re.sub(r"\W", "_", name, flags=re.ASCII)
                if full not in families:
                    labels = ("process", "node", *kinds)
                    families[full] = UnknownMetricFamily(full, f"{name.replace('_', ' ')}.", labels=labels)
                values_of = marked.split(ENGINE_MARK, len(kinds) - 1) if kinds else ()
                families[full].add_metric((role, node, *values_of), value)
        yield from families.values()
        yield _up("callscribe_database_up", "Whether the database answers.", self._jobs is not None)
        if self._jobs is not None:
            jobs = GaugeMetricFamily("callscribe_jobs", "Jobs by state.", labels=("state",))
            oldest = GaugeMetricFamily(
                "callscribe_oldest_job_seconds", "How long ago the oldest job of a state was made.", labels=("state",)
            )
            for state in JobState:
                of_state = [each for each in self._jobs if each.state is state]
                jobs.add_metric((state,), sum(each.number for each in of_state))
                if state in _WAITING:
                    ages = [(datetime.now(UTC) - each.oldest_at).total_seconds() for each in of_state]
                    oldest.add_metric((state,), max(ages, default=0.0))
            yield from (jobs, oldest)
        yield from _quality_metrics(self._quality)


def _quality_metrics(quality: Mapping[str, WeekOfCorrections]) -> Iterator[Metric]:
    rates = GaugeMetricFamily(
        "callscribe_word_error_rate",
        "By people's corrections of the last 28 days' calls; people correct what seems wrong, so no random sample.",
        labels=("trunk", "text"),
    )
    words = GaugeMetricFamily(
        "callscribe_corrected_words", "That the word error rates are over.", labels=("trunk", "text")
    )
    for trunk, found in sorted(quality.items()):
        for text, rate, count in (
            ("live", found.live_rate, found.words),
            ("second-pass", found.second_pass_rate, found.second_pass_words),
        ):
            words.add_metric((trunk, text), count)
            if rate is not None:
                rates.add_metric((trunk, text), rate)
    yield from (rates, words)


def _up(name: str, text: str, up: bool) -> Metric:
    return GaugeMetricFamily(name, text, value=float(up))


@router.get("/metrics", response_class=Response)
async def get_metrics(request: Request, sources: SourcesOf) -> Response:
    """Counters and gauges of all processes, for Prometheus; `process` and `node` tell whose."""
    metrics = request.app.state.metrics
    assert isinstance(metrics, RequestMetrics)
    boards, jobs, waiting, quality = await asyncio.gather(
        _read_boards(sources),
        asyncio.to_thread(_count_jobs, sources),
        asyncio.to_thread(_count_waiting, sources),
        asyncio.to_thread(_read_quality, sources),
    )
    snapshot = CollectorRegistry()
    snapshot.register(_Snapshot(boards or {}, jobs, quality))
    Gauge("callscribe_events_up", "Whether the event store answers.", registry=snapshot).set(boards is not None)
    if waiting is not None:
        about = "Texts that were stored or changed and cannot be found yet."
        Gauge("callscribe_search_waiting", about, registry=snapshot).set(waiting)
    return Response(generate_latest(snapshot) + generate_latest(metrics.registry), media_type=MEDIA_TYPE)


async def _read_boards(sources: Sources) -> Mapping[str, Mapping[str, float]] | None:
    try:
        return await sources.board.read_all()
    except EventsUnavailable:
        return None


def _count_jobs(sources: Sources) -> Sequence[JobCount] | None:
    try:
        return sources.job_lists.counts()
    except StorageError:
        return None


def _count_waiting(sources: Sources) -> int | None:
    try:
        return sources.search_index.waiting()
    except StorageError:
        return None


def _read_quality(sources: Sources) -> Mapping[str, WeekOfCorrections]:
    try:
        return recent_quality(sources)
    except StorageError:
        return {}
