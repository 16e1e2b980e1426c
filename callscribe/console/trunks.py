"""The API's route for trunks: which settings are in force, what comes over them, and what is wrong."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.requests import Request

from callscribe.config.settings import Settings
from callscribe.console.answer import Answer
from callscribe.console.moment import Moment
from callscribe.console.nodes import RefusalAnswer
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.sources import Sources, SourcesOf
from callscribe.console.trunk_health import (
    Complaint,
    Node,
    Tone,
    Watched,
    node_complaints,
    refusal_complaint,
    registrations_of,
    trunk_complaints,
)
from callscribe.console.wording import Wording, language_of
from callscribe.domain.refusal import RefusedRequest
from callscribe.events.board import NODE_ROLE
from telephony.registration import RegistrationState
from telephony.settings import TrunkSettings

router = APIRouter(prefix=API, tags=["Operation"])

MOST_STRANGERS = 20


class ComplaintAnswer(Answer):
    """Something that is wrong, in the reader's language (Accept-Language)."""

    tone: Tone = Field(description="`bad`: calls are lost or not heard; `warn`: it wants a look.")
    what: str
    cure: str = Field(description="What helps.")

    @classmethod
    def of(cls, found: Complaint, say: Wording) -> "ComplaintAnswer":
        values = dict(found.values)
        if "why" in values:
            values["why"] = say(str(values["why"]), **found.values)
        return cls(tone=found.tone, what=_sentence(found.what, values, say), cure=_sentence(found.cure, values, say))


class ExplainedRefusalAnswer(RefusalAnswer):
    """A refused request, why it was refused, and what helps, in the reader's language."""

    why: str
    cure: str

    @classmethod
    def explain(cls, refused: RefusedRequest, say: Wording) -> "ExplainedRefusalAnswer":
        told = ComplaintAnswer.of(refusal_complaint(refused), say)
        return cls(**RefusalAnswer.of(refused).model_dump(), why=told.what, cure=told.cure)


def _sentence(text: str, values: Mapping[str, object], say: Wording) -> str:
    """With a capital and a full stop; a name that it begins with stays as it is."""
    said = say(text, **values)
    begun = said if text.startswith("{") else said[:1].upper() + said[1:]
    return begun if begun.endswith((".", "。")) else f"{begun}."


class TrunkSettingsAnswer(Answer):
    """What is in force for a trunk's calls. Passwords are not told."""

    allow: list[str] = Field(description="Networks whose hosts may call.")
    tls: str = Field(description="`optional`, `required` or `verified`.")
    password: bool = Field(description="Whether callers must give one.")
    siprec: bool = Field(description="Whether each call is taken for a recording session.")
    language: str = Field(description="BCP 47 tag, or `auto`.")
    engines: list[str] = Field(description="Engines that may hear its calls, the best first.")
    codecs: list[str] = Field(description="The best first.")
    hotwords: int = Field(description="Words that the settings themselves name.")
    hotword_lists: list[str]
    redaction: list[str] = Field(description="Kinds of numbers and addresses that are masked.")
    diarization: str = Field(description="`auto`, `on` or `off`.")
    audio_days: float = Field(description="Days that recordings are kept; 0: for ever.")
    text_days: float = Field(description="Days that what was said is kept; 0: for ever.")
    registrar: str = Field(description='Where it registers as an extension; "": nowhere.')
    extension: str

    @classmethod
    def of(cls, trunk: TrunkSettings, settings: Settings) -> "TrunkSettingsAnswer":
        kept = settings.retention
        return cls(
            allow=list(trunk.allow),
            tls=trunk.tls,
            password=bool(trunk.digest_username),
            siprec=trunk.siprec,
            language=trunk.language,
            engines=list(trunk.engines or (settings.recognizer.engine,)),
            codecs=list(trunk.codecs or ("PCMU", "PCMA")),
            hotwords=len(trunk.hotwords),
            hotword_lists=list(trunk.hotword_lists),
            redaction=list(trunk.redaction),
            diarization=trunk.diarization,
            audio_days=kept.audio_days if trunk.keep_audio_days < 0 else trunk.keep_audio_days,
            text_days=kept.text_days if trunk.keep_text_days < 0 else trunk.keep_text_days,
            registrar=trunk.register.registrar,
            extension=trunk.register.extension,
        )


class TrunkAnswer(Answer):
    """A trunk of the settings, and how it does."""

    name: str
    settings: TrunkSettingsAnswer
    calls_active: int = Field(description="Calls that go on.")
    calls_begun: int = Field(description="Calls that began since `since`.")
    calls_broken: int = Field(description="Of these, those that ended, and not by a hang-up.")
    failed_jobs: int = Field(description="Jobs of its calls that were given up, whenever that was.")
    last_call_at: datetime | None = Field(description="When its newest call began, UTC; null: none in 30 days.")
    registrations: list[RegistrationState] = Field(description="Of each node that runs, where the trunk registers.")
    refusals: list[ExplainedRefusalAnswer] = Field(description="Within a day, the last one first.")
    problems: list[ComplaintAnswer] = Field(description="What is wrong with it now, the worst first.")


class NodeHealthAnswer(Answer):
    """A node that takes calls, or should."""

    name: str
    runs: bool
    calls_active: int
    calls_capacity: int = Field(description="Calls that fit.")
    recognizer_ready: bool


class TrunksAnswer(Answer):
    """All trunks and nodes."""

    since: datetime = Field(description="UTC.")
    trunks: list[TrunkAnswer] = Field(description="In the order of the settings.")
    nodes: list[NodeHealthAnswer]
    strangers: list[ExplainedRefusalAnswer] = Field(description="Refused within a day, of no trunk.")
    problems: list[ComplaintAnswer] = Field(description="What is wrong with the nodes, the worst first.")


@router.get("/trunks", responses=responses(422, 503))
async def list_trunks(
    request: Request,
    sources: SourcesOf,
    since: Annotated[
        Moment | None, Query(description="From when on calls are counted; without it since midnight UTC.")
    ] = None,
) -> TrunksAnswer:
    """Every trunk with the settings in force, its calls, whom it refused lately, and what is wrong with its cure."""
    now, say = datetime.now(UTC), Wording(language_of(request))
    begin = since or now.replace(hour=0, minute=0, second=0, microsecond=0)
    trunks = sources.settings.trunks
    names = [trunk.name for trunk in trunks]
    boards, traffic, active, lists = await asyncio.gather(
        sources.board.read_all(),
        asyncio.to_thread(sources.traffic.by_trunk, names, begin),
        asyncio.to_thread(sources.traffic.active_by_node),
        asyncio.to_thread(sources.hotwords.lists),
    )
    nodes = _nodes(boards, active)
    refused = await _refusals(sources, nodes)
    listed = frozenset(found.name for found in lists)
    watched = [
        Watched(trunk, traffic[trunk.name], registrations_of(trunk.name, nodes), _of_trunk(refused, trunk.name), listed)
        for trunk in trunks
    ]
    return TrunksAnswer(
        since=begin,
        trunks=[_answer(each, sources.settings, now, say) for each in watched],
        nodes=[_node_answer(node) for node in nodes],
        strangers=[ExplainedRefusalAnswer.explain(one, say) for one in _of_trunk(refused, "")[:MOST_STRANGERS]],
        problems=[ComplaintAnswer.of(found, say) for found in node_complaints(nodes)],
    )


def _nodes(boards: Mapping[str, Mapping[str, float]], active: Mapping[str, int]) -> tuple[Node, ...]:
    """Those that report, and those that have calls going on."""
    running = {name.removeprefix(NODE_ROLE) for name in boards if name.startswith(NODE_ROLE)}
    return tuple(
        Node(name, boards.get(NODE_ROLE + name, {}), active.get(name, 0)) for name in sorted(running | {*active})
    )


async def _refusals(sources: Sources, nodes: Sequence[Node]) -> Sequence[RefusedRequest]:
    found = await asyncio.gather(*(sources.refusals.read(node.name) for node in nodes if node.runs))
    return sorted((one for of_node in found for one in of_node), key=lambda one: one.at, reverse=True)


def _of_trunk(refused: Sequence[RefusedRequest], name: str) -> Sequence[RefusedRequest]:
    return [one for one in refused if one.trunk == name]


def _answer(trunk: Watched, settings: Settings, now: datetime, say: Wording) -> TrunkAnswer:
    traffic = trunk.traffic
    return TrunkAnswer(
        name=trunk.settings.name,
        settings=TrunkSettingsAnswer.of(trunk.settings, settings),
        calls_active=traffic.active,
        calls_begun=traffic.begun,
        calls_broken=traffic.broken,
        failed_jobs=traffic.failed_jobs,
        last_call_at=traffic.last_at,
        registrations=list(trunk.registrations),
        refusals=[ExplainedRefusalAnswer.explain(one, say) for one in trunk.refusals],
        problems=[ComplaintAnswer.of(found, say) for found in trunk_complaints(trunk, now)],
    )


def _node_answer(node: Node) -> NodeHealthAnswer:
    return NodeHealthAnswer(
        name=node.name,
        runs=node.runs,
        calls_active=int(node.counters.get("calls_active", node.active)),
        calls_capacity=int(node.counters.get("calls_capacity", 0)),
        recognizer_ready=bool(node.counters.get("recognizer_ready")),
    )
