"""The fixtures as files for sipp."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from tests.telephony.dialects.book import FIXTURES
from tests.telephony.dialects.scenarios import is_playable, main, scenario


def test_every_dialog_that_sipp_can_play_is_written(tmp_path: Path) -> None:
    main(tmp_path)
    playable = [dialog for fixture in FIXTURES for dialog in fixture.dialogs if is_playable(dialog)]
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert len(written) == len(playable) > 60
    assert written.keys() >= {"F1.xml", "F3.xml", "F3-2.xml", "park.xml"}
    assert "F12.xml" not in written


def test_a_scenario_says_what_the_fixture_says() -> None:
    (fixture,) = [each for each in FIXTURES if each.code == "three-way"]
    (dialog,) = fixture.dialogs
    root = ElementTree.fromstring(scenario(fixture.title, dialog))
    sent = [each.text or "" for each in root.findall("send")]
    assert [text.split()[0] for text in sent] == [*("INVITE", "ACK") * len(dialog.turns), "BYE"]
    assert all("[len]" in text for text in sent)
    assert sent[2].count("m=audio [auto_media_port") == 3
    assert "sip:cleo@pbx.example.com" in sent[2]
    assert len(root.findall("recv[@response='200']")) == len(dialog.turns) + 1
