"""FreeSWITCH's mod_audio_stream, and mod_audio_fork before it: L16 in binary messages, one text with metadata. Pure.

The module tells neither the channel's id nor how it mixes: that stands in the query of the address that it is given
(`?uuid=...&mix=stereo&rate=16000`) or in its metadata, as JSON with the same names.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from callscribe.domain.call import Channel, Dialect, Role
from callscribe.live.ingest.access import Request
from callscribe.live.ingest.parties import json_object, told_parties, word
from callscribe.live.ingest.pcm import split
from callscribe.live.ingest.steps import Begin, Heard, Message, Step

_RATES = {"8k": 8_000, "8000": 8_000, "16k": 16_000, "16000": 16_000}
_MIXES = {"mono": 1, "mixed": 1, "stereo": 2}
"""Channels by what uuid_audio_stream calls the mix."""


class FreeswitchStream:
    """One stream. Implements Translator. The call begins with the first audio, as metadata may be left out."""

    def __init__(self, request: Request) -> None:
        self._told: Mapping[str, object] = request.query
        self._channels = 0

    def read(self, message: Message) -> Sequence[Step]:
        if isinstance(message, str):
            self._learn(message)
            return ()
        begin = () if self._channels else (self._begin(),)
        parts = split(message, self._channels)
        return (*begin, *(Heard(channel, pcm) for channel, pcm in enumerate(parts)))

    def begun(self, call_id: UUID) -> Sequence[Message]:
        return ()

    def parting(self, reason: str) -> Sequence[Message]:
        return ()

    def _learn(self, text: str) -> None:
        """Metadata is any text: what is no JSON object tells nothing here."""
        try:
            told = json_object(text)
        except ValueError:
            return
        if not self._channels:
            self._told = {**told, **self._told}

    def _begin(self) -> Begin:
        mix, rate = word(self._told, "mix") or "mono", word(self._told, "rate") or "8000"
        if mix not in _MIXES or rate not in _RATES:
            raise ValueError("mix is mono, mixed or stereo, and rate 8000 or 16000")
        self._channels = _MIXES[mix]
        caller, callee = told_parties(self._told)
        name = word(self._told, "uuid")
        channels = (Channel(0, "", Role.UNKNOWN, caller, "L16"), Channel(1, "", Role.UNKNOWN, callee, "L16"))
        if mix == "mixed":
            channels = (Channel(0, "", Role.MIXED, None, "L16"), *channels[1:])
        ids = (("freeswitch-uuid", name), ("sip-call-id", word(self._told, "sip_call_id")))
        layout = channels[: self._channels]
        return Begin(Dialect.FREESWITCH, name, ids, layout, caller, callee, _RATES[rate], stream=name)
