"""Hit rate: what share of the dense model's attention falls on entries that a policy still holds, found by replay."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch.nn import functional as F

from hyperscale.attention.seam import forward
from hyperscale.cache.cache import KVCache
from hyperscale.cache.vanilla import Vanilla
from hyperscale.engine.prefill import prefill
from hyperscale.engine.scheduler import CPU_BLOCK_ROWS, Plan
from hyperscale.errors import Refusal, out_of_memory
from hyperscale.models import LoadedModel

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class FinishedChain:
    """A chain to replay: its prompt, and all tokens it generated (the last was never fed back)."""

    prompt_ids: tuple[int, ...]
    token_ids: tuple[int, ...]

    @property
    def steps(self) -> int:
        """Decode forwards."""
        return len(self.token_ids) - 1


@dataclass(frozen=True, slots=True)
class HitRate:
    """The share of the dense model's attention that a policy's reads cover.

    Attributes
    ----------
    mean : float
        Over decode steps, layers and query heads; 1 where nothing that matters is gone.
    chains, steps : int
        What it was measured on.
    by_layer_and_head : tuple of tuple of float
        The mean over steps, of each layer and query head.
    """

    mean: float
    chains: int
    steps: int
    by_layer_and_head: tuple[tuple[float, ...], ...]

    def to_json(self) -> dict[str, Any]:
        heads = [list(layer) for layer in self.by_layer_and_head]
        return {"mean": self.mean, "chains": self.chains, "steps": self.steps, "by_layer_and_head": heads}


def pick_chains(keys: Iterable[Key], count: int, seed: int) -> list[Key]:
    """`count` of the chains, decided by `seed` alone: one of every problem before a second one of any."""

    def rank(key: Key) -> bytes:
        return hashlib.sha256(f"{seed}\x1f{key[0]}\x1f{key[1]}".encode()).digest()

    turns: Counter[str] = Counter()
    queue: list[tuple[int, int, Key]] = []  # turn of its problem, rank, chain
    for key in sorted(keys, key=rank):
        queue.append((turns[key[0]], len(queue), key))
        turns[key[0]] += 1
    return [key for _, _, key in sorted(queue)[:count]]


def hit_rate(model: LoadedModel, chains: Sequence[FinishedChain], plan: Plan) -> HitRate:
    """Replay chains through the policy's cache and through a dense one, and compare at every decode step.

    Both are fed the chain's own tokens. At each step the policy's cache says which positions every query head reads, and the
    dense model, which has never seen the policy, how much of its attention falls elsewhere. Step after step side by side, so
    nothing is kept but one step's positions. On a CPU the policy's blocks have as many rows as those that generated the
    chains: it decides as it did then, bit for bit.

    Parameters
    ----------
    chains : sequence of FinishedChain
        Of at least two tokens each.
    plan : Plan
        What the chains were generated with; its purse plays no part.

    Raises
    ------
    Refusal
        Memory does not suffice for the dense cache beside the policy's.
    """
    on_cpu = model.device.type == "cpu"
    together = CPU_BLOCK_ROWS if on_cpu else plan.rows
    shape = model.shape
    missed = torch.zeros(shape.layers, shape.query_heads, dtype=torch.float64, device=shape.device)
    try:
        for first in range(0, len(chains), together):
            group = chains[first : first + together]
            missed += _Replay(model, group, plan, CPU_BLOCK_ROWS if on_cpu else len(group)).run()
    except RuntimeError as error:  # that of a GPU's memory is one
        if not out_of_memory(error):
            raise
        raise Refusal(
            f"Out of memory on {model.device} while measuring the hit rate, which needs a dense cache beside the policy's: use "
            f"a smaller --rows or --hit-rate. Finished chains are kept."
        ) from error
    steps = sum(chain.steps for chain in chains)
    held = 1.0 - missed / steps
    return HitRate(float(held.mean()), len(chains), steps, tuple(map(tuple, held.tolist())))


class _Replay:
    """A group of chains side by side, one row each, in two caches."""

    def __init__(self, model: LoadedModel, chains: Sequence[FinishedChain], plan: Plan, rows: int) -> None:
        shape = model.shape
        self.model, self.chains, self.plan = model, chains, plan
        self.policy = KVCache(model.shape, rows, plan.policy, self._note)
        # of its own size: nothing that the dense model decides could depend on the number of rows
        self.dense = KVCache(model.shape, len(chains), _Watched(self._compare))
        self.read: list[torch.Tensor] = []  # of this step, by layer: [r, Hkv, G or 1, n]
        self.working = torch.empty(0, dtype=torch.int64)  # rows with a chain on its way
        self.missed = torch.zeros(shape.layers, shape.query_heads, dtype=torch.float64, device=shape.device)

    @torch.inference_mode()
    def run(self) -> torch.Tensor:
        """Attention that fell on what was not read, summed over steps and chains: ``[layers, Hq]``."""
        for row, chain in enumerate(self.chains):
            self._load(row, chain)
        for step in range(max(chain.steps for chain in self.chains)):
            rows = [row for row, chain in enumerate(self.chains) if step < chain.steps]
            self.working = torch.tensor(rows, device=self.model.device)
            self._step(self.policy, step)
            self._step(self.dense, step)
            self.read.clear()
            for row in rows:
                if step + 1 == self.chains[row].steps:
                    self.policy.clear(row)
                    self.dense.clear(row)
        return self.missed

    def _load(self, row: int, chain: FinishedChain) -> None:
        prompt = list(chain.prompt_ids)
        capacity = self.plan.policy.capacity(self.plan.budget, len(prompt), self.plan.max_len)
        for cache, policy in ((self.policy, self.plan.policy), (self.dense, self.dense.policy)):
            filled = prefill(self.model, prompt, policy, capacity)
            cache.load(row, filled.layers, capacity)

    def _step(self, cache: KVCache, step: int) -> None:
        fed = [(0, 0)] * cache.rows
        for row in self.working.tolist():
            chain = self.chains[row]
            fed[row] = chain.token_ids[step], len(chain.prompt_ids) + step
        tokens, positions = torch.tensor(fed, device=self.model.device).unbind(1)
        cache.begin_step(positions)
        forward(self.model.module, tokens[:, None], positions[:, None], cache)
        cache.end_step()

    def _note(self, layer: int, positions: torch.Tensor) -> None:
        """The policy's cache reads ``positions [R, Hkv, G, n]`` (-1 is padding)."""
        alike = positions.stride(2) == 0  # one tensor for all query heads of a KV head
        self.read.append((positions[:, :, :1] if alike else positions)[self.working])

    def _compare(self, layer: int, weights: torch.Tensor) -> None:
        """The dense model attends with ``weights [R, Hkv, G, slots]``; its slots are positions, as nothing is ever evicted."""
        elsewhere = missed_mass(weights[self.working], self.read[layer])
        self.missed[layer] += elsewhere.double().sum(0).flatten()


@dataclass
class _Watched(Vanilla):
    """The dense cache, with somebody looking at its weights."""

    needs_weights: ClassVar[bool] = True

    see: Callable[[int, torch.Tensor], None]

    def observe(self, layer: int, weights: torch.Tensor) -> None:
        self.see(layer, weights)


def missed_mass(weights: torch.Tensor, read: torch.Tensor) -> torch.Tensor:
    """Weights ``[r, Hkv, G, positions]`` summed over the positions not in ``read [r, Hkv, G or 1, n]``: ``[r, Hkv, G]``.

    What was missed is summed and not what was hit, so that a policy that misses nothing gets exactly 0.
    """
    spare = weights.shape[-1]  # where padding points to
    index = torch.where(read < 0, spare, read).long().expand(*weights.shape[:3], -1)
    return F.pad(weights, (0, 1)).scatter(-1, index, 0.0).sum(-1)
