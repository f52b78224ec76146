"""Train abacus, the bundled model, from nothing: ``make abacus`` or ``python -m hyperscale.abacus.train``.

Two CPU processes average their gradients (one thread each: two OpenMP threads beside anything else are many times slower), or
one process uses a GPU. Weights and activations are bfloat16 with float32 master weights. Stopping is safe at any moment: the
next start goes on from the last checkpoint.
"""

import argparse
import json
import math
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.multiprocessing.spawn import spawn
from transformers import AttentionInterface, PreTrainedTokenizerBase, Qwen3Config, Qwen3ForCausalLM

from hyperscale.abacus import modchain, trace
from hyperscale.abacus.batches import IGNORED, Batch, Encoder, Stage, collate, training_batches
from hyperscale.abacus.tokenizer import build_tokenizer
from hyperscale.cpu import compute_on_cpu
from hyperscale.retrofit.master import MasterWeights

ATTENTION = "abacus_training"
PEAK_RATE, FINAL_RATE, WARM_UP = 3e-3, 0.03, 200
CHECKPOINT_EVERY = 400


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a run is: where it writes, how many tokens it sees and with how many processes."""

    out: Path
    total_tokens: int
    workers: int = 2
    device: str = "cpu"
    seed: int = 0
    port: int = 29577


def config(tokenizer: PreTrainedTokenizerBase) -> Qwen3Config:
    return Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        intermediate_size=320,
        tie_word_embeddings=True,
        max_position_embeddings=4096,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def plain_attention(
    module: nn.Module,
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    mask: None,
    scaling: float,
    causal: torch.Tensor,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention as two products and a softmax: on CPUs its bfloat16 backward is far faster than the fused kernel's."""
    rows, heads, width, dim = q.shape
    groups = k.shape[1]
    q = q.reshape(rows, groups, heads // groups * width, dim)
    scores = (q @ k.transpose(2, 3) * scaling).view(rows, groups, -1, width, width) + causal
    weights = torch.softmax(scores, -1).view(rows, groups, -1, width)
    return (weights @ v).view(rows, heads, width, dim).transpose(1, 2), None


AttentionInterface.register(ATTENTION, plain_attention)


def logits_of(model: Any, ids: torch.Tensor) -> torch.Tensor:
    width = ids.shape[1]
    causal = torch.full((width, width), -math.inf, dtype=model.dtype, device=ids.device).triu(1)
    positions = torch.arange(width, device=ids.device).expand(ids.shape[0], width)
    logits: torch.Tensor = model(ids, position_ids=positions, use_cache=False, causal=causal).logits
    return logits


def loss_of(model: Any, batch: Batch) -> torch.Tensor:
    logits = logits_of(model, batch.ids).float()
    return nn.functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORED)


def rate_at(progress: float, step: int) -> float:
    cosine = FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return PEAK_RATE * cosine * min(1.0, (step + 1) / WARM_UP)


@torch.no_grad()
def probe(model: Any, tokenizer: PreTrainedTokenizerBase, length: int, device: str, count: int = 24) -> float:
    """Share of slip-free chains of one path length whose every token is the model's first choice."""
    rng, encode, rows = random.Random(length), Encoder(tokenizer), []
    for i in range(count):
        problem = modchain.generate(modchain.TRAINING_SEEDS_START + i, (length, length))
        rows.append(encode(problem, trace.completion(problem, rng, slip=0.0)))
    batch = collate(rows, tokenizer.pad_token_id)
    choice = logits_of(model, batch.ids.to(device)).argmax(-1).cpu()
    return ((choice == batch.targets) | (batch.targets == IGNORED)).all(1).float().mean().item()


def work(rank: int, recipe: Recipe) -> None:
    compute_on_cpu()
    torch.manual_seed(recipe.seed)
    if recipe.workers > 1:
        address = f"tcp://127.0.0.1:{recipe.port}"
        dist.init_process_group("gloo", init_method=address, rank=rank, world_size=recipe.workers)
    tokenizer = build_tokenizer()
    model = Qwen3ForCausalLM(config(tokenizer)).to(recipe.device)
    model.set_attn_implementation(ATTENTION)
    masters = MasterWeights(list(model.parameters()), PEAK_RATE, betas=(0.9, 0.98), decay=0.1)
    model.to(torch.bfloat16)
    checkpoint = recipe.out / "checkpoint.pt"
    step, seen = 0, 0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=recipe.device)
        step, seen = state["step"], state["seen"]
        masters.restore(state)
    stage, batches = None, None
    started, running = time.time(), 0.0
    while seen < recipe.total_tokens:
        progress = seen / recipe.total_tokens
        if batches is None or Stage.at(progress) != stage:
            stage = Stage.at(progress)
            batches = training_batches(Encoder(tokenizer), rank, step, stage)
        batch = next(batches)
        loss = loss_of(model, Batch(batch.ids.to(recipe.device), batch.targets.to(recipe.device)))
        loss.backward()  # type: ignore[no-untyped-call]
        masters.step(rate_at(progress, step), recipe.workers)
        running += (loss.item() - running) * (0.02 if step else 1.0)
        count = torch.tensor(float(batch.ids.numel()))
        if recipe.workers > 1:
            dist.all_reduce(count)
        seen, step = seen + int(count), step + 1
        if rank == 0 and step % CHECKPOINT_EVERY == 0:
            state = {"step": step, "seen": seen, **masters.state()}
            torch.save(state, checkpoint.with_suffix(".new"))
            os.replace(checkpoint.with_suffix(".new"), checkpoint)
            exact = " ".join(f"n={n}:{probe(model, tokenizer, n, recipe.device):.2f}" for n in (5, 8, 12, 18))
            print(
                f"step {step} tokens {seen / 1e6:.1f}M loss {running:.4f} {stage} exact {exact} [{time.time() - started:.0f}s]",
                flush=True,
            )
    if rank == 0:
        save(masters, model, tokenizer, recipe.out)


def save(masters: MasterWeights, model: Any, tokenizer: PreTrainedTokenizerBase, out: Path) -> None:
    """Write the float32 master weights, tokenizer and generation settings in the hub's layout."""
    model.float()
    with torch.no_grad():
        for parameter, master in zip(masters.parameters, masters.masters, strict=True):
            parameter.copy_(master)
    model.set_attn_implementation("eager")
    model.generation_config.update(do_sample=True, temperature=1.0, top_p=1.0, top_k=0)
    model.save_pretrained(out / "model")
    tokenizer.save_pretrained(out / "model")
    (out / "model" / "hyperscale.json").write_text(json.dumps({"base_model": "abacus", "licence": "Apache-2.0"}) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/abacus-training"))
    parser.add_argument("--tokens", type=int, default=38_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    workers = options.workers if options.device == "cpu" else 1
    recipe = Recipe(options.out, options.tokens, workers=workers, device=options.device)
    recipe.out.mkdir(parents=True, exist_ok=True)
    if recipe.workers > 1:
        spawn(work, args=(recipe,), nprocs=recipe.workers)  # type: ignore[no-untyped-call]
    else:
        work(0, recipe)


if __name__ == "__main__":
    main()
