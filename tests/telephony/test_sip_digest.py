"""Digest authentication, by the examples of the RFCs and by what servers write."""

import pytest

from telephony.sip.digest import Challenge, Credentials, pick_challenge, prove, read_challenge, read_parameters

MUFASA = Credentials("Mufasa", "Circle of Life")
RFC_7616 = 'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
RFC_7616 += (
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def response_of(value: str) -> str:
    told = read_parameters(value)
    assert told is not None
    return told["response"]


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616_come_out(algorithm: str, response: str) -> None:
    challenge = read_challenge(RFC_7616.format(algorithm=algorithm))
    assert challenge is not None
    proof = prove(challenge, Credentials("Mufasa", "Circle of Life"), "GET", "/dir/index.html", CNONCE)
    assert read_parameters(proof) == {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "uri": "/dir/index.html",
        "response": response,
        "algorithm": algorithm,
        "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
        "qop": "auth",
        "nc": "00000001",
        "cnonce": CNONCE,
    }


def test_without_qop_the_proof_is_that_of_rfc_2069() -> None:
    challenge = read_challenge('Digest realm="pbx", nonce="1"')
    assert challenge == Challenge("pbx", "1")
    proof = prove(challenge, Credentials("10", "x"), "REGISTER", "sip:pbx", "unused")
    # md5(md5("10:pbx:x") + ":1:" + md5("REGISTER:sip:pbx")), by md5sum.
    assert proof == (
        'Digest username="10", realm="pbx", nonce="1", uri="sip:pbx", response="77bf0b1a8504b9930aa8218fe0c69d51"'
    )


def test_a_session_algorithm_takes_both_nonces_into_the_secret() -> None:
    proof = prove(Challenge("r", "n", "MD5-sess", qop=True), MUFASA, "REGISTER", "sip:r", "c")
    assert response_of(proof) == "e997206156a376be58537ae20465f115"


def test_the_topmost_challenge_that_can_be_met_is_taken() -> None:
    values = (
        'Bearer realm="pbx"',
        'Digest realm="pbx", nonce="0", algorithm=SHA3-512',
        'Digest realm="pbx", nonce="1", qop="auth-int"',
        'Digest realm="pbx", nonce="2", algorithm=sha-256, qop="auth"',
        'Digest realm="pbx", nonce="3", algorithm=MD5',
    )
    assert pick_challenge(values) == Challenge("pbx", "2", "sha-256", qop=True)
    assert pick_challenge(values[:3]) is None


def test_a_challenge_is_read_as_pbxs_write_it() -> None:
    written = 'digest  REALM="a \\"b\\", c",nonce="x,y" , qop=auth,stale=TRUE,opaque="",domain="sip:pbx"'
    assert read_challenge(written) == Challenge('a \\"b\\", c', "x,y", "", qop=True, opaque="", stale=True)


@pytest.mark.parametrize(
    "value", ["", "Digest", "Digest ", 'Digest realm="x"', 'Digest nonce="x"', 'Digest realm="x, nonce="y"', "Basic x"]
)
def test_what_is_no_challenge_is_none(value: str) -> None:
    assert read_challenge(value) is None
