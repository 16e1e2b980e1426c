"""Placing a call from any process: PJSUA2 itself runs in a child, which may end by its own rules."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable

from callscribe.domain.errors import CallRefused, TelephonyError, UnreadableAudio
from telephony.caller.plan import CallPlan, CallProgress, CallResult

_LEAVE_S = 5.0
"""Time a child gets to say BYE."""


def place_call(plan: CallPlan, on_progress: Callable[[CallProgress], None] | None = None) -> CallResult:
    """Place one call and return when it has ended; blocks, and calls `on_progress` about once a second in between.

    An exception in the caller's thread (KeyboardInterrupt as well) hangs up. Raises CallRefused with SIP status and
    reason when the callee did not answer, UnreadableAudio for a file that is no WAV, and TelephonyError otherwise.
    """
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "telephony.caller"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin
    assert child.stdout
    try:
        child.stdin.write(plan.to_json() + "\n")
        child.stdin.flush()
        for line in child.stdout:
            outcome = _read(line, on_progress)
            if outcome:
                return outcome
    except BrokenPipeError:
        pass
    finally:
        _leave(child)
    raise TelephonyError(f"the caller process ended without a result (status {child.returncode})")


def _read(line: str, on_progress: Callable[[CallProgress], None] | None) -> CallResult | None:
    fields = json.loads(line)
    match fields.pop("type"):
        case "progress":
            if on_progress:
                on_progress(CallProgress(str(fields["state"]), float(fields["seconds"])))
        case "result":
            return CallResult.from_fields(fields)
        case "refused":
            raise CallRefused(str(fields["message"]))
        case "unreadable":
            raise UnreadableAudio(str(fields["message"]))
        case _:
            raise TelephonyError(str(fields["message"]))
    return None


def _leave(child: subprocess.Popen[str]) -> None:
    """The end of its standard input tells the child to hang up and go."""
    assert child.stdin
    assert child.stdout
    with contextlib.suppress(BrokenPipeError):
        child.stdin.close()
    try:
        child.wait(_LEAVE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    child.stdout.close()
