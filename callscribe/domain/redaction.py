"""What is masked in texts and recordings because it must not be kept."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class RedactionKind(StrEnum):
    """What a masked stretch was."""

    CARD = "card"
    """A payment card's number (ISO/IEC 7812)."""
    SECURITY_CODE = "security-code"
    """The three or four digits that prove that somebody holds the card."""
    EXPIRY = "expiry"
    """A card's last month."""
    ACCOUNT = "account"
    """A bank account: IBAN (ISO 13616), routing number, sort code, or an account number of any kind."""
    PHONE = "phone"
    NATIONAL_ID = "national-id"
    """A number that a state gives to a person, such as a social security number."""
    EMAIL = "email"


PRESETS: Mapping[str, frozenset[RedactionKind]] = {
    "payment": frozenset((RedactionKind.CARD, RedactionKind.SECURITY_CODE, RedactionKind.EXPIRY)),
    "all": frozenset(RedactionKind),
}
"""Names that stand for several kinds."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """A stretch of a channel whose words are masked; the channel is its text's."""

    kind: str
    """A RedactionKind."""
    start: int
    """Samples from the start of the call."""
    end: int
    """Samples from the start of the call, exclusive."""


def kinds_of(names: Iterable[str]) -> frozenset[RedactionKind]:
    """The kinds that these names of kinds and presets stand for. Raises ValueError for one that is neither."""
    kinds: set[RedactionKind] = set()
    for name in names:
        if name not in PRESETS and name not in [*RedactionKind]:
            known = ", ".join((*PRESETS, *RedactionKind))
            raise ValueError(f'redaction knows no "{name}"; it takes {known}')
        kinds |= PRESETS.get(name) or {RedactionKind(name)}
    return frozenset(kinds)
