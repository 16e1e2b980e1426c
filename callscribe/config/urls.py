"""Addresses in settings."""

from urllib.parse import urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def check_url(setting: str, url: str, schemes: tuple[str, ...]) -> None:
    """Raise ValueError, without the URL's password, unless it begins with one of the schemes and names a place."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in schemes and bool(parts.netloc or parts.path) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"{setting} must be an address that begins with {' or '.join(f'{it}://' for it in schemes)}")
