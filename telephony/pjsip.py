"""The PJSUA2 library as the line and the caller use it: an endpoint without devices, codecs, frames by pointer.

Rules that the library imposes: every object is created and released on the thread that runs libHandleEvents(); a
thread that PJLIB did not make must not touch any; an exception that leaves a callback, or a failed assertion, aborts
the process. So both users run in a process of their own, PJMEDIA's threads beside the main one, and end it by leave().
A part of a structure lives as long as the structure: hold `info` while reading `info.media`.
"""

import contextlib
import ctypes
import functools
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, Protocol, TypeVar

import pjsua2 as pj
from pjsua2 import _pjsua2

_library = ctypes.CDLL(_pjsua2.__file__)
_pointer_at = ctypes.c_void_p.from_address
_vector_at = (ctypes.c_size_t * 2).from_address
"""Begin and end, the first two words of a std::vector."""
_kept = threading.local()
CALL_LIMIT = 64
"""Asked for; PJSUA lowers it to what it was compiled for."""


@dataclass(frozen=True, slots=True)
class EndpointPlan:
    """How an endpoint differs between its users."""

    clock_rate: int
    """Hz of the conference bridge."""
    frame_ms: int
    """Tick of the conference bridge."""
    user_agent: str
    transport: str = "udp"
    """"udp", "tcp" or "tls"."""
    sip_address: str = ""
    """Local address of the SIP transport; "": any."""


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """How an account's media differs between its users."""

    srtp: int
    """One of pj.PJMEDIA_SRTP_DISABLED, _OPTIONAL, _MANDATORY."""
    port: int = 0
    """First RTP port; 0: any."""
    ports: int = 0
    """Number of ports from `port`."""
    bind_address: str = ""
    advertised_address: str = ""


class Reporting(Protocol):
    """An object with PJSUA2 callbacks."""

    def report_fault(self, callback: str, error: Exception) -> None:
        """A callback raised; must not raise itself."""


Callback = TypeVar("Callback", bound=Callable[..., None])


def contained(callback: Callback) -> Callback:
    """A PJSUA2 callback that no exception leaves: one that did would abort the process, other calls and all."""

    @functools.wraps(callback)
    def inner(self: Reporting, prm: object) -> None:
        try:
            callback(self, prm)
        except Exception as error:  # noqa: BLE001  # a PJSUA2 callback
            self.report_fault(callback.__name__, error)

    return inner  # type: ignore[return-value]  # the same signature


def describe(error: Exception) -> str:
    """An error in words, without what it happened to."""
    return str(error.reason) if isinstance(error, pj.Error) else type(error).__name__


def open_endpoint(plan: EndpointPlan, codecs: tuple[str, ...]) -> tuple[pj.Endpoint, int]:
    """A running endpoint with one SIP transport, and that transport's port. Raises pj.Error."""
    # The library prints its first lines before it has read any configuration.
    _library.pj_log_set_level(0)
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.logConfig.level = config.logConfig.consoleLevel = 0
    config.uaConfig.maxCalls = CALL_LIMIT
    config.uaConfig.userAgent = plan.user_agent
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    media = config.medConfig
    media.clockRate = plan.clock_rate
    media.audioFramePtime = plan.frame_ms
    media.noVad = True
    media.ecTailLen = 0
    media.hasIoqueue = True
    media.threadCnt = 1
    endpoint.libInit(config)
    kinds = {"udp": pj.PJSIP_TRANSPORT_UDP, "tcp": pj.PJSIP_TRANSPORT_TCP, "tls": pj.PJSIP_TRANSPORT_TLS}
    transport = pj.TransportConfig()
    transport.boundAddress = plan.sip_address
    number = endpoint.transportCreate(kinds[plan.transport], transport)
    port = int(endpoint.transportGetInfo(number).localName.rpartition(":")[2])
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    known = endpoint.codecEnum2()
    for codec in known:
        name = codec.codecId.partition("/")[0]
        endpoint.codecSetPriority(codec.codecId, 255 - codecs.index(name) if name in codecs else 0)
    return endpoint, port


def media_config(config: pj.AccountConfig, plan: MediaPlan) -> None:
    """Write `plan` into an account's configuration.

    PJMEDIA takes RTP from any source at all times, and sends to where RTP comes from (symmetric RTP) as soon as ten
    packets in a row came from there.
    """
    media = config.mediaConfig
    media.srtpUse = plan.srtp
    media.srtpSecureSignaling = 0
    keyings = pj.IntVector()
    keyings.append(pj.PJMEDIA_SRTP_KEYING_SDES)
    media.srtpOpt.keyings = keyings
    media.lockCodecEnabled = False
    media.transportConfig.port = plan.port
    # An RTP port may be the last but one: RTCP takes the port after it.
    media.transportConfig.portRange = max(0, plan.ports - 2)
    media.transportConfig.boundAddress = plan.bind_address
    media.transportConfig.publicAddress = plan.advertised_address


def create_port(port: pj.AudioMediaPort, name: str, rate: int, frame_ms: int) -> None:
    """Add a 16-bit mono port to the conference bridge. Raises pj.Error."""
    form = pj.MediaFormatAudio()
    form.init(pj.PJMEDIA_FORMAT_PCM, rate, 1, frame_ms * 1000, 16)
    port.createPort(name, form)


def call_capacity() -> int:
    """Calls that this build carries at once."""
    return int(_library.pjsua_call_get_max_count())


def watch_events(stream: object, callback: "ctypes._FuncPointer", place: int) -> None:
    """Have a media stream, as PJSUA2's callbacks name it, tell a C function of telephone events, with `place`."""
    _library.pjmedia_stream_set_dtmf_event_callback(
        ctypes.c_void_p(int(stream)),  # type: ignore[call-overload]  # a wrapped pointer
        callback,
        ctypes.c_void_p(place),
    )


def send_report(stream: object) -> None:
    """Have a media stream, as PJSUA2's callbacks name it, send a receiver report now (RFC 3550 section 6.4.2)."""
    _library.pjmedia_stream_send_rtcp_sdes(ctypes.c_void_p(int(stream)))  # type: ignore[call-overload]


def stream_statistics(call: int, media: int, room: "ctypes.Array[ctypes.c_char]") -> None:
    """Have a stream's statistics written as PJSUA's own structure; `room` stays as it is where there is no stream."""
    _library.pjsua_call_get_stream_stat(call, media, room)


def frame_bytes(frame: pj.MediaFrame) -> bytes:
    """A copy of a frame's audio, empty for a tick without any. By pointer: the wrapped vector costs 157 us a frame."""
    begin, end = _vector_at(int(frame.buf.this))
    return ctypes.string_at(begin, end - begin)


def keep_thread_state(wanted: bool) -> None:
    """For a callback on one of PJLIB's threads: where `wanted`, let Python keep the thread's state for the next one.

    Else it makes and drops a thread state around each, stack and all, which costs more than the callback does. One
    PyGILState_Ensure without its Release holds it; the lock itself is given back as ever. Let go of it before the
    thread ends: nothing else ever would.
    """
    kept = getattr(_kept, "state", None)
    if wanted and kept is None:
        _kept.state = ctypes.pythonapi.PyGILState_Ensure()
    elif not wanted and kept is not None:
        _kept.state = None
        ctypes.pythonapi.PyGILState_Release(kept)


def fill_frame(frame: pj.MediaFrame, pcm: bytes) -> None:
    """Make `pcm` the audio of a frame that the bridge asked for."""
    frame.type = pj.PJMEDIA_FRAME_TYPE_AUDIO
    frame.buf.resize(len(pcm))
    ctypes.memmove(_pointer_at(int(frame.buf.this)).value or 0, pcm, len(pcm))


def leave(status: int) -> NoReturn:
    """End the process without running finalisers: they would release PJSUA2 objects in no good order."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)
