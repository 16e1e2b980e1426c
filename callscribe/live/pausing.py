"""Pauses beyond one session: what pages and API ask of the calls that go on here, and calls that are set up anew."""

from collections.abc import Callable, Iterable

from callscribe.domain.call import Call
from callscribe.events.control import PauseAnswer, PausedCall, PauseRequest
from callscribe.events.parts import EventPause
from callscribe.live.session import CallSession

KEPT_S = 300.0
"""How long after a call's end another one with its Call-ID goes on in its pause."""
MOST_KEPT = 1_000
"""Calls that ended in a pause."""

_Key = tuple[str, str]
"""Trunk and SIP Call-ID."""


class ParkedPauses:
    """Pauses of calls that ended in one: a bridged call whose line died is heard anew, as another call."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` tells seconds, and is never set."""
        self._clock = clock
        self._ended: dict[_Key, tuple[float, CallSession]] = {}

    def ended(self, session: CallSession) -> None:
        """Its call is over."""
        key = _key(session.call)
        self._ended.pop(key, None)
        if session.open_pauses and key[1]:
            self._ended[key] = (self._clock(), session)
            if len(self._ended) > MOST_KEPT:
                del self._ended[next(iter(self._ended))]

    def forget(self, calls: tuple[str, ...]) -> None:
        """Somebody wants these calls heard, by any of their ids."""
        self._ended = {key: kept for key, kept in self._ended.items() if not kept[1].is_called(calls)}

    def go_on(self, session: CallSession, others: Iterable[CallSession]) -> None:
        """Pause a call that has just started as the call is, or was to its end, that had the same Call-ID before.

        `others` are the calls that go on, oldest first.
        """
        key = _key(session.call)
        if not key[1]:
            return
        before = next((other for other in reversed(tuple(others)) if _key(other.call) == key), None)
        ended_at, ended = self._ended.get(key, (0.0, None))
        if before is None and ended and self._clock() - ended_at <= KEPT_S:
            before = ended
        for channels, by, reason in before.open_pauses if before else ():
            known = set(channels) <= set(session.channels)
            session.pause(channels if known else (), by, reason)


def carry_out(request: PauseRequest, sessions: Iterable[CallSession]) -> PauseAnswer:
    """Pause or resume the calls that are meant and go on."""
    meant = [session for session in sessions if session.is_called(request.calls)]
    over = tuple(session.call.id for session in meant if session.ending)
    return PauseAnswer(tuple(_carry_out(request, session) for session in meant if not session.ending), over)


def _carry_out(request: PauseRequest, session: CallSession) -> PausedCall:
    """With a channel that the call has not, nothing is done."""
    unknown = tuple(index for index in request.channels if index not in session.channels)
    if not unknown and request.action == "pause":
        session.pause(request.channels, "api", request.reason)
    elif not unknown:
        session.resume(request.channels, "api")
    call = session.call
    return PausedCall(call.id, unknown, tuple(EventPause.of(pause, call.sample_rate) for pause in call.pauses))


def _key(call: Call) -> _Key:
    return call.trunk, call.outside_ids.sip_call_id
