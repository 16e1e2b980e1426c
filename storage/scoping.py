"""Whose calls somebody sees, as SQL."""

from sqlalchemy import ColumnElement, func, or_, select, union

from callscribe.domain.access import CallScope
from storage.models import CallRow, PartyRow

USER_PART = "^[a-zA-Z]+:([^@;?]*)"
"""As in the index `ix_parties_user`, and in callscribe.domain.access.user_part."""


def in_scope(scope: CallScope) -> ColumnElement[bool]:
    """Whether a CallRow is among the calls of the scope. Both ways of naming a party have an index."""
    own = sorted(scope.addresses)
    address = func.lower(PartyRow.address)
    user = func.lower(func.substring(PartyRow.address, USER_PART))
    theirs = union(
        select(PartyRow.call_id).where(address.in_(own)), select(PartyRow.call_id).where(user.in_(own))
    ).subquery()
    took_part = CallRow.id.in_(select(theirs.c.call_id))
    # Under an OR, also with no trunk, Postgres makes no semi-join of it.
    return or_(CallRow.trunk.in_(sorted(scope.trunks)), took_part) if scope.trunks else took_part
