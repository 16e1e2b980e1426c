"""Calls and events that the tests of this room speak of."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from callscribe.domain.call import Call, Channel, Dialect, OutsideIds, Party, Role
from callscribe.domain.transcript import Final, Partial
from callscribe.events.schema import UtteranceFinal, UtterancePartial

AT = datetime(2026, 11, 21, 9, 30, 15, 250000, tzinfo=UTC)
AGENT = Party("sip:1042@pbx.example.com", "Ada Lovelace")


def a_call(call_id: UUID | None = None) -> Call:
    """A two-party SIPREC call at 8 kHz; channel 0 is the agent's, channel 1 names nobody."""
    return Call(
        id=call_id or uuid4(),
        trunk="sbc",
        dialect=Dialect.SIPREC,
        started_at=datetime(2026, 11, 21, 9, 30, tzinfo=UTC),
        sample_rate=8000,
        channels=(Channel(0, "1", Role.AGENT, AGENT, "PCMU"), Channel(1, "2", Role.CUSTOMER, None, "PCMU")),
        caller=Party("sip:+15550100@carrier.example.com"),
        callee=AGENT,
        outside_ids=OutsideIds("abc@sbc", "session-1", "", (("ucid", "00042"),)),
    )


def a_partial(call: Call, text: str, *, channel: int = 0, start: int = 8000, revision: int = 1) -> UtterancePartial:
    return UtterancePartial.of(call, Partial(channel, start, start + 4000, text, "", revision), AT)


def a_final(call: Call, text: str, *, channel: int = 0, start: int = 8000) -> UtteranceFinal:
    return UtteranceFinal.of(call, Final(channel, start, start + 8000, text, 0.9, "moonshine"), AT)
