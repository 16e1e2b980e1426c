"""`python -m telephony.caller`: one call, planned by a JSON line on standard input, told in JSON lines on the output.

The end of standard input hangs up.
"""

import ctypes
import json
import select
import signal
import sys
from dataclasses import asdict
from typing import NoReturn

from callscribe.domain.errors import CallRefused, CallscribeError, UnreadableAudio
from telephony.caller.agent import CallAgent
from telephony.caller.plan import CallPlan, CallProgress
from telephony.children import keep_time
from telephony.pjsip import leave

_PR_SET_PDEATHSIG = 1


def main() -> NoReturn:
    """Read the plan, place the call, write progress and one line of result or failure."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    keep_time()
    # The terminal's ^C is the parent's business: it closes standard input, and the call ends with BYE.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    agent = CallAgent(CallPlan.from_json(sys.stdin.readline()), _tell_progress)
    try:
        result = agent.run(_input_closed)
    except CallRefused as error:
        _tell("refused", {"message": str(error)})
    except UnreadableAudio as error:
        _tell("unreadable", {"message": str(error)})
    except CallscribeError as error:
        _tell("failed", {"message": str(error)})
    else:
        _tell("result", asdict(result))
    leave(0)


def _tell_progress(progress: CallProgress) -> None:
    _tell("progress", asdict(progress))


def _tell(kind: str, fields: dict[str, object]) -> None:
    sys.stdout.write(json.dumps({"type": kind, **fields}) + "\n")
    sys.stdout.flush()


def _input_closed() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


if __name__ == "__main__":
    main()
