"""Each call's hotwords: its trunk's own, and those of the lists that the trunk names, as they stand now."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from callscribe.domain.call import Call
from callscribe.domain.errors import StorageError
from callscribe.domain.hotword import Hotword, HotwordList, hotwords_for
from storage.hotwords import HotwordStore
from telephony.settings import TrunkSettings

log = structlog.get_logger()

REFRESH_S = 5.0


class HotwordBook:
    """The hotwords of all calls. A list that is changed takes effect on running calls within seconds."""

    def __init__(self, store: HotwordStore, trunks: Sequence[TrunkSettings]) -> None:
        self._store = store
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._lists: Mapping[str, HotwordList] = {}

    def of(self, call: Call, told: Sequence[Hotword] = ()) -> tuple[Hotword, ...]:
        """What is preferred on the call: its trunk's own words, those of each list that is for it, then those that came
        with the call and are none of these."""
        trunk = self._trunks[call.trunk]
        lists = [found for name in trunk.hotword_lists if (found := self._lists.get(name))]
        ours = hotwords_for(call, trunk.language, trunk.hotwords, lists)
        known = {hotword.text for hotword in ours}
        return (*ours, *(hotword for hotword in told if hotword.text not in known))

    async def refresh(self) -> bool:
        """Read the lists again; True when one has changed. While the database is away, what was known stands."""
        if not any(trunk.hotword_lists for trunk in self._trunks.values()):
            return False
        try:
            found = await asyncio.to_thread(self._store.lists)
        except StorageError as error:
            log.warning("hotword_lists_not_read", reason=str(error))
            return False
        lists = {known.name: known for known in found}
        changed, self._lists = lists != self._lists, lists
        return changed

    async def keep_fresh(self, on_change: Callable[[], None]) -> None:
        """Refresh until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_S)
            if await self.refresh():
                on_change()
