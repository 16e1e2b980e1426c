"""What installed packages name to the version, and what is there instead."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

_PIN = re.compile(r"([\w.-]+)(?:\[[^\]]*\])?\s*\(?==\s*([^\s;,)*]+)")
"""A requirement (PEP 508) that names one version."""


@dataclass(frozen=True, slots=True)
class Clash:
    """A package that is installed in another version than one that needs it names."""

    package: str
    installed: str
    wanted: str
    by: str


def clashes(packages: Sequence[str]) -> tuple[Clash, ...]:
    """Those of what these packages need; of a package that is not installed nothing is known."""
    return tuple(clash for package in packages for clash in _clashes_of(package))


def _clashes_of(package: str) -> list[Clash]:
    found: list[Clash] = []
    for requirement in _requirements(package):
        pin = _PIN.match(requirement)
        installed = _version(pin[1]) if pin else ""
        if pin and installed and _plain(installed) != _plain(pin[2]):
            found.append(Clash(pin[1], installed, pin[2], package))
    return found


def _requirements(package: str) -> Sequence[str]:
    try:
        return requires(package) or ()
    except PackageNotFoundError:
        return ()


def _version(package: str) -> str:
    """Empty where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _plain(version: str) -> str:
    """Without what tells a build apart, as "+cu128" does (PEP 440, local versions)."""
    return version.partition("+")[0]
