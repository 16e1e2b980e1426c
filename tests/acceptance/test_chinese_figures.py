"""Chinese speech has its numbers in figures where the trunk asks for it, and what was spoken beside them."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from websockets.asyncio.client import connect

from callscribe.cli.ports import free_port
from callscribe.events.schema import UtteranceFinal
from tests.acceptance.recording import start_session
from tests.acceptance.service import RunningService, running, wait_for
from tests.acceptance.speech import RATE, Excerpt
from tests.acceptance.subscription import subscribed
from tests.acceptance.transcripts import jobs_done, utterances
from tests.tiny_speech import conversation
from tests.wer import word_error_rate

pytest.importorskip("funasr")
pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

MODELS = Path(__file__).parents[1] / "models"
TRUNK = '\n[[trunks]]\nname = "figures"\nlanguage = "zh"\ninverse_text_normalization = true\n'
TURNS = slice(2, 4)
"""Of the conversation: an order is named by its number, and another one by the other party."""
FIGURES = str.maketrans("零一二三四五六七八九", "0123456789")
LIMIT = 0.2
"""Errors per character."""
ACCOUNT = "账户六二四一"


@pytest.fixture(scope="module")
def chinese(open_folder: Path) -> Iterator[RunningService]:
    funasr_port = free_port()
    settings = {
        "sip": "lines = 1\n",
        "recognizer": f'engine = "funasr"\nprocesses = 1\nactivity = "fsmn-vad"\nfsmn_vad = "{MODELS}/fsmn-vad"\n',
        "recognizer.funasr": f"""streaming = "{MODELS}/paraformer-streaming-zh"
offline = "{MODELS}/paraformer-offline-zh"
punctuation = ""
languages = ["zh"]
""",
        "second_pass": 'engine = "funasr"\n',
        "funasr_server": f'port = {funasr_port}\ntrunk = "figures"\n',
    }
    folder = open_folder / "chinese-figures"
    with running(RunningService(folder, settings, trunks=TRUNK, funasr_port=funasr_port)) as started:
        yield started


def test_numbers_of_a_call_are_told_and_stored_in_figures_with_their_spoken_form(
    chinese: RunningService, tmp_path: Path
) -> None:
    talk = conversation("zh")
    turns = talk.turns[TURNS]
    part = slice(turns[0].start - RATE, turns[-1].end + RATE)
    speech = Excerpt((talk.channel(0)[part], talk.channel(1)[part]), (), "")
    session = start_session(chinese, tmp_path, speech)
    chinese.wait_call(session.sip_call_id, state="active")
    with subscribed(chinese, session.sip_call_id) as seen:
        session.finish()
    call = chinese.wait_call(session.sip_call_id)
    wait_for(lambda: jobs_done(chinese, call["id"]), "the second pass", seconds=120)

    stored = utterances(chinese, call["id"])
    told = {(event.text, event.spoken) for event in seen if isinstance(event, UtteranceFinal) and event.spoken}
    kept = {(item["final"]["text"], item["final"]["spoken"]) for item in stored if item["final"]["spoken"]}
    better = {(made["text"], made["spoken"]) for item in stored for made in item["revisions"] if made["spoken"]}
    assert told == kept
    for found in (kept, better):
        assert len(found) == len(turns)
        assert {spoken.translate(FIGURES) for _, spoken in found} == {text for text, _ in found}
    for item in stored:
        final = item["final"]
        assert "".join(word["text"] for word in final["words"]) == (final["spoken"] or final["text"])
    text = chinese.text(f"/api/v1/calls/{call['id']}/transcript?format=txt")
    assert all(figures in text for figures, _ in better)

    for party in range(2):
        said = "".join(turn.line.text for turn in turns if turn.line.channel == party)
        finals = [item["final"] for item in stored if item["channel"] == party]
        heard = "".join(final["spoken"] or final["text"] for final in finals)
        assert word_error_rate([" ".join(said)], [" ".join(heard)]) <= LIMIT, heard


@pytest.mark.parametrize(("asked", "told"), [({}, "账户6241"), ({"itn": True}, "账户6241"), ({"itn": False}, ACCOUNT)])
async def test_a_client_of_funasr_is_told_figures_unless_it_wants_none(
    chinese: RunningService, asked: dict[str, bool], told: str
) -> None:
    talk = conversation("zh")
    (turn,) = (turn for turn in talk.turns if turn.line.text == ACCOUNT)
    pcm = talk.channel(turn.line.channel)[turn.start - RATE : turn.end + RATE].tobytes()
    name = f"speech-{uuid4().hex}"
    begin = {"mode": "offline", "wav_name": name, "audio_fs": RATE, "is_speaking": True, **asked}
    async with connect(f"ws://127.0.0.1:{chinese.funasr_port}", proxy=None) as socket:
        await socket.send(json.dumps(begin))
        await socket.send(pcm)
        await socket.send(json.dumps({"is_speaking": False}))
        assert json.loads(await socket.recv())["text"].strip() == told
