"""Settings of the web process."""

from pathlib import Path

import pytest

from callscribe.config.settings import load_settings
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
