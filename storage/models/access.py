"""Who may sign in, the browsers that have, and the tokens of programs."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from callscribe.domain.access import AccountRole
from storage.models.base import EMPTY_ARRAY, NOW, Base, one_of


class UserRow(Base):
    """An account."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("name <> ''", name="name"), one_of("role", AccountRole), Index(None, "team"))

    name: Mapped[str] = mapped_column(primary_key=True)
    """In lower case."""
    role: Mapped[str]
    team: Mapped[str] = mapped_column(server_default="")
    addresses: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=EMPTY_ARRAY)
    password_hash: Mapped[str | None]
    """Argon2id, in its encoded form; NULL: no password opens the account."""
    disabled: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class SignInRow(Base):
    """A browser that signed in."""

    __tablename__ = "sign_ins"
    __table_args__ = (Index(None, "user_name"), Index(None, "expires_at"))

    key: Mapped[str] = mapped_column(primary_key=True)
    """SHA-256 of the cookie, in hexadecimal digits."""
    user_name: Mapped[str] = mapped_column(ForeignKey("users.name", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    seen_at: Mapped[datetime] = mapped_column(server_default=NOW)
    """When it asked for something last, to the minute."""
    expires_at: Mapped[datetime]
    id_token: Mapped[str | None]
    """The identity provider's word who it is, by which it is told that they sign out; NULL: by password."""


class IdentityRow(Base):
    """Who somebody is to an identity provider."""

    __tablename__ = "identities"
    __table_args__ = (CheckConstraint("issuer <> '' AND subject <> ''", name="named"), Index(None, "user_name"))

    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    user_name: Mapped[str] = mapped_column(ForeignKey("users.name", ondelete="CASCADE"))
    made_at: Mapped[datetime] = mapped_column(server_default=NOW)


class ApiTokenRow(Base):
    """A token with which a program asks in somebody's name."""

    __tablename__ = "api_tokens"
    __table_args__ = (
        CheckConstraint("name <> ''", name="name"),
        UniqueConstraint("name"),
        UniqueConstraint("key"),
        Index(None, "user_name"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    name: Mapped[str]
    key: Mapped[str]
    """SHA-256 of the token, in hexadecimal digits: it has 256 random bits, so no slower hash is needed."""
    user_name: Mapped[str] = mapped_column(ForeignKey("users.name", ondelete="CASCADE"))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    expires_at: Mapped[datetime | None]
    """NULL: never."""
    last_used_at: Mapped[datetime | None]
    """To the minute."""
