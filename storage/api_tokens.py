"""Tokens with which programs ask in somebody's name."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select, update

from callscribe.domain.access import PERMISSIONS, Permission, Principal
from callscribe.domain.errors import StorageError
from storage.audit import write_audit
from storage.clean import clean_name
from storage.database import Database
from storage.models import ApiTokenRow, UserRow
from storage.secrets import key_of, new_secret
from storage.sign_ins import SEEN_AGAIN
from storage.users import UserUnknown, name_of, user_of

PREFIX = "callscribe_"
"""What a token begins with, so that programs that look for lost secrets know it."""


class TokenUnknown(StorageError):
    """There is no such token."""


class TokenExists(StorageError):
    """There is a token of this name already."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What is known of a token. Times are aware UTC."""

    name: str
    user_name: str
    """In whose name it asks."""
    scopes: tuple[Permission, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    """To the minute."""


class ApiTokenStore:
    """Keeps tokens by their hash. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> Sequence[ApiToken]:
        """Every token, by name."""
        with self._database.transaction() as session:
            rows = session.scalars(select(ApiTokenRow).order_by(ApiTokenRow.name))
            return tuple(
                ApiToken(r.name, r.user_name, _scopes(r.scopes), r.created_at, r.expires_at, r.last_used_at)
                for r in rows
            )

    def create(
        self, name: str, user_name: str, scopes: Sequence[Permission], lifetime: timedelta | None, by: str
    ) -> str:
        """Make a token; it is told this once. Raises TokenExists, and UserUnknown where nobody has that name."""
        secret, owner = PREFIX + new_secret(), name_of(user_name)
        values = {"name": clean_name(name.strip(), 100), "key": key_of(secret), "user_name": owner}
        row = ApiTokenRow(**values, scopes=[str(scope) for scope in scopes])
        row.expires_at = None if lifetime is None else func.now() + lifetime
        with self._database.transaction() as session:
            if session.get(UserRow, owner) is None:
                raise UserUnknown
            if session.scalar(select(ApiTokenRow.id).where(ApiTokenRow.name == row.name)) is not None:
                raise TokenExists
            session.add(row)
            detail = {"owner": owner, "scopes": " ".join(row.scopes)}
            write_audit(session, action="token.created", subject=row.name, by=by, detail=detail)
        return secret

    def revoke(self, name: str, by: str) -> None:
        """Let nobody in by the token any more. Raises TokenUnknown."""
        gone = delete(ApiTokenRow).where(ApiTokenRow.name == clean_name(name.strip(), 100)).returning(ApiTokenRow.name)
        with self._database.transaction() as session:
            known = session.scalar(gone)
            if known is None:
                raise TokenUnknown
            write_audit(session, action="token.revoked", subject=known, by=by)

    def find(self, secret: str) -> Principal | None:
        """Who asks with it, and for what they may; None where it is unknown or over, or its owner is disabled.

        A token gives no more than its owner may do.
        """
        now = func.now()
        alive = or_(ApiTokenRow.expires_at.is_(None), ApiTokenRow.expires_at > now)
        query = (
            select(UserRow, ApiTokenRow)
            .join(ApiTokenRow, ApiTokenRow.user_name == UserRow.name)
            .where(ApiTokenRow.key == key_of(secret), alive, ~UserRow.disabled)
        )
        used = or_(ApiTokenRow.last_used_at.is_(None), ApiTokenRow.last_used_at <= now - SEEN_AGAIN)
        with self._database.transaction() as session:
            found = session.execute(query).one_or_none()
            if found is None:
                return None
            user, token = user_of(found[0]), found[1]
            session.execute(update(ApiTokenRow).where(ApiTokenRow.id == token.id, used).values(last_used_at=now))
            return Principal(user, PERMISSIONS[user.role].intersection(_scopes(token.scopes)), token.name)


def _scopes(stored: Sequence[str]) -> tuple[Permission, ...]:
    """Those that this release knows."""
    known = {str(permission): permission for permission in Permission}
    return tuple(known[scope] for scope in stored if scope in known)
