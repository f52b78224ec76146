"""A retrofitted model as a folder that ``--model`` takes."""

import json
from pathlib import Path
from typing import Any

import torch

from hyperscale.attention.taps import adapter_name
from hyperscale.heads import HeadLayout, LearnedHeads
from hyperscale.models import LoadedModel


def checkpoint_tensors(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Our names -> the names of a checkpoint: stock ones, and adapters as Model-Optimizer calls them."""
    named = {}
    for name, tensor in tensors.items():
        before, tap, after = name.partition(".self_attn.tap.")
        named[adapter_name(int(before.rpartition(".")[2]), after) if tap else name] = tensor
    return named


def write_checkpoint(
    model: LoadedModel,
    tensors: dict[str, torch.Tensor],
    heads: LearnedHeads,
    folder: Path,
    dtype: torch.dtype,
    notes: dict[str, Any],
) -> None:
    """Weights, configuration, tokenizer and where they come from, in the hub's layout."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = {name: tensor.to("cpu", dtype).contiguous() for name, tensor in checkpoint_tensors(tensors).items()}
    if model.config.tie_word_embeddings:
        stored.pop("lm_head.weight", None)
    model.module.save_pretrained(folder, state_dict=stored)
    path = folder / "config.json"
    config = json.loads(path.read_text()) | heads.to_config() | _for_model_optimizer(heads)
    config["dtype"] = str(dtype).removeprefix("torch.")
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    for weights in folder.glob("*.safetensors"):
        weights.chmod(0o644)  # written for the owner alone
    model.tokenizer.save_pretrained(folder)
    about = {"base_model": model.base_model, "licence": model.licence, "retrofit": notes}
    (folder / "hyperscale.json").write_text(json.dumps(about, indent=2) + "\n")


def _for_model_optimizer(heads: LearnedHeads) -> dict[str, Any]:
    """Keys its classes want beside ours; it refuses pages that are not smaller than the window."""
    if heads.layout is HeadLayout.DMC:
        return {}
    page = next((size for size in (256, 128, 64, 32, 16, 8, 4, 2) if size < heads.window), 1)
    return {"dms_paged_attention_block_size": page, "dms_disable_eviction": False, "dms_tau": 0.1}
