"""The process tree of `callscribe serve`, over processes that misbehave."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from callscribe.cli.processes import ChildFailed, ProcessTree
from tests.cli.conftest import Stage


@asynccontextmanager
async def growing() -> AsyncIterator[ProcessTree]:
    tree = ProcessTree()
    try:
        yield tree
    finally:
        await tree.stop()


async def until(condition: Callable[[], bool], limit_s: float = 60.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        await asyncio.sleep(0.02)


async def test_children_start_in_order_and_stop_in_the_opposite_one(stage: Stage) -> None:
    async with growing() as tree:
        await tree.start(stage.child("first"))
        assert stage.told() == [("began", "first")]
        await tree.start(stage.child("second"))
    assert stage.told() == [("began", "first"), ("began", "second"), ("ended", "second"), ("ended", "first")]
    assert stage.living() == []


async def test_children_of_one_stage_start_and_stop_side_by_side(stage: Stage) -> None:
    async with growing() as tree:
        hanging = stage.child("second", "mute")
        starting = asyncio.create_task(tree.start(stage.child("first"), hanging))
        await until(lambda: len(stage.told()) == 2)
        assert not starting.done()
        hanging.ready.set()
        await starting
        await tree.start(stage.child("third"))
    assert stage.told()[:2] in ([("began", "first"), ("began", "second")], [("began", "second"), ("began", "first")])
    assert stage.told()[2:4] == [("began", "third"), ("ended", "third")]
    assert sorted(stage.told()[4:]) == [("ended", "first"), ("ended", "second")]
    assert stage.living() == []


async def test_a_stage_of_which_one_child_ends_fails_at_once_and_leaves_none(stage: Stage) -> None:
    async with growing() as tree:
        with pytest.raises(ChildFailed, match=r"^web ended; its message stands above$"):
            await tree.start(stage.child("worker", "mute"), stage.child("web", "dies"))
    assert stage.living() == []


async def test_work_is_waited_for_and_its_failure_named(stage: Stage) -> None:
    async with growing() as tree:
        await tree.run(stage.child("fetch", "works"))
        assert stage.told() == [("began", "fetch"), ("ended", "fetch")]
        with pytest.raises(ChildFailed, match=r"^check failed; its message stands above$"):
            await tree.run(stage.child("check", "dies"))
        await asyncio.sleep(0.3)
    assert len(stage.pids("fetch") + stage.pids("check")) == 2


async def test_work_that_goes_on_when_the_service_stops_is_stopped(stage: Stage) -> None:
    async with growing() as tree:
        child = stage.child("fetch", "mute")
        working = asyncio.create_task(tree.run(child))
        await until(lambda: child.process is not None and bool(stage.living()))
        working.cancel()
    assert stage.told() == [("began", "fetch"), ("ended", "fetch")]


async def test_a_child_that_ends_before_it_serves_is_named(stage: Stage) -> None:
    async with growing() as tree:
        with pytest.raises(ChildFailed, match=r"^web ended; its message stands above$"):
            await tree.start(stage.child("web", "dies"))
        await asyncio.sleep(0.3)
    assert len(stage.pids("web")) == 1


async def test_a_child_that_never_serves_is_given_up_and_stopped(stage: Stage) -> None:
    async with growing() as tree:
        with pytest.raises(ChildFailed, match="web was not ready within 1 s"):
            await tree.start(stage.child("web", "mute"), timeout_s=0.6)
    assert stage.told() == [("began", "web"), ("ended", "web")]


async def test_a_child_that_ignores_sigterm_is_killed_and_the_others_still_end(stage: Stage) -> None:
    async with growing() as tree:
        await tree.start(stage.child("web"))
        await tree.start(stage.child("worker", "stubborn", stop_timeout_s=0.2))
    assert stage.told() == [("began", "web"), ("began", "worker"), ("ended", "web")]
    assert stage.living() == []


async def test_a_child_whose_stop_is_waited_for_is_told_a_second_time(stage: Stage) -> None:
    async with growing() as tree:
        await tree.start(stage.child("sip", "drains"))
        stopping = asyncio.create_task(tree.stop())
        await until(lambda: ("drains", "sip") in stage.told())
        tree.interrupt("sip")
        await stopping
    assert stage.told() == [("began", "sip"), ("drains", "sip"), ("ended", "sip")]
    assert stage.living() == []


async def test_a_child_that_is_killed_starts_again_and_the_others_do_not_notice(stage: Stage) -> None:
    async with growing() as tree:
        await tree.start(stage.child("web"))
        await tree.start(stage.child("worker"))
        os.kill(stage.pids("worker")[0], signal.SIGKILL)
        await until(lambda: len(stage.pids("worker")) == 2)
        assert len(stage.living()) == 2
        assert len(stage.pids("web")) == 1
    assert stage.living() == []


async def test_a_child_that_dies_again_and_again_is_started_ever_less_often(stage: Stage) -> None:
    async with growing() as tree:
        await tree.start(stage.child("sip", "short"))
        await asyncio.sleep(1.2)
        assert 2 <= len(stage.pids("sip")) <= 4
    begun = len(stage.pids("sip"))
    await asyncio.sleep(0.3)
    assert len(stage.pids("sip")) == begun


async def test_a_start_that_the_system_refuses_is_tried_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    start = asyncio.create_subprocess_exec
    refused: list[object] = []

    async def refuse_once(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        if not refused:
            refused.append(arguments)
            raise OSError(11, "Resource temporarily unavailable")
        return await start(*arguments, **options)

    async with growing() as tree:
        await tree.start(stage.child("web"))
        monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse_once)
        os.kill(stage.pids("web")[0], signal.SIGKILL)
        await until(lambda: len(stage.pids("web")) == 2)
    assert refused
    assert stage.living() == []


async def test_a_stop_in_the_middle_of_a_start_leaves_no_process(stage: Stage) -> None:
    tree = ProcessTree()
    starting = asyncio.create_task(tree.start(stage.child("web", "mute")))
    await until(lambda: stage.pids("web") != [])
    starting.cancel()
    await tree.stop()
    assert stage.living() == []


TREE = """
import asyncio, sys
from callscribe.cli.processes import ProcessTree
from tests.cli.conftest import Stage
from pathlib import Path

async def main():
    sys.executable = sys.argv[1]
    await ProcessTree().start(Stage(Path(sys.argv[2])).child("web"))
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_children_end_with_a_parent_that_is_killed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    program = sys.executable
    monkeypatch.undo()
    with subprocess.Popen(
        [sys.executable, "-c", TREE, program, str(stage.log)], stdout=subprocess.PIPE, cwd=Path.cwd()
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        parent.kill()
    asyncio.run(until(lambda: stage.living() == []))
    assert stage.told() == [("began", "web"), ("ended", "web")]
