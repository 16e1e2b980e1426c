"""The API's routes for what webhooks were told, or could not be."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import Field
from starlette.exceptions import HTTPException

from callscribe.console.answer import Answer
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.sources import SourcesOf
from storage.records import DeliveryState
from storage.webhooks import PAGE_LIMIT, Delivery, DeliveryPage, HeldWebhook

router = APIRouter(prefix=API, tags=["Webhooks"])
notices = APIRouter(tags=["Webhooks"])
"""What receivers of webhooks are sent, for the OpenAPI document: this server has no such routes."""

HookName = Annotated[str, Path(max_length=100, description="Its name in the settings.")]


class DeliveryAnswer(Answer):
    """What one webhook is told of one processing of a call."""

    id: int
    webhook: str = Field(description="Its name in the settings.")
    call_id: UUID
    processing: int = Field(description="1 for the first time that nothing of the call was left to do.")
    state: DeliveryState = Field(description="`queued`: to be sent, or sent again; `dead`: given up.")
    attempts: int
    error: str = Field(description="Why the last attempt failed; empty when it did not.")
    due_at: datetime = Field(description="UTC.")
    created_at: datetime = Field(description="UTC.")
    finished_at: datetime | None = Field(description="When it was delivered or given up, UTC.")

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryAnswer":
        return cls(
            id=delivery.id,
            webhook=delivery.hook,
            call_id=delivery.call_id,
            processing=delivery.processing,
            state=delivery.state,
            attempts=delivery.attempts,
            error=delivery.error,
            due_at=delivery.due_at,
            created_at=delivery.created_at,
            finished_at=delivery.finished_at,
        )


class DeliveryPageAnswer(Answer):
    """A stretch of the deliveries, newest first."""

    deliveries: list[DeliveryAnswer]
    cursor: str | None = Field(description="Pass it as `cursor` for the next stretch; null when this is the last.")

    @classmethod
    def of(cls, page: DeliveryPage) -> "DeliveryPageAnswer":
        return cls(deliveries=[DeliveryAnswer.of(one) for one in page.deliveries], cursor=page.cursor)


class HeldAnswer(Answer):
    """A webhook to which nothing is sent for now, as its receiver asked for that."""

    webhook: str = Field(description="Its name in the settings.")
    reason: str
    since: datetime = Field(description="UTC.")
    until: datetime | None = Field(description="UTC; null: until somebody has it go on.")
    queued: int = Field(description="Deliveries that wait.")

    @classmethod
    def of(cls, held: HeldWebhook) -> "HeldAnswer":
        return cls(webhook=held.hook, reason=held.reason, since=held.since, until=held.until, queued=held.queued)


class ProcessedNotice(Answer):
    """Nothing is left to do of a call. What was said is not told, nor by whom."""

    type: Literal["call.processed"]
    call_id: UUID
    at: datetime = Field(description="When it was processed, UTC.")
    done: list[str] = Field(description='Kinds of the jobs that were done, for example "second-pass".')
    failed: list[str] = Field(description="Kinds of the jobs that were given up.")
    score: float | None = Field(
        description="0 to 100, by the scorecard by which it is lowest; null where none is for the call."
    )
    failed_rules: list[str] = Field(description="Names of the scorecards' rules that the call failed.")
    processing: int = Field(ge=1, description="1 for the first time; more after a later evaluation.")
    trunk: str
    outside_ids: dict[str, str] = Field(
        description='Value by kind, for example "sip-call-id"; of a kind that comes twice, the first.'
    )
    transcript: str = Field(description="Path of the transcript in this API.")


@notices.post(
    "call.processed",
    status_code=204,
    response_class=Response,
    responses={
        "2XX": {"description": "It is taken; the body is not read."},
        410: {"description": "No more is wanted: nothing is sent to this address until somebody has it go on."},
        "default": {"description": "It comes again; not before what `Retry-After` tells, up to a day."},
    },
)
def call_processed(
    notice: ProcessedNotice,
    webhook_id: Annotated[str, Header(description="The same at every attempt: one that was seen is done.")],
    webhook_timestamp: Annotated[int, Header(description="When it was sent, seconds since 1970.")],
    webhook_signature: Annotated[
        str,
        Header(
            description="By Standard Webhooks, of each secret of the settings one, with blanks between: `v1,` and the "
            "base64 of the HMAC-SHA256 over `id.timestamp.body`. One that fits is enough."
        ),
    ],
) -> None:
    """Sent to each of the settings' webhooks that is for the call's trunk, when nothing of the call is left to do."""


@router.get("/webhooks/held", responses=responses(503))
def list_held(sources: SourcesOf) -> list[HeldAnswer]:
    """Webhooks whose receivers want nothing for now (`Retry-After`), or nothing more (status 410)."""
    return [HeldAnswer.of(held) for held in sources.webhooks.held()]


@router.post("/webhooks/{name}/resume", status_code=202, responses=responses(409, 422, 503))
def resume_webhook(sources: SourcesOf, name: HookName) -> None:
    """Send a webhook what waits for it, whatever its receiver asked for."""
    if not sources.webhooks.resume(name):
        raise HTTPException(409, "Nothing is held back from a webhook of this name; /api/v1/webhooks/held lists those.")


@router.get("/webhooks/deliveries", responses=responses(422, 503))
def list_deliveries(
    sources: SourcesOf,
    state: Annotated[DeliveryState | None, Query(description="`dead` lists what was given up.")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = 50,
    cursor: Annotated[str | None, Query(max_length=20)] = None,
) -> DeliveryPageAnswer:
    """What webhooks were told of calls, are to be told, and could not be told, newest first."""
    try:
        return DeliveryPageAnswer.of(sources.webhooks.deliveries(state, limit, cursor))
    except ValueError as error:
        raise HTTPException(422, f"cursor: {error}; begin again without one") from error


@router.post("/webhooks/deliveries/{delivery_id}/retry", status_code=202, responses=responses(409, 422, 503))
def retry_delivery(sources: SourcesOf, delivery_id: Annotated[int, Path(ge=1, le=2**63 - 1)]) -> None:
    """Send a dead delivery again, with all its attempts. Its webhook goes on where its receiver wanted no more."""
    if not sources.webhooks.retry(delivery_id):
        raise HTTPException(
            409, "No dead delivery has this id; /api/v1/webhooks/deliveries?state=dead lists those there are."
        )
