"""Browsers that have signed in."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, or_, select, update

from callscribe.domain.access import User
from storage.database import Database
from storage.models import SignInRow, UserRow
from storage.secrets import key_of, new_secret
from storage.users import user_of

SEEN_AGAIN = timedelta(minutes=1)
"""How exactly it is kept when a browser asked last."""


@dataclass(frozen=True, slots=True)
class SignInLimits:
    """How long a browser stays signed in."""

    absolute: timedelta
    idle: timedelta
    """Without asking for anything."""


class SignInStore:
    """Keeps sign-ins by the hash of their secret. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database, limits: SignInLimits) -> None:
        self._database = database
        self._limits = limits

    def open(self, user_name: str, id_token: str | None = None) -> str:
        """Sign a user in; the secret for the browser's cookie. Those that are over are forgotten.

        `id_token`: the identity provider's word who it is; None: they gave a password.
        """
        secret, now = new_secret(), func.now()
        over = or_(SignInRow.expires_at <= now, SignInRow.seen_at <= now - self._limits.idle)
        row = SignInRow(
            key=key_of(secret), user_name=user_name, expires_at=now + self._limits.absolute, id_token=id_token
        )
        with self._database.transaction() as session:
            session.execute(delete(SignInRow).where(over))
            session.add(row)
        return secret

    def find(self, secret: str, *, touch: bool = True) -> User | None:
        """Who signed in with it; None where that is over, or the account is disabled.

        `touch`: somebody asks; else the sign-in is idle as before.
        """
        now = func.now()
        query = (
            select(UserRow, SignInRow.seen_at <= now - SEEN_AGAIN)
            .join(SignInRow, SignInRow.user_name == UserRow.name)
            .where(
                SignInRow.key == key_of(secret),
                SignInRow.expires_at > now,
                SignInRow.seen_at > now - self._limits.idle,
                ~UserRow.disabled,
            )
        )
        with self._database.transaction() as session:
            found = session.execute(query).one_or_none()
            if found is None:
                return None
            if touch and found[1]:
                session.execute(update(SignInRow).where(SignInRow.key == key_of(secret)).values(seen_at=now))
            return user_of(found[0])

    def id_token_of(self, secret: str) -> str | None:
        """The identity provider's word with which it was opened; None: by password, or it is over."""
        with self._database.transaction() as session:
            return session.scalar(select(SignInRow.id_token).where(SignInRow.key == key_of(secret)))

    def close(self, secret: str) -> None:
        """Sign the browser out."""
        with self._database.transaction() as session:
            session.execute(delete(SignInRow).where(SignInRow.key == key_of(secret)))
