"""`make demo ONCE=1` as its reader runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.acceptance


@pytest.mark.timeout(300)
def test_the_demo_ends_well(open_folder: Path) -> None:
    folder = open_folder / "demo"
    folder.mkdir()
    outcome = subprocess.run(
        [sys.executable, "-m", "callscribe.cli.main", "demo", "--once"],
        cwd=folder, env=dict(os.environ), capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    for expected in ("Daniel", "Laura Bennett", "word error rate", "/calls/", "second pass"):
        assert expected in outcome.stdout
