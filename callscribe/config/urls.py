"""Addresses in settings."""

import re
from urllib.parse import urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST = re.compile(r"(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(?::\d+)?")
"""What may stand in a Content-Security-Policy without meaning more than one place there."""
_FIELD = re.compile(r"\{[a-z0-9_]+\}")


def check_url(setting: str, url: str, schemes: tuple[str, ...]) -> None:
    """Raise ValueError, without the URL's password, unless it begins with one of the schemes and names a place."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in schemes and bool(parts.netloc or parts.path) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"{setting} must be an address that begins with {' or '.join(f'{it}://' for it in schemes)}")


def check_origin(setting: str, origin: str) -> None:
    """Raise ValueError unless it is the origin of pages (RFC 6454): scheme, host and perhaps a port, and no more."""
    try:
        parts = urlsplit(origin)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        known = known and origin == f"{parts.scheme}://{parts.netloc}" and origin == origin.lower()
        known = known and _HOST.fullmatch(parts.netloc) is not None
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"{setting} must be origins such as https://crm.example.com, in small letters, without a path")


def check_template(setting: str, template: str) -> None:
    """Raise ValueError unless it is an http(s) address in whose path, query or fragment {names} may stand."""
    check_url(setting, template, ("http", "https"))
    bare = _FIELD.sub("", template)
    if "{" in urlsplit(template).netloc or "{" in bare or "}" in bare:
        raise ValueError(f"{setting}: names stand in braces after the host, as https://crm.example.com/calls/{{ucid}}")
