"""A causal language model as small as its format allows, trained in a second on the sentences that it is to know."""

from collections.abc import Sequence
from pathlib import Path

BEGIN, UNKNOWN = "<s>", "<unk>"


def save_tiny_causal_model(folder: Path, sentences: Sequence[str], other_words: Sequence[str] = ()) -> None:
    """Write a GPT-2 of two layers with a tokenizer of whole words into an existing folder, as transformers does.

    It has the words of the sentences and, unlearnt, the others.
    """
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    split = pre_tokenizers.Sequence([pre_tokenizers.Whitespace()])
    units = [[unit for unit, _ in split.pre_tokenize_str(sentence)] for sentence in sentences]
    words = dict.fromkeys((BEGIN, UNKNOWN, *(unit for sentence in units for unit in sentence), *other_words))
    numbers = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(numbers, UNKNOWN))
    tokenizer.pre_tokenizer = split
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BEGIN, unk_token=UNKNOWN).save_pretrained(folder)
    torch.manual_seed(0)
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(numbers), n_positions=64, n_embd=32, n_layer=2, n_head=2,
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0,
        )
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), 0.01)
    for _ in range(40):
        for sentence in units:
            row = torch.tensor([[0, *(numbers[unit] for unit in sentence)]])
            optimizer.zero_grad()
            model(input_ids=row, labels=row).loss.backward()
            optimizer.step()
    model.save_pretrained(folder)
