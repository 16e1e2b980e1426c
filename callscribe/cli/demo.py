"""`callscribe demo`: the whole service, one real SIPREC call over loopback, its transcript live and second-passed."""

import asyncio
import socket
import tempfile
import wave
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel
from rich.console import Console

from callscribe.cli.api import fetch
from callscribe.cli.demo_call import said_by_channel, sound
from callscribe.cli.follow import CallFollower, FollowedCall
from callscribe.cli.ports import PublicPort, free_port
from callscribe.cli.processes import Child, ProcessTree
from callscribe.config.settings import Settings, environment_of
from callscribe.domain.call import Party
from callscribe.domain.errors import CallscribeError, PortUnavailable
from callscribe.text.word_errors import word_error_rate
from telephony.caller import CallPlan, place_call

MAX_WORD_ERROR_RATE = 0.15
START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 90.0
"""For all that the service stops, SIP first."""
PROCESSED_TIMEOUT_S = 120.0
PARTIES = (
    Party("sip:1001@callscribe.example.com", "Daniel"),
    Party("sip:+15550100@example.com", "Laura Bennett"),
)

console = Console(highlight=False)


class StoredUtterance(BaseModel):
    """What the demo reads of an utterance of the transcript document."""

    channel: int
    text: str


class StoredTranscript(BaseModel):
    """What the demo reads of the transcript document."""

    utterances: list[StoredUtterance]


@dataclass(frozen=True, slots=True)
class DemoService:
    """Where the demo's own service listens, and where it keeps its data."""

    folder: Path
    sip_port: int
    web_port: int

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    def environment(self) -> dict[str, str]:
        return environment_of(
            {
                "node.data_folder": str(self.folder),
                "node.name": "demo",
                "sip.host": "127.0.0.1",
                "sip.port": str(self.sip_port),
                "sip.lines": "2",
                "web.host": "127.0.0.1",
                "web.port": str(self.web_port),
                "log.level": "error",
                # Whatever else the settings name stays untouched: the demo brings its own.
                "sip.tls_port": "0",
                "sip.advertised_address": "",
                "database.url": "",
                "events.url": "",
                "recordings.folder": "",
                "recognizer.urls": "[]",
                "web.public_url": "",
                "web.sign_in": "off",
                "web.teams": "[]",
                "trunks": '[{name = "demo", roles = {agent_addresses = ["1???"]}}]',
            }
        )


def run_demo(settings: Settings, once: bool) -> int:
    """Run the demo. Returns the exit code: 0 when the call was transcribed, stored and second-passed."""
    service = DemoService(settings.data_folder / "demo", free_port(), _port_or_free(settings.web.port))
    try:
        return asyncio.run(_demo(service, once))
    except KeyboardInterrupt:
        return 130


async def _demo(service: DemoService, once: bool) -> int:
    tree = ProcessTree()
    try:
        child = Child("serve", ("serve",), service.environment(), STOP_TIMEOUT_S)
        await tree.start(child, timeout_s=START_TIMEOUT_S)
        console.rule("live")
        followed = await _call(service)
        good = await _show_stored(service, followed)
        console.print(f"\nThe page that shows the same: [bold]{service.web}/calls/{followed.call_id}[/bold]")
        if not once:
            console.print("Press Ctrl-C to stop the service.")
            await asyncio.Event().wait()
        return 0 if good else 1
    finally:
        await tree.stop()


async def _call(service: DemoService) -> FollowedCall:
    """Place the call and show its events until it is processed."""
    url = f"ws://127.0.0.1:{service.web_port}/api/v1/live/ws"
    with tempfile.TemporaryDirectory() as folder:
        plan = CallPlan(
            uri=f"sip:scribe@127.0.0.1:{service.sip_port}",
            play=_split_channels(Path(folder)),
            siprec=True,
            parties=PARTIES,
        )
        async with CallFollower(url, console) as follower:
            following = asyncio.create_task(follower.run())
            try:
                await asyncio.to_thread(place_call, plan)
                return await asyncio.wait_for(following, PROCESSED_TIMEOUT_S)
            except TimeoutError as error:
                raise CallscribeError(
                    f"the call was not processed within {PROCESSED_TIMEOUT_S:.0f} s; its data is in {service.folder}"
                ) from error
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)


async def _show_stored(service: DemoService, followed: FollowedCall) -> bool:
    """Print the stored call and its word error rates; whether they are good enough."""
    path = f"/api/v1/calls/{followed.call_id}/transcript"
    console.rule("stored, after the second pass")
    text = await asyncio.to_thread(fetch, service.web, path, {"format": "txt"})
    console.print(text.decode().rstrip(), markup=False)
    document = await asyncio.to_thread(fetch, service.web, path, {"format": "json"})
    stored = StoredTranscript.model_validate_json(document)
    said = said_by_channel()
    heard = {channel: " ".join(texts) for channel, texts in followed.finals.items()}
    live_rate = _rate(said, heard)
    stored_rate = _rate(said, _joined((utterance.channel, utterance.text) for utterance in stored.utterances))
    console.rule("outcome")
    console.print(
        f"word error rate: live {live_rate:.1%}, stored {stored_rate:.1%} (at most {MAX_WORD_ERROR_RATE:.0%})"
    )
    console.print(f"second pass: {followed.revised} of {len(stored.utterances)} utterances revised")
    good = max(live_rate, stored_rate) <= MAX_WORD_ERROR_RATE and "second-pass" in followed.jobs_done
    if good:
        console.print("[green]The call was transcribed, stored and second-passed.[/green]")
    else:
        failed = ", ".join(followed.jobs_failed) or "none"
        console.print(f"[red]The demo is not good enough; failed jobs: {failed}.[/red]")
    return good


def _rate(said: Mapping[int, str], heard: Mapping[int, str]) -> float:
    return word_error_rate([said[channel] for channel in said], [heard.get(channel, "") for channel in said])


def _joined(texts: Iterable[tuple[int, str]]) -> dict[int, str]:
    """Texts of each channel, in order, as one."""
    channels: dict[int, list[str]] = defaultdict(list)
    for channel, text in texts:
        channels[channel].append(text)
    return {channel: " ".join(parts) for channel, parts in channels.items()}


def _split_channels(folder: Path) -> tuple[str, ...]:
    """The demo call's channels as one WAV each, which is what a caller plays."""
    paths = []
    audio = sound()
    for index, channel in enumerate(audio.channels):
        path = folder / f"channel-{index}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(audio.rate)
            file.writeframes(channel.tobytes())
        paths.append(str(path))
    return tuple(paths)


def _port_or_free(port: int) -> int:
    """The port that is set, when nothing else listens on it."""
    try:
        PublicPort("web.port", "127.0.0.1", port, (socket.SOCK_STREAM,)).check()
    except PortUnavailable:
        return free_port()
    return port
