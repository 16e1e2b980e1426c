"""Child processes of a node: a module that is run with one end of a socket pair."""

import asyncio
import contextlib
import os
import socket
import sys


async def spawn(module: str, ends: tuple[socket.socket, socket.socket], *arguments: str) -> asyncio.subprocess.Process:
    """Run a module with the second end, whose file descriptor is its first argument; here that end is closed.

    Raises OSError where it cannot be spawned; then both are closed.
    """
    ours, theirs = ends
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", module, str(theirs.fileno()), *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
        )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()


def keep_time() -> None:
    """Have this process, and the threads that it starts from now on, served before all that is not bound to a clock.

    Media has to be moved every 20 ms however busy the machine is, and takes little: what comes bounds it. Needs root,
    CAP_SYS_NICE or an RLIMIT_RTPRIO of 1; without, the process runs as any other.
    """
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
