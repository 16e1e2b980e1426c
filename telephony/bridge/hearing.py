"""The line that hears a bridged call: a recording session of our own, which gets copies of both parties' RTP.

The bridge needs nothing of it. A line that refuses, dies or says nothing is replaced by another one; while there is
none, the call goes on unheard.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from callscribe.domain.call import Dialect
from telephony.front.bodies import SDP_TYPE
from telephony.front.exchange import Exchange
from telephony.front.hops import Hop, Transport
from telephony.front.offer import CallOffer
from telephony.front.replies import respond
from telephony.front.timers import Timer
from telephony.front.transactions import Outcome, ServerTransaction
from telephony.front.translate import CALL_HEADER, DIALECT_HEADER, ack_line, bye_line
from telephony.lines import LineStatus
from telephony.sdp import media_lines
from telephony.sip.address import parse_name_addr
from telephony.sip.headers import Headers
from telephony.sip.message import Request, Response

STREAMS = 2
MAX_LINES = 4
"""Lines that are tried at once."""
MAX_LOSSES = 4
"""Lines that may die with one call: it may be what they die of."""
RETRY_S = 5.0
"""How long a call is unheard before lines are tried anew."""
PATIENCE_S = 4.0
"""How long a line may take to answer: nobody waits for it."""

Describe = Callable[[int], bytes]
"""Writes the SDP of what there is to hear, with this version number (RFC 8866 section 5.2)."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What there is to hear, and who is told."""

    offer: CallOffer
    """The call; every line gets it under an id of its own."""
    copy_to: Callable[[tuple[int, ...]], None]
    """Takes the line's RTP ports for caller and callee; none: nobody listens."""
    on_bye: Callable[[], None]
    """The line ended the call: it was told to, or no RTP came for too long."""


@dataclass(slots=True, eq=False)
class _Dialog:
    """A line's."""

    line: LineStatus
    call_id: UUID
    tag: str = ""
    """The line's; "" until it has answered."""
    cseq: int = 0
    told: bytes = b""
    """What it was offered last."""
    asking: bool = False
    """True while an INVITE waits for its answer."""

    @property
    def hop(self) -> Hop:
        return Hop(Transport.LINE, "127.0.0.1", self.line.sip_port)


class Hearing:
    """Keeps a line listening."""

    def __init__(self, exchange: Exchange, heard: Heard) -> None:
        self._exchange = exchange
        self._heard = heard
        self._describe: Describe | None = None
        self._dialog: _Dialog | None = None
        self._tried: frozenset[int] = frozenset()
        """Lines that refused or said nothing since the last retry."""
        self._losses = 0
        self._retry: Timer | None = None
        """Set from when no line was there until one answers."""
        self._over = False

    @property
    def call_id(self) -> UUID | None:
        """What its present line calls it."""
        return self._dialog.call_id if self._dialog else None

    @property
    def unheard(self) -> bool:
        """True while no line listens."""
        return self._dialog is None or not self._dialog.tag

    def tell(self, describe: Describe) -> None:
        """This is what there is to hear from now on."""
        self._describe = describe
        if self._dialog is None and self._retry is None:
            self._place()
        elif self._dialog and not self._dialog.asking and self._dialog.told != describe(0):
            self._invite(self._dialog)

    def end(self) -> None:
        """Nothing more comes."""
        self._close()
        dialog = self._leave()
        if dialog and dialog.tag:
            dialog.cseq += 1
            self._exchange.clients.send(self._request(dialog, "BYE"), dialog.hop, Outcome(lambda _: None, lambda: None))

    def receive(self, request: Request, server: ServerTransaction) -> None:
        """A request of the line."""
        known = request.method == "BYE"
        self._exchange.servers.respond(server, respond(server.request, 200 if known else 405))
        if known:
            self._close()
            self._leave()
            self._heard.on_bye()

    def line_lost(self, line: int) -> None:
        """A line died."""
        if self._dialog and self._dialog.line.index == line:
            self._losses += 1
            self._tried -= {line}
            self._leave()
            self._place()

    def _close(self) -> None:
        self._over = True
        if self._retry:
            self._retry.cancel()

    def _leave(self) -> _Dialog | None:
        """Have no line any more."""
        dialog, self._dialog = self._dialog, None
        if dialog:
            self._heard.copy_to(())
            if not dialog.tag:
                self._exchange.listener.call_abandoned(dialog.call_id)
        return dialog

    def _place(self) -> None:
        exchange = self._exchange
        if self._over or self._describe is None:
            return
        line = exchange.desk.pick(STREAMS, self._tried) if self._may_try else None
        if line is None:
            self._go_unheard()
            return
        self._tried |= {line.index}
        dialog = self._dialog = _Dialog(line, uuid4())
        # Told first: the line may report the call before its answer is read here.
        exchange.listener.call_offered(replace(self._heard.offer, id=dialog.call_id, line=line.index))
        self._invite(dialog)

    @property
    def _may_try(self) -> bool:
        return len(self._tried) < MAX_LINES and self._losses < MAX_LOSSES

    def _go_unheard(self) -> None:
        """No line is there: a dead one's successor may be soon."""
        if self._retry is None:
            self._exchange.tally.trouble("bridges_unheard")
        if self._losses < MAX_LOSSES:
            self._retry = self._exchange.timers.after(RETRY_S, self._try_anew)

    def _try_anew(self) -> None:
        self._tried = frozenset()
        self._place()

    def _invite(self, dialog: _Dialog) -> None:
        assert self._describe is not None
        dialog.cseq += 1
        dialog.told, dialog.asking = self._describe(0), True
        request = self._request(dialog, "INVITE", self._describe(dialog.cseq))
        outcome = Outcome(lambda response: self._take(dialog, response), lambda: self._miss(dialog), PATIENCE_S)
        self._exchange.clients.send(request, dialog.hop, outcome)

    def _take(self, dialog: _Dialog, response: Response) -> None:
        if response.status < 200:
            return
        dialog.asking = False
        if response.status >= 300:
            self._refused(dialog)
            return
        clients, call_id, port = self._exchange.clients, str(dialog.call_id), dialog.line.sip_port
        clients.send_ack(ack_line(response, call_id, port), dialog.hop)
        if dialog is not self._dialog:
            outcome = Outcome(lambda _: None, lambda: None)
            clients.send(bye_line(response, call_id, port), dialog.hop, outcome)
            return
        dialog.tag, self._retry = parse_name_addr(response.headers.first("to")).param("tag") or "", None
        self._heard.copy_to(tuple(line.port for line in media_lines(response.body)[:STREAMS]))
        if self._describe and dialog.told != self._describe(0):
            self._invite(dialog)

    def _miss(self, dialog: _Dialog) -> None:
        """The line said nothing."""
        dialog.asking = False
        self._exchange.desk.rest(dialog.line.index)
        self._refused(dialog)

    def _refused(self, dialog: _Dialog) -> None:
        if dialog.tag or dialog is not self._dialog:
            # A change that a line did not take: it goes on with what it has.
            return
        self._leave()
        self._place()

    def _request(self, dialog: _Dialog, method: str, sdp: bytes = b"") -> Request:
        tag = f";tag={dialog.tag}" if dialog.tag else ""
        fields = [
            ("max-forwards", "70"),
            ("from", f"<sip:bridge@127.0.0.1>;tag={dialog.call_id.hex}"),
            ("to", f"<sip:callscribe@127.0.0.1>{tag}"),
            ("call-id", str(dialog.call_id)),
            ("cseq", f"{dialog.cseq} {method}"),
            ("contact", f"<{self._exchange.addresses.contact(Transport.LINE)}>"),
        ]
        if sdp:
            # A recording session's answer only receives.
            fields += [(CALL_HEADER, str(dialog.call_id)), (DIALECT_HEADER, Dialect.SIPREC), ("content-type", SDP_TYPE)]
        return Request(method, f"sip:callscribe@127.0.0.1:{dialog.line.sip_port}", Headers(tuple(fields)), sdp)
