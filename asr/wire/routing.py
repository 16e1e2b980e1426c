"""Which engine is to hear a channel: the first of its list that knows what is spoken. Pure: no I/O, no clock."""

from collections.abc import Mapping, Sequence

from asr.engine import Capabilities
from callscribe.domain.language import primary


def knowing(engines: Sequence[str], language: str, able: Mapping[str, Sequence[Capabilities]]) -> tuple[str, ...]:
    """Those engines of a list that know a language, the best first.

    `able` tells of engines what was heard of their recognisers; one of which nothing was is taken to know it.
    """
    return tuple(engine for engine in engines if engine not in able or any(one.knows(language) for one in able[engine]))


def candidates(able: Sequence[Capabilities]) -> tuple[str, ...]:
    """What may be spoken on a channel that these recognisers, the best first, may hear in turn, as ISO 639 codes; empty
    where all know the same, so that none has to be found for what is spoken."""
    if len({frozenset(map(primary, one.languages)) for one in able}) < 2:
        return ()
    return tuple(dict.fromkeys(primary(language) for one in able for language in one.languages))
