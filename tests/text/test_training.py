import json
from dataclasses import replace

import pytest

from callscribe.text.training import TRAINING_FORMATS, examples_of, lines_by_key


def reading(text: str, spoken: str = "") -> dict[str, object]:
    return {"text": text, "spoken": spoken}


def document(text: str, final: dict[str, object], *revisions: dict[str, object]) -> dict[str, object]:
    utterance = {
        "utterance_id": "u1", "channel": 1, "start_ms": 1000, "end_ms": 2500, "text": text, "language": "en",
        "final": final, "revisions": list(revisions),
    }  # fmt: skip
    return {"utterances": [utterance]}


def lines(found: dict[str, object], style: str) -> list[dict[str, object]]:
    return [json.loads(TRAINING_FORMATS[style].line(example, "u1.wav", 1500)) for example in examples_of(found)]


def test_what_nobody_changed_is_learnt_as_it_was_spoken() -> None:
    found = document(
        "You have 5, don't you?", reading("you half"), reading("You have 5, don't you?", "You have five, don't you?")
    )
    assert lines(found, "funasr") == [
        {
            "key": "u1",
            "source": "u1.wav",
            "source_len": 150,
            "target": "you have five don't you",
            "target_len": 5,
            "text_language": "en",
        }
    ]
    assert lines(found, "whisper") == [
        {"file_name": "u1.wav", "transcription": "You have 5, don't you?", "language": "en"}
    ]


def test_what_somebody_corrected_is_learnt_as_it_stands() -> None:
    found = document("You have nine.", reading("you half"), reading("You have 5.", "You have five."))
    assert [line["target"] for line in lines(found, "funasr")] == ["you have nine"]


def test_chinese_is_learnt_by_its_characters() -> None:
    (line,) = lines(document("订单，Nimbus 五。", reading("")), "funasr")
    assert (line["target"], line["target_len"]) == ("订单 nimbus 五", 4)


def test_what_was_emptied_or_is_masked_is_not_learnt() -> None:
    (emptied,) = examples_of(document(" ", reading("you")))
    assert not emptied.learnable
    masked = {**reading("my card is [card]"), "redactions": [{"kind": "card", "start_ms": 1200, "end_ms": 2000}]}
    for readings in ((masked, reading("my card is")), (reading("my card is"), masked)):
        (example,) = examples_of(document("my card is", *readings))
        assert (example.redacted, example.learnable) == (True, False)
    (plain,) = examples_of(document("my card", {**reading("my card"), "redactions": []}))
    assert plain.learnable


@pytest.mark.parametrize("style", [*TRAINING_FORMATS])
def test_the_lines_of_a_list_are_known_by_the_utterance_and_the_last_one_wins(style: str) -> None:
    (example,) = examples_of(document("next\u2028line", reading("")))
    made = [
        TRAINING_FORMATS[style].line(replace(example, text=text), "wav/u1.wav", 1500) for text in ("old", "next\u2028")
    ]
    assert lines_by_key("".join(made) + "\n", TRAINING_FORMATS[style]) == {"u1": made[1]}
    for wrong in ("[]", "5", "{", '{"text": "a"}'):
        with pytest.raises(ValueError, match="line 2 names no sound"):
            lines_by_key(made[0] + wrong, TRAINING_FORMATS[style])


@pytest.mark.parametrize("found", [None, {}, {"utterances": 5}, {"utterances": [{}]}, {"utterances": [{"text": "a"}]}])
def test_another_document_is_refused(found: object) -> None:
    with pytest.raises(ValueError, match="no transcript"):
        examples_of(found)
