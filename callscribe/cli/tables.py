"""TOML files in which each table is one thing that a command brings in."""

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from callscribe.domain.errors import CallscribeError

Read = TypeVar("Read", bound=BaseModel)


def read_tables(file: Path, kind: type[Read], empty: str) -> dict[str, Read]:
    """What each table holds, by its name; `empty` says what a file without one lacks.

    Raises CallscribeError that tells the place of what is wrong.
    """
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CallscribeError(f"{file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CallscribeError(f"{file} is no TOML: {error}") from error
    if not document:
        raise CallscribeError(f"{file} {empty}")
    return {name: checked(kind, str(file), name, told) for name, told in document.items()}


def checked(kind: type[Read], where: str, name: str, told: object) -> Read:
    """What was told of one thing. Raises CallscribeError that tells the place of what is wrong."""
    try:
        return kind.model_validate(told)
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(str(part) for part in (name, *wrong["loc"]))
        raise CallscribeError(f"{where}: {place}: {wrong['msg']}") from error
