"""The conversations that somebody took part in."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import Session

from callscribe.domain.call import CallState
from storage.clean import clean_name
from storage.models import CallRow, HoldRow, PartyRow, UtteranceRow


@dataclass(frozen=True, slots=True)
class PartyFilter:
    """Who is meant, compared exactly: by address, or by a name that is shown, which several people may have."""

    address: str = ""
    """A whole address, or the user part of one."""
    name: str = ""
    trunk: str = ""
    """Only on calls of this trunk; "": of any."""


@dataclass(slots=True)
class PartyConversation:
    """Calls that record one conversation."""

    theirs: list[UUID] = field(default_factory=list)
    """Those with the party; at least one."""
    others: list[UUID] = field(default_factory=list)
    utterances: int = 0
    held: bool = False
    active: bool = False


@dataclass(frozen=True, slots=True)
class PartyCalls:
    """What a filter finds."""

    conversations: tuple[PartyConversation, ...]
    addresses: tuple[str, ...]
    """All that it stands for."""
    trunks: tuple[str, ...]
    """All of the party's own calls."""


def find_party_calls(session: Session, wanted: PartyFilter) -> PartyCalls:
    """Its conversations in the order of their calls' ids. Reads in four statements, whatever there is."""
    rules = _rules(wanted)
    theirs = select(PartyRow.call_id).join(CallRow, CallRow.id == PartyRow.call_id).where(*rules)
    addresses = select(PartyRow.address).join(CallRow, CallRow.id == PartyRow.call_id).where(*rules).distinct()
    trunks = select(CallRow.trunk).where(CallRow.id.in_(theirs)).distinct()
    own = frozenset(session.scalars(theirs))
    return PartyCalls(
        _gathered(session, theirs, own), _sorted(session.scalars(addresses)), _sorted(session.scalars(trunks))
    )


def find_conversations(session: Session, calls: Collection[UUID]) -> tuple[PartyConversation, ...]:
    """The same of these calls."""
    return _gathered(session, select(CallRow.id).where(CallRow.id.in_(calls)), frozenset(calls))


def _gathered(session: Session, theirs: Select[UUID], own: frozenset[UUID]) -> tuple[PartyConversation, ...]:
    conversations: dict[UUID, PartyConversation] = {}
    for row in session.execute(_together(theirs)):
        found = conversations.setdefault(row.conversation, PartyConversation())
        (found.theirs if row.id in own else found.others).append(row.id)
        found.utterances += row.utterances
        found.held |= row.held
        found.active |= row.state == CallState.ACTIVE
    return tuple(found for found in conversations.values() if found.theirs)


def _together(theirs: Select[UUID]) -> Select[UUID, UUID, str, int, bool]:
    """Id, conversation, state, number of utterances, and whether they are held themselves, of these calls and of all
    that record the same conversations."""
    conversation = func.coalesce(CallRow.conversation_id, CallRow.id).label("conversation")
    theirs_linked = select(CallRow.conversation_id).where(CallRow.id.in_(theirs))
    spoken = select(func.count()).where(UtteranceRow.call_id == CallRow.id).scalar_subquery().label("utterances")
    holding = exists().where(HoldRow.call_id == CallRow.id).label("held")
    query = select(CallRow.id, conversation, CallRow.state, spoken, holding)
    return query.where(or_(CallRow.id.in_(theirs), CallRow.conversation_id.in_(theirs_linked))).order_by(CallRow.id)


def _rules(wanted: PartyFilter) -> list[ColumnElement[bool]]:
    rules: list[ColumnElement[bool]] = []
    if wanted.address:
        user = func.substring(PartyRow.address, "^[a-zA-Z]+:([^@;?]+)")
        told = clean_name(wanted.address)
        rules.append(or_(PartyRow.address == told, user == told))
    if wanted.name:
        rules.append(PartyRow.name == clean_name(wanted.name))
    if not rules:
        raise ValueError("neither an address nor a name is given")
    return [*rules, CallRow.trunk == wanted.trunk] if wanted.trunk else rules


def _sorted(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(text for text in texts if text))
