"""Which texts are taken from outside: patterns that every language's regular expressions read alike.

Control characters are left out: Postgres has no place for NUL, and nobody sees the others.
"""

_CONTROL = r"\x00-\x1f\x7f-\x9f"

LINE = rf"^[^{_CONTROL}]*$"
"""Of one line; may be empty."""
LINES = r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*$"
"""Of several lines; may be empty."""
NAME = rf"^[^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*$"
"""Of one line, on which something can be seen."""
