"""Following one call in the terminal: partials grow on the last lines, finals settle above them."""

from collections import defaultdict
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from uuid import UUID

from rich.console import Console
from rich.live import Live
from rich.text import Text
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from callscribe.domain.assist import Severity
from callscribe.domain.errors import CallscribeError
from callscribe.events.schema import (
    CallCorrected,
    CallEnded,
    CallErased,
    CallProcessed,
    CallStarted,
    CallUpdated,
    CardGiven,
    Described,
    Event,
    UtteranceFinal,
    UtterancePartial,
    UtteranceRevised,
    from_json,
)

_COLORS = ("cyan", "magenta", "yellow", "green")
_SEVERITIES = {Severity.INFO: "blue", Severity.WARNING: "yellow", Severity.CRITICAL: "bold red"}


@dataclass(slots=True)
class FollowedCall:
    """What was seen of a call."""

    call_id: UUID | None = None
    finals: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    """The finals as they were spoken, by channel, in order."""
    revised: int = 0
    jobs_done: tuple[str, ...] = ()
    jobs_failed: tuple[str, ...] = ()


class CallFollower:
    """Follows the next call that starts after the connection stood, until it is processed."""

    def __init__(self, url: str, console: Console) -> None:
        """`url`: the WebSocket of the floor's events."""
        self.seen = FollowedCall()
        self._url = url
        self._console = console
        self._open: dict[int, Text] = {}
        self._connection: ClientConnection | None = None

    async def __aenter__(self) -> Self:
        # A proxy that the environment names leads away from this machine.
        self._connection = await connect(self._url, proxy=None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def run(self) -> FollowedCall:
        """Show the call; returns when no job of it is left to do. Raises CallscribeError when the events end before."""
        try:
            return await self._follow()
        except ConnectionClosed as error:
            raise CallscribeError("the service closed its events before the call was processed") from error

    async def _follow(self) -> FollowedCall:
        assert self._connection is not None
        with Live(console=self._console, refresh_per_second=12, transient=True) as live:
            while True:
                message = await self._connection.recv()
                event = from_json(message if isinstance(message, str) else message.decode())
                if self.seen.call_id not in (None, event.call_id):
                    continue
                if self._show(event):
                    return self.seen
                live.update(Text("\n").join(self._open[channel] for channel in sorted(self._open)))

    def _show(self, event: Event) -> bool:
        """Take one event in. True when the call is processed."""
        match event:
            case CallStarted() | CallUpdated() | CallCorrected():
                self._introduce(event)
            case UtterancePartial():
                self._open[event.channel] = self._line(event.channel, event.party or event.role, event.start_ms)
                committed = event.text.removesuffix(event.tentative)
                self._open[event.channel].append(committed, "bold").append(event.tentative, "dim")
            case UtteranceFinal():
                self._open.pop(event.channel, None)
                self.seen.finals[event.channel].append(event.spoken or event.text)
                line = self._line(event.channel, event.party or event.role, event.start_ms)
                self._console.print(line.append(event.text))
            case CardGiven():
                self._console.print(_card(event))
            case UtteranceRevised():
                self.seen.revised += 1
            case CallEnded():
                self._open.clear()
                self._console.print(Text(f"call ended after {event.duration_ms / 1000:.0f} s ({event.reason})", "dim"))
            case CallErased():
                self._open.clear()
                self._console.print(Text("call erased", "dim"))
                return True
            case CallProcessed():
                self.seen.jobs_done, self.seen.jobs_failed = event.done, event.failed
                return True
        return False

    def _introduce(self, event: Described) -> None:
        if self.seen.call_id is None:
            self.seen.call_id = event.call_id
            self._console.print(Text(f"call {event.call_id} · {event.dialect} · trunk {event.trunk}", "dim"))

    def _line(self, channel: int, who: str, start_ms: int) -> Text:
        return Text.assemble((f"{_clock(start_ms)} ", "dim"), (f"{who}: ", _COLORS[channel % len(_COLORS)]))


def _card(card: CardGiven) -> Text:
    head = Text.assemble((f"{_clock(card.start_ms)} ", "dim"), (f"[{card.severity}] ", _SEVERITIES[card.severity]))
    rest = [part for part in (card.text, card.link) if part]
    return head.append(card.title, "bold").append("".join(f"\n     {part}" for part in rest))


def _clock(ms: int) -> str:
    return f"{ms // 60000}:{ms // 1000 % 60:02d}"
