"""Whether the clock is right: times of calls, and certificates, depend on it."""

import ctypes

from callscribe.cli.checks.finding import Finding, hint, ok

_UNSYNCHRONIZED = 0x40
"""STA_UNSYNC of adjtimex(2)."""
_CURE = "run chrony, ntpd or systemd-timesyncd"


class _Timex(ctypes.Structure):
    """The beginning of struct timex (adjtimex(2)); errors in microseconds."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def check_clock() -> Finding:
    """What the kernel was told by whoever sets the clock. Nothing is changed."""
    told = _Timex()
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    if adjtimex is None or adjtimex(ctypes.byref(told)) < 0:
        return hint("clock", "whether it is synchronized cannot be read here", f"see to it that it is: {_CURE}")
    if told.status & _UNSYNCHRONIZED:
        return hint("clock", "nothing tells that it is synchronized with others", _CURE)
    return ok("clock", f"is synchronized, within {told.maxerror / 1000:.0f} ms")
