"""What all tables share. Offsets and lengths are samples at the call's rate; times are timestamptz."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, MetaData, Text, Uuid, func, text
from sqlalchemy.orm import DeclarativeBase

from storage.columns import UtcTime

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

NOW = func.now()
EMPTY_LIST = text("'[]'")
EMPTY_ARRAY = text("'{}'")
NOUGHT = text("0")


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """A rule that the column holds a member of the enumeration."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class Base(DeclarativeBase):
    """What all tables share: names that a migration can rely on, and the types of the annotations."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {str: Text, datetime: UtcTime, UUID: Uuid}
