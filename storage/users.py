"""Accounts of people and programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from callscribe.domain.access import AccountRole, User
from callscribe.domain.errors import StorageError
from storage.audit import write_audit
from storage.clean import clean_name
from storage.database import Database
from storage.models import IdentityRow, SignInRow, UserRow
from storage.passwords import hash_password, is_outdated, matches


class UserUnknown(StorageError):
    """There is no such user."""


class UserExists(StorageError):
    """There is a user of this name already."""


class LastAdmin(StorageError):
    """This is the last administrator whom the accounts let in; make another one first."""


@dataclass(frozen=True, slots=True)
class UserChange:
    """What shall be otherwise with an account; None: that stays."""

    role: AccountRole | None = None
    team: str | None = None
    addresses: tuple[str, ...] | None = None
    disabled: bool | None = None

    @property
    def is_of_access(self) -> bool:
        """Whether it is about what they may do and whose calls they see."""
        return (self.role, self.team, self.addresses) != (None, None, None)

    @property
    def may_lose_admin(self) -> bool:
        return self.role not in (None, AccountRole.ADMIN) or bool(self.disabled)


@dataclass(frozen=True, slots=True)
class Account:
    """A user, and how they get in."""

    user: User
    has_password: bool
    is_linked: bool
    """Whether an identity provider can sign them in."""
    created_at: datetime
    """Aware UTC, as the next."""
    seen_at: datetime | None
    """When one of their browsers that are signed in asked for something last; None: none is."""


class UserStore:
    """Keeps accounts. Names are compared without regard to case. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> Sequence[User]:
        """Every account, by name."""
        with self._database.transaction() as session:
            return tuple(map(user_of, session.scalars(select(UserRow).order_by(UserRow.name))))

    def accounts(self, name: str | None = None) -> Sequence[Account]:
        """Every account, by name; or that of this name."""
        linked = exists().where(IdentityRow.user_name == UserRow.name)
        seen = select(func.max(SignInRow.seen_at)).where(
            SignInRow.user_name == UserRow.name, SignInRow.expires_at > func.now()
        )
        query = select(UserRow, linked, seen.scalar_subquery()).order_by(UserRow.name)
        if name is not None:
            query = query.where(UserRow.name == name_of(name))
        with self._database.transaction() as session:
            return tuple(
                Account(user_of(row), row.password_hash is not None, is_linked, row.created_at, seen_at)
                for row, is_linked, seen_at in session.execute(query)
            )

    def add(self, user: User, password: str | None, by: str) -> User:
        """Make the account; without a password none opens it. Raises UserExists, and ValueError for a bad password."""
        stored = None if password is None else hash_password(password)
        row = UserRow(
            name=name_of(user.name),
            role=user.role,
            team=team_as_kept(user.team),
            addresses=addresses_as_kept(user.addresses),
            password_hash=stored,
            disabled=user.disabled,
        )
        with self._database.transaction() as session:
            if session.get(UserRow, row.name) is not None:
                raise UserExists
            session.add(row)
            detail = {"role": str(user.role), "team": row.team}
            write_audit(session, action="user.added", subject=row.name, by=by, detail=detail)
        return user_of(row)

    def change(
        self, name: str, role: AccountRole | None, team: str | None, addresses: Sequence[str] | None, by: str
    ) -> User:
        """Change what an account may do and whose calls it sees; None: that stays. Raises UserUnknown and LastAdmin.

        Whoever has signed in stays so: with each request it is looked up what they may do now.
        """
        return self.amend(name, UserChange(role, team, None if addresses is None else tuple(addresses)), by)

    def amend(self, name: str, change: UserChange, by: str) -> User:
        """Make the whole change of an account at once. Raises UserUnknown and LastAdmin."""
        with self._database.transaction() as session:
            if change.may_lose_admin:
                _keep_an_admin(session, name_of(name))
            row = session.get(UserRow, name_of(name), with_for_update=True)
            if row is None:
                raise UserUnknown
            if change.is_of_access:
                row.role = row.role if change.role is None else change.role
                row.team = row.team if change.team is None else team_as_kept(change.team)
                row.addresses = row.addresses if change.addresses is None else addresses_as_kept(change.addresses)
                detail: dict[str, str | int] = {"role": row.role, "team": row.team, "addresses": len(row.addresses)}
                write_audit(session, action="user.changed", subject=row.name, by=by, detail=detail)
            if change.disabled is not None:
                row.disabled = change.disabled
                session.execute(delete(SignInRow).where(SignInRow.user_name == row.name))
                action = "user.disabled" if change.disabled else "user.enabled"
                write_audit(session, action=action, subject=row.name, by=by)
            return user_of(row)

    def set_password(self, name: str, password: str, by: str) -> None:
        """Give the account another password, and sign it out everywhere. Raises UserUnknown and ValueError."""
        known, stored = name_of(name), hash_password(password)
        changed = update(UserRow).where(UserRow.name == known).values(password_hash=stored).returning(UserRow.name)
        with self._database.transaction() as session:
            if session.scalar(changed) is None:
                raise UserUnknown
            session.execute(delete(SignInRow).where(SignInRow.user_name == known))
            write_audit(session, action="user.password-set", subject=known, by=by)

    def set_disabled(self, name: str, *, disabled: bool, by: str) -> None:
        """Let nobody in by the account, at once, or let them in again. Raises UserUnknown and LastAdmin."""
        self.amend(name, UserChange(disabled=disabled), by)

    def check(self, name: str, password: str) -> User | None:
        """Who signs in so; None where name or password is wrong, or the account is disabled: all take as long."""
        with self._database.transaction() as session:
            row = session.get(UserRow, name_of(name))
        stored = None if row is None else row.password_hash
        if not matches(stored, password) or row is None or stored is None or row.disabled:
            return None
        if is_outdated(stored):
            with self._database.transaction() as session:
                session.execute(
                    update(UserRow)
                    .where(UserRow.name == row.name, UserRow.password_hash == stored)
                    .values(password_hash=hash_password(password))
                )
        return user_of(row)

    def known_name(self, name: str) -> str | None:
        """The name as it is kept; None where nobody has it."""
        with self._database.transaction() as session:
            return session.scalar(select(UserRow.name).where(UserRow.name == name_of(name)))

    def named(self, name: str) -> User | None:
        """The account; None where nobody has that name."""
        with self._database.transaction() as session:
            row = session.get(UserRow, name_of(name))
        return None if row is None else user_of(row)

    def addresses_of(self, team: str) -> frozenset[str]:
        """Own addresses of all in a team, those of disabled accounts too: their calls remain the team's."""
        query = select(func.unnest(UserRow.addresses)).where(UserRow.team == team_as_kept(team), UserRow.team != "")
        with self._database.transaction() as session:
            return frozenset(session.scalars(query))


def _keep_an_admin(session: Session, name: str) -> None:
    """Raise LastAdmin where nobody is an administrator but this user. No two transactions find so at once."""
    query = select(UserRow.name).where(UserRow.role == AccountRole.ADMIN, ~UserRow.disabled).order_by(UserRow.name)
    if list(session.scalars(query.with_for_update())) == [name]:
        raise LastAdmin


def name_of(name: str) -> str:
    """A user's name as it is kept."""
    return clean_name(name.strip().casefold(), 100)


def team_as_kept(name: str) -> str:
    """A team's name."""
    return clean_name(name.strip())


def addresses_as_kept(told: Sequence[str]) -> list[str]:
    """Somebody's own addresses."""
    return [address for each in told if (address := clean_name(each.strip()))]


def user_of(row: UserRow) -> User:
    return User(row.name, AccountRole(row.role), row.team, tuple(row.addresses), row.disabled)
