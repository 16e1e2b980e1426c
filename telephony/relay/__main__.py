"""The relay process: `python -m telephony.relay DESCRIPTOR`."""

import contextlib
import os
import signal
import socket
import sys

from telephony.relay.switch import Switch


def main(descriptor: str) -> int:
    # A terminal's ^C and a service's stop reach the whole process group: the parent decides when the calls end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with contextlib.suppress(PermissionError):
        # Packets pass when they come, however busy the machine is; the work is little, and bounded by what comes.
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    Switch(socket.socket(fileno=int(descriptor))).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
