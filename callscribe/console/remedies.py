"""What the reasons mean for which peers are refused, and what helps."""

from dataclasses import dataclass


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
    "invites_refused_pressed": Remedy(
        "the recognisers could follow no more calls", "add recognisers, or see admission.late_s and admission.by_load"
    ),
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


def remedy_of(reason: str) -> Remedy:
    """Of the name under which a refusal is counted; what a later release counts is told by its name."""
    return REMEDIES.get(reason, Remedy(reason.replace("_", " "), "look at the log"))
