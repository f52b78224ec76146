"""Load a model: the bundled one, a local folder in the hub's layout, or a hub id. One code path for all three."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from hyperscale.attention.seam import IMPLEMENTATION
from hyperscale.attention.taps import attach_taps
from hyperscale.bundled import ASSETS as ASSETS
from hyperscale.bundled import bundled_models as bundled_models
from hyperscale.bundled import locate as locate
from hyperscale.cache.cache import CacheShape
from hyperscale.checkpoint import Checkpoint, read
from hyperscale.errors import Refusal, UsageError
from hyperscale.heads import HeadLayout, LearnedHeads
from hyperscale.names import unknown

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
THINK_END = "</think>"


@dataclass(frozen=True)
class LoadedModel:
    """A model behind our attention seam, its tokenizer and what a run records about them."""

    name: str
    source: str  # folder or hub id it was loaded from
    base_model: str
    licence: str
    weights_hash: str
    module: Any
    tokenizer: Any
    generation: Mapping[str, Any]  # sampling settings the model's own generation_config states
    heads: LearnedHeads | None = None  # how to read the decisions it was trained to make

    @property
    def config(self) -> Any:
        return self.module.config

    @property
    def device(self) -> torch.device:
        return self.module.device  # type: ignore[no-any-return]

    @cached_property
    def shape(self) -> CacheShape:
        config = self.config
        dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        kv_heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        return CacheShape(config.num_hidden_layers, kv_heads, config.num_attention_heads, dim, self.module.dtype, self.device)

    @cached_property
    def stop_ids(self) -> frozenset[int]:
        stop = [self.tokenizer.eos_token_id, self.config.eos_token_id, self.module.generation_config.eos_token_id]
        flat = [token for entry in stop for token in (entry if isinstance(entry, list) else [entry])]
        return frozenset(token for token in flat if token is not None)

    @cached_property
    def tokenizer_hash(self) -> str:
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        text = backend.to_str() if backend is not None else json.dumps(self.tokenizer.get_vocab(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def revision(self) -> str | None:
        """The hub's commit, so that other processes load the same weights; None for a folder."""
        return None if Path(self.source).is_dir() or self.weights_hash == "unknown" else self.weights_hash

    @property
    def max_positions(self) -> int:
        """Positions the model was made for, scaled RoPE included."""
        rope = getattr(self.config, "rope_parameters", None) or {}
        native = rope.get("original_max_position_embeddings")
        scaled = int(native * rope.get("factor", 1)) if native else 0
        return max(int(self.config.max_position_embeddings), scaled)

    def encode_prompt(self, user_turn: str) -> list[int]:
        """Token ids of a user turn, through the chat template if there is one.

        A template writes its own special tokens (a BOS among them), so none are added to what it rendered.
        """
        if self.tokenizer.chat_template is None:
            return list(self.tokenizer(user_turn).input_ids)
        turns = [{"role": "user", "content": user_turn}]
        text = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def decode(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))


def pick_device(device: str) -> torch.device:
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise UsageError(f"There is no device {device!r}. Use auto, cpu, cuda or cuda:N.") from error
    if wanted.type not in ("cpu", "cuda"):
        raise UsageError(f"--device {device} is not supported. Use auto, cpu, cuda or cuda:N.")
    if wanted.type == "cuda" and not torch.cuda.is_available():
        raise Refusal(
            f"--device {device}: this PyTorch ({torch.__version__}) sees no GPU. Use --device cpu, or install a CUDA build."
        )
    if wanted.type == "cuda" and (wanted.index or 0) >= torch.cuda.device_count():
        raise Refusal(f"--device {device}: this machine has {torch.cuda.device_count()} GPU(s), numbered from 0.")
    return wanted


def pick_dtype(dtype: str, device: torch.device) -> torch.dtype:
    if dtype == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    if dtype not in DTYPES:
        raise unknown("dtype", dtype, ["auto", *DTYPES])
    return DTYPES[dtype]


def load_model(name: str | Checkpoint, device: str = "auto", dtype: str = "auto", revision: str | None = None) -> LoadedModel:
    """Load weights and tokenizer, put our attention behind the model and listen to its learned heads, if it has any.

    Parameters
    ----------
    name : str or Checkpoint
        A bundled model, a folder or a hub id; or the result of `Checkpoint.open`.

    Raises
    ------
    UsageError
        `name` is neither bundled, nor a folder, nor of the form ``owner/name``.
    Refusal
        The folder or hub has no such model, files are missing, the architecture has layers the cache can not serve, or its
        learned heads make no sense.
    """
    target = pick_device(device)
    checkpoint = Checkpoint.open(name, revision) if isinstance(name, str) else name
    check_architecture(checkpoint.parsed, checkpoint.asked)
    tokenizer = load_tokenizer(checkpoint)
    module = load_weights(checkpoint, pick_dtype(dtype, target))
    try:
        module = module.to(target).eval()
    except torch.OutOfMemoryError as error:
        raise Refusal(
            f"{checkpoint.asked} does not fit on {target}: {error}. Use a smaller --dtype or another --device."
        ) from error
    return LoadedModel(
        name=checkpoint.name,
        source=checkpoint.source,
        base_model=checkpoint.base_model,
        licence=checkpoint.licence,
        weights_hash=weights_hash(checkpoint),
        module=module,
        tokenizer=tokenizer,
        generation=module.generation_config.to_diff_dict(),
        heads=checkpoint.heads,
    )


def load_tokenizer(checkpoint: Checkpoint) -> Any:
    """Its own tokenizer, or that of the model it was made from, which must fit its vocabulary."""
    source = checkpoint.tokenizer_source
    if source == checkpoint.source:
        return read(AutoTokenizer, source, checkpoint.revision)
    remedy = f"{checkpoint.asked} has no tokenizer of its own: put the right tokenizer files beside its weights."
    try:
        tokenizer = read(AutoTokenizer, source, None)
    except Refusal as error:
        raise Refusal(f"{error} {remedy}") from error
    if len(tokenizer) > checkpoint.parsed.vocab_size:
        raise Refusal(
            f"The tokenizer of {source} knows {len(tokenizer)} tokens, the model {checkpoint.parsed.vocab_size}. {remedy}"
        )
    return tokenizer


def load_weights(checkpoint: Checkpoint, dtype: torch.dtype) -> Any:
    """transformers' own model with our attention, and taps where the checkpoint has learned heads."""
    heads = checkpoint.heads  # refused before anything large is read
    options = {"dtype": dtype, "config": checkpoint.parsed, "output_loading_info": True}
    module, report = read(AutoModelForCausalLM, checkpoint.source, checkpoint.revision, **options)
    if missing := sorted(report["missing_keys"]):  # they would be random numbers
        raise Refusal(
            f"The weights of {checkpoint.asked} lack {len(missing)} tensors of its architecture, {missing[0]} among them: "
            f"get all of its files, or correct its config.json."
        )
    module.set_attn_implementation(IMPLEMENTATION)
    if heads:
        attach_taps(module, heads, checkpoint.adapters if heads.layout is HeadLayout.ADAPTER else None, checkpoint.asked)
    return module


def check_architecture(config: Any, name: str) -> None:
    """Refuse what the cache can not serve: other families, and layers that are not full attention."""
    kind = getattr(config, "model_type", "?")
    if hasattr(config, "kv_lora_rank"):
        raise Refusal(f"{name} ({kind}) uses latent attention (MLA), which has no per-head keys and values to compress.")
    types = set(getattr(config, "layer_types", None) or ["full_attention"])
    if types != {"full_attention"}:
        raise Refusal(f"{name} ({kind}) has layers without full attention ({', '.join(sorted(types))}): not supported.")
    if getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        raise Refusal(f"{name} ({kind}) uses sliding-window attention ({config.sliding_window} tokens): not supported.")
    if kind not in FAMILIES:
        raise Refusal(f"{name} is of the family {kind!r}; supported are {', '.join(FAMILIES)}.")


def weights_hash(checkpoint: Checkpoint) -> str:
    """The hub's commit, or sha256 over a folder's weights and what says how to read them."""
    folder = checkpoint.folder
    if folder is None:
        return checkpoint.revision or "unknown"
    files = sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin"), folder / "config.json"])
    digest = hashlib.sha256()
    for path in [*files, *([checkpoint.metadata_file] if checkpoint.metadata_file else [])]:
        digest.update(path.name.encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
