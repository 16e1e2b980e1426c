"""TLS: the certificate as a caller would judge it, by handshakes in memory."""

import contextlib
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from callscribe.cli.checks.finding import Finding, bad, hint, ok
from callscribe.domain.errors import SettingsError
from telephony.certificate import TlsFiles, server_context
from telephony.settings import SipSettings

SOON_DAYS = 14
CHECK = "TLS certificate"
_TURNS = 4
"""A handshake takes three at most."""


def check_certificate(sip: SipSettings, address: str, now: datetime) -> Iterator[Finding]:
    """Whether it loads, fits its key, is valid now, is trusted and names `address`, the advertised one."""
    if not sip.tls_port:
        yield ok("TLS", "is off (sip.tls_port)")
        return
    files = TlsFiles(sip.tls_certificate, sip.tls_key, sip.tls_client_ca)
    try:
        server = server_context(files)
        shown = _shown(server, _trusting(sip.tls_certificate), address)
    except SettingsError as error:
        yield bad(CHECK, str(error), "name a certificate with its chain, and the key that belongs to it")
        return
    except ssl.SSLCertVerificationError as error:
        yield bad(CHECK, f"{sip.tls_certificate}: {error.verify_message}", "renew it; no restart is needed")
        return
    except ssl.SSLError as error:
        yield bad(CHECK, f"no handshake succeeds with it: {error.reason}", "use an RSA or ECDSA certificate")
        return
    yield _validity(_end_of(shown), now)
    yield _trust(server, address)
    yield _names(server, shown, sip.tls_certificate, address)
    if sip.tls_client_ca:
        yield _client_ca(server, now)


def check_other_certificates(files: Iterable[TlsFiles], now: datetime) -> Iterator[Finding]:
    """Of ports beside SIP's, whose table names them: whether each loads, fits its key and is valid for a while."""
    for each in files:
        check = f"{each.table} TLS"
        try:
            shown = _shown(server_context(each), _trusting(each.certificate), "localhost")
        except (SettingsError, ssl.SSLError) as error:
            reason = getattr(error, "verify_message", "") or str(error)
            yield bad(check, f"{each.certificate}: {reason}", f"renew {each.table}.tls_certificate and its tls_key")
        else:
            yield replace(_validity(_end_of(shown), now), check=check)


def _validity(end: datetime, now: datetime) -> Finding:
    days = (end - now).days
    detail = f"it is valid until {end:%Y-%m-%d} ({days} days), and its key fits"
    if days < SOON_DAYS:
        return hint(CHECK, detail, "renew it; no restart is needed")
    return ok(CHECK, detail)


def _trust(server: ssl.SSLContext, address: str) -> Finding:
    system = ssl.create_default_context()
    system.check_hostname = False
    try:
        _shown(server, system, address)
    except ssl.SSLCertVerificationError as error:
        return hint(
            "TLS chain",
            f"this machine does not trust its signer: {error.verify_message}",
            "put the intermediate certificates behind it in sip.tls_certificate, or give its root to the callers",
        )
    return ok("TLS chain", "its signer is one that this machine trusts")


def _names(server: ssl.SSLContext, shown: dict[str, object], file: str, address: str) -> Finding:
    named = ", ".join(sorted(str(value) for _, value in _pairs(shown.get("subjectAltName")))) or "nobody"
    strict = _trusting(file)
    strict.check_hostname = True
    try:
        _shown(server, strict, address)
    except ssl.SSLCertVerificationError:
        return hint(
            "TLS name",
            f"the certificate is for {named}, not for the advertised address {address}",
            "give callers that name to call, or they refuse it",
        )
    return ok("TLS name", f"the certificate is for {named}")


def _client_ca(server: ssl.SSLContext, now: datetime) -> Finding:
    ends = [_end_of(dict(found)) for found in server.get_ca_certs()]
    if not any(end > now for end in ends):
        return bad("TLS client CA", "sip.tls_client_ca holds no certificate that is valid now", "renew it")
    return ok("TLS client CA", f"{len(ends)} signers of callers' certificates")


def _trusting(certificate: str) -> ssl.SSLContext:
    """A caller that trusts what this very file holds."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(certificate)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _shown(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> dict[str, object]:
    """The certificate that a caller sees. Raises ssl.SSLError where it hangs up."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=host)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(_TURNS):
        for side in (near, far):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return dict(near.getpeercert() or {})


def _end_of(certificate: dict[str, object]) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)


def _pairs(value: object) -> tuple[tuple[object, object], ...]:
    return value if isinstance(value, tuple) else ()
