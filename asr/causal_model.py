"""Neural language models: any causal model in the format of Hugging Face's transformers, by the package of that name.

Only weights in safetensors' format, and only architectures that transformers itself knows: no code of a model's is run.
Tried on a tiny GPT-2 (Radford et al., "Language models are unsupervised multitask learners", 2019) that the tests
train; published models and a GPU were not.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asr.settings import Device
from callscribe.domain.errors import EngineUnavailable

if TYPE_CHECKING:
    import torch

_MOST_TOKENS = 512
"""Of a text: an utterance has fewer."""


class CausalModel:
    """A loaded model; a LanguageModel. Used by one thread at a time."""

    def __init__(self, folder: Path, device: Device) -> None:
        """Load the model of a folder, on the GPU where it is wanted, or may be and torch finds one.

        On the CPU torch uses one thread from then on, in the whole process. Raises EngineUnavailable when a package or
        one of the folder's files is missing, or they do not belong together.
        """
        for pattern in ("config.json", "*.safetensors", "tokenizer*"):
            if not any(folder.glob(pattern)):
                raise EngineUnavailable(f"{folder} holds no causal language model ({pattern} is missing)")
        try:
            # Imported late: they take seconds, and only who names such a model has them.
            import torch
            import transformers
            from safetensors import SafetensorError
        except ImportError as error:
            raise EngineUnavailable(
                f"a neural language model needs the extra lm ({error}); install it with pip install 'callscribe[lm]'"
            ) from error
        self._device = _device(device)
        # Bars among the lines of a log.
        transformers.utils.logging.disable_progress_bar()
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            module, report = transformers.AutoModelForCausalLM.from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype="auto" if self._device.type == "cuda" else torch.float32,
                output_loading_info=True,
            )
        except (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError, SafetensorError) as error:
            reason = str(error).partition("\n")[0]
            raise EngineUnavailable(f"the language model in {folder} cannot be loaded: {reason}") from error
        # transformers fills up what is missing with chance.
        if report["missing_keys"] or report["mismatched_keys"]:
            raise EngineUnavailable(f"the language model in {folder} lacks weights that its config.json tells of")
        self._module = module.to(self._device).eval()
        self._begin = _begin(self._tokenizer, folder)
        self._reach = min(_MOST_TOKENS, getattr(module.config, "max_position_embeddings", None) or _MOST_TOKENS)

    def log_probabilities(self, texts: Sequence[str]) -> tuple[float, ...]:
        """As a LanguageModel's: of each text as the beginning of a document, as it is written."""
        import torch

        # What is longer than any utterance is not looked at to its end.
        rows = [[self._begin, *self._tokenizer.encode(text, add_special_tokens=False)][: self._reach] for text in texts]
        if not rows:
            return ()
        # What is filled up stands behind: a causal model does not look there.
        tokens = torch.zeros((len(rows), max(map(len, rows))), dtype=torch.long)
        told = torch.zeros_like(tokens)
        for place, row in enumerate(rows):
            tokens[place, : len(row)] = torch.tensor(row)
            told[place, : len(row)] = 1
        tokens, told = tokens.to(self._device), told.to(self._device)
        with torch.inference_mode():
            logits = self._module(input_ids=tokens, attention_mask=told, use_cache=False).logits[:, :-1].float()
        chosen = logits.gather(-1, tokens[:, 1:, None]).squeeze(-1) - logits.logsumexp(-1)
        return tuple((chosen * told[:, 1:]).sum(-1).tolist())


def _device(wanted: Device) -> "torch.device":
    import torch

    found = torch.cuda.is_available()
    if wanted == "cuda" and not found:
        raise EngineUnavailable("second_pass.device is cuda, but this torch finds no GPU; say cpu or auto")
    if found and wanted != "cpu":
        return torch.device("cuda")
    torch.set_num_threads(1)
    return torch.device("cpu")


def _begin(tokenizer: object, folder: Path) -> int:
    """The token that a text begins after; models without one of their own learnt the end of the text before as that."""
    for name in ("bos_token_id", "eos_token_id"):
        token = getattr(tokenizer, name, None)
        if isinstance(token, int):
            return token
    raise EngineUnavailable(f"the tokenizer of the language model in {folder} has no token with which a text begins")
