"""A real SIP caller, plain or recording client (SRC), that plays WAV files: for `callscribe call`, the demo and tests."""

from telephony.caller.plan import CallPlan, CallProgress, CallResult
from telephony.caller.placing import place_call

__all__ = ["CallPlan", "CallProgress", "CallResult", "place_call"]
