from collections.abc import Sequence
from pathlib import Path

import pytest

from asr.engines.pins import Clash, clashes


def install(folder: Path, name: str, version: str, needs: Sequence[str] = ()) -> None:
    """A package as pip would have put it there, of which there is nothing to import."""
    noted = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    noted.mkdir()
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {need}" for need in needs),
    ]
    (noted / "METADATA").write_text("\n".join(lines))


def test_what_is_there_in_another_version_than_named_clashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(
        tmp_path, "hearing", "1.0", ["wave==2.1", "Loud[all]==3.0; extra == 'x'", "free>=1", "away==9", "built==4.0"]
    )
    install(tmp_path, "wave", "2.2")
    install(tmp_path, "loud", "2.9")
    install(tmp_path, "free", "0.1")
    install(tmp_path, "built", "4.0+cu128")
    monkeypatch.syspath_prepend(tmp_path)
    assert clashes(["hearing", "wave", "missing"]) == (
        Clash("wave", "2.2", "2.1", "hearing"),
        Clash("Loud", "2.9", "3.0", "hearing"),
    )
