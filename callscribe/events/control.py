"""Asking the node that has a call to do something: a request goes to every node, and each answers.

Requests are published, so that none waits for a node that is away and is carried out when nobody expects it any more.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeVar
from uuid import UUID, uuid4

import structlog
from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from callscribe.domain.errors import EventsUnavailable
from callscribe.events.parts import EventPause, strict
from callscribe.events.streams import FAILURES, connect

log = structlog.get_logger()

CHANNEL = "callscribe:control"
ANSWER_EXPIRY_S = 30
PING_S = 5.0
"""Silence after which a node makes sure that it still hears."""
RETRY_S = 0.5

T = TypeVar("T")


@strict
@dataclass(frozen=True, slots=True)
class PauseRequest:
    """Keep and hear nothing of calls, or keep and hear them again."""

    calls: tuple[str, ...]
    """Callscribe's ids, or ids that other systems have: every call that goes on under one of them is meant."""
    action: Literal["pause", "resume"]
    channels: tuple[int, ...] = ()
    """Empty: all, those that join later too."""
    reason: str = ""


@strict
@dataclass(frozen=True, slots=True)
class PausedCall:
    """A call that a node has dealt with."""

    id: UUID
    unknown_channels: tuple[int, ...]
    """Channels that the call has not; nothing was done then."""
    pauses: tuple[EventPause, ...]
    """All that it had so far."""


@strict
@dataclass(frozen=True, slots=True)
class PauseAnswer:
    """What a node says to a request, once it is carried out."""

    calls: tuple[PausedCall, ...]
    """Those that go on there."""
    over: tuple[UUID, ...] = ()
    """Those that have ended there, and perhaps are not stored so yet."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of a request."""

    calls: tuple[PausedCall, ...]
    complete: bool
    """There are nodes that listen, and all have answered. A node that is just starting, or has lost the store for a
    moment, is not among them."""
    over: tuple[UUID, ...] = ()
    """Calls that have ended, as their nodes say."""


@strict
@dataclass(frozen=True, slots=True)
class _Numbered:
    """A request on its way."""

    id: str
    request: PauseRequest


_REQUEST = TypeAdapter(_Numbered)
_ANSWER = TypeAdapter(PauseAnswer)


async def ask(url: str, request: PauseRequest, limit_s: float) -> Asked:
    """Let every node carry it out; returns when all have answered, or when the time is over.

    Raises EventsUnavailable.
    """
    numbered = _Numbered(str(uuid4()), request)
    deadline = time.monotonic() + limit_s
    found: list[PausedCall] = []
    over: list[UUID] = []
    client = connect(url, timeout_s=limit_s + PING_S)
    try:
        listening = awaited = await client.publish(CHANNEL, _REQUEST.dump_json(numbered))
        while awaited and (left := deadline - time.monotonic()) > 0:
            told = await client.blpop([_answers(numbered.id)], timeout=left)
            answer = _read(_ANSWER, told[1]) if told else None
            if answer:
                awaited -= 1
                found += answer.calls
                over += answer.over
    except FAILURES as error:
        raise EventsUnavailable from error
    finally:
        await client.aclose()
    return Asked(tuple(found), complete=listening > 0 and not awaited, over=tuple(over))


class ControlDesk:
    """Takes requests at a node."""

    def __init__(self, url: str, take: Callable[[PauseRequest], PauseAnswer]) -> None:
        """`take` is called on the event loop; must not block or raise."""
        self._url = url
        self._take = take
        self._tried = asyncio.Event()

    async def tried(self, limit_s: float) -> None:
        """Returns when requests are heard, when the store was found to be away, or when the time is over."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._tried.wait(), limit_s)

    async def run(self) -> None:
        """Answer until cancelled; outages of the store are sat out."""
        away = False
        while True:
            client = connect(self._url, ping_s=PING_S)
            try:
                async with client.pubsub() as hearing:
                    await hearing.subscribe(CHANNEL)
                    away = False
                    await self._listen(client, hearing)
            except FAILURES as error:
                if not away:
                    log.warning("control_away", error=type(error).__name__)
                away = True
                self._tried.set()
            finally:
                await client.aclose()
            await asyncio.sleep(RETRY_S)

    async def _listen(self, client: Redis, hearing: PubSub) -> None:
        """Returns never; ends with the exception that ended the connection."""
        while True:
            message = await hearing.get_message(timeout=PING_S)
            if message and message["type"] == "subscribe":
                self._tried.set()
            if message and message["type"] == "message" and (asked := _read(_REQUEST, message["data"])):
                answer = self._take(asked.request)
                async with client.pipeline(transaction=True) as pipeline:
                    # Without what is as it was ever, so that the release before understands it.
                    pipeline.rpush(_answers(asked.id), _ANSWER.dump_json(answer, exclude_defaults=True))
                    pipeline.expire(_answers(asked.id), ANSWER_EXPIRY_S)
                    await pipeline.execute()


def _answers(request_id: str) -> str:
    return f"callscribe:control:{request_id}"


def _read(adapter: TypeAdapter[T], text: object) -> T | None:
    """None where another release wrote something that this one does not know."""
    try:
        return adapter.validate_json(str(text))
    except ValidationError:
        log.warning("control_message_unknown")
        return None
