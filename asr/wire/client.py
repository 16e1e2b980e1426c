"""The recognisers as one: channels go in, transcripts come out, and a recogniser that dies costs nothing."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from math import inf
from typing import Protocol

import structlog

from asr.engine import Capabilities
from asr.identification import IdentifiedLanguage
from asr.wire.channel import PoolChannel
from asr.wire.hotwords import carried
from asr.wire.link import Burden, ChannelReport, PoolTimings, RecognizerLink
from asr.wire.messages import Acknowledged, ChannelOptions, Closed, Failure, FinalReport, LanguageReport, PartialReport
from asr.wire.progress import LostAudio
from asr.wire.routing import candidates, knowing
from callscribe.domain.audio import AudioChunk
from callscribe.domain.errors import WireViolation
from callscribe.domain.hotword import Hotword
from callscribe.domain.language import UNKNOWN
from callscribe.domain.transcript import Final, Partial

__all__ = ["Burden", "ChannelOptions", "LostAudio", "PoolTimings", "RecognizerPool", "TranscriptListener"]

log = structlog.get_logger()


class TranscriptListener(Protocol):
    """Who wants the transcripts. Called on the event loop; must not block or raise."""

    def partial(self, key: int, partial: Partial) -> None:
        """An utterance that goes on; replaces the partial before."""

    def final(self, key: int, final: Final) -> None:
        """A whole utterance; each comes once, in order."""

    def acknowledged(self, key: int, offset: int) -> None:
        """Every final that ends before `offset` was delivered; the rest before it is silence."""

    def closed(self, key: int, offset: int, lost: tuple[LostAudio, ...]) -> None:
        """The answer to `close`: all finals were delivered. All speech before `offset` is in them but for what was
        lost: stretches before `offset`, in the order of time."""


class RecognizerPool:
    """Spreads channels over recognisers and keeps each channel's audio until it is acknowledged and released.

    Used on one event loop. `replay_s` is how much audio of a channel is kept at most: when no recogniser can be reached
    for longer, the oldest is lost, counted, and `closed` tells which stretches.
    """

    def __init__(
        self,
        urls: tuple[str, ...],
        listener: TranscriptListener,
        replay_s: int = 60,
        timings: PoolTimings | None = None,
    ) -> None:
        self._listener = listener
        self._replay_s = replay_s
        self._timings = timings or PoolTimings()
        self._links = tuple(RecognizerLink(url, self, self._timings) for url in urls)
        self._runs: tuple[asyncio.Task[None], ...] = ()
        self._channels: dict[int, PoolChannel] = {}
        self._placed: dict[int, RecognizerLink] = {}
        """The link of each channel, by the channel's key; a channel without one waits for one."""
        self._refusals: dict[tuple[int, str], float] = {}
        """Loop time until which a recogniser is not asked again to take a channel, by key and address."""
        self._patience: dict[int, asyncio.TimerHandle] = {}
        self._advances: dict[int, tuple[int, float]] = {}
        """Of each channel at its end, by key: how far its transcript got, and the loop time at which it got there."""
        self._next_placing: asyncio.TimerHandle | None = None
        self._next_spreading: asyncio.TimerHandle | None = None
        self._counts: Counter[str] = Counter()

    async def start(self) -> None:
        """Begin to connect. Does not wait: channels may be opened at once, their audio is kept until one is ready."""
        self._runs = tuple(asyncio.create_task(link.run()) for link in self._links)
        for run in self._runs:
            run.add_done_callback(_report_break)

    async def stop(self) -> None:
        """Disconnect. Channels whose end was told get their `closed` now; other channels get nothing more."""
        runs, self._runs = self._runs, ()
        for run in runs:
            run.cancel()
        if runs:
            await asyncio.wait(runs)
        for channel in tuple(self._channels.values()):
            if channel.closing:
                self._finish(channel)
        self._channels.clear()
        for timer in (self._next_placing, self._next_spreading):
            if timer is not None:
                timer.cancel()

    def open(self, key: int, options: ChannelOptions, engines: tuple[str, ...] = ()) -> None:
        """A channel begins. It is heard by the first of the engines that knows the language, is there and has time, by
        any where none is named; when a better one is there again, or another language is spoken, by that one. Raises
        ValueError when the key is in use."""
        if key in self._channels:
            raise ValueError(f"channel {key} is open already")
        fitting = replace(options, hotwords=self._fitting(key, options.hotwords))
        self._channels[key] = channel = PoolChannel(key, fitting, self._replay_s, engines)
        self._place(channel)

    def send(self, key: int, chunk: AudioChunk) -> None:
        """Audio of a channel, in order; never blocks. Audio of a channel that is closed or unknown is dropped."""
        channel = self._channels.get(key)
        if channel is not None:
            channel.append(chunk)
            self._wake(channel)

    def set_hotwords(self, key: int, hotwords: tuple[Hotword, ...]) -> None:
        """From now on these words are preferred on the channel."""
        channel = self._channels.get(key)
        if channel is not None:
            channel.set_hotwords(self._fitting(key, hotwords))
            self._wake(channel)

    def release(self, key: int, offset: int) -> None:
        """What lies before `offset` is safe with the caller: forget its audio."""
        channel = self._channels.get(key)
        if channel is not None:
            channel.release(offset)

    def close(self, key: int) -> None:
        """The channel's audio ends here: its last finals follow, then `closed`."""
        channel = self._channels.get(key)
        if channel is not None and not channel.closing:
            channel.closing = True
            self._await_end(channel)
            self._wake(channel)

    def counters(self) -> Mapping[str, int]:
        """What was counted since the pool was made, and what its recognisers refused since they began."""
        return {**self._counts, "recognizer_refusals": sum(link.refused for link in self._links)}

    def burdens(self) -> tuple[Burden, ...]:
        """How each recogniser that answers keeps up."""
        return tuple(link.burden for link in self._links if link.ready)

    def ready(self) -> bool:
        """True while at least one recogniser answers."""
        return any(link.ready for link in self._links)

    def link_ready(self, link: RecognizerLink) -> None:
        """A recogniser can take channels."""
        self._counts["recognizer_connections"] += 1
        self._place_waiting()
        if self._next_spreading is None:
            loop = asyncio.get_running_loop()
            self._next_spreading = loop.call_later(self._timings.proven_s, self._spread)

    def link_lost(self, link: RecognizerLink, channels: tuple[PoolChannel, ...]) -> None:
        """A connection ended with these channels on it."""
        if not self._runs:
            return
        self._counts["recognizer_losses"] += 1
        for channel in channels:
            self._unplace(channel)

    def link_violated(self, link: RecognizerLink) -> None:
        """A recogniser said what the protocol does not allow."""
        self._counts["recognizer_violations"] += 1

    def link_heard(self, link: RecognizerLink, channel: PoolChannel, report: ChannelReport) -> None:
        """A recogniser spoke about a channel. Raises WireViolation where it takes it for another one."""
        match report:
            case PartialReport():
                self._show(channel, report.partial)
            case FinalReport():
                self._deliver(channel, report.final)
            case LanguageReport():
                self._follow(link, channel, report.found)
            case Acknowledged():
                self._counts["utterances_undecoded"] += len(report.undecoded)
                for start, end in report.undecoded:
                    channel.progress.lose(start, end)
                offset = channel.progress.acknowledge(report.offset)
                if offset is not None:
                    self._listener.acknowledged(channel.key, offset)
            case Closed() if channel.closing:
                channel.progress.settle(report.offset)
                link.detach(channel, tell=False)
                self._finish(channel)
                return
            case Closed():
                self._refuse(link, channel, self._timings.refused_s)
            case Failure():
                log.warning("recognizer_refused_channel", url=link.url, key=channel.key, code=report.code)
                self._refuse(link, channel, inf if report.code == "unsupported-language" else self._timings.refused_s)
        if channel.closing:
            self._await_end(channel)

    def _fitting(self, key: int, hotwords: tuple[Hotword, ...]) -> tuple[Hotword, ...]:
        """A word that a recogniser would refuse must not cost the connection, and so every call on it."""
        fitting = carried(hotwords)
        if left_out := len(hotwords) - len(fitting):
            self._counts["hotwords_left_out"] += left_out
            log.warning("hotwords_left_out", key=key, words=left_out)
        return fitting

    def _show(self, channel: PoolChannel, partial: Partial) -> None:
        _check_index(channel, partial.channel)
        fresh = channel.progress.partial(partial)
        if fresh is not None:
            self._listener.partial(channel.key, fresh)

    def _deliver(self, channel: PoolChannel, final: Final) -> None:
        _check_index(channel, final.channel)
        fresh = channel.progress.final(final)
        if fresh is None:
            self._counts["finals_repeated"] += 1
        else:
            self._listener.final(channel.key, fresh)

    def _follow(self, link: RecognizerLink, channel: PoolChannel, found: IdentifiedLanguage) -> None:
        """An utterance is in this language: let the first engine that knows it hear the whole of it."""
        changed = found.language != channel.language or not link.knows(found.language)
        channel.speaks(found)
        willing = self._willing(channel)
        better = any(_rank(one, channel) < _rank(link, channel) and not one.overloaded for one in willing)
        if (link in willing and not better) or not channel.may_move(found):
            return
        if changed:
            self._counts["recognizer_language_changes"] += 1
            log.info("language_changed", key=channel.key, language=found.language, probability=found.probability)
        link.detach(channel, tell=True)
        self._unplace(channel)

    def _refuse(self, link: RecognizerLink, channel: PoolChannel, seconds: float) -> None:
        self._counts["channels_refused"] += 1
        now = asyncio.get_running_loop().time()
        self._refusals[channel.key, link.url] = now + seconds
        link.detach(channel, tell=False)
        self._unplace(channel)

    def _unplace(self, channel: PoolChannel) -> None:
        """The channel has lost its recogniser: go on with another."""
        self._placed.pop(channel.key, None)
        self._counts["channels_moved"] += 1
        self._place(channel)
        if channel.closing:
            self._await_end(channel)

    def _spread(self) -> None:
        """Move channels to better engines, and from recognisers that have more than their share to those with less;
        where languages came or went with engines, tell what may be spoken."""
        self._next_spreading = None
        for key, link in tuple(self._placed.items()):
            channel = self._channels[key]
            best = min(self._willing(channel), key=lambda one: _fitness(one, channel), default=link)
            if not channel.closing and (
                _rank(best, channel) < _rank(link, channel)
                or link.channels > self._share(link)
                or channel.languages != self._candidates(channel)
            ):
                link.detach(channel, tell=True)
                self._unplace(channel)

    def _share(self, link: RecognizerLink) -> int:
        """How many channels a recogniser has when all of its kind have as many."""
        alike = [one.channels for one in self._links if one.ready and one.kind == link.kind]
        return -(-sum(alike) // len(alike)) if alike else 0

    def _place_waiting(self) -> None:
        self._next_placing = None
        for channel in tuple(self._channels.values()):
            if channel.key not in self._placed:
                self._place(channel)

    def _place(self, channel: PoolChannel) -> None:
        """Give the channel to the least strained recogniser, or leave it waiting for one."""
        if willing := self._willing(channel):
            link = min(willing, key=lambda one: _fitness(one, channel))
            wanted = knowing(channel.engines, channel.language, self._told(channel))
            if wanted and link.kind != wanted[0]:
                self._counts["recognizer_fallbacks"] += 1
                log.warning("recognizer_fallback", key=channel.key, engine=link.kind, wanted=wanted[0])
            channel.languages = self._candidates(channel)
            self._placed[channel.key] = link
            link.attach(channel)
            if channel.closing:
                self._await_end(channel)
        elif self._next_placing is None and any(link.ready and self._runs for link in self._links):
            loop = asyncio.get_running_loop()
            self._next_placing = loop.call_later(self._timings.refused_s, self._place_waiting)

    def _willing(self, channel: PoolChannel) -> list[RecognizerLink]:
        """The recognisers that could take the channel now."""
        now = asyncio.get_running_loop().time()
        around = self._around(channel)
        knowing_it = [link for link in around if link.knows(channel.language)] or around
        return [
            link
            for link in knowing_it
            if link.ready and self._runs and self._refusals.get((channel.key, link.url), 0.0) <= now
        ]

    def _candidates(self, channel: PoolChannel) -> tuple[str, ...]:
        """What may be spoken on the channel, where that is to be found out."""
        return candidates([link.able for link in self._around(channel) if link.able]) if channel.followed else ()

    def _around(self, channel: PoolChannel) -> list[RecognizerLink]:
        """The recognisers for the channel that are there, or were just now, by their engines, the best first; of those
        for one whose language is found out only such as find it out, while there is one."""
        engines = channel.engines or tuple(dict.fromkeys(link.kind for link in self._links))
        around = [link for kind in engines for link in self._links if link.kind == kind and link.around]
        return [link for link in around if not channel.followed or link.knows(UNKNOWN)] or around

    def _told(self, channel: PoolChannel) -> dict[str, list[Capabilities]]:
        """What the recognisers that may hear the channel have told of themselves, by their engines, the best first."""
        engines = channel.engines or tuple(dict.fromkeys(link.kind for link in self._links))
        told = {kind: [link.able for link in self._links if link.kind == kind and link.able] for kind in engines}
        return {kind: alike for kind, alike in told.items() if alike}

    def _wake(self, channel: PoolChannel) -> None:
        link = self._placed.get(channel.key)
        if link is not None:
            link.wake(channel)

    def _await_end(self, channel: PoolChannel) -> None:
        """Finish the channel if its transcript gets no farther within the time allowed; at once if nothing is left."""
        self._stop_waiting(channel)
        loop = asyncio.get_running_loop()
        now, farthest = loop.time(), channel.progress.farthest
        known, since = self._advances.get(channel.key, (-1, now))
        if farthest > known:
            known, since = farthest, now
        self._advances[channel.key] = known, since
        # A channel that one recogniser after the other drops or dies of must end too: being moved earns no new time.
        limit = since + self._timings.flush_s
        if channel.finished or self._unwanted(channel):
            limit = now
        elif channel.key not in self._placed:
            limit = min(limit, now + self._timings.unreachable_s)
        self._patience[channel.key] = loop.call_at(limit, self._give_up, channel)

    def _unwanted(self, channel: PoolChannel) -> bool:
        """No recogniser will ever take the channel."""
        return all(self._refusals.get((channel.key, link.url)) == inf for link in self._links)

    def _stop_waiting(self, channel: PoolChannel) -> None:
        timer = self._patience.pop(channel.key, None)
        if timer is not None:
            timer.cancel()

    def _give_up(self, channel: PoolChannel) -> None:
        if not channel.finished:
            self._counts["channels_given_up"] += 1
            log.warning("channel_given_up", key=channel.key, decoded=channel.progress.resume)
        self._finish(channel)

    def _finish(self, channel: PoolChannel) -> None:
        self._stop_waiting(channel)
        link = self._placed.pop(channel.key, None)
        if link is not None:
            link.detach(channel, tell=True)
        del self._channels[channel.key]
        self._advances.pop(channel.key, None)
        for known in [pair for pair in self._refusals if pair[0] == channel.key]:
            del self._refusals[known]
        lost = channel.progress.lost
        self._counts["samples_lost"] += sum(stretch.end - stretch.start for stretch in lost)
        self._listener.closed(channel.key, channel.progress.resume, lost)


def _rank(link: RecognizerLink, channel: PoolChannel) -> tuple[bool, int]:
    """Least for the engine that the channel should have."""
    place = channel.engines.index(link.kind) if link.kind in channel.engines else 0
    return not link.knows(channel.language), place


def _fitness(link: RecognizerLink, channel: PoolChannel) -> tuple[bool, tuple[bool, int], int, int]:
    """Sorts recognisers for a channel, the best first: a lesser engine goes before a better one that has no time."""
    return (link.overloaded, _rank(link, channel), *link.strain)


def _report_break(run: asyncio.Task[None]) -> None:
    """A link ends when it is cancelled, and never by itself."""
    if not run.cancelled() and (error := run.exception()) is not None:
        log.critical("recognizer_link_broke", exc_info=error)


def _check_index(channel: PoolChannel, told: int) -> None:
    if told != channel.index:
        raise WireViolation("the recogniser names another channel than was opened under the number")
