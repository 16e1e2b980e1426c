"""The API's routes for assist rules, for the cards that they gave, and for those that they would have given."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request

from callscribe.console.answer import Answer
from callscribe.console.calls import KEY_LIMIT, Key
from callscribe.console.etag import PreconditionOf, conditional, tell_version
from callscribe.console.problems import responses
from callscribe.console.reading import note_read
from callscribe.console.reference import API
from callscribe.console.sources import SourcesOf
from callscribe.domain.assist import AssistCard, Severity
from callscribe.domain.call import Call, Role
from callscribe.domain.errors import AssistRuleOutdated
from callscribe.events.assist import CardGiven
from callscribe.text.assist import replay
from callscribe.text.assist_rules import MAX_RULES, AssistRule, NamedRule
from callscribe.text.rule_set import RuleSet
from callscribe.text.visible import LINE, NAME

router = APIRouter(prefix=API, tags=["Assist rules"])

MAX_VERSION = 2**31 - 1
RuleName = Annotated[str, Path(min_length=1, max_length=100, pattern=NAME, description="Name of the rule.")]
By = Annotated[str, Query(max_length=100, pattern=LINE, description='Who asks; "": not told.')]


class AssistRuleRequest(AssistRule):
    """What a rule shall be, in place of what it is."""

    by: str = Field("", max_length=100, pattern=LINE, description='Who asks; "": not told.')
    version: int | None = Field(
        None,
        ge=0,
        le=MAX_VERSION,
        description="`version` that the rule had when it was read, 0: none; 409 where another stands by now. As "
        "`If-Match`, which answers 412. null: whatever stands.",
    )

    @property
    def rule(self) -> AssistRule:
        return AssistRule.model_validate(self.model_dump(exclude={"by", "version"}))


class AssistRuleAnswer(AssistRule):
    """One version of a rule."""

    name: str
    version: int = Field(description="1 for the first, growing with every change.")

    @classmethod
    def of(cls, named: NamedRule) -> "AssistRuleAnswer":
        return cls.model_validate({**named.rule.model_dump(), "name": named.name, "version": named.version})


class CardAnswer(Answer):
    """A card that a rule gave, or would have given."""

    id: UUID = Field(description="`card_id` of its event.")
    rule: str
    version: int = Field(description="Of the rule; 0 where it was only tried.")
    severity: Severity
    title: str
    text: str
    link: str
    channel: int | None = Field(description="null where it is about no one channel, as of a silence.")
    role: Role = Field(description="Of the channel.")
    utterance_id: UUID | None = Field(description="The utterance in which the words begin, or null.")
    start_ms: int = Field(description="From which on it is about what is said.")
    heard_ms: int = Field(description="Up to which the call had been heard when the rule held.")

    @classmethod
    def of(cls, call: Call, card: AssistCard) -> "CardAnswer":
        told = CardGiven.of(call, card, call.started_at)
        return cls(
            id=told.card_id,
            rule=told.rule,
            version=told.version,
            severity=told.severity,
            title=told.title,
            text=told.text,
            link=told.link,
            channel=told.channel,
            role=told.role,
            utterance_id=told.utterance_id,
            start_ms=told.start_ms,
            heard_ms=told.heard_ms,
        )


class CardsAnswer(Answer):
    """The cards of a call."""

    call_id: UUID
    cards: list[CardAnswer] = Field(description="In the order in which they were given.")

    @classmethod
    def of(cls, call: Call, cards: tuple[AssistCard, ...]) -> "CardsAnswer":
        return cls(call_id=call.id, cards=[CardAnswer.of(call, card) for card in cards])


class TrialRequest(BaseModel):
    """Which rules to hold against which call."""

    model_config = ConfigDict(extra="forbid")

    call: str = Field(max_length=KEY_LIMIT, description="Id of the call, Callscribe's or another system's.")
    rules: dict[Annotated[str, Field(min_length=1, max_length=100, pattern=NAME)], AssistRule] | None = Field(
        None, min_length=1, max_length=MAX_RULES, description="By their names; null: those that there are."
    )

    def named(self) -> tuple[NamedRule, ...] | None:
        """None: those that there are."""
        if self.rules is None:
            return None
        return tuple(NamedRule(name, 0, rule) for name, rule in self.rules.items())


@router.get("/rules", responses=responses(503))
def list_rules(sources: SourcesOf) -> list[AssistRuleAnswer]:
    """All assist rules in their newest versions, by name."""
    return [AssistRuleAnswer.of(found) for found in sources.rules.all()]


@router.get("/rules/{name}", responses=responses(404, 422, 503))
def get_rule(
    sources: SourcesOf,
    name: RuleName,
    response: Response,
    version: Annotated[int | None, Query(ge=1, le=MAX_VERSION, description="An earlier version.")] = None,
) -> AssistRuleAnswer:
    """One rule. `ETag` is that of its version."""
    found = sources.rules.find(name, version)
    if found is None:
        raise _no_rule()
    return _answer(found, response)


@router.put("/rules/{name}", responses=responses(409, 412, 422, 503))
def put_rule(
    sources: SourcesOf, name: RuleName, wanted: AssistRuleRequest, condition: PreconditionOf, response: Response
) -> AssistRuleAnswer:
    """Make the rule, or a new version of it where it changes. Running calls have it from their next utterances on."""
    with conditional(condition, AssistRuleOutdated):
        expects = condition.and_seen(wanted.version)
        return _answer(sources.rules.put(name, wanted.rule, wanted.by, expects), response)


@router.delete("/rules/{name}", status_code=204, responses=responses(404, 412, 422, 503))
def delete_rule(sources: SourcesOf, name: RuleName, condition: PreconditionOf, by: By = "") -> None:
    """Let it give no more cards. Those that it gave stay, and so do its versions."""
    with conditional(condition, AssistRuleOutdated):
        if not sources.rules.delete(name, by, condition.allows):
            raise _no_rule()


@router.post("/rules/test", responses=responses(404, 422, 503))
def try_rules(request: Request, sources: SourcesOf, wanted: TrialRequest) -> CardsAnswer:
    """Hold rules against a past call: the cards that they would have given, with their times. Nothing is kept of it.

    What was said is read as it stood in the finals: a card about words comes with the end of its utterance here, and
    live as soon as the words are committed. A rule that is not for the call's trunk or language gives none here either.
    """
    record, transcript = sources.reader.call(wanted.call), sources.reader.transcript(wanted.call)
    note_read(request, sources.database, "rules.tested", str(record.call.id))
    named = wanted.named()
    rules = sources.rules.all() if named is None else named
    length = record.end.samples if record.end else max((each.final.end for each in transcript.utterances), default=0)
    language = sources.settings.trunk_named(record.call.trunk).language
    return CardsAnswer.of(record.call, replay(transcript, length, RuleSet.of(rules), language))


@router.get("/calls/{key:path}/cards", responses=responses(404, 422, 503))
def list_cards(sources: SourcesOf, key: Key) -> CardsAnswer:
    """The cards that assist rules gave on a call, also one that goes on."""
    call = sources.reader.call(key).call
    return CardsAnswer.of(call, sources.cards.of_call(call.id))


def _answer(found: NamedRule, response: Response) -> AssistRuleAnswer:
    tell_version(response, found.version)
    return AssistRuleAnswer.of(found)


def _no_rule() -> HTTPException:
    return HTTPException(404, "There is no such assist rule; /api/v1/rules lists those there are.")
