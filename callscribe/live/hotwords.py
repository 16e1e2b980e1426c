"""Each trunk's hotwords: those of its settings, and those of the lists it names, as they stand in the database now."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from callscribe.domain.errors import StorageError
from storage.hotwords import HotwordStore
from telephony.settings import TrunkSettings

log = structlog.get_logger()

REFRESH_S = 5.0


class HotwordBook:
    """The hotwords of all trunks. A list that is changed takes effect on running calls within seconds."""

    def __init__(self, store: HotwordStore, trunks: Sequence[TrunkSettings]) -> None:
        self._store = store
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._lists: Mapping[str, tuple[str, ...]] = {}

    def of(self, trunk: str) -> tuple[str, ...]:
        """The trunk's hotwords, each once."""
        settings = self._trunks[trunk]
        listed = (word for name in settings.hotword_lists for word in self._lists.get(name, ()))
        return tuple(dict.fromkeys((*settings.hotwords, *listed)))

    async def refresh(self) -> bool:
        """Read the lists again; True when one has changed. While the database is away, what was known stands."""
        if not any(trunk.hotword_lists for trunk in self._trunks.values()):
            return False
        try:
            found = await asyncio.to_thread(self._store.lists)
        except StorageError as error:
            log.warning("hotword_lists_not_read", reason=str(error))
            return False
        lists = {known.name: tuple(word.text for word in known.words) for known in found}
        changed, self._lists = lists != self._lists, lists
        return changed

    async def keep_fresh(self, on_change: Callable[[], None]) -> None:
        """Refresh until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_S)
            if await self.refresh():
                on_change()
