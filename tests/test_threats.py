"""Each threat that the document of security tells has a test that stands where it says."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
THREATS = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").partition("\n## Threats\n")[2]
ROWS = [row for row in re.findall(r"^\| (.+) \|$", THREATS, re.MULTILINE)[1:] if not row.startswith("---")]


def functions_in(file: Path) -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, kinds)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.partition(" |")[0][:60])
def test_a_threat_is_tried_by_tests_that_exist(row: str) -> None:
    threat, stands_against_it, tested = row.split(" | ")
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", tested)
    assert threat
    assert stands_against_it
    assert named or "--require-hashes" in tested
    for file, name in named:
        assert name in functions_in(ROOT / file), f"{file} has no {name}"
