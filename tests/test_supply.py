"""The list of what is installed, as `make sbom` writes it."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements" / "base.lock").read_text(encoding="utf-8")


@pytest.mark.skipif(not (ROOT / "build/supply/.installed").exists(), reason="`make sbom` installs what writes it")
def test_every_locked_package_is_listed_with_all_its_hashes() -> None:
    subprocess.run(["make", "sbom"], cwd=ROOT, check=True, capture_output=True, timeout=250)
    listed = json.loads((ROOT / "build" / "sbom.json").read_text(encoding="utf-8"))
    assert (listed["bomFormat"], listed["metadata"]["component"]["name"]) == ("CycloneDX", "callscribe")
    found = {
        (part["name"], part["version"]): {
            told["content"] for way in part["externalReferences"] for told in way["hashes"]
        }
        for part in listed["components"]
    }
    locked = re.findall(r"^([\w.-]+)==([^\s;]+)(.*?)(?=^\S|\Z)", LOCK, re.MULTILINE | re.DOTALL)
    assert len(locked) > 50
    for name, version, rest in locked:
        assert found[name, version] == set(re.findall(r"sha256:(\w+)", rest)), name


def test_every_package_is_locked_by_its_hash() -> None:
    for lock in ("base", "dev", "supply"):
        text = (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")
        packages = re.findall(r"^[\w.-]+(?:\[[\w,]+\])?==.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
        assert len(packages) > 10
        assert not [package.split()[0] for package in packages if "--hash=sha256:" not in package]
