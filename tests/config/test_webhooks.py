"""Webhooks that could not work, or would not be safe, are refused with the cure."""

from pathlib import Path

import pytest

from callscribe.config.settings import load_settings
from callscribe.config.webhooks import WebhookSettings
from callscribe.domain.errors import SettingsError

SECRET = "not a secret, for it stands here"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://crm/x",
        "file:///etc/passwd",
        "https://",
        "https://me:pw@crm/x",
        "https://crm/a b",
        "http://crm:x/",
        "https://crm..x/",
        "crm",
    ],
)
def test_only_addresses_of_http_are_called(url: str) -> None:
    with pytest.raises(ValueError, match="url must be an address as https://"):
        WebhookSettings("crm", url, SECRET)


@pytest.mark.parametrize(
    "secret", ["", "too short", "whsec_", "whsec_dG9vIHNob3J0", "whsec_not base64, but long enough"]
)
def test_a_secret_that_anybody_could_guess_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="openssl rand -base64 32"):
        WebhookSettings("crm", "https://crm/x", secret)
    with pytest.raises(ValueError, match="old_secrets must have at least 24 bytes"):
        WebhookSettings("crm", "https://crm/x", SECRET, (SECRET, secret))


def test_a_secret_is_not_shown() -> None:
    assert "stands here" not in repr(WebhookSettings("crm", "https://crm/x", SECRET, (SECRET,)))


def test_a_secret_can_be_changed_while_receivers_check_with_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "callscribe.toml"
    table = f'[[webhooks]]\nname = "crm"\nurl = "https://crm/x"\nsecret = "{SECRET}"\n'
    file.write_text(table + 'old_secrets = ["whsec_bm90IGEgc2VjcmV0LCBmb3IgaXQgc3RhbmRzIGhlcmU="]\n')
    (hook,) = load_settings(file, {}).webhooks
    assert hook.keys == (SECRET.encode(), SECRET.encode())


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ([{}, {}], "webhooks: each needs a name of its own"),
        ([{"trunks": '["elsewhere"]'}], "webhooks: there is no trunk elsewhere; name one of default"),
        ([{"timeout_s": "0"}], "timeout_s must be from 1 to 60"),
        ([{"name": '"a b"'}], "name must be"),
    ],
)
def test_settings_tell_what_is_wrong(tmp_path: Path, entries: list[dict[str, str]], sentence: str) -> None:
    file = tmp_path / "callscribe.toml"
    usual = {"name": '"crm"', "url": '"https://crm/x"', "secret": f'"{SECRET}"'}
    tables = [{**usual, **entry} for entry in entries]
    file.write_text(
        "".join("[[webhooks]]\n" + "".join(f"{key} = {value}\n" for key, value in table.items()) for table in tables)
    )
    with pytest.raises(SettingsError, match=sentence):
        load_settings(file, {})


def test_a_trunk_has_the_webhooks_that_name_it_or_name_none(tmp_path: Path) -> None:
    file = tmp_path / "callscribe.toml"
    hook = '[[webhooks]]\nname = "{}"\nurl = "https://crm/x"\nsecret = "' + SECRET + '"\n'
    file.write_text(hook.format("all") + hook.format("some") + 'trunks = ["default"]\n')
    settings = load_settings(file, {})
    assert settings.webhooks_of("default") == ("all", "some")
    assert settings.webhooks_of("gone") == ("all",)
