"""Calls and finals for the tests of the running node."""

from datetime import UTC, datetime
from uuid import uuid4

from callscribe.domain.call import Call, Channel, Dialect, OutsideIds, Party, Role
from callscribe.domain.transcript import Final


def make_call(channels: int = 2, started_at: datetime | None = None) -> Call:
    roles = (Role.AGENT, Role.CUSTOMER)
    call_id = uuid4()
    return Call(
        id=call_id,
        trunk="default",
        dialect=Dialect.SIPREC,
        started_at=started_at or datetime.now(UTC),
        sample_rate=8000,
        channels=tuple(Channel(index, str(index + 1), roles[index % 2]) for index in range(channels)),
        caller=Party("sip:ann@example.com", "Ann"),
        callee=Party("sip:bob@example.com", "Bob"),
        outside_ids=OutsideIds(sip_call_id=f"{call_id}@example.com"),
    )


def make_final(start: int, text: str, channel: int = 0) -> Final:
    return Final(channel, start, start + 8000, text, 0.9, "moonshine")
