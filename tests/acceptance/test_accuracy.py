"""Telephone prompts that nothing was tuned on, played as a call: the text is right, live and after the second pass.

Of the 123 words 11 to 14 are wrong live and 8 to 11 after the second pass, from run to run at either level, as what is
heard together with what else differs; the bounds allow for three more.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.acceptance.recording import start_session
from tests.acceptance.service import Json, RunningService, wait_for
from tests.acceptance.speech import RATE, Excerpt
from tests.acceptance.transcripts import jobs_done, utterances
from tests.prompts import Prompt, prompts_or_skip
from tests.wer import word_error_rate

pytestmark = pytest.mark.acceptance

LIVE_LIMIT, STORED_LIMIT = 0.14, 0.115
PROMPTS = slice(1, None, 24)
"""Every twelfth of the odd-numbered prompts."""
PAUSE = np.zeros(RATE, np.int16)

LEVELS = (0, 40)
"""Decibels below the prompts' own level: mu-law has few steps for the voice then."""


@pytest.fixture(scope="module")
def played(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Excerpt, Json]]:
    """What was said and the ended call at each level; all speak at once."""
    speech = {level: spoken_by_two([softer(one, level) for one in prompts_or_skip()[PROMPTS]]) for level in LEVELS}
    sessions = {
        level: start_session(service, Path(tmp_path_factory.mktemp("prompts")), said) for level, said in speech.items()
    }
    for session in sessions.values():
        session.finish()
    return {level: (speech[level], service.wait_call(session.sip_call_id)) for level, session in sessions.items()}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("decibels", LEVELS)
def test_prompts_are_understood_live_and_better_after_the_second_pass(
    service: RunningService, played: dict[int, tuple[Excerpt, Json]], decibels: int
) -> None:
    speech, call = played[decibels]
    wait_for(lambda: jobs_done(service, call["id"]), "the second pass", seconds=120)

    stored = utterances(service, call["id"])
    live = [(item["channel"], str(item["final"]["text"])) for item in stored]
    second = [(item["channel"], str(item["text"])) for item in stored]
    assert word_error_rate(speech.texts, by_channel(live)) <= LIVE_LIMIT, live
    assert word_error_rate(speech.texts, by_channel(second)) <= STORED_LIMIT, second


def by_channel(said: list[tuple[int, str]]) -> list[str]:
    return [" ".join(text for channel, text in said if channel == party) for party in range(2)]


def spoken_by_two(prompts: list[Prompt]) -> Excerpt:
    """The prompts with pauses, one by one to each of two channels, that speak at once."""
    channels = [joined(prompts[party::2]) for party in range(2)]
    longest = max(map(len, channels))
    texts = tuple(" ".join(prompt.text for prompt in prompts[party::2]) for party in range(2))
    padded = tuple(np.pad(channel, (0, longest - len(channel))) for channel in channels)
    return Excerpt(padded, texts, " ".join(texts))


def softer(prompt: Prompt, decibels: int) -> Prompt:
    return replace(prompt, pcm=np.rint(prompt.pcm * 10 ** (-decibels / 20)).astype(np.int16))


def joined(prompts: list[Prompt]) -> NDArray[np.int16]:
    return np.concatenate([PAUSE, *(part for prompt in prompts for part in (prompt.pcm, PAUSE))])
