"""`make demo ONCE=1` as its reader runs it."""

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.acceptance


@pytest.mark.timeout(300)
def test_the_demo_ends_well(demo: subprocess.Popen[str], open_folder: Path) -> None:
    status = demo.wait(280)
    output = (open_folder / "demo" / "output").read_text()
    assert status == 0, output
    for expected in ("Daniel", "Laura Bennett", "word error rate", "/calls/", "second pass"):
        assert expected in output
