"""A certificate that is renewed on disk, for servers that keep the context they were given."""

import contextlib
import ssl
from pathlib import Path

import pytest

from callscribe.domain.errors import SettingsError
from telephony.certificate import Certificate, TlsFiles
from tests.acceptance.tls import Pair, make_pair


def shown(server: ssl.SSLContext, name: str | None) -> bytes | None:
    """The certificate that a caller sees who asks for a host of this name, or for none."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    return met(server, client, name)[0].getpeercert(binary_form=True)


def seen(server: ssl.SSLContext, client: ssl.SSLContext) -> bytes | None:
    """The certificate that a server sees."""
    return met(server, client)[1].getpeercert(binary_form=True)


def met(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None = None) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Both ends after their handshake, the client's first."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=name)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (near, far):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return near, far


def encoded(pair: Pair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())


@pytest.mark.parametrize("name", [None, "scribe.example.com"])
def test_a_server_turns_to_the_newest_certificate_whose_key_fits(tmp_path: Path, name: str | None) -> None:
    first, second = make_pair(tmp_path, "first"), make_pair(tmp_path, "second")
    was, new = encoded(first), encoded(second)
    server = Certificate(TlsFiles(str(first.certificate), str(first.key))).follow()
    assert shown(server, name) == was
    second.certificate.replace(first.certificate)
    assert shown(server, name) == was
    second.key.replace(first.key)
    assert shown(server, name) == new
    first.key.unlink()
    assert shown(server, name) == new


def test_the_table_whose_files_cannot_be_used_is_named() -> None:
    with pytest.raises(SettingsError, match=r"ingest\.tls_certificate and ingest\.tls_key must be a PEM pair"):
        Certificate(TlsFiles(__file__, __file__, table="ingest"))


def test_a_client_shows_the_newest_certificate_whose_key_fits(tmp_path: Path) -> None:
    first, second = make_pair(tmp_path, "first"), make_pair(tmp_path, "second")
    ours = Certificate(TlsFiles(str(first.certificate), str(first.key)))
    asking = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(first.certificate))
    asking.load_verify_locations(str(second.certificate))
    asking.load_cert_chain(str(first.certificate), str(first.key))
    asking.verify_mode = ssl.CERT_REQUIRED
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    was, new = encoded(first), encoded(second)
    ours.show_in(client)
    assert seen(asking, client) == was
    second.certificate.replace(first.certificate)
    ours.show_in(client)
    assert seen(asking, client) == was
    second.key.replace(first.key)
    ours.show_in(client)
    assert seen(asking, client) == new
