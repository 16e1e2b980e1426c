"""Secrets that are given out once and kept as hashes."""

import hashlib
import secrets

BYTES = 32


def new_secret() -> str:
    """256 random bits, as text that fits cookies and headers."""
    return secrets.token_urlsafe(BYTES)


def key_of(secret: str) -> str:
    """What is kept of it: SHA-256 in hexadecimal digits. Against so many random bits no slower hash is needed."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
