"""Light, dark, or what the reader's system says."""

from starlette.requests import HTTPConnection

SYSTEM = "system"
THEMES = {SYSTEM: "As the system", "light": "Light", "dark": "Dark"}
"""The label of each."""
COOKIE = "callscribe-theme"
"""Holds a theme that was chosen."""


def theme_of(connection: HTTPConnection) -> str:
    """The theme that was chosen; SYSTEM where none was."""
    chosen = connection.cookies.get(COOKIE, "")
    return chosen if chosen in THEMES else SYSTEM
