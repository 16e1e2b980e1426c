"""Text from the network as Postgres can keep it."""

NAME_LIMIT = 512
"""Characters kept of a name, an address or an outside id: an index entry must stay below 2,704 bytes."""


def clean(text: str) -> str:
    """`text` without NUL, which Postgres has no place for, and with lone surrogates replaced."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def clean_name(text: str, limit: int = NAME_LIMIT) -> str:
    """`clean(text)`, cut to `limit` characters."""
    return clean(text)[:limit]
