"""Settings of the web process."""

from pathlib import Path

import pytest

from callscribe.config.settings import load_settings
from callscribe.domain.access import AccountRole
from callscribe.domain.errors import SettingsError


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ('sign_in = "yes"', '"off" or "on"'),
        ("sign_in_hours = 0", "above 0"),
        ("sign_in_idle_minutes = -1", "above 0"),
        ('teams = [{name = ""}]', "name must not be empty"),
        ('teams = [{name = "a"}, {name = "a"}]', "a name of its own"),
        ('teams = [{name = "a", trunks = ["nowhere"]}]', "there is no trunk nowhere"),
        ("oidc = {local = false}", "nobody could sign in"),
        ('oidc = {issuer = "http://sso.example.com", client_id = "c", default_role = "qa"}', "https://"),
        ('oidc = {issuer = "sso.example.com", client_id = "c", default_role = "qa"}', "https://"),
        ('oidc = {issuer = "https://sso.example.com", default_role = "qa"}', "client_id must be set"),
        ('oidc = {issuer = "https://sso.example.com", client_id = "c"}', "role_claim and roles, or default_role"),
        ('oidc = {issuer = "https://sso.example.com", client_id = "c", default_role = "boss"}', "one of agent"),
        ('oidc = {issuer = "https://sso.example.com", client_id = "c", default_role = "qa", scopes = []}', "openid"),
        ('oidc = {issuer = "https://sso.example.com", client_id = "c", roles = {x = "boss"}}', "roles"),
        (
            'host = "0.0.0.0"\nsign_in = "on"\n'
            'oidc = {issuer = "https://sso.example.com", client_id = "c", default_role = "qa"}',
            "set public_url",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, told: str, complaint: str) -> None:
    file = tmp_path / "callscribe.toml"
    file.write_text(f"[web]\n{told}\n")
    with pytest.raises(SettingsError, match=complaint):
        load_settings(file, {})


def test_a_team_has_the_trunks_that_are_named_for_it(tmp_path: Path) -> None:
    file = tmp_path / "callscribe.toml"
    file.write_text('[web]\nteams = [{name = "sales", trunks = ["main"]}]\n[[trunks]]\nname = "main"\n')
    web = load_settings(file, {}).web
    assert (web.trunks_of("sales"), web.trunks_of("support"), web.trunks_of("")) == (("main",), (), ())


def test_the_secret_comes_from_the_environment_and_is_shown_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "callscribe.toml"
    file.write_text(
        '[web.oidc]\nissuer = "https://sso.example.com"\nclient_id = "c"\nrole_claim = "groups"\n'
        '[web.oidc.roles]\n"Call centre" = "qa"\n'
    )
    loaded = load_settings(file, {"CALLSCRIBE_WEB__OIDC__CLIENT_SECRET": "hush-hush"})
    assert loaded.web.oidc.client_secret == "hush-hush"
    assert loaded.web.oidc.roles == {"Call centre": AccountRole.QA}
    assert "hush-hush" not in repr(loaded)
