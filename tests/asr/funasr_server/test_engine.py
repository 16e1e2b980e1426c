"""The engine against servers on other threads: fakes of FunASR's, and things that are none."""

import gc
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.protocol import State

from asr.engine import EMPTY, Decoding, DecodingJob, Waveform
from asr.engines import load_engine
from asr.engines.funasr_server import FunasrServerEngine
from asr.engines.funasr_server.dialogue import Request
from asr.settings import FunasrServerSettings, RecognizerSettings
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from callscribe.domain.hotword import Hotword
from tests.acceptance.tls import make_certificate
from tests.asr.fake_funasr_runtime import FakeRuntime, Make, fake_runtime
from tests.asr.funasr_server.tones import heard, said

ANSWERING = [make for make in Make if make is not Make.PYTHON_2023]
PATIENCE_S = 20.0


@contextmanager
def driven(url: str, **settings: Any) -> Iterator[FunasrServerEngine]:
    """An engine on a server."""
    chosen = FunasrServerSettings(url=url, **settings)
    engine = load_engine(RecognizerSettings(engine="funasr-server", funasr_server=chosen))
    assert isinstance(engine, FunasrServerEngine)
    try:
        yield engine
    finally:
        engine.close()


@pytest.fixture(params=ANSWERING, ids=lambda make: make.name.lower())
def server(request: pytest.FixtureRequest) -> Iterator[FakeRuntime]:
    with fake_runtime(request.param) as fake:
        yield fake


@pytest.fixture
def cpp() -> Iterator[FakeRuntime]:
    with fake_runtime(Make.CPP) as fake:
        yield fake


@pytest.fixture
def engine(cpp: FakeRuntime) -> Iterator[FunasrServerEngine]:
    with driven(cpp.scheme) as found:
        yield found


def until(true: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def final(engine: FunasrServerEngine, audio: Waveform, **more: Any) -> Decoding:
    [decoding] = engine.decode([DecodingJob(audio, **more)])
    return decoding


def words_of(decoding: Decoding) -> str:
    """Without the mark at the end, which only the C++ server sets."""
    return decoding.text.rstrip(".。")


def partial(engine: FunasrServerEngine, audio: Waveform, earlier: Decoding = EMPTY, **more: Any) -> Decoding:
    [decoding] = engine.decode([DecodingJob(audio, earlier=earlier, final=False, **more)])
    return decoding


def partial_with(engine: FunasrServerEngine, text: str, audio: Waveform, earlier: Decoding = EMPTY) -> Decoding:
    """The partial once its text has come."""
    found = [partial(engine, audio, earlier)]

    def come() -> bool:
        found[0] = partial(engine, audio, found[0])
        return found[0].text == text

    until(come)
    return found[0]


def test_finals_say_what_was_said_whichever_server_it_is(server: FakeRuntime) -> None:
    with driven(server.scheme) as engine:
        assert words_of(final(engine, said("one two three"))) == "one two three"
        assert words_of(final(engine, said("你 好 吗"))) == "你好吗"


def test_segments_that_the_server_cuts_are_one_final(server: FakeRuntime) -> None:
    with driven(server.scheme) as engine:
        audio = said("one two - - - - three - - - - 你 好 - - - - 吗")
        assert words_of(final(engine, audio)) == "one two three 你好吗"


def test_silence_is_no_text(server: FakeRuntime) -> None:
    with driven(server.scheme) as engine:
        assert final(engine, said("- - -")).text == ""
        assert final(engine, np.zeros(0, np.float32)).text == ""


def test_partials_come_while_the_utterance_goes_on(server: FakeRuntime) -> None:
    with driven(server.scheme) as engine:
        audio = said("one two three four - - one")
        first = partial_with(engine, "one two three", audio[: 20 * 960])
        second = partial_with(engine, "one two three four", audio[: 30 * 960], first)
        assert words_of(final(engine, audio, earlier=second)) == "one two three four one"
    assert server.requests[-2]["mode"] == "online"
    assert server.requests[-1]["mode"] == "offline"


def test_of_what_was_sent_nothing_is_sent_again_even_if_a_job_is_repeated(
    cpp: FakeRuntime, engine: FunasrServerEngine
) -> None:
    audio = said("one two three four")
    begun = partial(engine, audio[:3_000])
    longer = partial(engine, audio[:15_000], begun)
    for length in (15_000, 9_000, 14_999):
        partial(engine, audio[:length], begun)
    partial_with(engine, "one", audio[:15_000] * np.float32(0.5), longer)
    until(lambda: len(cpp.received[1]) == 15_000 // 960 * 1_920)
    assert [word.text for word in heard(bytes(cpp.received[1]))] == ["one", "two", "three"]


def test_partials_do_not_wait_for_a_server_that_says_nothing(cpp: FakeRuntime, engine: FunasrServerEngine) -> None:
    cpp.answering.clear()
    audio = said("one two three")
    decoding = EMPTY
    for end in range(1_600, len(audio), 1_600):
        decoding = partial(engine, audio[:end], decoding)
        assert decoding.text == ""
    cpp.answering.set()
    assert partial_with(engine, "one", audio, decoding).text == "one"


def test_finals_of_a_batch_are_waited_for_together(cpp: FakeRuntime, engine: FunasrServerEngine) -> None:
    texts = ["one", "two", "three four", "one one", "你 好", "- -"]
    cpp.together = cpp.waiting + len(texts)
    jobs = [DecodingJob(said(text)) for text in texts]
    live = [DecodingJob(said("one"), final=False)]
    decodings = engine.decode([*jobs[:3], *live, *jobs[3:]])
    assert [words_of(decoding) for decoding in decodings] == ["one", "two", "three four", "", "one one", "你好", ""]


def test_a_final_is_the_same_whatever_was_shown_before(cpp: FakeRuntime, engine: FunasrServerEngine) -> None:
    audio = said("one two three four")
    alone = final(engine, audio)
    shown = partial_with(engine, "one two three", audio[: 20 * 960])
    loud = replace(shown, text="four three two one")
    assert final(engine, audio, earlier=loud) == alone
    assert words_of(final(engine, audio[:14_400], earlier=shown)) == "one two three"


def test_an_utterance_that_goes_on_after_a_pause_is_heard_on(cpp: FakeRuntime, engine: FunasrServerEngine) -> None:
    audio = said("one two - three four - -")
    shown = partial_with(engine, "one two", audio[: 20 * 960])
    paused = final(engine, audio[: 15 * 960], earlier=shown)
    assert words_of(paused) == "one two"
    assert partial_with(engine, "one two three four", audio, paused).text == "one two three four"
    assert [request["mode"] for request in cpp.requests] == ["offline", "online", "offline"]


def test_words_have_the_times_that_the_cpp_server_tells(engine: FunasrServerEngine) -> None:
    decoding = final(engine, said("- one 你 好"))
    assert [(word.text, word.start, word.end) for word in decoding.words] == [
        ("one", 4_800, 8_640),
        ("你", 9_600, 13_440),
        ("好。", 14_400, 18_240),
    ]
    chances = [word.confidence for word in decoding.words]
    assert np.prod(chances) == pytest.approx(decoding.confidence) == pytest.approx(0.8)


def test_hotwords_are_sent_in_the_form_that_is_set(cpp: FakeRuntime) -> None:
    hotwords = (Hotword("阿里巴巴", 2.0), Hotword("one"))
    forms: Mapping[str, object] = {"json": '{"阿里巴巴": 40, "one": 20}', "words": "阿里巴巴 one", "none": None}
    for form, expected in forms.items():
        with driven(cpp.scheme, hotwords=form) as engine:
            assert engine.capabilities.hotwords == (form != "none")
            final(engine, said("one"), hotwords=hotwords)
            partial_with(engine, "one two", said("one two - -"), partial(engine, said("one"), hotwords=hotwords))
        assert [request.get("hotwords") for request in cpp.requests[-2:]] == [expected, expected]


def test_a_server_without_a_streaming_model_is_asked_for_no_partials(cpp: FakeRuntime) -> None:
    with driven(cpp.scheme, mode="offline", languages=("zh",)) as engine:
        assert not engine.capabilities.partials
        assert engine.capabilities.languages == ("zh",)
        shown = partial(engine, said("one two"))
        assert shown.text == ""
        assert words_of(final(engine, said("one two"), earlier=shown)) == "one two"
    assert {request["mode"] for request in cpp.requests} == {"offline"}


def test_what_nobody_holds_any_more_is_hung_up(cpp: FakeRuntime, engine: FunasrServerEngine) -> None:
    shown = partial(engine, said("one two"))
    until(lambda: cpp.open_connections == 1)
    kept = replace(shown, text="")
    del shown
    gc.collect()
    assert partial(engine, said("one two - -"), kept).state is kept.state
    del kept
    gc.collect()
    until(lambda: cpp.open_connections == 0)


def test_an_engine_that_nobody_holds_ends_its_thread(cpp: FakeRuntime) -> None:
    engine = FunasrServerEngine(FunasrServerSettings(url=cpp.scheme))
    shown = partial(engine, said("one"))
    [thread] = [thread for thread in threading.enumerate() if thread.name == "funasr-server"]
    del engine
    gc.collect()
    # What goes on needs the thread.
    assert thread.is_alive()
    del shown
    gc.collect()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_partials_go_on_where_the_server_hung_up(cpp: FakeRuntime, engine: FunasrServerEngine) -> None:
    audio = said("one two three four - -")
    kept = partial_with(engine, "one", audio[: 10 * 960])
    cpp.cut = 1
    kept = partial(engine, audio[: 20 * 960], kept)
    until(lambda: cpp.cut == 0)
    behind: list[str] = []

    def come() -> bool:
        nonlocal kept
        [kept] = engine.decode([DecodingJob(audio, earlier=kept, held=1, final=False)])
        behind.append(kept.text)
        return kept.text == "one two three four"

    until(come)
    assert behind[0] == "one"
    assert "" not in behind
    assert len(cpp.requests) == 3


def test_a_final_whose_connection_fails_is_tried_once_more(cpp: FakeRuntime, engine: FunasrServerEngine) -> None:
    cpp.cut = 1
    assert words_of(final(engine, said("one two three four"))) == "one two three four"
    assert len(cpp.requests) == 3


def test_a_final_that_fails_twice_is_what_the_partials_were(cpp: FakeRuntime, engine: FunasrServerEngine) -> None:
    audio = said("one two three four")
    shown = partial_with(engine, "one two three", audio[: 20 * 960])
    cpp.cut = 2
    rescued = final(engine, audio, earlier=shown)
    assert rescued.text == "one two three"
    assert 0 < rescued.confidence < 0.8
    cpp.cut = 2
    longer = replace(shown, text="one two three, four")
    assert words_of(final(engine, audio, earlier=longer)) == "one two three, four"


def test_one_without_partials_is_an_error_and_the_next_is_not(cpp: FakeRuntime, engine: FunasrServerEngine) -> None:
    cpp.cut = 2
    with pytest.raises(EngineUnavailable, match="the FunASR server at"):
        final(engine, said("one two three four"))
    assert words_of(final(engine, said("one two three four"))) == "one two three four"


def test_a_server_that_never_answers_is_waited_for_twice_and_no_longer(cpp: FakeRuntime) -> None:
    with driven(cpp.scheme, timeout_s=0.3) as engine:
        cpp.answering.clear()
        with pytest.raises(EngineUnavailable, match="does not answer; see to it"):
            final(engine, said("one"))
        assert len(cpp.requests) == 3
        with pytest.raises(EngineUnavailable, match="does not answer; see to it"):
            final(engine, said("one"))
        assert len(cpp.requests) == 4
        cpp.answering.set()
        assert words_of(final(engine, said("one"))) == "one"


def test_a_server_that_says_it_failed_is_asked_once_more() -> None:
    with fake_runtime(Make.PYTHON_ACKNOWLEDGING) as fake, driven(fake.scheme) as engine:
        fake.fails = True
        with pytest.raises(RecognitionError, match="the FunASR server says that it failed"):
            final(engine, said("- -"))
        assert len(fake.requests) == 3


def test_messages_that_mean_nothing_are_dropped(cpp: FakeRuntime, engine: FunasrServerEngine) -> None:
    cpp.rubbish = True
    assert words_of(final(engine, said("one two"))) == "one two"
    assert partial_with(engine, "one two", said("one two - -")).text == "one two"


def test_a_server_that_is_started_again_loses_nothing() -> None:
    with fake_runtime(Make.CPP) as gone:
        engine = FunasrServerEngine(FunasrServerSettings(url=gone.scheme))
        shown = partial_with(engine, "one two", said("one two - -"))
    answers: list[Decoding] = []
    deciding = threading.Thread(target=lambda: answers.append(final(engine, said("one two three"), earlier=shown)))
    deciding.start()
    with fake_runtime(Make.CPP, port=gone.port):
        deciding.join()
        assert [words_of(answer) for answer in answers] == ["one two three"]
        assert partial_with(engine, "one two", said("one two - -")).text == "one two"
        engine.close()


def test_that_it_was_lost_and_is_back_is_logged_once(capsys: pytest.CaptureFixture[str]) -> None:
    with fake_runtime(Make.CPP) as gone:
        engine = FunasrServerEngine(FunasrServerSettings(url=gone.scheme, timeout_s=0.5))
    for _ in range(3):
        with pytest.raises(RecognitionError):
            final(engine, said("one"))
    with fake_runtime(Make.CPP, port=gone.port):
        assert [words_of(final(engine, said("one"))) for _ in range(2)] == ["one", "one"]
        engine.close()
    logged = capsys.readouterr().out
    assert [logged.count(event) for event in ("funasr_server_lost", "funasr_server_back")] == [1, 1]


def test_while_it_is_gone_partials_stay_as_they_were(cpp: FakeRuntime) -> None:
    with fake_runtime(Make.CPP) as gone:
        engine = FunasrServerEngine(FunasrServerSettings(url=gone.scheme, timeout_s=0.3))
        shown = partial_with(engine, "one two", said("one two - -"))
    state: Any = shown.state
    until(lambda: state.broken_for_s is not None)
    later = partial(engine, said("one two - - three"), shown)
    assert later.text == "one two"
    assert words_of(final(engine, said("one two - - three"), earlier=later)) == "one two"
    with pytest.raises(RecognitionError):
        final(engine, said("one"))
    engine.close()


def test_the_oldest_server_says_nothing_to_silence_and_is_not_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    with fake_runtime(Make.PYTHON_2023) as fake, driven(fake.scheme, timeout_s=1.0) as engine:
        assert "funasr_server_does_not_answer_silence" in capsys.readouterr().out
        assert words_of(final(engine, said("one two"))) == "one two"
        assert final(engine, said("- -")).text == ""
        assert len(fake.requests) == 3


def test_tls_is_spoken_and_a_certificate_of_its_own_is_taken_where_that_is_said(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with fake_runtime(Make.PYTHON_2024, tls=context) as fake:
        url = fake.scheme.replace("ws:", "wss:")
        with driven(url, verify_tls=False) as engine:
            assert words_of(final(engine, said("one two"))) == "one two"
        told = complaint(url)
        assert "cannot be trusted (self-signed certificate)" in told
        assert "set recognizer.funasr_server.verify_tls = false" in told
        assert "with wss:// where it speaks TLS" in complaint(fake.scheme)


@contextmanager
def listener(greeting: bytes) -> Iterator[int]:
    """The port of something that says this to whoever calls first, and waits for him to go."""

    def answer() -> None:
        caller, _ = taken.accept()
        with caller:
            caller.sendall(greeting)
            with suppress(ConnectionError):
                while caller.recv(4_096):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as taken:
        thread = threading.Thread(target=answer)
        thread.start()
        yield taken.getsockname()[1]
        thread.join()


def complaint(url: str, **settings: Any) -> str:
    """The one sentence in which a server is said not to be usable."""
    with pytest.raises(EngineUnavailable) as told, driven(url, **settings):
        pass
    assert "\n" not in str(told.value)
    assert not [thread for thread in threading.enumerate() if thread.name == "funasr-server"]
    return str(told.value)


def test_without_an_address_there_is_no_engine() -> None:
    assert 'for example "wss://10.0.0.7:10095"' in complaint("")


def test_a_server_that_is_not_there_is_told_with_its_address_and_no_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    told = complaint(f"ws://me:secret@127.0.0.1:{port}", timeout_s=1.0)
    assert f"the FunASR server at 127.0.0.1:{port} cannot be reached" in told
    assert "start it, or correct recognizer.funasr_server.url" in told
    assert "secret" not in told


def test_one_that_speaks_no_tls_is_told() -> None:
    with listener(b"SSH-2.0-OpenSSH\r\n" * 8) as port:
        assert "does not speak TLS; write ws://" in complaint(f"wss://127.0.0.1:{port}")


def test_one_that_speaks_something_else_is_told() -> None:
    with listener(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as port:
        assert "answers HTTP and no WebSocket" in complaint(f"ws://127.0.0.1:{port}")
    with listener(b"SSH-2.0-OpenSSH\r\n" * 8) as port:
        assert "does not answer as one" in complaint(f"ws://127.0.0.1:{port}")


def test_one_that_listens_and_says_nothing_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"ws://127.0.0.1:{mute.getsockname()[1]}"
        assert "does not answer; see to it" in complaint(url, timeout_s=0.3)


def test_one_of_the_other_protocol_is_told(cpp: FakeRuntime) -> None:
    told = complaint(cpp.scheme, protocol="realtime", timeout_s=0.5)
    assert "recognizer.funasr_server.protocol" in told


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"url": "http://127.0.0.1:10095"}, "ws://"),
        ({"url": "wss://"}, "ws://"),
        ({"chunk_size": (5, 0, 5)}, "chunk_size"),
        ({"chunk_size": (-1, 10, 5)}, "chunk_size"),
        ({"timeout_s": 0.0}, "timeout_s"),
        ({"timeout_s": 61.0}, "timeout_s"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: Mapping[str, Any], part: str) -> None:
    with pytest.raises(ValueError, match=part):
        FunasrServerSettings(**settings)


def test_two_utterances_at_once_do_not_mix(cpp: FakeRuntime, engine: FunasrServerEngine) -> None:
    one, other = said("one one one one - -"), said("你 你 你 你 - -")
    decodings = [EMPTY, EMPTY]
    for end in chain(range(960, len(one), 960), [len(one)] * 500):
        jobs = [
            DecodingJob(audio[:end], earlier=earlier, final=False)
            for audio, earlier in zip((one, other), decodings, strict=True)
        ]
        decodings = list(engine.decode(jobs))
        if decodings[0].text.count("one") == 4 and decodings[1].text.count("你") == 4:
            break
        time.sleep(0.01)
    assert [decoding.text for decoding in decodings] == ["one one one one", "你你你你"]


def test_a_connection_let_go_in_the_last_moment_is_closed(cpp: FakeRuntime) -> None:
    """The loop ends before the task that closes it has begun."""
    with driven(cpp.scheme) as engine:
        line, network = engine._line, engine._network
        opened = network.start(line.open(engine._dialogue(Request(live=False)))).result()
        network.post(lambda: line.let_go(opened))
    assert opened.state is State.CLOSED


def test_finals_that_were_begun_come_each_when_it_is_answered(cpp: FakeRuntime, engine: FunasrServerEngine) -> None:
    cpp.answering.clear()
    slow = engine.begin(DecodingJob(said("one two")))
    until(lambda: cpp.waiting == 2)
    assert not slow.done()
    cpp.answering.set()
    assert words_of(slow.result(PATIENCE_S)) == "one two"


def test_a_final_that_nobody_wants_any_more_is_hung_up(cpp: FakeRuntime, engine: FunasrServerEngine) -> None:
    cpp.answering.clear()
    answer = engine.begin(DecodingJob(said("one two")))
    until(lambda: cpp.open_connections == 1)
    answer.cancel()
    until(lambda: cpp.open_connections == 0)
    cpp.answering.set()
    assert words_of(final(engine, said("three"))) == "three"


def test_one_final_that_does_not_come_makes_nobody_impatient_while_others_come(cpp: FakeRuntime) -> None:
    with driven(cpp.scheme, timeout_s=0.5) as engine:
        cpp.together = 10
        slow = engine.begin(DecodingJob(said("one two")))
        until(lambda: cpp.waiting == 2)
        cpp.together = 0
        assert words_of(final(engine, said("three"))) == "three"
        assert words_of(slow.result(PATIENCE_S)) == "one two"
        assert not engine._given_up
