"""Whether the running service took the settings that it was told to read again."""

import json

from callscribe.cli.api import fetch
from callscribe.cli.checks.finding import Finding, bad, hint, ok
from callscribe.domain.errors import CallscribeError

CHECK = "settings in force"


def check_reload(base: str) -> Finding:
    """What `/readyz` tells of it."""
    try:
        told = str(json.loads(fetch(base, "/readyz"))["settings"])
    except (CallscribeError, ValueError, KeyError):
        return hint(CHECK, "the service does not tell", "look at its /readyz: something that it needs is away")
    if told == "ready":
        return ok(CHECK, "no process refused those that it was to take")
    return bad(CHECK, told, "mend the settings, then `callscribe reload` again; till then the old ones count")
