"""The assist rules that stand at one time, ready to be held against calls. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from callscribe.text.assist_rules import NamedRule, Phrased
from callscribe.text.phrase_index import PhraseIndex
from callscribe.text.phrases import Form


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules, and the index of their phrases. Two of the same rules are equal."""

    rules: tuple[NamedRule, ...]
    phrases: PhraseIndex = field(compare=False, repr=False)
    """Numbered as the rules are."""

    @classmethod
    def of(cls, rules: Iterable[NamedRule]) -> "RuleSet":
        """Takes a tenth of a millisecond for each phrase that it has not seen: make it in a thread."""
        stood = tuple(rules)
        wanted = [_forms(each.rule.when) if isinstance(each.rule.when, Phrased) else () for each in stood]
        return cls(stood, PhraseIndex(wanted))

    def about(self, condition: type[object]) -> Iterator[NamedRule]:
        """Those of one kind."""
        return (named for named in self.rules if isinstance(named.rule.when, condition))


@lru_cache(maxsize=512)
def _forms(wanted: Phrased) -> tuple[Form, ...]:
    return tuple(dict.fromkeys(wanted.forms()))
