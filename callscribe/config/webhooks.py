"""Settings of webhooks: who is told when a call is processed."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

SECRET_PREFIX = "whsec_"
MIN_SECRET_BYTES = 24
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_VISIBLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """An address that gets a POST for each call of which nothing is left to do."""

    name: str
    """Stands in the list of deliveries and in metrics."""
    url: str
    """https:// or http://. It is called as it stands: redirects are not followed."""
    secret: str = field(repr=False)
    """Signs what is sent: at least 24 bytes, as text or, behind "whsec_", in base64."""
    old_secrets: tuple[str, ...] = field(default=(), repr=False)
    """Sign beside it, until every receiver checks with `secret`; of the same form."""
    trunks: tuple[str, ...] = ()
    """Names of the trunks whose calls it is told of; none: all."""
    timeout_s: float = 10.0
    """How long the receiver may take to accept a connection, and then to answer."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError("name must be 1 to 100 letters, digits, dots, dashes and underscores")
        if not _is_address(self.url):
            raise ValueError("url must be an address as https://crm.example.com/calls, without user and password")
        for name, secrets in (("secret", (self.secret,)), ("old_secrets", self.old_secrets)):
            if not all(map(_is_long_enough, secrets)):
                raise ValueError(
                    f"{name} must have at least {MIN_SECRET_BYTES} bytes, as text or in base64 behind {SECRET_PREFIX}; "
                    "make one with: openssl rand -base64 32"
                )
        if not 1 <= self.timeout_s <= 60:
            raise ValueError("timeout_s must be from 1 to 60")

    @property
    def keys(self) -> tuple[bytes, ...]:
        """What signatures are made with, that of `secret` first."""
        return tuple(map(_key, (self.secret, *self.old_secrets)))


def _key(secret: str) -> bytes:
    """Raises binascii.Error for what is not base64."""
    if secret.startswith(SECRET_PREFIX):
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX).encode(), validate=True)
    return secret.encode()


def _is_long_enough(secret: str) -> bool:
    try:
        return len(_key(secret)) >= MIN_SECRET_BYTES
    except binascii.Error:
        return False


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # What IDNA refuses, such as an empty label, no resolver takes.
        known = parts.scheme in ("http", "https") and bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:
        return False
    return known and "@" not in parts.netloc and not parts.fragment and _VISIBLE.fullmatch(url) is not None
