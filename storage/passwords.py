"""Passwords as they are kept: Argon2id (RFC 9106), each with a salt of its own."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 10, 200
"""Characters of a password."""

_hasher = PasswordHasher()
_NOBODYS = _hasher.hash("no account has this hash")


def hash_password(password: str) -> str:
    """The password's encoded hash. Raises ValueError, without the password, for one that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(f"a password has {SHORTEST} to {LONGEST} characters")
    return _hasher.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Whether it is the password. Takes as long where there is no hash: nobody learns so which accounts there are."""
    try:
        _hasher.verify(stored or _NOBODYS, password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Whether the hash was made with other parameters than new ones are."""
    return _hasher.check_needs_rehash(stored)
