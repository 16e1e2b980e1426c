"""Imitations of qwen-asr 0.0.6 and vLLM 0.14: what the engine uses of them, their signatures, prompts and refusals.

The words are scripted: a half second of constant level is a word of WORDS, and one that is heard last may be misheard
until more follows. Weights, a GPU and likelihoods are not imitated.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest

from asr.engine import ENGINE_RATE, Waveform

WORDS = ("Hello", "there", "we", "called", "about", "order", "seven", "龘", "订", "单")
HALF = ENGINE_RATE // 2
MISHEARD = "um"
AUDIO = "<|audio_pad|>"
MARKS = ("<|im_start|>", "<|im_end|>", "<|audio_start|>", AUDIO, "<|audio_end|>", "<asr_text>")
_PIECE = re.compile("|".join(map(re.escape, MARKS)) + r"|\s?[A-Za-z]+|\s?.|\n", re.DOTALL)
_LOG_PROBABILITY = -0.01
"""Of each token that is written."""


def speech(*words: str) -> Waveform:
    """Audio in which these are heard."""
    return np.concatenate([np.full(HALF, (WORDS.index(word) + 1) / 100, np.float32) for word in words])


class Tokenizer:
    """Pieces of words, and bytes for what is not in the Latin alphabet, so that tokens may end within a character."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = [bytes([number]) for number in range(256)] + [mark.encode() for mark in MARKS]

    def encode(self, text: str) -> list[int]:
        tokens: list[int] = []
        for piece in _PIECE.findall(text):
            if piece.isascii():
                tokens.append(self._token(piece.encode()))
            else:
                tokens += list(piece.encode())
        return tokens

    def decode(self, token_ids: Sequence[int], skip_special_tokens: bool = False) -> str:
        return b"".join(self._pieces[token] for token in token_ids).decode("utf-8", "replace")

    def _token(self, piece: bytes) -> int:
        if piece not in self._pieces:
            self._pieces.append(piece)
        return self._pieces.index(piece)


class Processor:
    def __init__(self) -> None:
        self.tokenizer = Tokenizer()

    def apply_chat_template(
        self,
        conversation: list[dict[str, Any]],
        chat_template: str | None = None,
        *,
        add_generation_prompt: bool = False,
        tokenize: bool = False,
    ) -> str:
        """As the template in Qwen's repository, of which only strings are asked here."""
        assert not tokenize
        text = ""
        for message in conversation:
            content = message["content"]
            if not isinstance(content, str):
                assert [part["type"] for part in content] == ["audio"]
                content = f"<|audio_start|>{AUDIO}<|audio_end|>"
            text += f"<|im_start|>{message['role']}\n{content}<|im_end|>\n"
        return text + ("<|im_start|>assistant\n" if add_generation_prompt else "")


@dataclass
class SamplingParams:
    """Those of vLLM's that concern one text."""

    n: int = 1
    temperature: float = 1.0
    max_tokens: int | None = 16
    logprobs: int | None = None
    output_kind: str = ""

    def __post_init__(self) -> None:
        if self.max_tokens is not None and self.max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, got {self.max_tokens}.")
        if self.temperature < 0.0:
            raise ValueError(f"temperature must be non-negative, got {self.temperature}.")


class EngineDeadError(Exception):
    """vLLM's class of this name: its process has ended."""


@dataclass
class CompletionOutput:
    index: int
    text: str
    token_ids: Sequence[int]
    cumulative_logprob: float | None
    finish_reason: str | None = None


@dataclass
class RequestOutput:
    request_id: str
    prompt: str
    outputs: list[CompletionOutput]


@dataclass
class Request:
    """What `generate` was asked for one text."""

    prompt: str
    audio: Waveform
    sampling: SamplingParams

    @property
    def context(self) -> str:
        """What stands as the system's message."""
        return self.prompt.partition("system\n")[2].partition("<|im_end|>")[0]

    @property
    def prefix(self) -> str:
        """What the model is to go on from."""
        return self.prompt.partition("<|im_start|>assistant\n")[2]


def spoken(audio: Waveform) -> list[str]:
    """The words of `speech`; silence is none."""
    return [WORDS[round(float(level) * 100) - 1] for level in audio[HALF // 2 :: HALF] if level > 0]


@dataclass
class Ear:
    """What the model hears, and how it writes it; all may be changed while it runs."""

    hear: Callable[[Waveform], list[str]] = spoken
    language: str = "English"
    separator: str = " "
    unsure: str = "seven"
    """The word that is misheard where it is heard last."""
    loop: str = ""
    """What is written again and again after the words."""

    def write(self, audio: Waveform, prefix: str) -> str:
        """The model's text for the audio, from behind the prefix on."""
        words = self.hear(audio)
        heading, mark, text = prefix.rpartition("<asr_text>")
        if not mark:
            heading = f"language {self.language if words else 'None'}"
            if not heading.startswith(prefix):
                raise AssertionError(f"the model cannot go on from {prefix!r}")
        known = text.split() if self.separator else list(text)
        heard = words if len(words) < 2 or words[-1] != self.unsure else [*words[:-1], MISHEARD]
        whole = self.separator.join([*known, *heard[len(known) :]]) + self.loop * 200
        return whole[len(text) :] if mark else (heading + "<asr_text>" + whole)[len(prefix) :]


@dataclass
class Vllm:
    """vLLM's class LLM."""

    model: str
    max_model_len: int
    max_num_seqs: int
    gpu_memory_utilization: float = 0.9
    limit_mm_per_prompt: dict[str, int] = field(default_factory=dict)
    tokenizer: Tokenizer = field(default_factory=Tokenizer)
    ear: Ear = field(default_factory=Ear)
    calls: list[list[Request]] = field(default_factory=list)
    dead: bool = False

    def generate(
        self,
        prompts: Sequence[dict[str, Any]],
        sampling_params: SamplingParams | Sequence[SamplingParams] | None = None,
        *,
        use_tqdm: bool = True,
    ) -> list[RequestOutput]:
        if self.dead:
            raise EngineDeadError
        params = sampling_params if isinstance(sampling_params, Sequence) else [sampling_params] * len(prompts)
        if len(params) != len(prompts):
            raise ValueError("The lengths of prompts and params must be the same.")
        call = [self._request(prompt, sampling) for prompt, sampling in zip(prompts, params, strict=True)]
        self.calls.append(call)
        return [RequestOutput(str(place), one.prompt, [self._write(one)]) for place, one in enumerate(call)]

    def _request(self, prompt: dict[str, Any], sampling: SamplingParams | None) -> Request:
        assert sampling is not None
        if sampling.output_kind:
            raise AssertionError("parameters that vLLM has written in serve a second text")
        sampling.output_kind = "FINAL_ONLY"
        if set(prompt) != {"prompt", "multi_modal_data"} or set(prompt["multi_modal_data"]) != {"audio"}:
            raise TypeError("prompts are strings with multi_modal_data of audio")
        text, audios = prompt["prompt"], prompt["multi_modal_data"]["audio"]
        if not isinstance(text, str) or not isinstance(audios, list):
            raise TypeError("a prompt is text, its audio a list")
        if text.count(AUDIO) != len(audios) or len(audios) > self.limit_mm_per_prompt.get("audio", 999):
            raise ValueError(f"{text.count(AUDIO)} places for {len(audios)} audios")
        (audio,) = audios
        if not isinstance(audio, np.ndarray) or audio.ndim != 1 or audio.dtype != np.float32:
            raise TypeError("audio is one float32 channel")
        if len(audio) < ENGINE_RATE // 100:
            raise ValueError(f"The audio (len={len(audio)}) is too short to be represented inside the model")
        length = len(self.tokenizer.encode(text)) + 13 * len(audio) // ENGINE_RATE
        if length > self.max_model_len:
            raise ValueError(f"The decoder prompt (length {length}) is longer than the maximum model length")
        return Request(text, audio, sampling)

    def _write(self, request: Request) -> CompletionOutput:
        prefix = request.prefix
        tokens = self.tokenizer.encode(self.ear.write(request.audio, prefix))[: request.sampling.max_tokens]
        text = self.tokenizer.decode(tokens)
        return CompletionOutput(
            index=0,
            text=text,
            token_ids=tokens,
            cumulative_logprob=None if request.sampling.logprobs is None else len(tokens) * _LOG_PROBABILITY,
        )


@dataclass
class Qwen3ASRModel:
    """The package's class of this name, with its vLLM backend."""

    backend: str
    model: Vllm
    processor: Processor
    sampling_params: SamplingParams | None = None
    forced_aligner: object = None
    max_inference_batch_size: int = -1
    max_new_tokens: int | None = 512
    vllm: ClassVar[type[Vllm]] = Vllm

    @classmethod
    def LLM(  # noqa: N802 - the package's name
        cls,
        model: str,
        forced_aligner: str | None = None,
        forced_aligner_kwargs: dict[str, Any] | None = None,
        max_inference_batch_size: int = -1,
        max_new_tokens: int | None = 4096,
        **kwargs: Any,
    ) -> Qwen3ASRModel:
        if not (Path(model) / "model.safetensors").is_file():
            raise ValueError(f"Cannot find model weights with `{model}`.\nSee the documentation.")
        processor = Processor()
        return cls(
            "vllm",
            cls.vllm(model=model, tokenizer=processor.tokenizer, **kwargs),
            processor,
            SamplingParams(temperature=0.0, max_tokens=max_new_tokens),
            None,
            max_inference_batch_size,
            None,
        )


def install(monkeypatch: pytest.MonkeyPatch, *, gpu: bool = True) -> None:
    """Let the packages be found for the length of a test; without `gpu` torch finds none."""
    vllm, exceptions, torch, qwen_asr = map(ModuleType, ("vllm", "vllm.v1.engine.exceptions", "torch", "qwen_asr"))
    vars(vllm).update(LLM=Vllm, SamplingParams=SamplingParams)
    vars(exceptions)["EngineDeadError"] = EngineDeadError
    cuda = ModuleType("torch.cuda")
    vars(cuda)["is_available"] = lambda: gpu
    vars(torch)["cuda"] = cuda
    vars(qwen_asr)["Qwen3ASRModel"] = Qwen3ASRModel
    # Set first, so that what the engine sets goes away afterwards.
    monkeypatch.setenv("VLLM_NO_USAGE_STATS", "")
    monkeypatch.delenv("VLLM_NO_USAGE_STATS")
    for module in (vllm, exceptions, torch, qwen_asr):
        monkeypatch.setitem(sys.modules, module.__name__, module)
