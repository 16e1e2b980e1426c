"""What /metrics counts while something happens, and that no process dies of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.acceptance.service import RunningService

POSTED_S = 1.5
"""Every process posts its counters once a second."""
LAST_POST_S = 30.0


@contextmanager
def counted(service: RunningService, **rises: int) -> Iterator[None]:
    """Each counter, named without its prefix, rises by at least so much while the body runs."""
    time.sleep(POSTED_S)
    before = {name: _read(service, name) for name in rises}
    yield
    deadline = time.monotonic() + LAST_POST_S
    while True:
        counted_up = {name: int(_read(service, name) - before[name]) for name in rises}
        if all(counted_up[name] >= rise for name, rise in rises.items()):
            return
        assert time.monotonic() < deadline, f"counted {counted_up}, not {rises}"
        time.sleep(0.2)


@contextmanager
def nobody_dies(service: RunningService) -> Iterator[None]:
    """The service's lines and roles that calls need are the same processes after the body as before."""
    before = _vital(service)
    yield
    assert _vital(service) == before


def _vital(service: RunningService) -> list[list[int]]:
    return [service.line_pids(), *(service.pids(role) for role in ("sip", "recognizer", "web"))]


def _read(service: RunningService, name: str) -> float:
    return service.counter(f"callscribe_{name}{{")
