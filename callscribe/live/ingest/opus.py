"""Opus (RFC 6716) and what WebRTC decoded of it, as the 16 kHz of a call: libopus and swresample, by PyAV."""

from collections.abc import Iterable

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame

RATE = 16_000
"""Hz of what comes out."""


class Monophone:
    """One stream of decoded frames brought to one channel of 16 kHz."""

    def __init__(self) -> None:
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)

    def take(self, frames: Iterable[AudioFrame]) -> bytes:
        """Signed 16-bit PCM of the machine's byte order; a millisecond is held back."""
        pcm = b""
        for frame in frames:
            frame.pts = None
            for resampled in self._resampler.resample(frame):
                pcm += bytes(resampled.planes[0])[: resampled.samples * 2]
        return pcm


class OpusDecoder:
    """One stream of Opus packets."""

    def __init__(self) -> None:
        codec = av.CodecContext.create("libopus", "r")
        assert isinstance(codec, AudioCodecContext)
        # What libopus decodes to, whatever the packets have: one channel becomes two equal ones.
        codec.layout, codec.sample_rate = "stereo", 48_000
        self._codec = codec
        self._mono = Monophone()

    def decode(self, packet: bytes) -> bytes:
        """PCM as `Monophone` gives it. Raises ValueError for what is no Opus."""
        try:
            return self._mono.take(self._codec.decode(av.Packet(packet)))
        except av.FFmpegError:
            raise ValueError("a packet is no Opus") from None
