"""Whom each node refused lately, where the web process finds it."""

import asyncio
import contextlib
from collections.abc import Callable

from pydantic import TypeAdapter, ValidationError

from callscribe.domain.errors import EventsUnavailable
from callscribe.domain.refusal import RefusedRequest
from callscribe.events.streams import FAILURES, connect

INTERVAL_S = 1.0
EXPIRY_S = 86_400
"""What a node posted last is kept so long, also when it has ended."""
_KEY = "callscribe:refusals:"
_Refused = tuple[RefusedRequest, ...]
_JSON = TypeAdapter(_Refused)


class RefusalBoard:
    """The newest refusals of every node, for code on an event loop."""

    def __init__(self, url: str) -> None:
        self._client = connect(url)

    async def post(self, node: str, refused: _Refused) -> None:
        """Replace what `node` posted before. Raises EventsUnavailable."""
        try:
            await self._client.set(_KEY + node, _JSON.dump_json(refused), ex=EXPIRY_S)
        except FAILURES as error:
            raise EventsUnavailable from error

    async def read(self, node: str) -> _Refused:
        """What `node` refused, the last one first. Raises EventsUnavailable."""
        try:
            posted = await self._client.get(_KEY + node)
        except FAILURES as error:
            raise EventsUnavailable from error
        try:
            return _JSON.validate_json(posted) if posted else ()
        except ValidationError:
            # Of another release.
            return ()

    async def keep_posting(self, node: str, read: Callable[[], _Refused]) -> None:
        """Post what `read` returns once a second where it has changed, until cancelled; outages are sat out.

        The first post replaces what an earlier process of this node left.
        """
        posted: _Refused | None = None
        while True:
            refused = read()
            if refused != posted:
                with contextlib.suppress(EventsUnavailable):
                    await self.post(node, refused)
                    posted = refused
            await asyncio.sleep(INTERVAL_S)

    async def close(self) -> None:
        await self._client.aclose()
