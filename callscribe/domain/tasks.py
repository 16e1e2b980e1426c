"""Tasks that live as long as another is at its work."""

import asyncio


async def ended(task: asyncio.Task[None]) -> None:
    """Cancel the task and wait for its end; raises what it raised. Who waits can be cancelled too: awaiting the task
    itself would not tell its cancellation from the caller's, and to suppress the one would swallow the other."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()
