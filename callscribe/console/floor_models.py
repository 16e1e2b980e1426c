"""What the floor tells of calls that go on."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from callscribe.console.answer import Answer
from callscribe.console.models import LiveCallAnswer
from callscribe.domain.assist import Severity
from callscribe.domain.call import Role
from callscribe.events.schema import UtteranceFinal, UtterancePartial


class LineAnswer(Answer):
    """What was said last, or is being said."""

    channel: int
    role: Role
    party: str = Field(description='Name of who says it, "" when it is not known.')
    text: str = Field(description="At most its last 200 characters.")
    start_ms: int
    final: bool = Field(description="false while it is still being said.")


class FloorCardAnswer(Answer):
    """A card of an assist rule."""

    id: UUID
    severity: Severity
    title: str
    start_ms: int


class AlertsAnswer(Answer):
    """The cards that a call was given."""

    critical: int
    warning: int
    info: int
    newest: FloorCardAnswer | None


class FloorRowAnswer(Answer):
    """How a call stands."""

    id: UUID
    agent_ms: int = Field(
        description="For how long the agent has spoken; where roles are not known, whoever is on the first channel."
    )
    customer_ms: int = Field(description="For how long the others have.")
    silence_ms: int = Field(description="The longest silence so far that is over; pauses are none.")
    until_ms: int = Field(description="Up to where somebody spoke or a pause went.")
    speaking: list[int] = Field(description="Channels on which an utterance is open.")
    paused: bool = Field(description="Whether nothing of a channel is kept just now.")
    alerts: AlertsAnswer
    line: LineAnswer | None = Field(description="null where nothing was said yet.")


class FloorRowsAnswer(Answer):
    """What changed on the floor, or all that is on it."""

    type: str = Field("floor.rows", examples=["floor.rows"])
    at: datetime = Field(description="The server's time, UTC.")
    whole: bool = Field(description="Everything: whatever is not in it is not on the floor.")
    calls: list[LiveCallAnswer] = Field(description="New ones, and those of which something else is known.")
    rows: list[FloorRowAnswer]
    ended: list[UUID]
    erased: list[UUID]


Spoken = Annotated[UtteranceFinal | UtterancePartial, Field(discriminator="type")]


class LiveAnswer(Answer):
    """A call that goes on now, with what was said last."""

    call: LiveCallAnswer
    row: FloorRowAnswer = Field(description="How much was said so far, and which cards were given.")
    latest: list[Spoken] = Field(
        description="The newest finals, and for each channel that speaks the newest partial, in order of their starts."
    )


class FloorAnswer(Answer):
    """All calls that go on now."""

    at: datetime = Field(description="The server's time, UTC.")
    cursor: str = Field(description="Pass it as `last_event_id` to /live/events: what happens after this answer.")
    calls: list[LiveAnswer] = Field(description="Oldest first.")
