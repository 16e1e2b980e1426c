"""The certificate of a TLS port, as it is on disk now."""

import os
import ssl
from dataclasses import dataclass, replace

import structlog

from callscribe.domain.errors import SettingsError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files, by path."""

    certificate: str
    """The certificate, then its chain."""
    key: str
    client_ca: str = ""
    """Who signs certificates of callers that are asked for one; "": none is."""
    table: str = "sip"
    """Of the settings that name them."""


class Certificate:
    """TLS contexts that follow their files: what was renewed on disk serves the next handshake.

    Making one raises SettingsError where a file cannot be used. Later, files that cannot be used change nothing.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._seen = self._stamps()
        self._plain, self._asking = _contexts(files)

    def context(self, *, ask: bool = False) -> ssl.SSLContext:
        """For the next handshake. Where `ask`, its peer is asked for a certificate: it shows none, or a good one."""
        stamps = self._stamps()
        if stamps != self._seen:
            self._seen = stamps
            try:
                self._plain, self._asking = _contexts(self._files)
            except SettingsError as error:
                log.error("tls_certificate_unusable", reason=str(error))
            else:
                log.info("tls_certificate_renewed", table=self._files.table)
        return self._asking if ask else self._plain

    def follow(self) -> ssl.SSLContext:
        """The context of a server that keeps the one that it was given: each of its handshakes turns to the newest."""

        def renew(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
            connection.context = self.context()

        given = self.context()
        given.sni_callback = renew
        return given

    def show_in(self, context: ssl.SSLContext) -> None:
        """Let a client's context show the newest certificate to servers that ask for one."""
        try:
            # Tried on another context first: a pair that does not fit would take away the one that is there.
            server_context(self._files)
        except SettingsError as error:
            log.error("tls_certificate_unusable", reason=str(error))
        else:
            context.load_cert_chain(self._files.certificate, self._files.key, password=_no_password)

    def _stamps(self) -> tuple[tuple[int, ...], ...]:
        paths = (self._files.certificate, self._files.key, self._files.client_ca)
        return tuple(_stamp(path) for path in paths if path)


def _contexts(files: TlsFiles) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For peers that are asked for no certificate, and for those that are. Raises SettingsError."""
    return server_context(replace(files, client_ca="")), server_context(files)


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS for the public port, which asks peers for certificates where there is a `client_ca`.

    Raises SettingsError naming the setting where a PEM file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (OSError, ssl.SSLError) as error:
        table = files.table
        raise SettingsError(f"{table}.tls_certificate and {table}.tls_key must be a PEM pair: {error}") from error
    if files.client_ca:
        try:
            context.load_verify_locations(files.client_ca)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"{files.table}.tls_client_ca must be a PEM file of certificates: {error}") from error
        # Who shows none is told so by SIP.
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _stamp(path: str) -> tuple[int, ...]:
    """Changes with the file, also where a link is turned to another one; empty where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _no_password() -> str:
    """OpenSSL would ask the terminal for the password of a key that has one, and wait."""
    return ""
