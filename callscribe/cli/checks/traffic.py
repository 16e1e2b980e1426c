"""What the running service tells: how full it is, and whom it refused and why."""

from collections.abc import Iterator

from callscribe.cli.checks.finding import Finding, bad, hint, ok
from callscribe.console.nodes import NodeAnswer, RefusalAnswer
from callscribe.console.remedies import remedy_of
from callscribe.events.pressure import reasons
from telephony.registration import RegistrationState, explain, gauge
from telephony.settings import TrunkSettings

MOST_SHOWN = 12
_FULL = ("invites_refused_busy", "invites_refused_rate", "invites_refused_pressed")


def check_capacity(node: NodeAnswer) -> Finding:
    """Calls going on, calls that fit, and those that found no room."""
    active, capacity = int(node.counters.get("calls_active", 0)), int(node.counters.get("calls_capacity", 0))
    refused = int(sum(node.counters.get(name, 0) for name in _FULL))
    detail = f"{active} calls of {capacity} that fit; {refused} were refused with 503 since its start"
    if refused or active >= capacity:
        return hint("capacity", detail, "raise sip.lines, or add a node")
    return ok("capacity", detail)


def check_pressure(node: NodeAnswer) -> Finding:
    """Whether live recognition keeps up, by what the recognisers measure."""
    if why := reasons(node.counters):
        cure = "more recognisers, recognizer.urls on other machines, or fewer calls; docs/operations.md, Capacity"
        return hint("load", " ".join(why), cure)
    return ok("load", "the recognisers keep up")


def check_refusals(refusals: list[RefusalAnswer]) -> Iterator[Finding]:
    """One for each address and reason, the last one first."""
    if not refusals:
        yield ok("refusals", "nobody was refused lately")
    for refused in refusals[:MOST_SHOWN]:
        words = {"source": refused.source, "trunk": refused.trunk, "detail": refused.detail}
        remedy = remedy_of(refused.reason)
        what = f"{refused.method} with {refused.status}" if refused.method else "TLS handshake"
        detail = (
            f"{what} over {refused.transport.upper()}, {refused.times} times, "
            f"the last at {refused.at:%Y-%m-%d %H:%M:%S} UTC: {remedy.why.format(**words)}"
        )
        yield hint(f"refused {refused.source}", detail, remedy.cure.format(**words))


def check_registration(trunk: TrunkSettings, node: NodeAnswer) -> Iterator[Finding]:
    """How the registration of a trunk at its PBX goes, where it has one."""
    check = f"registration {trunk.name}"
    for state in RegistrationState:
        if not node.counters.get(gauge(state, trunk.name)):
            continue
        detail, _, cure = explain(state, trunk.register).partition(": ")
        if state is RegistrationState.REGISTERED:
            yield ok(check, detail)
        elif state in (RegistrationState.REGISTERING, RegistrationState.STOPPED):
            yield hint(check, detail, "ask again in a moment")
        else:
            yield bad(check, detail, cure)


def check_trunk(trunk: TrunkSettings) -> Finding:
    """Whom a trunk lets in, and what it takes of them."""
    rules = [f"from {', '.join(trunk.allow)}"] if trunk.allow else []
    rules += [f"calls of extension {trunk.register.extension}"] if trunk.register.registrar else []
    rules += [f"TLS {trunk.tls}"] if trunk.tls != "optional" else []
    rules += ["with a password"] if trunk.digest_username else []
    rules.append(f"codecs {', '.join(trunk.codecs or ('PCMU', 'PCMA'))}")
    detail = "; ".join(rules)
    open_to_all = any(network.partition("/")[2] == "0" for network in trunk.allow)
    if open_to_all and not trunk.digest_username and trunk.tls != "verified":
        return hint(f"trunk {trunk.name}", f"{detail}: anybody may call", "narrow `allow`, or set digest_username")
    return ok(f"trunk {trunk.name}", detail)
