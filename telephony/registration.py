"""How the registrations of trunks go, in values and in words."""

from dataclasses import dataclass
from enum import StrEnum

from telephony.settings import RegisterSettings


class RegistrationState(StrEnum):
    """Where a registration is; each but the first three is what the last attempt failed on."""

    REGISTERING = "registering"
    """Its first attempt goes on."""
    REGISTERED = "registered"
    STOPPED = "stopped"
    NAME_UNKNOWN = "name-unknown"
    UNCONNECTED = "unconnected"
    UNTRUSTED = "untrusted"
    NO_TLS = "no-tls"
    NO_ANSWER = "no-answer"
    PASSWORD_REFUSED = "password-refused"
    CHALLENGE_UNKNOWN = "challenge-unknown"
    FORBIDDEN = "forbidden"
    EXTENSION_UNKNOWN = "extension-unknown"
    MOVED = "moved"
    TOO_BRIEF = "too-brief"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"


SENTENCES = {
    RegistrationState.REGISTERING: "waits for the answer of {registrar}",
    RegistrationState.REGISTERED: "registered as {extension} at {registrar}",
    RegistrationState.STOPPED: "no longer registered, because the node stops or drains",
    RegistrationState.NAME_UNKNOWN: (
        "DNS has no address for {registrar}: check register.registrar, and the DNS of this machine"
    ),
    RegistrationState.UNCONNECTED: (
        "no {transport} connection to {registrar} can be opened: check register.registrar and register.transport, that "
        "the PBX listens there, and firewalls between"
    ),
    RegistrationState.UNTRUSTED: (
        "the certificate of {registrar} is not trusted: name in register.registrar the host that it was made for, and "
        "in register.tls_authorities the PEM file of whoever signed it"
    ),
    RegistrationState.NO_TLS: (
        "{registrar} takes connections, but no TLS 1.2 or 1.3 comes about: check that register.registrar names the TLS "
        "port (5061 as a rule), and which versions of TLS the PBX allows"
    ),
    RegistrationState.NO_ANSWER: (
        "{registrar} does not answer over {transport}: check register.registrar and register.transport, that the PBX "
        "runs, and firewalls between"
    ),
    RegistrationState.PASSWORD_REFUSED: (
        "{registrar} does not accept the password: check register.username and register.password against what the PBX "
        "has for extension {extension}"
    ),
    RegistrationState.CHALLENGE_UNKNOWN: (
        "{registrar} asks for authentication in a way that is not known here: let it ask for digest with MD5 or "
        "SHA-256, and qop auth or none"
    ),
    RegistrationState.FORBIDDEN: (
        "{registrar} forbids extension {extension} to register: check that the extension is there, that this machine's "
        "address may use it, and register.username, register.password and register.domain"
    ),
    RegistrationState.EXTENSION_UNKNOWN: (
        "{registrar} does not know extension {extension}: make it on the PBX, or check register.extension and "
        "register.domain"
    ),
    RegistrationState.MOVED: (
        "{registrar} sends registrations elsewhere, which is not followed: set register.registrar to the server that "
        "keeps them"
    ),
    RegistrationState.TOO_BRIEF: "{registrar} wants registrations of another length: check register.expires_s",
    RegistrationState.UNAVAILABLE: "{registrar} cannot register anybody now: look at the PBX",
    RegistrationState.REFUSED: "{registrar} refuses the registration: look at its log for extension {extension}",
}
"""What a state means, and after ": " the cure. {registrar}, {extension}, {transport} are filled in."""


@dataclass(frozen=True, slots=True)
class RegistrationStatus:
    """How the registration of one trunk goes."""

    trunk: str
    state: RegistrationState
    expires_s: int = 0
    """What the registrar granted last; 0: nothing yet."""
    seen_address: str = ""
    """Where the registrar saw us, if that is not what we advertise: a NAT stands between."""


def gauge(state: RegistrationState, trunk: str) -> str:
    """Under which name it is told, as 1, that the registration of a trunk is in this state."""
    return f"registrations:{state}:{trunk}"


def explain(state: RegistrationState, account: RegisterSettings) -> str:
    """The state of a registration, and the cure where it needs one, in one sentence; never the password."""
    return SENTENCES[state].format(
        registrar=account.registrar, extension=account.extension, transport=account.transport.upper()
    )
