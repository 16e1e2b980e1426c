"""Words and phrases that a recogniser should prefer, and the lists they are kept in."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain
from uuid import UUID

from callscribe.domain.call import Call, Role
from callscribe.domain.language import UNKNOWN, primary

MAX_HOTWORDS = 1_000
"""Of one list, and of one call."""
MAX_HOTWORD_CHARACTERS = 100
MAX_WEIGHT = 5.0


@dataclass(frozen=True, slots=True)
class Hotword:
    """A word or phrase that a recogniser should prefer."""

    text: str
    """As it is spoken and should be written."""
    weight: float = 1.0
    """How strongly, above 0 and at most MAX_WEIGHT; 1 is the engine's own strength."""


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

    def serves(self, call: Call, language: str) -> bool:
        """True where the list is for a call in `language` (a BCP 47 tag, or UNKNOWN: any) with this call's agent."""
        spoken = (UNKNOWN, *(code.lower() for code in self.languages))
        if self.languages and primary(language) not in spoken:
            return False
        return not self.agents or any(fnmatchcase(name, pattern) for name in _agent(call) for pattern in self.agents)


def hotwords_for(call: Call, language: str, own: Iterable[str], lists: Iterable[HotwordList]) -> tuple[Hotword, ...]:
    """What is preferred on a call: its trunk's own words, then those of each list that is for it.

    Each text stands once, with the greatest of its weights.
    """
    listed = (hotword for found in lists if found.serves(call, language) for hotword in found.words)
    weights: dict[str, float] = {}
    for hotword in chain(map(Hotword, own), listed):
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
