"""What a subscriber of a call is sent while it goes on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from websockets.sync.client import connect

from callscribe.events.schema import CallEnded, UtteranceFinal, UtterancePartial, from_json
from tests.acceptance.service import RunningService


@contextmanager
def subscribed(service: RunningService, call: str) -> Iterator[list[UtterancePartial | UtteranceFinal]]:
    """The texts of a call as a subscriber is sent them; all are there when the body ends and the call has."""
    seen: list[UtterancePartial | UtteranceFinal] = []

    def read() -> None:
        for text in socket:
            event = from_json(text if isinstance(text, str) else text.decode())
            if isinstance(event, UtterancePartial | UtteranceFinal):
                seen.append(event)
            if isinstance(event, CallEnded):
                return

    with connect(f"ws://127.0.0.1:{service.web_port}/api/v1/calls/{call}/ws") as socket:
        reader = threading.Thread(target=read)
        reader.start()
        yield seen
        reader.join(30)
        assert not reader.is_alive(), "the call's end was not told"
