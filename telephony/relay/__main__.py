"""The relay process: `python -m telephony.relay DESCRIPTOR`."""

import signal
import socket
import sys

from telephony.children import keep_time
from telephony.relay.switch import Switch


def main(descriptor: str) -> int:
    # A terminal's ^C and a service's stop reach the whole process group: the parent decides when the calls end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    keep_time()
    Switch(socket.socket(fileno=int(descriptor))).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
