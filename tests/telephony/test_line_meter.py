"""What is made of PJMEDIA's counts: figures as it gave them for streams that were damaged on purpose."""

from dataclasses import replace

import pytest

from telephony.line.meter import NameWatch, ReportWatch, StreamReading
from telephony.line.wire import RtpCounts

CLEAN = StreamReading(
    packets=600,
    missing=0,
    reordered=0,
    duplicated=0,
    discarded=0,
    gaps=0,
    gap_us=0,
    jitter_us=900,
    buffer_discarded=0,
    buffer_frame=80,
    delay_ms=40,
    bytes=600 * 160,
)
COUNTED = RtpCounts(packets=600, jitter_us=900, delay_ms=40)


def test_a_clean_stream_lost_nothing() -> None:
    assert CLEAN.counts() == COUNTED


def test_a_packet_that_came_after_a_later_one_is_no_loss_and_may_be_late() -> None:
    swapped = replace(CLEAN, reordered=28, gaps=28, gap_us=20_000, buffer_discarded=38)
    assert swapped.counts() == replace(COUNTED, reordered=28, late=19)


def test_a_packet_that_came_twice_hides_no_loss_and_is_not_late() -> None:
    twice = replace(CLEAN, packets=628, duplicated=28, buffer_discarded=56, bytes=628 * 160)
    assert twice.counts() == replace(COUNTED, packets=628, duplicated=28)
    both = replace(twice, packets=600, missing=0, gaps=14, gap_us=40_000, bytes=600 * 160)
    assert both.counts() == replace(COUNTED, duplicated=28, lost=28)


def test_all_at_once_is_told_apart() -> None:
    damaged = replace(
        CLEAN,
        packets=867,
        missing=33,
        reordered=14,
        duplicated=15,
        gaps=52,
        gap_us=22_143,
        buffer_discarded=58,
        bytes=867 * 160,
    )
    assert damaged.counts() == replace(COUNTED, packets=867, lost=48, reordered=14, duplicated=15, late=14)


def test_a_stream_of_which_nothing_came_has_no_counts() -> None:
    silent = replace(CLEAN, packets=0, bytes=0, buffer_frame=0, jitter_us=0, delay_ms=0)
    assert silent.counts() == RtpCounts()


RTP, RTCP = "192.0.2.1:4000", "192.0.2.1:4001"


def test_a_sender_is_called_what_its_rtcp_says_twice_also_once_its_stream_is_a_new_one() -> None:
    watch = NameWatch()
    told = []
    for name in ("ann", "ann", "", "bob", "ann", "bob", "bob"):
        watch.look(name, RTCP, RTP)
        told.append(watch.name)
    assert told == ["", "ann", "ann", "ann", "ann", "ann", "bob"]


@pytest.mark.parametrize(("rtcp", "rtp"), [("192.0.2.9:4001", RTP), (RTCP, ""), ("", RTP), ("", "")])
def test_rtcp_from_elsewhere_names_nobody(rtcp: str, rtp: str) -> None:
    watch = NameWatch()
    watch.look("ann", rtcp, rtp)
    watch.look("ann", rtcp, rtp)
    assert watch.name == ""


def test_a_report_is_due_every_five_seconds_of_silence_and_never_while_packets_come() -> None:
    watch = ReportWatch()
    assert [watch.due(50 * second, now=float(second)) for second in range(20)] == [False] * 20
    quiet = [second for second in range(20, 36) if watch.due(950, now=float(second))]
    assert quiet == [24, 29, 34]
    assert [watch.due(packets, 36.0 + packets - 951) for packets in (951, 952)] == [False, False]


def test_a_stream_of_which_nothing_ever_came_is_reported_too() -> None:
    watch = ReportWatch()
    assert [second for second in range(12) if watch.due(0, now=100.0 + second)] == [5, 10]
