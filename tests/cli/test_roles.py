"""How a node takes signals, with a stand-in for its supervisor."""

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from callscribe.cli import roles
from callscribe.config.reload import SettingsInForce
from callscribe.config.settings import Settings


class Supervisor:
    """Waits for running calls until it is told that they are over."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.taking_calls, self.draining, self.calls_over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def start(self) -> None:
        self.taking_calls.set()

    async def drain(self, limit_s: float) -> None:
        self.told.append(f"drain {limit_s:.0f}")
        self.draining.set()
        await self.calls_over.wait()
        self.told.append("calls over")

    async def stop(self) -> None:
        self.told.append("stop")


@pytest.fixture
async def supervisor(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor()
    monkeypatch.setattr("callscribe.live.supervisor.Supervisor", lambda settings, fault: supervisor)
    yield supervisor
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(number)


async def signaled_node(supervisor: Supervisor) -> asyncio.Task[None]:
    """A node that has got its first signal and waits for its calls."""
    node = asyncio.create_task(roles._sip(SettingsInForce(Settings(), Settings), 60))
    await supervisor.taking_calls.wait()
    signal.raise_signal(signal.SIGTERM)
    await supervisor.draining.wait()
    return node


async def test_the_echo_of_a_signal_does_not_end_the_calls_that_are_waited_for(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roles, "ECHO_S", 60.0)
    node = await signaled_node(supervisor)
    signal.raise_signal(signal.SIGTERM)
    done, _ = await asyncio.wait({node}, timeout=0.6)
    assert not done
    supervisor.calls_over.set()
    await node
    assert supervisor.told == ["drain 60", "calls over", "stop"]


async def test_a_later_signal_ends_the_calls_that_are_waited_for(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roles, "ECHO_S", 0.0)
    node = await signaled_node(supervisor)
    await asyncio.sleep(0.1)
    signal.raise_signal(signal.SIGTERM)
    await node
    assert supervisor.told == ["drain 60", "stop"]
