"""Qwen3-ASR by the package qwen-asr: a language model that hears, on vLLM. It needs a GPU.

A partial follows the package's rule for streams: with each whole chunk the model hears the utterance from its beginning
again and goes on from what it wrote before, less the last tokens. The package does that for one stream at a time; here
the utterances of many channels share one call of vLLM. A final is decoded at once, from nothing but its audio.

Shi et al., "Qwen3-ASR Technical Report", arXiv 2601.21337.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asr.engine import EMPTY, ENGINE_RATE, Capabilities, Decoding, DecodingJob, Waveform
from asr.engines.pins import clashes
from asr.models import model_folder
from asr.repetition import loop_length
from asr.settings import Device, QwenSettings
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from callscribe.domain.hotword import Hotword
from callscribe.domain.language import primary, units

if TYPE_CHECKING:
    from qwen_asr import Qwen3ASRModel

LANGUAGES = {
    "zh": "Chinese",
    "en": "English",
    "yue": "Cantonese",
    "ar": "Arabic",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "pt": "Portuguese",
    "id": "Indonesian",
    "it": "Italian",
    "ko": "Korean",
    "ru": "Russian",
    "th": "Thai",
    "vi": "Vietnamese",
    "ja": "Japanese",
    "tr": "Turkish",
    "hi": "Hindi",
    "ms": "Malay",
    "nl": "Dutch",
    "sv": "Swedish",
    "da": "Danish",
    "fi": "Finnish",
    "pl": "Polish",
    "cs": "Czech",
    "fil": "Filipino",
    "fa": "Persian",
    "el": "Greek",
    "ro": "Romanian",
    "hu": "Hungarian",
    "mk": "Macedonian",
}
"""Qwen's names of languages by their ISO 639 codes."""
_CODES = {name: code for code, name in LANGUAGES.items()}
_KIND = "qwen3_asr"
_TEXT = "<asr_text>"
"""Stands between the language and the text."""
_HEADING = re.compile(r"\s*language\b\s*(\w*)", re.IGNORECASE)
_MARK = "<|"
"""With which the model's own marks begin: what looks like one would be taken for it."""
_BROKEN = "\ufffd"
"""Where tokens end within a character."""
_SHORTEST = ENGINE_RATE // 2
"""Samples below which the package, too, adds silence."""
_TOKENS_PER_SECOND = 25
"""More than anybody says in any script: the model's way out of a loop."""
_SPARE_TOKENS = 20
_AUDIO_AND_TEXT_TOKENS = 4_096
"""Room for 13 tokens a second of audio, for what was written of it, and for the marks around: two minutes."""
_CONTEXTS = 256
"""Calls whose hotwords stay written as the beginning of a prompt."""
_PINNING = ("qwen-asr", "vllm")
"""Packages that name others to the version."""
_INSTALL = "install callscribe[qwen] in an environment of its own, on a machine with an NVIDIA GPU"


@dataclass(frozen=True, slots=True)
class Written:
    """What an utterance goes on from: a decoding's state."""

    raw: str
    """All that the model wrote of it, the language before the text where it was not given."""
    chunks: int
    """Whole chunks of the audio that it is of."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A decoding that is worth the GPU's time."""

    audio: Waveform
    prompt: str
    """All up to what is to be written."""
    prefix: str
    """The end of the prompt that was written before."""
    language: str
    """Code of the language that is given; "": the model is to say."""
    chunks: int
    most_tokens: int


class QwenEngine:
    """A loaded Qwen3-ASR model. Used by one thread at a time."""

    name = "qwen"

    def __init__(self, settings: QwenSettings, device: Device = "auto") -> None:
        """Load the model that the settings name. Raises EngineUnavailable."""
        self._given = _known(settings.languages)
        model = _loaded(settings, device)
        self._settings = settings
        self._chunk = round(settings.chunk_size_sec * ENGINE_RATE)
        self._llm: Any = model.model
        self._template: Any = model.processor.apply_chat_template
        self._tokenizer: Any = model.processor.tokenizer
        self._prompt = lru_cache(maxsize=_CONTEXTS)(self._prompt_with)
        self.max_batch = settings.max_batch
        self.capabilities = Capabilities(
            languages=self._given or tuple(LANGUAGES),
            hotwords=settings.context_tokens > 0,
            identifies_language=True,
            parallel=True,
        )

    def decode(self, jobs: Sequence[DecodingJob]) -> tuple[Decoding, ...]:
        """One decoding a job, from one call of vLLM. Raises RecognitionError, EngineUnavailable when vLLM has died.

        A job that is not final and brings no whole new chunk costs nothing: what was understood before still stands.
        """
        found = [EMPTY if job.final else job.earlier for job in jobs]
        steps = {place: step for place, job in enumerate(jobs) if (step := self._step(job)) is not None}
        for (place, step), output in zip(steps.items(), self._generated(tuple(steps.values())), strict=True):
            found[place] = self._decoding(step, output)
        return tuple(found)

    def _step(self, job: DecodingJob) -> _Step | None:
        """None where there is nothing new to hear."""
        chunks = len(job.audio) // self._chunk
        state = job.earlier.state
        earlier = state if isinstance(state, Written) and not job.final else Written("", 0)
        if not (len(job.audio) if job.final else chunks > earlier.chunks):
            return None
        audio = job.audio if job.final else job.audio[: chunks * self._chunk]
        language = self._language(job.language)
        heading = f"language {LANGUAGES[language]}{_TEXT}" if language else ""
        prefix = self._settled(earlier.raw, chunks - 1)
        seconds = (len(audio) - (earlier.chunks * self._chunk if prefix else 0)) / ENGINE_RATE
        spare = _SPARE_TOKENS + (self._settings.unfixed_token_num if prefix else 0)
        return _Step(
            audio=np.pad(audio, (0, max(_SHORTEST - len(audio), 0))),
            prompt=self._prompt(job.hotwords) + heading + prefix,
            prefix=prefix,
            language=language,
            chunks=chunks,
            most_tokens=min(self._settings.max_new_tokens, spare + round(seconds * _TOKENS_PER_SECOND)),
        )

    def _language(self, tag: str) -> str:
        """Code of the language that the model is given for a job's; "": it is to say."""
        code = primary(tag)
        if code in self.capabilities.languages:
            return code
        return self._given[0] if len(self._given) == 1 else ""

    def _prompt_with(self, hotwords: tuple[Hotword, ...]) -> str:
        """A prompt up to where the model begins to write; the hotwords are what it knows of the speech beforehand."""
        messages = [
            {"role": "system", "content": self._context(hotwords)},
            {"role": "user", "content": [{"type": "audio", "audio": ""}]},
        ]
        prompt: str = self._template(messages, add_generation_prompt=True, tokenize=False)
        return prompt

    def _context(self, hotwords: Sequence[Hotword]) -> str:
        left = self._settings.context_tokens
        texts: list[str] = []
        for word in sorted(hotwords, key=lambda word: -word.weight):
            if _MARK in word.text or _TEXT in word.text:
                continue
            text = f", {word.text}" if texts else word.text
            left -= len(self._tokenizer.encode(text))
            if left < 0:
                break
            texts.append(text)
        return "".join(texts)

    def _settled(self, raw: str, chunk: int) -> str:
        """What of a text stands when the model hears chunk number `chunk` (the first is 0), and is not written anew."""
        if chunk < self._settings.unfixed_chunk_num:
            return ""
        tokens = self._tokenizer.encode(raw)
        for end in range(len(tokens) - self._settings.unfixed_token_num, 0, -1):
            text: str = self._tokenizer.decode(tokens[:end])
            # The end may lie within a character.
            if _BROKEN not in text and _MARK not in text:
                return text
        return ""

    def _generated(self, steps: Sequence[_Step]) -> list[Any]:
        """What vLLM writes for each, in one call: its CompletionOutputs."""
        if not steps:
            return []
        from vllm import SamplingParams
        from vllm.v1.engine.exceptions import EngineDeadError

        prompts = [{"prompt": step.prompt, "multi_modal_data": {"audio": [step.audio]}} for step in steps]
        sampling = [SamplingParams(temperature=0.0, max_tokens=step.most_tokens, logprobs=0) for step in steps]
        try:
            outputs = self._llm.generate(prompts, sampling_params=sampling, use_tqdm=False)
        except (ValueError, RuntimeError) as error:
            raise RecognitionError("the Qwen3-ASR model failed") from error
        except EngineDeadError as error:
            raise EngineUnavailable("vLLM's process has died; its log tells why, start the recogniser again") from error
        return [output.outputs[0] for output in outputs]

    def _decoding(self, step: _Step, output: Any) -> Decoding:
        """A confidence is that of what was written now: what stood before was judged before."""
        raw = self._without_loop(step.prefix + output.text)
        language, text = _read(raw, step.language)
        _, settled = _read(self._settled(raw, step.chunks), step.language)
        same = takewhile(lambda pair: pair[0] == pair[1], zip(units(text), units(settled), strict=False))
        return Decoding(
            tokens=tuple(output.token_ids),
            text=text,
            confidence=math.exp(min(output.cumulative_logprob, 0.0)) if text else 0.0,
            language=language,
            unsettled=len(units(text)) - sum(1 for _ in same),
            state=Written(raw, step.chunks),
        )

    def _without_loop(self, raw: str) -> str:
        tokens = self._tokenizer.encode(raw)
        loop = loop_length(tokens)
        kept: str = self._tokenizer.decode(tokens[: len(tokens) - loop]) if loop else raw
        return kept


def _read(raw: str, given: str) -> tuple[str, str]:
    """The language's code, and the text, of what the model wrote; `given` is the code that it was given, or "".

    The language is "" where it is none, or has no code here.
    """
    heading, mark, text = raw.partition(_TEXT)
    if not mark:
        # A heading that was cut short is no text.
        heading, text = (raw, "") if _HEADING.match(raw) and not given else ("", raw)
    named = _HEADING.match(heading)
    language = _CODES.get(named[1].capitalize(), "") if named else ""
    return given or language, text.replace(_BROKEN, "").strip()


def _known(languages: tuple[str, ...]) -> tuple[str, ...]:
    """The same. Raises EngineUnavailable for one that the model does not know."""
    unknown = [code for code in languages if code not in LANGUAGES]
    if unknown:
        raise EngineUnavailable(
            f"recognizer.qwen.languages names {', '.join(unknown)}; Qwen3-ASR knows {', '.join(LANGUAGES)}"
        )
    return languages


def _loaded(settings: QwenSettings, device: Device) -> Qwen3ASRModel:
    """The package's model and processor, on the GPU. Raises EngineUnavailable."""
    if device == "cpu":
        raise EngineUnavailable("Qwen3-ASR runs on a GPU only; say recognizer.device = cuda, or choose another engine")
    # vLLM tells its makers of each start otherwise.
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    try:
        # Before torch: it has torch look for GPUs in a way that leaves its own processes free to use them.
        import vllm  # noqa: F401
        import torch  # isort: skip
        from qwen_asr import Qwen3ASRModel
    except (ImportError, OSError, AttributeError, RuntimeError) as error:
        raise EngineUnavailable(f"Qwen3-ASR cannot be loaded: {_reason(error)}; {_INSTALL}") from error
    if not torch.cuda.is_available():
        raise EngineUnavailable("Qwen3-ASR runs on a GPU only, and torch finds none; choose another engine")
    folder = model_folder(settings.model)
    _check_kind(folder)
    try:
        return Qwen3ASRModel.LLM(
            model=str(folder),
            max_new_tokens=settings.max_new_tokens,
            max_model_len=_AUDIO_AND_TEXT_TOKENS + settings.context_tokens + settings.max_new_tokens,
            max_num_seqs=settings.max_batch,
            gpu_memory_utilization=settings.gpu_memory_utilization,
            limit_mm_per_prompt={"audio": 1},
        )
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        raise EngineUnavailable(f"the Qwen3-ASR model in {folder} cannot be loaded: {_reason(error)}") from error


def _check_kind(folder: Path) -> None:
    """Raises EngineUnavailable for a folder that holds no Qwen3-ASR model."""
    try:
        kind = json.loads((folder / "config.json").read_bytes()).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise EngineUnavailable(f"{folder} holds no Qwen3-ASR model (config.json is missing or damaged)") from error
    if kind != _KIND:
        raise EngineUnavailable(f"{folder} holds no Qwen3-ASR model; it is a {kind}")


def _reason(error: Exception) -> str:
    """Why a library cannot be used, and which versions it was not made for."""
    found = [f"{each.by} wants {each.package} {each.wanted} and not {each.installed}" for each in clashes(_PINNING)]
    told = f"; {', '.join(found)}: [funasr] and [lm] cannot share an environment with [qwen]" if found else ""
    return f"{_sentence(error)}{told}"


def _sentence(error: Exception) -> str:
    """The first line of what a library says, without its full stop."""
    return str(error).strip().partition("\n")[0].rstrip(".")
