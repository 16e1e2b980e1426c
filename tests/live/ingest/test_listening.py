"""What all ports for calls without SIP do alike."""

from collections import Counter

from structlog.testing import capture_logs

from callscribe.live.ingest.listening import count_trouble


def test_trouble_is_logged_as_its_port_s_ever_more_rarely() -> None:
    counts: Counter[str] = Counter()
    with capture_logs() as logs:
        for _ in range(5):
            count_trouble(counts, "funasr_messages_invalid", "funasr")
        count_trouble(counts, "ingest_messages_invalid")
    assert counts == {"funasr_messages_invalid": 5, "ingest_messages_invalid": 1}
    assert [(line["event"], line["what"], line["times"]) for line in logs] == [
        ("funasr_trouble", "funasr_messages_invalid", 1),
        ("funasr_trouble", "funasr_messages_invalid", 2),
        ("funasr_trouble", "funasr_messages_invalid", 4),
        ("ingest_trouble", "ingest_messages_invalid", 1),
    ]
