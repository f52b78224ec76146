"""Outline: a model without its weights, which is enough to say where a run lies and what it would cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GenerationConfig

from hyperscale.checkpoint import Checkpoint
from hyperscale.errors import Refusal
from hyperscale.models import LoadedModel, check_architecture, load_tokenizer, weights_hash


@dataclass(frozen=True)
class Outline(LoadedModel):
    """A `LoadedModel` whose module has shapes and settings but no memory; prompts are encoded once each."""

    encoded: dict[str, list[int]] = field(default_factory=dict)

    def encode_prompt(self, user_turn: str) -> list[int]:
        if user_turn not in self.encoded:
            self.encoded[user_turn] = super().encode_prompt(user_turn)
        return self.encoded[user_turn]


def outline(checkpoint: Checkpoint, dtype: torch.dtype) -> Outline:
    """What `hyperscale.models.load_model` would load, but for the weights; only a folder's are read, for their hash.

    Raises
    ------
    Refusal
        The tokenizer cannot be had, or the architecture has layers that the cache can not serve.
    """
    check_architecture(checkpoint.parsed, checkpoint.asked)
    with torch.device("meta"):
        module = AutoModelForCausalLM.from_config(checkpoint.parsed, dtype=dtype, trust_remote_code=False)
    if checkpoint.file("generation_config.json"):
        module.generation_config = _generation(checkpoint)
    return Outline(
        name=checkpoint.name,
        source=checkpoint.source,
        base_model=checkpoint.base_model,
        licence=checkpoint.licence,
        weights_hash=weights_hash(checkpoint),
        module=module,
        tokenizer=load_tokenizer(checkpoint),
        generation=_stated(module),
        heads=checkpoint.heads,
    )


def _generation(checkpoint: Checkpoint) -> Any:
    try:
        return GenerationConfig.from_pretrained(checkpoint.source, revision=checkpoint.revision)
    except (OSError, ValueError) as error:
        raise Refusal(f"The generation_config.json of {checkpoint.asked} cannot be read: {error}. Restore the file.") from error


def _stated(module: Any) -> Mapping[str, Any]:
    stated: Mapping[str, Any] = module.generation_config.to_diff_dict()
    return stated
