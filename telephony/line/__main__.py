"""`python -m telephony.line FD SETTINGS`: one line process, spawned by telephony.line_process."""

import ctypes
import os
import signal
import socket
import sys
import traceback

from telephony.children import keep_time
from telephony.line.agent import LineAgent
from telephony.line.parent import ParentGone, ParentSocket
from telephony.line.settings import LineSettings
from telephony.pjsip import leave

_PR_SET_PDEATHSIG = 1
_SWITCH_S = 0.0005
"""How long the bridge's thread may wait for Python: by default that is a quarter of its tick."""


def main(descriptor: str, settings: str) -> int:
    """Serve calls until the parent says Stop or is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # A terminal's ^C and a service's stop reach the whole process group: the parent decides when the calls end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.setswitchinterval(_SWITCH_S)
    keep_time()
    parent = ParentSocket(socket.socket(fileno=int(descriptor)))
    try:
        LineAgent(LineSettings.from_json(settings), parent).run()
    except ParentGone:
        return 0
    except Exception:  # noqa: BLE001  # the process ends here, and PJSUA2 allows no finalisers
        os.write(sys.stderr.fileno(), traceback.format_exc().encode())
        return 1
    return 0


if __name__ == "__main__":
    leave(main(*sys.argv[1:]))
