"""Who may connect."""

from dataclasses import replace

import pytest

from callscribe.config.ingest import IngestSettings
from callscribe.live.ingest.access import Access, Request
from telephony.settings import TrunkSettings
from tests.live.ingest.peers import (
    GENESYS_KEY,
    GENESYS_SECRET,
    TWILIO_SECRET,
    GenesysSession,
    twilio_signature,
)

NOW = 1_800_000_000
OFFICE = TrunkSettings("office", allow=("10.0.0.0/8",))
CLOUD = TrunkSettings("cloud", allow=())
OUTSIDE = "198.51.100.7"
GENESYS = IngestSettings(audiohook_api_key=GENESYS_KEY, audiohook_client_secret=GENESYS_SECRET, trunk="cloud")


def decided(settings: IngestSettings, request: Request) -> str:
    """The trunk's name; "" where the peer may not connect."""
    trunk = Access(settings, (OFFICE, CLOUD), lambda: NOW).trunk(request)
    return trunk.name if trunk else ""


def request(target: str, address: str = OUTSIDE, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(target, {"host": "calls.example.com", **named}, address, tls=True)


@pytest.mark.parametrize(("address", "trunk"), [("10.1.2.3", "office"), (OUTSIDE, ""), ("127.0.0.1", ""), ("", "")])
def test_without_a_secret_addresses_decide_as_for_sip(address: str, trunk: str) -> None:
    assert decided(IngestSettings(), request("/freeswitch", address)) == trunk


@pytest.mark.parametrize(
    ("origin", "trunk"),
    [
        ("https://evil.example", ""),
        ("null", ""),
        ("https://calls.example.com", "office"),
        ("http://calls.example.com:8080", "office"),
        ("calls.example.com", ""),
    ],
)
def test_a_page_of_another_host_needs_a_secret_wherever_its_browser_is(origin: str, trunk: str) -> None:
    assert decided(IngestSettings(), request("/browser", "10.1.2.3", origin=origin)) == trunk
    assert decided(IngestSettings(token="s3cret"), request("/browser?token=s3cret", origin=origin)) == "office"


@pytest.mark.parametrize(
    ("host", "public_url", "trunk"),
    [
        ("127.0.0.1:8765", "", "office"),
        ("[::1]:8765", "", "office"),
        ("localhost:8765", "", "office"),
        ("rebound.example:8765", "", ""),
        ("rebound.example:8765", "wss://calls.example.com", ""),
        ("calls.example.com", "wss://calls.example.com", "office"),
    ],
)
def test_a_page_whose_name_was_made_to_lead_here_needs_a_secret(host: str, public_url: str, trunk: str) -> None:
    asked = Request("/browser", {"host": host, "origin": f"http://{host}"}, "10.1.2.3", tls=False)
    assert decided(IngestSettings(public_url=public_url), asked) == trunk


@pytest.mark.parametrize("origin", ["http://[", "http://a]b"])
def test_nonsense_for_an_origin_or_a_host_lets_nobody_in(origin: str) -> None:
    assert decided(IngestSettings(), request("/browser", "10.1.2.3", origin=origin)) == ""
    assert decided(IngestSettings(), Request("/x", {"host": origin, "origin": "http://a"}, "10.1.2.3", tls=False)) == ""


@pytest.mark.parametrize(
    "name", ["host", "origin", "authorization", "x_twilio_signature", "x_api_key", "signature_input"]
)
def test_stray_bytes_in_a_header_let_nobody_in(name: str) -> None:
    strict = replace(GENESYS, token="s3cret", twilio_auth_token=TWILIO_SECRET)
    for path in ("/twilio", "/audiohook", "/browser"):
        assert decided(strict, request(path, **{name: "Bearer \udcff\ud800"})) == ""


@pytest.mark.parametrize("target", ["//[", "*", "", "?", "/%", "/%ff/%00", "http://["])
def test_any_target_is_decided(target: str) -> None:
    assert decided(IngestSettings(), request(target, "10.1.2.3")) == "office"
    assert decided(IngestSettings(token="s3cret"), request(target)) == ""


@pytest.mark.parametrize(
    ("shown", "trunk"),
    [
        (request("/twilio/s3cret"), "cloud"),
        (request("/freeswitch?mix=mono&token=s3cret"), "cloud"),
        (request("/asterisk", authorization="Bearer s3cret"), "cloud"),
        (request("/asterisk", authorization="Basic s3cret"), ""),
        (request("/asterisk/s3cre"), ""),
        (request("/asterisk/"), ""),
        (request("/asterisk", "10.1.2.3"), ""),
    ],
)
def test_a_token_is_asked_of_everybody_and_good_for_every_path(shown: Request, trunk: str) -> None:
    assert decided(IngestSettings(token="s3cret", trunk="cloud"), shown) == trunk


def test_calls_belong_to_the_trunk_of_the_address_where_none_is_named() -> None:
    assert decided(IngestSettings(token="s3cret"), request("/twilio/s3cret", "10.1.2.3")) == "office"
    assert decided(IngestSettings(token="s3cret"), request("/twilio/s3cret")) == "office"


def test_twilio_s_signature_is_verified() -> None:
    settings = IngestSettings(twilio_auth_token=TWILIO_SECRET, trunk="cloud")
    good = twilio_signature("wss://calls.example.com/twilio")
    assert decided(settings, request("/twilio", x_twilio_signature=good)) == "cloud"
    assert decided(settings, request("/twilio/other", x_twilio_signature=good)) == ""
    assert decided(settings, request("/twilio", "10.1.2.3")) == ""
    assert decided(settings, request("/freeswitch", x_twilio_signature=good)) == ""
    slash = twilio_signature("wss://calls.example.com/twilio/")
    assert decided(settings, request("/twilio", x_twilio_signature=slash)) == "cloud"


def test_signatures_are_of_the_address_that_a_proxy_shows_to_the_world() -> None:
    settings = IngestSettings(twilio_auth_token=TWILIO_SECRET, trunk="cloud", public_url="wss://voice.example.org/hear")
    good = twilio_signature("wss://voice.example.org/hear/twilio")
    assert decided(settings, request("/twilio", x_twilio_signature=good)) == "cloud"
    of_host = twilio_signature("wss://calls.example.com/twilio")
    assert decided(settings, request("/twilio", x_twilio_signature=of_host)) == ""


def signed(created: int = NOW, target: str = "/audiohook") -> Request:
    headers = GenesysSession().headers("calls.example.com", target, created)
    return Request("/audiohook", {"host": "calls.example.com", **headers}, OUTSIDE, tls=True)


def test_genesys_s_signature_is_verified() -> None:
    assert decided(GENESYS, signed()) == "cloud"
    assert decided(replace(GENESYS, audiohook_client_secret="b3RoZXI="), signed()) == ""
    assert decided(replace(GENESYS, audiohook_api_key="other"), signed()) == ""
    assert decided(GENESYS, signed(created=NOW - 60)) == ""
    assert decided(GENESYS, signed(target="/twilio")) == ""


@pytest.mark.parametrize("changed", ["audiohook-session-id", "x-api-key", "host", "signature", "signature-input"])
def test_a_signed_header_that_was_changed_is_found_out(changed: str) -> None:
    good = signed()
    headers = {**good.headers, changed: good.headers[changed] + "x"}
    assert decided(GENESYS, replace(good, headers=headers)) == ""


@pytest.mark.parametrize("unsigned", ["@request-target", "@authority", "audiohook-session-id", "x-api-key"])
def test_a_signature_must_cover_the_address_the_session_and_the_key(unsigned: str) -> None:
    headers = GenesysSession().headers("calls.example.com", "/audiohook", NOW, unsigned)
    assert decided(GENESYS, request("/audiohook", **headers)) == ""


@pytest.mark.parametrize("nonsense", ["", "sig1", "sig1=()", 'sig1=("' + '" "' * 5_000, "sig1=(" + '"a" ' * 5_000])
def test_nonsense_for_a_signature_is_refused_at_once(nonsense: str) -> None:
    good = signed()
    assert decided(GENESYS, replace(good, headers={**good.headers, "signature-input": nonsense})) == ""


def test_the_key_is_enough_where_there_is_no_client_secret() -> None:
    settings = replace(GENESYS, audiohook_client_secret="")
    assert decided(settings, request("/audiohook", x_api_key=GENESYS_KEY)) == "cloud"
    assert decided(settings, request("/audiohook", x_api_key="other")) == ""
