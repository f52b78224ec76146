"""Tiny checkpoints with learned heads, with the files, tensor names and configuration keys of the published ones."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, Qwen3Config, Qwen3ForCausalLM

from hyperscale.abacus.tokenizer import build_tokenizer

LAYERS, QUERY_HEADS, KV_HEADS, HEAD_DIM, HIDDEN = 3, 4, 2, 16, 32
THRESHOLD = 0.05  # 100 a - 5 > 0

# as in config.json of nvidia/Qwen3-8B-DMS-8x; the classes it names must never be imported
NVIDIA = {
    "auto_map": {
        "AutoConfig": "configuration_qwen3_dms.Qwen3Config",
        "AutoModelForCausalLM": "modeling_qwen3_dms.Qwen3ForCausalLM",
    },
    "dms_alpha_scale": 100.0,
    "dms_initial_alpha_offset": 5.0,
    "dms_window_size": 16,
    "dms_cr": 8,
}
# as Model-Optimizer's Qwen3ConfigDMS saves it
MODEL_OPTIMIZER = {
    "auto_map": {
        "AutoConfig": "configuration_qwen3_dms.Qwen3ConfigDMS",
        "AutoModelForCausalLM": "modeling_qwen3_dms.Qwen3ForCausalLMDMS",
    },
    "dms_alpha_per": "head",
    "dms_alpha_scale": 100.0,
    "dms_chunked_prefill": None,
    "dms_cr": 8,
    "dms_disable_eviction": False,
    "dms_initial_alpha_offset": 5.0,
    "dms_manual_inference_mode": False,
    "dms_paged_attention_block_size": 8,
    "dms_preallocate_for_tokens": 4096,
    "dms_separate_alpha": True,
    "dms_tau": 0.1,
    "dms_window_size": 16,
}
FASTDMS = {"model": "meta-llama/Llama-3.2-1B", "target_cr": 8, "context_len": 4096, "window_size": 12, "alpha_scale": 100.0}
FASTDMS |= {"alpha_offset": 5.0, "lr": 1e-05, "zeroing_steps": 2000, "steps_per_cr": 100}

GONE = object()
RAISES = "raise RuntimeError('code of a checkpoint was run')\n"


def random_model(family: str) -> PreTrainedModel:
    """Random weights under which a good share of decisions goes either way, and attention is far from uniform."""
    tokenizer = build_tokenizer()
    common: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": HIDDEN,
        "intermediate_size": 48,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": QUERY_HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_DIM,
        "max_position_embeddings": 2048,
        "eos_token_id": tokenizer.eos_token_id,
        "tie_word_embeddings": False,
    }
    with torch.random.fork_rng(devices=[]):
        model = Qwen3ForCausalLM(Qwen3Config(**common)) if family == "qwen3" else LlamaForCausalLM(LlamaConfig(**common))
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            sharp = 1.6 if name.endswith(("q_norm.weight", "k_norm.weight")) else 1.0
            parameter.copy_(sharp + 0.1 * noise if "norm" in name else 0.3 * noise)
    return model.eval()


def qwen3_borrowed(folder: Path, tokenizer: bool = False, **config: Any) -> Path:
    """Like nvidia/Qwen3-8B-DMS-8x: stock tensors, ``auto_map``, four shards, its own code, no tokenizer."""
    save(random_model("qwen3"), folder, NVIDIA | config, shards="40KB", tokenizer=tokenizer)
    for name in ("configuration_qwen3_dms.py", "modeling_qwen3_dms.py", "dms_attention.py", "dms_cache.py"):
        (folder / name).write_text(RAISES)
    return folder


def llama_borrowed(folder: Path, metadata: dict[str, Any] | None = None, log: dict[str, Any] | None = None) -> Path:
    """Like shisa-ai/Llama-3.2-1B-DMS-8x: stock tensors and configuration, settings in a file of their own."""
    save(random_model("llama"), folder, {}, tokenizer=True)
    if metadata is not None:
        (folder / "dms_metadata.json").write_text(json.dumps(metadata))
    if log is not None:
        (folder.parent / "training_log.json").write_text(json.dumps({"config": log, "log": []}))
    return folder


@dataclass(frozen=True)
class Broken:
    """What is wrong with an adapter checkpoint: tensors to drop or to replace, by their names."""

    without: tuple[str, ...] = ()
    replaced: tuple[tuple[str, tuple[int, ...]], ...] = ()


def qwen3_adapters(folder: Path, broken: Broken = Broken(), shards: str = "5GB", **config: Any) -> Path:
    """Like the student that Model-Optimizer extracts: two more tensors in every layer, no ``architectures``."""
    save(random_model("qwen3"), folder, MODEL_OPTIMIZER | config, shards=shards, tokenizer=True)
    generator = torch.Generator().manual_seed(8)
    new = {}
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}.self_attn.dms_proj_alpha"
        new[f"{prefix}.weight"] = 0.02 * torch.randn(KV_HEADS, HIDDEN, generator=generator)
        new[f"{prefix}_norm.weight"] = 1 + 0.1 * torch.randn(HIDDEN, generator=generator)
    new = {name: tensor for name, tensor in new.items() if name not in broken.without}
    add_tensors(folder, new | {name: torch.zeros(shape) for name, shape in broken.replaced})
    (folder / "configuration_qwen3_dms.py").write_text(RAISES)
    (folder / "modeling_qwen3_dms.py").write_text(RAISES)
    return folder


def add_tensors(folder: Path, new: dict[str, torch.Tensor]) -> None:
    """Put tensors into a saved model, spread over its shards if it has several."""
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        save_file(load_file(folder / "model.safetensors") | new, folder / "model.safetensors", {"format": "pt"})
        return
    content = json.loads(index.read_text())
    shards = sorted(set(content["weight_map"].values()))
    for number, (name, tensor) in enumerate(new.items()):
        shard = shards[number % len(shards)]
        save_file(load_file(folder / shard) | {name: tensor}, folder / shard, {"format": "pt"})
        content["weight_map"][name] = shard
    index.write_text(json.dumps(content))


def save(model: PreTrainedModel, folder: Path, config: dict[str, Any], shards: str = "5GB", tokenizer: bool = True) -> Path:
    model.save_pretrained(folder, max_shard_size=shards)
    if tokenizer:
        build_tokenizer().save_pretrained(folder)
    edit_config(folder, **config)
    (folder / "generation_config.json").unlink()
    return folder


def edit_config(folder: Path, **changes: Any) -> None:
    """Change keys of ``config.json``; `GONE` takes them out."""
    path = folder / "config.json"
    content = json.loads(path.read_text()) | {"architectures": GONE} | changes
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not GONE}))


def tokenizer_only(folder: Path) -> Path:
    """What a base model has beside its weights."""
    random_model("qwen3").config.save_pretrained(folder)
    build_tokenizer().save_pretrained(folder)
    return folder
