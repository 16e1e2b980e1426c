"""The fixtures as scenarios of sipp: another SIP stack plays what they say, here or against an installation of yours.

`python -m tests.telephony.dialects.scenarios FOLDER` writes them all.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.telephony.dialects.book import FIXTURES
from tests.telephony.dialects.fixture import Dialog, Place, Turn, request

_PLACE = Place(
    host="[local_ip]",
    port="[local_port]",
    rtp=("[auto_media_port]", "[auto_media_port+2]", "[auto_media_port+4]"),
    call_id="[call_id]",
    transport="[transport]",
)
_TO = "<sip:srs@example.com>[peer_tag_param]"
SETTLING_MS = 300
"""Between the turns of a dialog."""


def file_name(code: str, number: int) -> str:
    """Of the scenario of a fixture's dialog, which are numbered from 0."""
    return f"{code}.xml" if number == 0 else f"{code}-{number + 1}.xml"


def is_playable(dialog: Dialog) -> bool:
    """Whether sipp can say what the dialog says: it ends every line with CR LF."""
    return all(turn.line_end == "\r\n" for turn in dialog.turns)


def scenario(title: str, dialog: Dialog) -> str:
    """A scenario file. Every answer has to be 200; it fails where the service says anything else."""
    steps = [step for number, turn in enumerate(dialog.turns, 1) for step in _steps(turn, number, dialog)]
    steps += _ask(Turn(method="BYE"), len(dialog.turns) + 1)
    name = title.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return f'<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name="{name}">\n' + "\n".join(steps) + "\n</scenario>\n"


def _steps(turn: Turn, number: int, dialog: Dialog) -> Iterator[str]:
    yield from _ask(turn, number)
    if turn.method == "INVITE":
        sender = dialog.turns[0].headers.get("From")
        acknowledgement = Turn(turn.ack, method="ACK", headers={"From": sender} if sender else {})
        yield _send(acknowledgement, number, f'ack_txn="{number}"')
    yield f'<pause milliseconds="{SETTLING_MS}"/>'


def _ask(turn: Turn, number: int) -> Iterator[str]:
    """A request and its answer; copies of earlier answers are not taken for it."""
    yield _send(turn, number, f'retrans="500" start_txn="{number}"')
    if turn.method != "INVITE":
        yield f'<recv response="200" response_txn="{number}"/>'
        return
    yield f'<recv response="100" optional="true" response_txn="{number}"/>'
    yield f'<recv response="200" rrs="true" response_txn="{number}"/>'


def _send(turn: Turn, number: int, attributes: str) -> str:
    # sipp takes what stands in brackets for its own words.
    literal = replace(turn, body=turn.body.replace("\\", "\\\\").replace("[", "\\x5b"))
    is_first = number == 1 and turn.method != "ACK"
    text = request(literal, _PLACE, number, _TO, "" if is_first else "[next_url]").decode()
    if turn.announced is None:
        text = re.sub(r"^Content-Length: \d+", "Content-Length: [len]", text, count=1, flags=re.MULTILINE)
    return f"<send {attributes}><![CDATA[\n" + text.replace("\r\n", "\n") + "]]></send>"


def main(folder: Path) -> None:
    """Write every scenario that sipp can play."""
    folder.mkdir(parents=True, exist_ok=True)
    for fixture in FIXTURES:
        for number, dialog in enumerate(fixture.dialogs):
            if is_playable(dialog):
                (folder / file_name(fixture.code, number)).write_text(scenario(fixture.title, dialog))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
