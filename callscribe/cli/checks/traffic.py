"""What the running service tells: how full it is, and whom it refused and why."""

from collections.abc import Iterator
from dataclasses import dataclass

from callscribe.cli.checks.finding import Finding, bad, hint, ok
from callscribe.console.nodes import NodeAnswer, RefusalAnswer
from telephony.registration import RegistrationState, explain, gauge
from telephony.settings import TrunkSettings

MOST_SHOWN = 12
_FULL = ("invites_refused_busy", "invites_refused_rate")


@dataclass(frozen=True, slots=True)
class Remedy:
    """What a reason means. May name {source}, {trunk} and {detail} of the refusal."""

    why: str
    cure: str


REMEDIES = {
    "requests_forbidden": Remedy(
        "no trunk allows this address", 'add "{source}/32" to `allow` of a trunk, if it may call'
    ),
    "requests_without_tls": Remedy("trunk {trunk} takes TLS only", 'let it use sip.tls_port, or set tls = "optional"'),
    "requests_without_certificate": Remedy(
        "trunk {trunk} takes peers with a certificate only", "give it one that sip.tls_client_ca signed"
    ),
    "credentials_asked": Remedy(
        "it was asked for digest credentials and sent none that fit",
        'set username and password there, realm callscribe; if it is old, set digest_algorithms = ["MD5"] here',
    ),
    "credentials_wrong": Remedy("its password is wrong", "compare it with digest_password"),
    "credentials_locked": Remedy(
        "it sent too many wrong passwords", "mend its password; one more try is let in every 10 s"
    ),
    "credentials_stale": Remedy(
        "it used a nonce twice, too late or from another address", "it should try again by itself with the new nonce"
    ),
    "offers_without_audio": Remedy(
        "its offer has no audio, or no codec of trunk {trunk}: {detail}", "let it offer PCMU or PCMA, or see `codecs`"
    ),
    "offers_too_long": Remedy("its offer has too many m-lines", "let it offer 16 at most"),
    "invites_refused_busy": Remedy("all lines were busy", "raise sip.lines, or add a node"),
    "invites_refused_rate": Remedy("too many calls came at once", "raise sip.invites_per_second and sip.lines"),
    "invites_refused_source_rate": Remedy(
        "it placed calls too fast for one address", "raise sip.source_invites_per_second, if all are wanted"
    ),
    "invites_refused_draining": Remedy("the node was being stopped", "let it try another node, or again"),
    "invites_rejected_by_line": Remedy("the line could not answer the offer", "compare codecs and SRTP of its offer"),
    "invites_too_large": Remedy("headers and SDP were too large", "leave out vendor headers, shorten the SDP"),
    "methods_refused": Remedy(
        "it asked for what a recorder does not do", "do not let it register here; a trunk may register there"
    ),
    "requests_malformed": Remedy("its request breaks RFC 3261", "look at what it sends with sngrep"),
    "requests_outside_calls": Remedy(
        "it asked for a call that is gone, or with wrong tags", "none, unless calls break"
    ),
    "tls_handshakes_failed_no_tls": Remedy("what it sent is no TLS", "let it use TLS there, or sip.port for TCP"),
    "tls_handshakes_failed_old_tls": Remedy("it knows no TLS 1.2 or 1.3", "update it"),
    "tls_handshakes_failed_no_cipher": Remedy("it has no cipher in common", "allow ECDHE with AES-GCM there"),
    "tls_handshakes_failed_certificate_refused": Remedy(
        "it does not trust the certificate here", "give it the signer's certificate, or call the name that is in ours"
    ),
    "tls_handshakes_failed_client_certificate": Remedy(
        "its certificate is expired or not of sip.tls_client_ca", "renew it, or add its signer to that file"
    ),
    "tls_handshakes_failed_closed": Remedy(
        "it left during the handshake", "most often it does not trust the certificate here: see above"
    ),
    "tls_handshakes_failed_slow": Remedy(
        "its handshake took too long", "look for packet loss and a path MTU too small"
    ),
}
"""By the name under which a refusal is counted."""


def check_capacity(node: NodeAnswer) -> Finding:
    """Calls going on, calls that fit, and those that found no room."""
    active, capacity = int(node.counters.get("calls_active", 0)), int(node.counters.get("calls_capacity", 0))
    refused = int(sum(node.counters.get(name, 0) for name in _FULL))
    detail = f"{active} calls of {capacity} that fit; {refused} were refused with 503 since its start"
    if refused or active >= capacity:
        return hint("capacity", detail, "raise sip.lines, or add a node")
    return ok("capacity", detail)


def check_refusals(refusals: list[RefusalAnswer]) -> Iterator[Finding]:
    """One for each address and reason, the last one first."""
    if not refusals:
        yield ok("refusals", "nobody was refused lately")
    for refused in refusals[:MOST_SHOWN]:
        words = {"source": refused.source, "trunk": refused.trunk, "detail": refused.detail}
        remedy = REMEDIES.get(refused.reason, Remedy(refused.reason.replace("_", " "), "look at the log"))
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
