import json
import math
import os
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from asr.activity import ActivityModel
from asr.engine import ENGINE_RATE, Decoding, DecodingJob, Waveform
from asr.engines import load_engine
from asr.engines.qwen import LANGUAGES, QwenEngine, Written
from asr.scheduler import Scheduler
from asr.settings import Device, QwenSettings, RecognizerSettings
from asr.wire.messages import Audio, ChannelOptions, Close, FinalReport, Open, PartialReport
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from callscribe.domain.hotword import Hotword
from callscribe.domain.language import UNKNOWN
from tests.asr import fake_qwen
from tests.asr.fake_qwen import HALF, WORDS, Request, speech
from tests.asr.speech import RATE, first_line
from tests.asr.test_pins import install

SENTENCE = ("Hello", "there", "we", "seven", "about", "order")
HEADING = "language English<asr_text>"
SYSTEM, BEFORE = "<|im_start|>system\n", "<|im_end|>\n<|im_start|>user\n<|audio_start|><|audio_pad|><|audio_end|>"
PROMPT = f"{SYSTEM}{BEFORE}<|im_end|>\n<|im_start|>assistant\n"


class Bench:
    """An engine, and the imitated vLLM behind it."""

    def __init__(self, settings: QwenSettings) -> None:
        self.engine = QwenEngine(settings)
        llm: fake_qwen.Vllm = self.engine._llm
        self.llm = llm

    def final(self, audio: Waveform, language: str = UNKNOWN, hotwords: tuple[Hotword, ...] = ()) -> Decoding:
        return self.engine.decode([DecodingJob(audio, language=language, hotwords=hotwords)])[0]

    def partial(self, audio: Waveform, earlier: Decoding | None = None, language: str = UNKNOWN) -> Decoding:
        job = DecodingJob(audio, earlier=earlier or Decoding((), "", 0.0), final=False, language=language)
        return self.engine.decode([job])[0]

    def grown(self, *words: str, language: str = UNKNOWN) -> list[Decoding]:
        """Partials of an utterance that grows by half a second each time."""
        told: list[Decoding] = []
        for count in range(1, len(words) + 1):
            told.append(self.partial(speech(*words[:count]), told[-1] if told else None, language))
        return told

    @property
    def asked(self) -> Request:
        """The only text that was asked for last."""
        (request,) = self.llm.calls[-1]
        return request


Start = Callable[..., Bench]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As far as a model's is looked at."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3_asr"}))
    (tmp_path / "model.safetensors").touch()
    return tmp_path


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Start:
    fake_qwen.install(monkeypatch)

    def started(chunk_size_sec: float = 1.0, **settings: int | tuple[str, ...]) -> Bench:
        return Bench(QwenSettings(model=str(folder), chunk_size_sec=chunk_size_sec, **settings))  # type: ignore[arg-type]

    return started


def test_a_final_is_written_at_once_from_all_its_audio(start: Start) -> None:
    bench = start()
    decoding = bench.final(speech("Hello", "there", "we"))

    assert (decoding.text, decoding.language, decoding.words) == ("Hello there we", "en", ())
    assert bench.asked.prompt == PROMPT
    assert bench.asked.audio.tolist() == speech("Hello", "there", "we").tolist()
    assert bench.asked.sampling.temperature == 0.0
    # Two words of a heading, its end, and three words.
    assert decoding.confidence == pytest.approx(math.exp(-0.06))


def test_a_final_does_not_depend_on_the_partials_before_it(start: Start) -> None:
    bench = start(unfixed_chunk_num=0, unfixed_token_num=0)
    earlier = bench.grown(*SENTENCE)[-1]
    assert earlier.text == "Hello there we um about order"

    job = DecodingJob(speech(*SENTENCE), earlier=earlier, language=UNKNOWN)
    assert bench.engine.decode([job]) == (bench.final(speech(*SENTENCE)),)
    assert bench.asked.prefix == ""


def test_channels_are_decoded_in_one_call_and_do_not_mix(start: Start) -> None:
    bench = start(chunk_size_sec=0.5, unfixed_chunk_num=0, unfixed_token_num=1)
    lines = [("Hello", "there"), ("we", "called"), ("about", "order")]
    firsts = bench.engine.decode(
        [DecodingJob(speech(line[0]), final=False, language="en", hotwords=(Hotword(line[1]),)) for line in lines]
    )
    jobs = [
        DecodingJob(speech(*line), earlier=first, final=place == 2, language="en", hotwords=(Hotword(line[1]),))
        for place, (line, first) in enumerate(zip(lines, firsts, strict=True))
    ]
    assert [decoding.text for decoding in bench.engine.decode(jobs)] == ["Hello there", "we called", "about order"]
    assert [len(call) for call in bench.llm.calls] == [3, 3]
    assert [request.context for request in bench.llm.calls[1]] == ["there", "called", "order"]


def test_a_partial_hears_whole_chunks_and_costs_nothing_until_there_is_a_new_one(start: Start) -> None:
    bench = start()
    told = bench.grown("Hello", "there", "we", "called", "about")

    assert [decoding.text for decoding in told] == ["", *["Hello there"] * 2, *["Hello there we called"] * 2]
    assert [len(call[0].audio) for call in bench.llm.calls] == [ENGINE_RATE, 2 * ENGINE_RATE]


def test_the_first_chunks_are_written_anew_then_all_but_the_last_tokens_stand(start: Start) -> None:
    bench = start(unfixed_chunk_num=2, unfixed_token_num=2)
    bench.grown(*SENTENCE, "Hello", "there")

    assert [call[0].prefix for call in bench.llm.calls] == [
        *("", ""),
        f"{HEADING}Hello there",
        f"{HEADING}Hello there we seven",
    ]


def test_what_was_misheard_at_the_end_of_a_chunk_is_put_right_where_it_is_written_anew(start: Start) -> None:
    for unfixed, text in ((0, "Hello there we um about order"), (1, "Hello there we seven about order")):
        told = start(unfixed_chunk_num=0, unfixed_token_num=unfixed).grown(*SENTENCE)
        assert told[3].text == "Hello there we um"
        assert told[5].text == text


def test_fewer_tokens_than_are_written_anew_leave_nothing_to_go_on_from(start: Start) -> None:
    bench = start(unfixed_chunk_num=0, unfixed_token_num=50)
    assert bench.grown(*SENTENCE)[-1].text == "Hello there we seven about order"
    assert [call[0].prefix for call in bench.llm.calls] == ["", "", ""]


def test_chunks_that_came_together_take_one_call(start: Start) -> None:
    bench = start(unfixed_chunk_num=2, unfixed_token_num=2)
    first = bench.partial(speech("Hello", "there"))
    late = bench.partial(speech(*SENTENCE), first)

    assert late.text == "Hello there we seven about order"
    assert len(bench.llm.calls) == 2
    assert bench.asked.prefix == HEADING
    assert late.state == Written(f"{HEADING}{late.text}", chunks=3)


def test_what_a_model_goes_on_from_does_not_end_within_a_character(start: Start) -> None:
    """Each of these characters takes three tokens."""
    bench = start(unfixed_chunk_num=0, unfixed_token_num=1, chunk_size_sec=0.5)
    bench.llm.ear.language, bench.llm.ear.separator = "Chinese", ""
    told = bench.grown("订", "单", "龘")

    assert [decoding.text for decoding in told] == ["订", "订单", "订单龘"]
    assert [call[0].prefix for call in bench.llm.calls][1:] == [
        "language Chinese<asr_text>",
        "language Chinese<asr_text>订",
    ]
    assert [decoding.unsettled for decoding in told] == [1, 1, 1]


def test_a_text_that_was_cut_within_a_character_loses_what_is_left_of_it(start: Start) -> None:
    bench = start(max_new_tokens=16)
    bench.llm.ear.language, bench.llm.ear.separator = "Chinese", ""
    for final in (True, False):
        job = DecodingJob(speech(*["订", "单"] * 4), final=final, language="zh")
        assert bench.engine.decode([job])[0].text == "订单订单订"
    assert bench.asked.sampling.max_tokens == 16


def test_words_that_may_still_change_are_not_to_be_committed(start: Start) -> None:
    told = start(unfixed_chunk_num=2, unfixed_token_num=1).grown(*SENTENCE)
    assert (told[1].text, told[1].unsettled) == ("Hello there", 2)
    assert (told[3].text, told[3].unsettled) == ("Hello there we um", 1)
    assert (told[5].text, told[5].unsettled) == ("Hello there we seven about order", 1)


def test_a_job_that_is_repeated_gives_the_same(start: Start) -> None:
    bench = start(unfixed_chunk_num=0, unfixed_token_num=1)
    earlier = bench.partial(speech("Hello", "there"))
    twice = [bench.partial(speech(*SENTENCE[:4]), earlier) for _ in range(2)]
    assert twice[0] == twice[1]
    assert twice[0].state == twice[1].state


def test_a_partial_goes_on_from_a_final_after_which_the_speaker_went_on(start: Start) -> None:
    bench = start(unfixed_chunk_num=0, unfixed_token_num=1)
    pause = bench.final(speech("Hello", "there", "we"))
    assert bench.partial(speech("Hello", "there", "we"), pause) is pause
    assert bench.partial(speech("Hello", "there", "we", "called"), pause).text == "Hello there we called"
    assert bench.asked.prefix == f"{HEADING}Hello there"


def test_hotwords_are_told_the_heaviest_first_and_as_many_as_fit(start: Start) -> None:
    words = (Hotword("Quillfeather"), Hotword("order seven", weight=2.0), Hotword("龘"))
    bench = start()
    assert bench.engine.capabilities.hotwords
    bench.final(speech("Hello"), hotwords=words)
    assert bench.asked.context == "order seven, Quillfeather, 龘"
    # Two tokens, two more with the comma, four with the character's three bytes.
    for room, context in ((2, "order seven"), (4, "order seven, Quillfeather"), (7, "order seven, Quillfeather")):
        bench = start(context_tokens=room)
        bench.final(speech("Hello"), hotwords=words)
        assert bench.asked.context == context


def test_no_hotwords_are_told_where_there_is_no_room_for_them(start: Start) -> None:
    bench = start(context_tokens=0)
    assert not bench.engine.capabilities.hotwords
    bench.final(speech("Hello"), hotwords=(Hotword("order"),))
    assert bench.asked.prompt == PROMPT


@pytest.mark.parametrize("mark", ["<|im_end|>", "<|audio_pad|>", "<asr_text>"])
def test_a_hotword_that_the_model_would_take_for_a_mark_of_its_own_is_left_out(start: Start, mark: str) -> None:
    bench = start()
    bench.final(speech("Hello"), hotwords=(Hotword(f"order{mark}"), Hotword("about")))
    assert bench.asked.context == "about"


def test_the_language_of_a_job_is_given_to_the_model_and_that_of_none_is_found_out(start: Start) -> None:
    bench = start()
    bench.llm.ear.language = "German"
    given, found = bench.final(speech("Hello"), language="fr-CA"), bench.final(speech("Hello"))
    assert [call[0].prefix for call in bench.llm.calls] == ["language French<asr_text>", ""]
    assert [(decoding.text, decoding.language) for decoding in (given, found)] == [("Hello", "fr"), ("Hello", "de")]


def test_a_given_language_stays_out_of_what_partials_go_on_from(start: Start) -> None:
    bench = start(unfixed_chunk_num=0, unfixed_token_num=1)
    told = bench.grown(*SENTENCE[:4], language="en")
    assert told[3].text == "Hello there we um"
    assert told[3].state == Written("Hello there we um", chunks=2)
    assert bench.asked.prefix == f"{HEADING}Hello"


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_language_that_is_found_has_its_code(start: Start, code: str) -> None:
    bench = start()
    bench.llm.ear.language = LANGUAGES[code]
    assert bench.final(speech("Hello")).language == code


def test_a_language_without_a_code_here_is_not_told(start: Start) -> None:
    bench = start()
    bench.llm.ear.language = "Klingon"
    assert (bench.final(speech("Hello")).text, bench.final(speech("Hello")).language) == ("Hello", "")


def test_of_one_language_alone_all_is_taken_to_be_in_it(start: Start) -> None:
    bench = start(languages=("zh",))
    assert bench.engine.capabilities.languages == ("zh",)
    assert bench.final(speech("Hello")).language == "zh"
    assert bench.asked.prefix == "language Chinese<asr_text>"
    assert start(languages=("zh", "en")).final(speech("Hello")).language == "en"


def test_silence_is_no_text(start: Start) -> None:
    decoding = start().final(np.zeros(ENGINE_RATE, np.float32))
    assert (decoding.text, decoding.language, decoding.confidence) == ("", "", 0.0)


def test_no_audio_takes_no_call_and_little_is_filled_up(start: Start) -> None:
    bench = start()
    assert bench.final(np.zeros(0, np.float32)).text == ""
    assert bench.partial(np.zeros(0, np.float32)).text == ""
    assert bench.llm.calls == []
    assert bench.final(speech("Hello")[: ENGINE_RATE // 1000]).text == ""
    assert len(bench.asked.audio) == HALF


def test_no_more_is_written_than_anybody_says(start: Start) -> None:
    bench = start()
    bench.final(speech(*SENTENCE))
    assert bench.asked.sampling.max_tokens == 20 + 3 * 25
    bench = start(max_new_tokens=40)
    bench.final(speech(*SENTENCE))
    assert bench.asked.sampling.max_tokens == 40
    # Of a partial only what is new is written, and what is written anew.
    bench = start(unfixed_chunk_num=0, unfixed_token_num=3)
    bench.grown(*SENTENCE)
    assert bench.asked.sampling.max_tokens == 20 + 3 + 25


@pytest.mark.parametrize("loop", [" order", " about order", " we called about"])
def test_a_loop_is_written_once(start: Start, loop: str) -> None:
    bench = start(unfixed_chunk_num=0, unfixed_token_num=1)
    bench.llm.ear.loop = loop
    words = loop.split()
    for decoding in (bench.final(speech("Hello")), bench.partial(speech("Hello", "there"))):
        heard = decoding.text.split()
        first = heard.index(words[0])
        assert first <= 2
        assert len(heard) - first < 2 * len(words)
        assert isinstance(decoding.state, Written)
        assert decoding.state.raw.endswith(decoding.text)


def test_what_it_can_do_is_declared(start: Start) -> None:
    engine = start(max_batch=7).engine
    can = engine.capabilities
    assert (engine.name, engine.max_batch) == ("qwen", 7)
    assert (can.partials, can.identifies_language, can.parallel) == (True, True, True)
    assert (can.word_times, can.remote, can.emotion) == (False, False, False)
    assert can.knows("zh-CN")
    assert can.knows(UNKNOWN)
    assert not can.knows("sw")


def test_vllm_is_given_the_room_that_an_utterance_needs_and_no_leave_to_tell_its_makers(start: Start) -> None:
    llm = start(max_new_tokens=100, context_tokens=200, max_batch=5).llm
    assert (llm.max_model_len, llm.max_num_seqs, llm.gpu_memory_utilization) == (4396, 5, 0.8)
    assert os.environ["VLLM_NO_USAGE_STATS"] == "1"


def test_what_vllm_refuses_is_told_and_harms_no_later_job(start: Start) -> None:
    bench = start()
    endless = np.zeros(600 * ENGINE_RATE, np.float32)
    with pytest.raises(RecognitionError, match="Qwen3-ASR model failed"):
        bench.engine.decode([DecodingJob(speech("Hello")), DecodingJob(endless)])
    assert bench.final(speech("Hello")).text == "Hello"


def test_when_vllms_process_has_died_another_recognizer_is_to_take_over(start: Start) -> None:
    bench = start()
    bench.llm.dead = True
    with pytest.raises(EngineUnavailable, match="vLLM's process has died"):
        bench.final(speech("Hello"))


def refusal(folder: Path, device: Device = "auto", languages: tuple[str, ...] = ()) -> str:
    """The sentence with which an engine is not loaded."""
    settings = RecognizerSettings(
        engine="qwen", device=device, qwen=QwenSettings(model=str(folder), languages=languages)
    )
    with pytest.raises(EngineUnavailable) as told:
        load_engine(settings)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_it_is_loaded_by_its_name(start: Start, folder: Path) -> None:
    start()
    settings = RecognizerSettings(engine="qwen", device="cuda", qwen=QwenSettings(model=str(folder)))
    assert load_engine(settings).name == "qwen"


def test_without_a_gpu_it_is_refused_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path
) -> None:
    assert "GPU only; say recognizer.device = cuda" in refusal(folder, device="cpu")
    fake_qwen.install(monkeypatch, gpu=False)
    assert "torch finds none" in refusal(tmp_path / "none")


@pytest.mark.parametrize("package", ["vllm", "qwen_asr"])
def test_a_missing_package_is_told_with_the_cure(monkeypatch: pytest.MonkeyPatch, folder: Path, package: str) -> None:
    fake_qwen.install(monkeypatch)
    monkeypatch.setitem(sys.modules, package, None)
    sentence = refusal(folder)
    assert package in sentence
    assert "install callscribe[qwen]" in sentence


def test_packages_of_other_versions_are_told_where_it_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path
) -> None:
    install(tmp_path, "qwen-asr", "0.0.6", ["transformers==4.57.6", "vllm==0.14.0; extra == 'vllm'"])
    install(tmp_path, "vllm", "0.14.0", ["torch==2.9.1"])
    install(tmp_path, "torch", "2.13.0")
    install(tmp_path, "transformers", "4.57.6")
    monkeypatch.syspath_prepend(tmp_path)
    fake_qwen.install(monkeypatch)
    monkeypatch.setitem(sys.modules, "vllm", None)
    sentence = refusal(folder)
    assert (
        "vllm wants torch 2.9.1 and not 2.13.0: [funasr] and [lm] cannot share an environment with [qwen]" in sentence
    )
    assert "transformers" not in sentence
    assert sentence.endswith("install callscribe[qwen] in an environment of its own, on a machine with an NVIDIA GPU")


def test_a_folder_without_a_model_is_told(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    fake_qwen.install(monkeypatch)
    assert "there is no folder" in refusal(folder / "none")
    (folder / "model.safetensors").unlink()
    assert "cannot be loaded: Cannot find model weights" in refusal(folder)
    (folder / "config.json").write_text('{"model_type": "whisper"}')
    assert "no Qwen3-ASR model; it is a whisper" in refusal(folder)
    for damaged in ("[]", "{", ""):
        (folder / "config.json").write_text(damaged)
        assert "config.json is missing or damaged" in refusal(folder)
    (folder / "config.json").unlink()
    assert "config.json is missing or damaged" in refusal(folder)


def test_a_language_that_it_does_not_know_is_told(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    fake_qwen.install(monkeypatch)
    assert "languages names sw, xx; Qwen3-ASR knows zh, en," in refusal(folder, languages=("en", "sw", "xx"))


def counted(audio: Waveform) -> list[str]:
    """A word each half second, whatever is said."""
    return list(WORDS[: max(len(audio) // HALF, 1)])


def test_channels_of_a_recognizer_share_calls_and_commit_nothing_that_changes(start: Start) -> None:
    bench = start(chunk_size_sec=0.5, unfixed_chunk_num=1, unfixed_token_num=1)
    bench.llm.ear.hear = counted
    scheduler = Scheduler(bench.engine, ActivityModel())
    pcm = first_line()
    for number in range(8):
        scheduler.accept(0, Open(number, 0, ChannelOptions(channel=number, rate=RATE, language="auto")))
    partials: list[PartialReport] = []
    finals: list[FinalReport] = []
    for at in range(0, len(pcm), RATE // 10):
        for number in range(8):
            scheduler.accept(0, Audio(number, at, pcm[at : at + RATE // 10].tobytes()))
            if at + RATE // 10 >= len(pcm):
                scheduler.accept(0, Close(number))
        while (turn := scheduler.work()) is not None:
            partials += [one.message for one in turn.deliveries if isinstance(one.message, PartialReport)]
            finals += [one.message for one in turn.deliveries if isinstance(one.message, FinalReport)]
    # Eight utterances of four seconds are more than an engine that takes them one by one would be given at once.
    assert 8 in [len(call) for call in bench.llm.calls if len(call[0].audio) > 3 * ENGINE_RATE]
    assert all(final.final.language == "en" and final.final.engine == "qwen" for final in finals)
    assert {final.number for final in finals} == set(range(8))
    shown = [report.partial for report in partials if report.number == 0]
    for earlier, later in pairwise(shown):
        if earlier.start == later.start:
            assert later.committed.startswith(earlier.committed)
    assert any(partial.committed and partial.tentative for partial in shown)
