"""One problem's prompt, once, for all its chains."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from hyperscale.attention.seam import forward
from hyperscale.cache.cache import KVCache
from hyperscale.cache.policy import LiveLayer, Policy, Prefill
from hyperscale.cache.prompt import PromptCache
from hyperscale.models import LoadedModel


@dataclass(frozen=True, slots=True)
class Prefilled:
    """What every chain of a problem starts from.

    Attributes
    ----------
    logits : [V]
        Of the first token to generate.
    layers : list of LiveLayer
        The policy's first live set.
    prefill_reads : float
        Entries attended to inside the prompt, per KV head.
    """

    prompt_ids: list[int]
    logits: torch.Tensor
    layers: list[LiveLayer]
    capacity: int
    prefill_reads: float


@torch.inference_mode()
def prefill(
    model: LoadedModel,
    prompt_ids: list[int],
    policy: Policy,
    capacity: int,
    observer: Callable[[int, torch.Tensor], None] | None = None,
) -> Prefilled:
    """Attend to an unpadded prompt and let the policy keep what it keeps of it.

    `observer` sees what tokens read whose attention is not dense: those of a sparse prefill, and the steps of a stepwise one.
    """
    length = len(prompt_ids)
    stepwise = getattr(policy, "prefill", Prefill.DENSE) is Prefill.STEPWISE
    dense = min(length, capacity) if stepwise else length
    prompt = policy.prompt_cache(observer) or PromptCache(policy, capacity)
    ids = torch.tensor([prompt_ids], device=model.device)
    positions = torch.arange(length, device=model.device)[None]
    for first in range(0, dense, prompt.chunk or dense):
        part = slice(first, min(first + (prompt.chunk or dense), dense))
        logits = forward(model.module, ids[:, part], positions[:, part], prompt)[0]
    reads = prompt.reads
    if dense == length:
        return Prefilled(prompt_ids, logits, prompt.layers, capacity, reads)
    cache = KVCache(model.shape, 1, policy, observer)
    cache.load(0, prompt.layers, capacity)
    for position in range(dense, length):
        cache.begin_step(positions[:, position])
        logits = forward(model.module, ids[:, position : position + 1], positions[:, position : position + 1], cache)[0]
        cache.end_step()
    reads += int(cache.meter.kv_reads[0]) / model.shape.heads
    return Prefilled(prompt_ids, logits, cache.unload(0), capacity, reads)
