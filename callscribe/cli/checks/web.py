"""Who may use pages and API."""

from collections.abc import Iterator

from callscribe.cli.checks.finding import Finding, hint, judged, ok
from callscribe.config.urls import LOOPBACK
from callscribe.config.web import WebSettings

CHECK = "sign-in"
PROVIDER = "identity provider"


def check_web(web: WebSettings) -> Finding:
    """Whether somebody else may read calls, or passwords on their way."""
    if web.is_open:
        detail = f"web.host is {web.host} and nobody has to sign in: whoever reaches the port reads all calls"
        cure = "set web.sign_in to on, or web.host to 127.0.0.1, unless a proxy asks who comes and nobody gets past it"
        return hint(CHECK, detail, cure)
    if not web.signs_in:
        return ok(CHECK, "off; pages and API are for this machine only")
    if web.host not in LOOPBACK and not web.is_secure:
        detail = "on, but people come by http: passwords and what was said can be read on the way"
        return hint(CHECK, detail, "put a proxy with TLS in front, and set web.public_url to its https:// address")
    return ok(CHECK, "on")


def check_provider(web: WebSettings) -> Iterator[Finding]:
    """Whether people can sign in by the identity provider, where the settings name one."""
    if not web.oidc.is_used:
        return
    if not web.signs_in:
        yield hint(PROVIDER, "web.oidc.issuer is set, but nobody has to sign in", "set web.sign_in to on")
        return
    # Only who has a provider waits for the libraries.
    from callscribe.console.oidc import Provider

    yield judged(PROVIDER, Provider(web.oidc).checked)
