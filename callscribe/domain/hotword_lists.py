"""Lists of hotwords, and what is preferred on a call."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain
from uuid import UUID

from callscribe.domain.call import Call, Role
from callscribe.domain.hotword import Hotword, ListVersion
from callscribe.domain.language import UNKNOWN, primary


@dataclass(frozen=True, slots=True)
class HotwordList:
    """A named list of hotwords, and which of the calls whose trunk names it it is for."""

    id: UUID
    name: str
    words: tuple[Hotword, ...]
    languages: tuple[str, ...] = ()
    """ISO 639-1 codes; empty: all."""
    agents: tuple[str, ...] = ()
    """Shell patterns (fnmatch) over the agent's address or its user part, such as "1???"; empty: all, known or not."""
    version: int = 1

    def serves(self, call: Call, language: str) -> bool:
        """True where the list is for a call in `language` (a BCP 47 tag, or UNKNOWN: any) with this call's agent."""
        spoken = (UNKNOWN, *map(primary, self.languages))
        if self.languages and primary(language) not in spoken:
            return False
        return not self.agents or any(fnmatchcase(name, pattern) for name in _agent(call) for pattern in self.agents)


def hotwords_for(
    call: Call, language: str, own: Iterable[str], lists: Iterable[HotwordList], told: Iterable[Hotword] = ()
) -> tuple[Hotword, ...]:
    """What is preferred on a call: its trunk's own words, then those of each list that is for it, then those that came
    with the call and are none of these.

    Each text stands once; of the first two with the greatest of its weights.
    """
    listed = (hotword for found in lists if found.serves(call, language) for hotword in found.words)
    ours = together(map(Hotword, own), listed)
    known = {hotword.text for hotword in ours}
    return (*ours, *(hotword for hotword in told if hotword.text not in known))


def versions_for(call: Call, language: str, lists: Iterable[HotwordList]) -> tuple[ListVersion, ...]:
    """Those of the lists that are for the call, by name and version."""
    return tuple(ListVersion(found.name, found.version) for found in lists if found.serves(call, language))


def together(*hotwords: Iterable[Hotword]) -> tuple[Hotword, ...]:
    """All of them; each text once, with the greatest of its weights."""
    weights: dict[str, float] = {}
    for hotword in chain(*hotwords):
        weights[hotword.text] = max(hotword.weight, weights.get(hotword.text, 0.0))
    return tuple(Hotword(text, weight) for text, weight in weights.items())


def _agent(call: Call) -> set[str]:
    """The names by which a pattern knows the call's agents: address, address without scheme, user part."""
    parties = [channel.party for channel in call.channels if channel.role is Role.AGENT]
    if len(call.channels) == 1 and call.channels[0].role is Role.CUSTOMER:
        # The only channel of a plain call carries the caller.
        parties.append(call.callee)
    addresses = [party.address for party in parties if party]
    bare = [address.partition(":")[2] for address in addresses]
    return {*addresses, *bare, *(name.partition("@")[0] for name in bare)} - {""}
