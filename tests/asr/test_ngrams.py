"""Word n-grams in ARPA's format: what back-off gives, by hand, and what is said of files that are none."""

import gzip
import math
from pathlib import Path

import pytest

from asr.ngrams import NgramModel, read_arpa
from callscribe.domain.errors import EngineUnavailable

TRIGRAMS = r"""
made by hand for this test

\data\
ngram 1=6
ngram 2=4
ngram 3=2

\1-grams:
-2.0	<unk>	-0.1
-99	<s>	-0.5
-1.5	</s>
-1.0	summit	-0.4
-1.2	telecom	-0.3
-1.1	calling	-0.2

\2-grams:
-0.5	<s> calling	-0.25
-0.6	calling summit	-0.15
-0.7	summit telecom	-0.35
-0.8	telecom </s>

\3-grams:
-0.2	<s> calling summit
-0.1	calling summit telecom

\end\
"""


def model_of(folder: Path, text: str) -> NgramModel:
    path = folder / "model.arpa"
    path.write_text(text, encoding="utf-8")
    return read_arpa(path)


def unigrams(**log10: float) -> str:
    lines = [f"{value}\t{word}" for word, value in {"</s>": -1.0, **log10}.items()]
    return "\n".join(["\\data\\", f"ngram 1={len(lines)}", "", "\\1-grams:", *lines, "\\end\\"])


@pytest.mark.parametrize(
    ("text", "log10"),
    [
        # <s> calling; <s> calling summit; calling summit telecom; back off from (summit telecom), telecom </s>.
        ("calling summit telecom", -0.5 - 0.2 - 0.1 + (-0.35 - 0.8)),
        # back off from <s>; summit telecom, as (<s> summit) is not listed; (summit telecom) backs off to telecom </s>.
        ("Summit Telecom.", (-0.5 - 1.0) - 0.7 + (-0.35 - 0.8)),
        # back off from (summit) twice: (<s> summit) is not listed, so its weight is 1.
        ("summit calling", (-0.5 - 1.0) + (-0.4 - 1.1) + (-0.2 - 1.5)),
        # An unknown word, and what comes after it.
        ("calling Daniel summit", -0.5 + (-0.25 - 0.2 - 2.0) + (-0.1 - 1.0) + (-0.4 - 1.5)),
        ("", -0.5 - 1.5),
    ],
)
def test_probabilities_back_off_as_katz_says(tmp_path: Path, text: str, log10: float) -> None:
    (found,) = model_of(tmp_path, TRIGRAMS).log_probabilities([text])
    assert found == pytest.approx(log10 * math.log(10), rel=1e-6)


def test_texts_are_probable_each_for_itself(tmp_path: Path) -> None:
    model = model_of(tmp_path, TRIGRAMS)
    texts = ("calling summit", "summit", "telecom telecom")
    assert model.log_probabilities(texts) == tuple(model.log_probabilities([text])[0] for text in texts)
    assert model.log_probabilities([]) == ()


def test_a_packed_file_is_the_same_model(tmp_path: Path) -> None:
    packed = tmp_path / "model.arpa.gz"
    packed.write_bytes(gzip.compress(TRIGRAMS.encode()))
    text = ["calling summit telecom"]
    assert read_arpa(packed).log_probabilities(text) == model_of(tmp_path, TRIGRAMS).log_probabilities(text)


@pytest.mark.parametrize(
    ("written", "heard", "log10"),
    [
        ({"telecom": -0.25}, "TELECOM!", -0.25),
        ({"TELECOM": -0.25}, "Telecom", -0.25),
        ({"Telecom": -0.25, "telecom": -0.75}, "Telecom,", -0.25),
        ({"don't": -0.25, "dont": -0.75}, "Don’t", -0.25),
        ({"dont": -0.25}, "don't", -0.25),
        ({"four": -0.25, "two": -0.5}, "42", -0.75),
        ({"FOUR": -0.25, "TWO": -0.5}, "4-2.", -0.75),
        ({"42": -0.25, "four": -5.0, "two": -5.0}, "42", -0.25),
        ({"re": -0.25, "record": -0.5}, "re-record", -0.75),
        ({"宽": -0.25, "带": -0.5}, "宽带。", -0.75),
    ],
)
def test_words_are_found_as_the_model_writes_them(
    tmp_path: Path, written: dict[str, float], heard: str, log10: float
) -> None:
    (found,) = model_of(tmp_path, unigrams(**written)).log_probabilities([heard])
    assert found == pytest.approx((log10 - 1.0) * math.log(10), rel=1e-6)


def test_where_no_unknown_words_are_foreseen_one_is_as_rare_as_the_rarest(tmp_path: Path) -> None:
    model = model_of(tmp_path, unigrams(often=-0.5, seldom=-4.5))
    assert model.log_probabilities(["never"]) == model.log_probabilities(["seldom"])
    without_order = TRIGRAMS.replace("-2.0\t<unk>\t-0.1\n", "").replace("ngram 1=6", "ngram 1=5")
    (found,) = model_of(tmp_path, without_order).log_probabilities(["calling Daniel summit"])
    expected = -0.5 + (-0.25 - 0.2 - 1.5) - 1.0 + (-0.4 - 1.5)
    assert found == pytest.approx(expected * math.log(10), rel=1e-6)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", r"\data\ is missing"),
        ("These are no n-grams.\n", r"\data\ is missing"),
        ("\\data\\\n", "it ends too early"),
        ("\\data\\\n\\1-grams:\n", "it has no words"),
        ("\\data\\\nngram 2=4\n", "'ngram 2=4' where a count belongs"),
        (TRIGRAMS.partition("\\2-grams:")[0], "it ends too early"),
        (TRIGRAMS.replace("\\end\\", ""), "it ends too early"),
        (
            TRIGRAMS.replace("\\3-grams:", "\\4-grams:"),
            r"\3-grams: is missing, or there are more 2-grams than it tells",
        ),
        (TRIGRAMS.replace("ngram 2=4", "ngram 2=3"), r"\3-grams: is missing, or there are more 2-grams than it tells"),
        (TRIGRAMS.replace("ngram 3=2", "ngram 3=1"), r"\end\ is missing, or there are more 3-grams than it tells"),
        (TRIGRAMS.replace("ngram 3=2", "ngram 3=3"), r"line 27 is no 3-gram of its words"),
        (TRIGRAMS.replace("-1.2\ttelecom", "x\ttelecom"), "line 14 is no 1-gram of its words"),
        (TRIGRAMS.replace("calling summit\t-0.15", "calling mountain\t-0.15"), "line 19 is no 2-gram of its words"),
        (TRIGRAMS.replace("telecom </s>\n", "telecom summit calling\n"), "line 21 is no 2-gram of its words"),
        (TRIGRAMS.replace("-1.2\ttelecom", "-1.2\tsummit"), "a word stands in it twice"),
        (
            TRIGRAMS.replace("calling summit telecom", "telecom summit telecom"),
            "the first words of a 3-gram are not among the 2-grams",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_told_in_one_sentence(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        model_of(tmp_path, text)
    assert str(caught.value) == f"{tmp_path}/model.arpa is no language model in ARPA's format: {reason}"


def test_a_file_that_is_no_text_or_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.arpa"
    path.write_bytes(b"mmap lm http://kheafield.com/code format version 5\n\xff\xfe\x00")
    with pytest.raises(EngineUnavailable, match=r"model\.arpa is no language model .*: it is no text \(binary ones"):
        read_arpa(path)
    with pytest.raises(EngineUnavailable, match=r"the language model .*/none\.arpa cannot be read: .*No such file"):
        read_arpa(tmp_path / "none.arpa")
    packed = tmp_path / "model.arpa.gz"
    packed.write_bytes(gzip.compress(TRIGRAMS.encode())[:-20])
    with pytest.raises(EngineUnavailable, match=r"model\.arpa\.gz cannot be read: "):
        read_arpa(packed)
    packed.write_text(TRIGRAMS)
    with pytest.raises(EngineUnavailable, match=r"model\.arpa\.gz cannot be read: Not a gzipped file"):
        read_arpa(packed)
