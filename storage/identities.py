"""Accounts of people whom an identity provider names. They belong together by issuer and subject, and by nothing else:
a name or an e-mail address may be another's tomorrow."""

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from callscribe.domain.access import AccountRole, ClaimedUser, Identity, User
from callscribe.domain.errors import StorageError
from storage.audit import ITSELF, write_audit
from storage.database import Database
from storage.models import IdentityRow, UserRow
from storage.users import UserUnknown, addresses_as_kept, name_of, team_as_kept, user_of

MAKING = 0x63616C6C6F696463
"""Number of the lock under which accounts are made."""


class NameTaken(StorageError):
    """An account of this name belongs to somebody else, or to nobody at the identity provider."""


class AccountDisabled(StorageError):
    """The account is disabled."""


class IdentityStore:
    """Keeps who is who to identity providers. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def admit(self, claimed: ClaimedUser) -> User:
        """The account of somebody whom the provider signed in, with what it claims of them; made at their first time.

        Raises AccountDisabled, and NameTaken where their account cannot be made.
        """
        with self._database.transaction() as session:
            key = (claimed.identity.issuer, claimed.identity.subject)
            identity = session.get(IdentityRow, key)
            if identity is None:
                # Of two first times at once the second finds what the first has made.
                session.execute(select(func.pg_advisory_xact_lock(MAKING)))
                identity = session.get(IdentityRow, key)
            if identity is None:
                row = self._make(session, claimed)
            else:
                found = session.get(UserRow, identity.user_name, with_for_update=True)
                assert found is not None, "its foreign key says so"
                row = found
                if row.disabled:
                    raise AccountDisabled
                _apply(session, row, claimed)
            return user_of(row)

    def link(self, name: str, identity: Identity, by: str) -> None:
        """Let somebody of the provider in by this account from now on. Raises UserUnknown.

        Another account that was theirs is not any more.
        """
        known = name_of(name)
        told = insert(IdentityRow).values(issuer=identity.issuer, subject=identity.subject, user_name=known)
        told = told.on_conflict_do_update(
            index_elements=[IdentityRow.issuer, IdentityRow.subject], set_={"user_name": known}
        )
        with self._database.transaction() as session:
            if session.get(UserRow, known) is None:
                raise UserUnknown
            session.execute(told)
            write_audit(session, action="user.linked", subject=known, by=by, detail={"issuer": identity.issuer})

    def _make(self, session: Session, claimed: ClaimedUser) -> UserRow:
        name = name_of(claimed.name)
        if not name or session.get(UserRow, name) is not None:
            raise NameTaken
        row = UserRow(
            name=name,
            role=claimed.role or claimed.first_role,
            team=team_as_kept(claimed.team or ""),
            addresses=addresses_as_kept(claimed.addresses or ()),
            password_hash=None,
            disabled=False,
        )
        session.add(row)
        session.flush()
        identity = claimed.identity
        session.add(IdentityRow(issuer=identity.issuer, subject=identity.subject, user_name=name))
        detail = {"role": str(row.role), "team": row.team, "issuer": identity.issuer}
        write_audit(session, action="user.added", subject=name, by=ITSELF, detail=detail)
        return row


def _apply(session: Session, row: UserRow, claimed: ClaimedUser) -> None:
    """The provider's word counts, also where the last administrator is none any more by it."""
    before = user_of(row)
    row.role = row.role if claimed.role is None else claimed.role
    row.team = row.team if claimed.team is None else team_as_kept(claimed.team)
    row.addresses = row.addresses if claimed.addresses is None else addresses_as_kept(claimed.addresses)
    if user_of(row) == before:
        return
    detail: dict[str, str | int] = {
        "role": str(AccountRole(row.role)),
        "team": row.team,
        "addresses": len(row.addresses),
        "how": "oidc",
    }
    write_audit(session, action="user.changed", subject=row.name, by=ITSELF, detail=detail)
