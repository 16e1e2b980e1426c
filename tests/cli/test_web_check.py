"""Whether pages and API are open to others, as the doctor tells."""

import pytest

from callscribe.cli.checks.finding import Verdict
from callscribe.cli.checks.web import check_provider, check_web
from callscribe.config.oidc import OidcSettings
from callscribe.config.web import WebSettings
from tests.identity_provider import CLIENT_ID, identity_provider


@pytest.mark.parametrize(
    ("web", "verdict"),
    [
        (WebSettings(), Verdict.OK),
        (WebSettings(host="0.0.0.0"), Verdict.HINT),
        (WebSettings(host="10.0.0.7", public_url="https://calls.example.com"), Verdict.HINT),
        (WebSettings(host="0.0.0.0", sign_in="on"), Verdict.HINT),
        (WebSettings(host="0.0.0.0", sign_in="on", public_url="https://calls.example.com"), Verdict.OK),
        (WebSettings(sign_in="on"), Verdict.OK),
    ],
)
def test_pages_that_others_may_read_are_told_of_and_are_no_failure(web: WebSettings, verdict: Verdict) -> None:
    found = check_web(web)
    assert found.verdict is verdict
    assert bool(found.cure) == (verdict is not Verdict.OK)


def test_whether_the_identity_provider_answers_as_the_settings_say_is_told() -> None:
    assert list(check_provider(WebSettings(sign_in="on"))) == []
    with identity_provider() as provider:
        oidc = OidcSettings(provider.url, CLIENT_ID, default_role="agent")
        [unused] = check_provider(WebSettings(oidc=oidc))
        assert (unused.verdict, unused.cure) == (Verdict.HINT, "set web.sign_in to on")
        [good] = check_provider(WebSettings(sign_in="on", oidc=oidc))
        assert (good.verdict, good.detail) == (Verdict.OK, f"{provider.url} answers and has 1 keys")
        provider.issuer = "https://other.example.com"
        [other] = check_provider(WebSettings(sign_in="on", oidc=oidc))
        assert other.verdict is Verdict.BAD
        assert "calls itself https://other.example.com" in other.detail
        provider.issuer, provider.broken = "", "/jwks"
        [keyless] = check_provider(WebSettings(sign_in="on", oidc=oidc))
        assert (keyless.verdict, "answers 500" in keyless.detail) == (Verdict.BAD, True)
    [away] = check_provider(WebSettings(sign_in="on", oidc=oidc))
    assert away.verdict is Verdict.BAD
    assert away.cure.startswith("check that this machine reaches it")
