import gc
from collections.abc import Iterator

import pytest


@pytest.fixture
def young_heap() -> Iterator[None]:
    """Garbage collections in the test look at nothing older: after thousands of tests each would take a second."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
