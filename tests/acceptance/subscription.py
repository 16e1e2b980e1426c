"""What a subscriber of a call is sent while it goes on."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from websockets.sync.client import connect

from callscribe.events.schema import (
    CallCorrected,
    CallEnded,
    DtmfPressed,
    Event,
    UtteranceFinal,
    UtterancePartial,
    from_json,
)
from tests.acceptance.service import RunningService


@contextmanager
def subscribed(service: RunningService, call: str) -> Iterator[list[UtterancePartial | UtteranceFinal]]:
    """The texts of a call as a subscriber is sent them; all are there when the body ends and the call has."""
    seen: list[UtterancePartial | UtteranceFinal] = []

    def take(event: Event) -> None:
        if isinstance(event, UtterancePartial | UtteranceFinal):
            seen.append(event)

    with _reading(service, call, take):
        yield seen


@contextmanager
def pressed(service: RunningService, call: str) -> Iterator[list[DtmfPressed]]:
    """The same of its keys."""
    seen: list[DtmfPressed] = []

    def take(event: Event) -> None:
        if isinstance(event, DtmfPressed):
            seen.append(event)

    with _reading(service, call, take):
        yield seen


@contextmanager
def corrections(service: RunningService, call: str) -> Iterator[list[CallCorrected]]:
    """The same of its parties' changes of place."""
    seen: list[CallCorrected] = []

    def take(event: Event) -> None:
        if isinstance(event, CallCorrected):
            seen.append(event)

    with _reading(service, call, take):
        yield seen


@contextmanager
def everything(service: RunningService, call: str) -> Iterator[list[Event]]:
    """All of a call's events, in their order."""
    seen: list[Event] = []
    with _reading(service, call, seen.append):
        yield seen


@contextmanager
def _reading(service: RunningService, call: str, take: Callable[[Event], None]) -> Iterator[None]:
    def read() -> None:
        for text in socket:
            event = from_json(text if isinstance(text, str) else text.decode())
            take(event)
            if isinstance(event, CallEnded):
                return

    with connect(f"ws://127.0.0.1:{service.web_port}/api/v1/calls/{call}/ws") as socket:
        reader = threading.Thread(target=read)
        reader.start()
        yield
        reader.join(30)
        assert not reader.is_alive(), "the call's end was not told"
