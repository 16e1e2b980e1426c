"""Entity tags of what has versions, and conditions on them (RFC 9110 sections 8.8.3 and 13.1)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Response
from starlette.exceptions import HTTPException

from callscribe.domain.errors import StorageError

NONE = 0
"""The version of what is not there."""


@dataclass(frozen=True, slots=True)
class Precondition:
    """The versions that a change may be made to."""

    if_match: str | None = None
    if_none_match: str | None = None

    @property
    def given(self) -> bool:
        """Whether the request has a condition in its header."""
        return self.if_match is not None or self.if_none_match is not None

    def allows(self, version: int) -> bool:
        """`version` is of what stands now, NONE where nothing does."""
        matches = self.if_match is None or _names(self.if_match, version)
        return matches and (self.if_none_match is None or not _names(self.if_none_match, version))

    def and_seen(self, seen: int | None) -> Callable[[int], bool]:
        """The same condition, and that `seen` is what stands where it is not None."""
        return lambda version: self.allows(version) and seen in (None, version)


def tell_version(response: Response, version: int) -> None:
    """Put its entity tag into the answer's header."""
    response.headers["etag"] = f'"{version}"'


@contextmanager
def conditional(condition: Precondition, outdated: type[StorageError]) -> Iterator[None]:
    """Where `outdated` is raised: what the header's condition forbids is 412, what only the body's does 409."""
    try:
        yield
    except outdated as error:
        if condition.given:
            raise HTTPException(412, str(error)) from error
        raise


def _names(tags: str, version: int) -> bool:
    if version == NONE:
        return False
    # A proxy that compresses makes a tag weak; a version's number stays that of the version.
    named = {tag.strip().removeprefix("W/").strip('"') for tag in tags.split(",")}
    return "*" in named or str(version) in named


def _precondition(
    if_match: Annotated[
        str | None, Header(description="`ETag` of the version that is changed; 412 where another stands by now.")
    ] = None,
    if_none_match: Annotated[str | None, Header(description='"*": only where there is none yet; 412 else.')] = None,
) -> Precondition:
    return Precondition(if_match, if_none_match)


PreconditionOf = Annotated[Precondition, Depends(_precondition)]
