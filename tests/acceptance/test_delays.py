"""How late words are told, as a node counts it for Prometheus."""

from pathlib import Path

import pytest

from tests.acceptance.recording import start_session
from tests.acceptance.service import RunningService, wait_for
from tests.acceptance.speech import excerpt
from tests.acceptance.transcripts import utterances

pytestmark = pytest.mark.acceptance


def test_delays_of_first_partials_partials_and_finals_are_counted(service: RunningService, tmp_path: Path) -> None:
    before = service.counter("callscribe_final_delay_seconds_count")
    session = start_session(service, tmp_path, excerpt(2))
    session.finish()
    said = len(utterances(service, service.wait_call(session.sip_call_id)["id"]))
    wait_for(lambda: service.counter("callscribe_final_delay_seconds_count") >= before + said, "all finals counted")
    for stage in ("first_partial_delay", "text_age", "final_delay"):
        name = f"callscribe_{stage}_seconds"
        count = service.counter(f"{name}_count")
        assert service.counter(f'{name}_bucket{{le="+Inf"') == count > 0
        assert service.counter(f'{name}_bucket{{le="0.1"') <= service.counter(f'{name}_bucket{{le="10.0"')
        assert 0 < service.counter(f"{name}_sum") / count < 10
