"""The list of quirk codes is closed, and all of it is told."""

import re
from pathlib import Path

from telephony.quirks import Quirk

DOCUMENT = Path(__file__).parents[2] / "docs" / "attach.md"


def test_every_code_is_told_in_the_documents_and_no_other() -> None:
    table = DOCUMENT.read_text().partition("## Quirk codes")[2]
    told = [
        code for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE) for code in re.findall(r"`([^`]+)`", row)
    ]
    assert sorted(told) == sorted(Quirk)
