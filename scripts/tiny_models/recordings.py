"""The utterances that tests play: known voices, sentences of the vocabulary, as mu-law WAV files with their texts."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scripts.tiny_models.telephone import RATE, Codes, Line, decoded
from scripts.tiny_models.vocabulary import CHINESE, ENGLISH, NAMES, Vocabulary
from scripts.tiny_models.voices import Voice

_MU_LAW = 7
"""WAV's number for it (RFC 2361)."""
_MARGIN_S = 0.15
_LINE = Line(speech=0.35, noise=0.001)
_BIAS = 33
"""Of mu-law's magnitudes in 14 bits."""


@dataclass(frozen=True, slots=True)
class Party:
    """One side of a call."""

    name: str
    voice: Voice
    lines: tuple[str, ...]
    """What it says, in turn with the other: runs of tokens, a comma where the voice pauses."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A call of two parties who speak in turn, the first one first."""

    vocabulary: Vocabulary
    parties: tuple[Party, Party]


SCENES = (
    Scene(
        ENGLISH,
        (
            Party(
                "agent",
                Voice("flite", "slt", 1.05, 170),
                (
                    "hello billing support",
                    "please account number",
                    "thanks,order update today",
                    "yes,refund friday",
                    "delivery address tomorrow",
                ),
            ),
            Party(
                "caller",
                Voice("espeak", "en-us+m3", 150, 45),
                (
                    "hello,problem invoice payment",
                    "four two nine seven one",
                    "no,cancel order refund please",
                    "internet password broken",
                    "thanks manager goodbye",
                ),
            ),
        ),
    ),
    Scene(
        CHINESE,
        (
            Party(
                "agent",
                Voice("espeak", "cmn-latn-pinyin+f2", 165, 50),
                ("你好,账户经理", "订单三五八二", "是的,今天退款", "明天转账支付", "账户六二四一"),
            ),
            Party(
                "caller",
                Voice("espeak", "cmn-latn-pinyin+m3", 160, 45),
                ("你好,我要退款", "不是,订单七零九", "没有密码问题", "帮我取消订单", "谢谢,再见"),
            ),
        ),
    ),
    Scene(
        NAMES,
        (
            Party(
                "agent",
                Voice("flite", "slt", 1.05, 170),
                ("hello steven meyer", "thanks,catherine schmidt", "goodbye steven"),
            ),
            Party(
                "caller",
                Voice("espeak", "en-us+m3", 150, 45),
                ("please refund schmidt order", "manager meyer today", "yes,catherine update address"),
            ),
        ),
    ),
)


def write_recordings(folder: Path) -> None:
    """All scenes' lines, in the order they are said, and `speech.json`: vocabulary, file, channel, text."""
    folder.mkdir(parents=True, exist_ok=True)
    index: list[dict[str, str | int]] = []
    for scene in SCENES:
        turns = zip(*(party.lines for party in scene.parties), strict=True)
        for number, line in enumerate(line for turn in turns for line in turn):
            channel = number % 2
            party = scene.parties[channel]
            name = f"{scene.vocabulary.name}-{number:02}-{party.name}"
            sentence = scene.vocabulary.said(*line.split(","))
            (folder / f"{name}.wav").write_bytes(_wav(_over_the_line(party.voice, sentence.spoken, name)))
            index.append(
                {
                    "vocabulary": scene.vocabulary.name,
                    "name": name,
                    "channel": channel,
                    "text": scene.vocabulary.space.join(sentence.tokens),
                }
            )
    (folder / "speech.json").write_text(json.dumps(index, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _over_the_line(voice: Voice, spoken: str, seed: str) -> Codes:
    margin = np.zeros(int(_MARGIN_S * RATE), np.float32)
    sound = np.concatenate([margin, voice.say(spoken), margin])
    return _LINE.carried(sound, np.random.default_rng(list(seed.encode())))


def _wav(codes: Codes) -> bytes:
    octets = _octets(codes)
    form = struct.pack("<HHIIHHH", _MU_LAW, 1, RATE, RATE, 1, 8, 0)
    fact = struct.pack("<I", len(octets))
    padded = octets + b"\0" * (len(octets) % 2)
    chunks = b"".join(
        name + struct.pack("<I", size) + content
        for name, size, content in (
            (b"fmt ", len(form), form),
            (b"fact", len(fact), fact),
            (b"data", len(octets), padded),
        )
    )
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


def _octets(codes: Codes) -> bytes:
    """The bytes of ITU-T G.711 mu-law: sign, segment and step, all inverted."""
    samples = decoded(codes).astype(np.int32)
    magnitude = np.abs(samples) // 4 + _BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 5
    step = (magnitude >> (segment + 1)) & 0x0F
    sign = np.where(samples < 0, 0x80, 0)
    return bytes((~(sign | segment << 4 | step) & 0xFF).astype(np.uint8))
