"""A short part of the fuzzing: no input crashes, hangs or fills the memory, and none that did once does again."""

import subprocess
import sys

import pytest

from tests.fuzz.findings import FINDINGS
from tests.fuzz.seeds import BETWEEN
from tests.fuzz.targets import TARGETS

SEED = 20_261_122


def test_no_input_crashes_hangs_or_fills_the_memory() -> None:
    command = [sys.executable, "-m", "tests.fuzz.child", str(SEED)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines() == [f"{name} held" for name in TARGETS]


@pytest.mark.parametrize(("name", "data"), FINDINGS)
def test_what_was_found_once_stays_mended(name: str, data: bytes) -> None:
    TARGETS[name].run(data)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_seeds_and_what_never_was_one(name: str) -> None:
    for data in (*TARGETS[name].seeds(), b"", b"\0", BETWEEN, BETWEEN * 3, bytes(range(256))):
        TARGETS[name].run(data)
