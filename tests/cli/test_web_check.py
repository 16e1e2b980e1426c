"""Whether pages and API are open to others, as the doctor tells."""

import pytest

from callscribe.cli.checks.finding import Verdict
from callscribe.cli.checks.web import check_web
from callscribe.config.web import WebSettings


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
