"""Each call's hotwords: its trunk's own, and those of the lists that the trunk names, as they stand now."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from callscribe.domain.call import Call
from callscribe.domain.errors import StorageError
from callscribe.domain.hotword import Hotword, ListVersion
from callscribe.domain.hotword_lists import HotwordList, hotwords_for, versions_for
from callscribe.live.trunks import TrunkBook
from storage.hotwords import HotwordStore
from telephony.settings import TrunkSettings

log = structlog.get_logger()

REFRESH_S = 1.0
"""So that what is put on a list is preferred from the next utterance on: few are shorter."""


class HotwordBook:
    """The hotwords of all calls. A list that is changed takes effect on running calls at their next utterances."""

    def __init__(self, store: HotwordStore, trunks: TrunkBook) -> None:
        self._store = store
        self._trunks = trunks
        self._lists: Mapping[str, HotwordList] = {}

    def of(self, call: Call, told: Sequence[Hotword] = ()) -> tuple[Hotword, ...]:
        """What is preferred on the call, where these were `told` with it and count now."""
        trunk = self._trunks.of(call)
        return hotwords_for(call, trunk.language, trunk.hotwords, self._named(trunk), told)

    def versions(self, call: Call) -> tuple[ListVersion, ...]:
        """The lists that what is preferred on the call is of."""
        trunk = self._trunks.of(call)
        return versions_for(call, trunk.language, self._named(trunk))

    async def refresh(self) -> bool:
        """Read the lists again where one has changed, which True tells. While the database is away, what was known
        stands."""
        if not self._trunks.with_lists:
            return False
        known = {name: each.version for name, each in self._lists.items()}
        try:
            if await asyncio.to_thread(self._store.newest) == known:
                return False
            found = await asyncio.to_thread(self._store.lists)
        except StorageError as error:
            log.warning("hotword_lists_not_read", reason=str(error))
            return False
        lists = {each.name: each for each in found}
        changed, self._lists = lists != self._lists, lists
        return changed

    def _named(self, trunk: TrunkSettings) -> list[HotwordList]:
        return [found for name in trunk.hotword_lists if (found := self._lists.get(name))]

    async def keep_fresh(self, on_change: Callable[[], None]) -> None:
        """Refresh until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_S)
            if await self.refresh():
                on_change()
