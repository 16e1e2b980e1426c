"""A role of Callscribe run alone, as on an installation of several machines."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from callscribe.cli.processes import die_with_parent

READY_S = 60


@contextmanager
def running_role(role: str, folder: Path, settings: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """`callscribe ROLE` with settings (`sip.port` and the like), once it says that it is ready; its log is ROLE.log.

    It is ended with SIGTERM, and has to end well.
    """
    named = {f"CALLSCRIBE_{key.replace('.', '__').upper()}": value for key, value in settings.items()}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified, (folder / f"{role}.log").open("wb") as log:
        notified.bind(str(folder / f"{role}.ready"))
        notified.settimeout(READY_S)
        process = subprocess.Popen(
            [sys.executable, "-m", "callscribe.cli.main", role],
            cwd=folder, env={**os.environ, **named, "NOTIFY_SOCKET": str(folder / f"{role}.ready")},
            stdout=log, stderr=log, start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - it only makes one system call
        )  # fmt: skip
        try:
            assert notified.recv(64) == b"READY=1"
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()
