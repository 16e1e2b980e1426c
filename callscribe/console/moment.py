"""Times of day in requests."""

from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator


def _written(told: object) -> object:
    """Raises ValueError for a number: 20261120 would be a moment in 1970."""
    try:
        float(str(told))
    except ValueError:
        return told
    raise ValueError("a time is written as 2026-11-20T09:00:00Z")


Moment = Annotated[AwareDatetime, BeforeValidator(_written)]
"""ISO 8601 with a zone."""
