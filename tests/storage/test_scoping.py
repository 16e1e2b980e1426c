"""Whose calls somebody sees, as Postgres finds them."""

import pytest
from sqlalchemy import select, text

from callscribe.domain.access import CallScope
from storage.database import Database
from storage.models import CallRow
from storage.scoping import in_scope

pytestmark = pytest.mark.integration


def test_an_agents_calls_are_joined_from_their_parties_and_not_looked_for_among_all(database: Database) -> None:
    query = select(CallRow.id).where(in_scope(CallScope.of(["1042", "sip:1042@pbx.example.com"])))
    with database.transaction() as session:
        told = query.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        plan = "\n".join(session.scalars(text(f"EXPLAIN {told}".replace(":", "\\:"))))
    assert "parties" in plan
    assert "SubPlan" not in plan, "a subquery that every call is held against"
