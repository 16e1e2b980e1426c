"""Tables go between their marks, and leave the rest of the page alone."""

from pathlib import Path

import pytest

from benchmarks import report

FIGURES = {
    "machine": {"cpu": "one"},
    "measured": {"loss": {"at": "today", "commit": "abc", "every": 6}},
    "loss": [{"condition": "10% lost", "live": 0.0812, "second_pass": None}],
}
PAGE = "before\n<!-- machine -->\nold\n<!-- end of machine -->\nbetween\n<!-- loss -->\n<!-- end of loss -->\nafter\n"


def test_a_table_replaces_the_one_between_its_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    monkeypatch.setattr(report, "DOCUMENT", page)
    for _ in range(2):
        report.write_document(FIGURES)
        text = page.read_text()
        assert text.startswith("before\n<!-- machine -->\n| what | value |\n")
        assert "| part loss | today, commit abc, one clip of 6 |" in text
        assert "<!-- end of machine -->\nbetween\n<!-- loss -->\n| condition |" in text
        assert text.endswith("| 10% lost | 8.1 % |  |\n<!-- end of loss -->\nafter\n")
        assert "old" not in text


def test_the_page_has_a_place_for_every_table() -> None:
    page = report.DOCUMENT.read_text()
    names = ["machine", "gates", "stability", "reliability", "contest", "acoustics", "voices", "loss", "endpointing"]
    for name in [*names, "detection", "hotwords", "precision", "capacity", "sip", "soak"]:
        assert f"<!-- {name} -->\n" in page
        assert f"<!-- end of {name} -->" in page
