"""Child processes of a node: a module that is run with one end of a socket pair."""

import asyncio
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
