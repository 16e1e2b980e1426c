"""The API's routes for what webhooks were told, or could not be."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.exceptions import HTTPException

from callscribe.console.answer import Answer
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.sources import SourcesOf
from storage.records import DeliveryState
from storage.webhooks import PAGE_LIMIT, Delivery, DeliveryPage

router = APIRouter(prefix=API, tags=["Webhooks"])


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
    """Send a dead delivery again, with all its attempts."""
    if not sources.webhooks.retry(delivery_id):
        raise HTTPException(
            409, "No dead delivery has this id; /api/v1/webhooks/deliveries?state=dead lists those there are."
        )
