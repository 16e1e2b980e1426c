"""What the settings say of trunks: of each now, and of a running call as they said it when the call began."""

from collections.abc import Sequence
from uuid import UUID

from callscribe.domain.call import Call
from callscribe.domain.language import UNKNOWN
from telephony.settings import TrunkSettings


class TrunkBook:
    """The trunks of all calls. What the settings say anew is for calls that begin from then on."""

    def __init__(self, trunks: Sequence[TrunkSettings]) -> None:
        self._named: dict[str, TrunkSettings] = {}
        self._going: dict[UUID, TrunkSettings] = {}
        self.take(trunks)

    def take(self, trunks: Sequence[TrunkSettings]) -> None:
        """These are the trunks now. One that is gone is still known: a call of it may be on its way."""
        self._named |= {trunk.name: trunk for trunk in trunks}

    def begin(self, call: Call) -> TrunkSettings:
        """A call begins: its trunk, as it is for the call until `end`."""
        return self._going.setdefault(call.id, self._named[call.trunk])

    def end(self, call_id: UUID) -> None:
        """The call is over."""
        self._going.pop(call_id, None)

    def of(self, call: Call) -> TrunkSettings:
        """The call's trunk: as it was when the call began, or else as it is now."""
        return self._going.get(call.id) or self._named[call.trunk]

    def language_of(self, call: Call) -> str:
        """BCP 47 tag, or UNKNOWN, as also where the settings never named the call's trunk."""
        trunk = self._going.get(call.id) or self._named.get(call.trunk)
        return trunk.language if trunk else UNKNOWN

    @property
    def with_lists(self) -> bool:
        """Whether hotword lists are named at all."""
        return any(trunk.hotword_lists for trunk in (*self._named.values(), *self._going.values()))
