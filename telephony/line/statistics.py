"""PJMEDIA's counts of a received stream."""

import ctypes

import pjsua2 as pj

from telephony.line.meter import StreamReading
from telephony.pjsip import stream_statistics
from telephony.sip.address import clean

_ROOM = 4096
"""Bytes, several times what PJSUA writes (pjsua_stream_stat)."""


class _Spread(ctypes.Structure):
    """pj_math_stat."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("n", "max", "min", "last", "mean")),
        ("fmean", ctypes.c_float),
        ("deviation", ctypes.c_double),
    )


class _Direction(ctypes.Structure):
    """pjmedia_rtcp_stream_stat."""

    _fields_ = (
        ("update", ctypes.c_long * 2),
        *((name, ctypes.c_uint32) for name in ("updates", "pkt", "bytes", "discard", "loss", "reorder", "dup")),
        ("loss_period", _Spread),
        ("loss_type", ctypes.c_uint32),
        ("jitter", _Spread),
    )


class _Beginning(ctypes.Structure):
    """That of pjmedia_rtcp_stat, which is that of pjsua_stream_stat."""

    _fields_ = (("start", ctypes.c_long * 2), ("tx", _Direction), ("rx", _Direction))


def read_stream(call: pj.Call, index: int) -> StreamReading:
    """An m-line's counts. Raises pj.Error where it has no stream."""
    stat = call.getStreamStat(index)
    heard, buffer = stat.rtcp.rxStat, stat.jbuf
    return StreamReading(
        packets=heard.pkt,
        missing=heard.loss,
        reordered=_reordered(call, index, heard),
        duplicated=heard.dup,
        discarded=heard.discard,
        gaps=heard.lossPeriodUsec.n,
        gap_us=heard.lossPeriodUsec.mean,
        jitter_us=heard.jitterUsec.mean,
        buffer_discarded=buffer.discard,
        buffer_frame=buffer.frameSize,
        delay_ms=buffer.avgDelayMsec,
        bytes=heard.bytes,
        cname=clean(stat.rtcp.peerSdes.cname),
    )


def _reordered(call: pj.Call, index: int, heard: pj.RtcpStreamStat) -> int:
    """As PJMEDIA has it: PJSUA2 2.15 tells the loss in its place. 0 where the structure is not as it is there."""
    room = ctypes.create_string_buffer(_ROOM)
    stream_statistics(call.getId(), index, room)
    found = _Beginning.from_buffer(room).rx
    # Packets may have come between the two readings, but not many.
    same = all(0 <= getattr(found, name) - getattr(heard, name) <= 100 for name in ("pkt", "loss", "dup", "discard"))
    return int(found.reorder) if same else 0
