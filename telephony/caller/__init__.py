"""A real SIP caller that plays WAV files, plain or as a session recording client (SRC).

For `callscribe call`, the demo and tests.
"""

from telephony.caller.placing import place_call
from telephony.caller.plan import CallPlan, CallProgress, CallResult

__all__ = ["CallPlan", "CallProgress", "CallResult", "place_call"]
