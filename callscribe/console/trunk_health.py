"""What is wrong with a trunk, or with those who hear its calls, each with its cure. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from callscribe.console.remedies import remedy_of
from callscribe.domain.refusal import RefusedRequest
from storage.trunk_traffic import TrunkTraffic
from telephony.registration import SENTENCES, RegistrationState, gauge
from telephony.settings import TrunkSettings

LATELY = timedelta(hours=1)
"""How old a refusal may be to count as what is wrong now."""
MOST_REFUSALS = 5
_FULL = ("invites_refused_busy", "invites_refused_rate")
_ON_THE_WAY = (RegistrationState.REGISTERED, RegistrationState.REGISTERING)


class Tone(StrEnum):
    """How bad something is."""

    BAD = "bad"
    """Calls are lost, or not heard."""
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something that is wrong, and what helps: sentences in English with places for `values`."""

    tone: Tone
    what: str
    cure: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Node:
    """A node as it stands now."""

    name: str
    counters: Mapping[str, float]
    """Empty: it does not report."""
    active: int
    """Calls that go on on it, as the database knows."""

    @property
    def runs(self) -> bool:
        return bool(self.counters)


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of one trunk."""

    settings: TrunkSettings
    traffic: TrunkTraffic
    registrations: Sequence[RegistrationState]
    """One of each node that runs."""
    refusals: Sequence[RefusedRequest]
    """The last one first."""
    lists: frozenset[str]
    """Names of the hotword lists that there are."""


def trunk_complaints(trunk: Watched, now: datetime) -> tuple[Complaint, ...]:
    """What is wrong with a trunk, the worst first."""
    found = [*_registration(trunk), *_refused(trunk, now), *_lists(trunk), *_traffic(trunk), *_openness(trunk.settings)]
    return tuple(sorted(found, key=lambda complaint: complaint.tone))


def node_complaints(nodes: Sequence[Node]) -> tuple[Complaint, ...]:
    """What is wrong with those who take calls, the worst first."""
    found = [complaint for node in nodes for complaint in _node(node)]
    if not any(node.runs for node in nodes):
        what, cure = (
            "No node takes calls now.",
            "Start one with callscribe serve or callscribe sip, or look at its log.",
        )
        found.insert(0, Complaint(Tone.BAD, what, cure))
    return tuple(sorted(found, key=lambda complaint: complaint.tone))


def registrations_of(trunk: str, nodes: Sequence[Node]) -> tuple[RegistrationState, ...]:
    """How the trunk's registration goes on each node that has one."""
    return tuple(state for node in nodes for state in RegistrationState if node.counters.get(gauge(state, trunk)))


def refusal_complaint(refused: RefusedRequest, what: str = "{why}") -> Complaint:
    """Why a peer was refused, and what helps; `why` is itself a sentence with places for the others."""
    remedy = remedy_of(refused.reason)
    values = {"source": refused.source, "trunk": refused.trunk, "detail": refused.detail, "why": remedy.why}
    return Complaint(Tone.WARN, what, remedy.cure, values)


def _registration(trunk: Watched) -> Iterator[Complaint]:
    account = trunk.settings.register
    values = {"registrar": account.registrar, "extension": account.extension, "transport": account.transport.upper()}
    for state in dict.fromkeys(trunk.registrations):
        if state not in _ON_THE_WAY:
            what, _, cure = SENTENCES[state].partition(": ")
            yield Complaint(Tone.WARN if state is RegistrationState.STOPPED else Tone.BAD, what, cure, values)


def _refused(trunk: Watched, now: datetime) -> Iterator[Complaint]:
    fresh = [refused for refused in trunk.refusals if now - refused.at < LATELY and refused.method != "OPTIONS"]
    for refused in fresh[:MOST_REFUSALS]:
        yield refusal_complaint(refused, "{source} was refused: {why}")


def _lists(trunk: Watched) -> Iterator[Complaint]:
    for name in trunk.settings.hotword_lists:
        if name not in trunk.lists:
            what = "The settings name the hotword list {list}, which is not there."
            yield Complaint(Tone.WARN, what, "Make it under Hotwords, or take it out of hotword_lists.", {"list": name})


def _traffic(trunk: Watched) -> Iterator[Complaint]:
    traffic = trunk.traffic
    if traffic.failed_jobs:
        what, cure = "Jobs of its calls were given up: {jobs}.", "See why under Jobs and webhooks, and try them again."
        yield Complaint(Tone.WARN, what, cure, {"jobs": traffic.failed_jobs})
    if traffic.broken:
        what = "Calls since then that did not end by a hang-up: {broken} of {begun}."
        cure = "Their pages tell why; where no audio came, look at firewalls and at sip.advertised_address."
        yield Complaint(Tone.WARN, what, cure, {"broken": traffic.broken, "begun": traffic.begun})


def _openness(trunk: TrunkSettings) -> Iterator[Complaint]:
    open_to_all = any(network.partition("/")[2] == "0" for network in trunk.allow)
    if open_to_all and not trunk.digest_username and trunk.tls != "verified":
        yield Complaint(Tone.WARN, "Anybody may call over this trunk.", "Narrow allow, or set digest_username.")


def _node(node: Node) -> Iterator[Complaint]:
    counters, named = node.counters, {"node": node.name, "active": node.active}
    if not node.runs:
        what = "Node {node} does not report; calls of it that have not ended: {active}."
        yield Complaint(
            Tone.BAD, what, "Start it again: it ends them and goes on with what it has in its journal.", named
        )
        return
    if not counters.get("recognizer_ready"):
        what = "Node {node} has no recognizer: its calls are recorded, and heard later."
        yield Complaint(
            Tone.BAD, what, "Start one with callscribe recognizer, or look at recognizer.urls and its log.", named
        )
    active, capacity = int(counters.get("calls_active", 0)), int(counters.get("calls_capacity", 0))
    if active >= capacity:
        what = "Node {node} is full: calls now {active}, of {capacity} that fit."
        yield Complaint(
            Tone.BAD, what, "Raise sip.lines, or add a node.", {**named, "active": active, "capacity": capacity}
        )
    elif refused := int(sum(counters.get(name, 0) for name in _FULL)):
        what = "Calls that node {node} refused since its start for want of room: {refused}."
        yield Complaint(Tone.WARN, what, "Raise sip.lines, or add a node.", {**named, "refused": refused})
