"""The base's tokenizer and its chat template."""

from __future__ import annotations

from typing import Any

from lorafair.checkpoint import Checkpoint
from lorafair.errors import LorafairError


def load_tokenizer(base: Checkpoint, trust_remote_code: bool = False) -> Any:
    """The base's tokenizer, with a padding token."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(base.path, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LorafairError(
            f"{base.name} has no usable tokenizer: {error}\nCopy the model's tokenizer files."
        ) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def apply_chat_template(tokenizer: Any, chat: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
    """The chat as one text; without a generation prompt the last message is left open, as lm-eval does it."""
    return str(
        tokenizer.apply_chat_template(
            chat,
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=not add_generation_prompt,
        )
    )
