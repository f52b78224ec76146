"""Drives chosen tokens through a policy's cache, writing down everything that is read, counted and held."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from hyperscale.attention.seam import forward
from hyperscale.budget import Budget
from hyperscale.cache.cache import CacheShape, KVCache
from hyperscale.cache.meter import Meter
from hyperscale.cache.policy import LiveLayer, Policy, Selection
from hyperscale.engine.prefill import prefill
from hyperscale.models import LoadedModel


@dataclass(frozen=True, slots=True)
class Script:
    """A chain whose tokens are chosen beforehand: its prompt, and the generated tokens that are fed back."""

    prompt: tuple[int, ...]
    forced: tuple[int, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        return self.prompt + self.forced


@dataclass(slots=True)
class Step:
    """One decode forward; lists have an item per layer, `held` is as attention found it and `left` as the step leaves it."""

    logits: torch.Tensor  # [R, V]
    positions: torch.Tensor  # [R]
    rows: tuple[int, ...]  # rows that carried a chain
    seen: list[torch.Tensor] = field(default_factory=list)  # [R, Hkv, G, n] positions, -1 is padding
    counted: list[torch.Tensor] = field(default_factory=list)  # [R, Hkv] entries the meter counted as read
    scored: list[torch.Tensor] = field(default_factory=list)  # [R, Hkv] metadata entries counted as read
    resident: list[torch.Tensor] = field(default_factory=list)  # [R, Hkv] entries counted as held, metadata included
    held: list[torch.Tensor] = field(default_factory=list)  # [R, Hkv, slots] positions, -1 is an empty slot
    live: list[torch.Tensor] = field(default_factory=list)  # [R, Hkv]
    stray: list[torch.Tensor] = field(default_factory=list)  # [R, Hkv, slots] bool: read although empty
    outputs: list[torch.Tensor] = field(default_factory=list)  # [R, hidden] of the attention blocks
    left: list[torch.Tensor] = field(default_factory=list)  # [R, Hkv, slots] positions

    def visible(self, layer: int, row: int) -> list[list[int]]:
        """Per query head, the sorted positions it read."""
        heads = self.seen[layer][row].flatten(0, 1).tolist()
        return [sorted({position for position in head if position >= 0}) for head in heads]


def positions_of(slots: torch.Tensor) -> list[int]:
    """The sorted positions in the slots of one head, ``[slots]``."""
    return sorted(position for position in slots.tolist() if position >= 0)


class _Ledger(Meter):
    def __init__(self, rows: int, device: torch.device) -> None:
        super().__init__(rows, device)
        self.counted: list[torch.Tensor] = []
        self.scored: list[torch.Tensor] = []
        self.resident_by_layer: list[torch.Tensor] = []

    def read(self, entries: torch.Tensor) -> None:
        self.counted.append(entries.clone())
        self.scored.append(torch.zeros_like(entries))
        super().read(entries)

    def read_aux(self, entries: torch.Tensor) -> None:
        self.scored[-1] = entries.clone()
        super().read_aux(entries)

    def hold(self, entries: torch.Tensor) -> None:
        self.resident_by_layer.append(entries.clone())
        super().hold(entries)


class _RecordingCache(KVCache):
    step: Step

    def __init__(self, shape: CacheShape, rows: int, policy: Policy) -> None:
        super().__init__(shape, rows, policy, lambda layer, positions: self.step.seen.append(positions.clone()))
        self.meter: _Ledger = _Ledger(rows, shape.device)

    def _attend_live(self, layer: int, queries: torch.Tensor, scaling: float) -> torch.Tensor:
        slots = torch.arange(self.held(layer).shape[-1])
        self._look(layer, slots < self.live[layer][..., None])
        return super()._attend_live(layer, queries, scaling)

    def _attend_selected(self, layer: int, queries: torch.Tensor, selection: Selection, scaling: float) -> torch.Tensor:
        read = torch.zeros_like(self.held(layer), dtype=torch.int64)
        read.scatter_add_(-1, selection.slots.flatten(2), selection.valid.flatten(2).long())
        self._look(layer, read > 0)
        return super()._attend_selected(layer, queries, selection, scaling)

    def _look(self, layer: int, read: torch.Tensor) -> None:
        held = self.held(layer).clone()
        self.step.held.append(held)
        self.step.live.append(self.live[layer].clone())
        self.step.stray.append(read & (held < 0))


class Session:
    """A block of rows; rows without a script are idle. Every step is recorded in `steps`."""

    def __init__(self, model: LoadedModel, policy: Policy, budget: Budget, rows: int) -> None:
        self.model, self.policy, self.budget = model, policy, budget
        self.cache = _RecordingCache(model.shape, rows, policy)
        self.scripts: list[Script | None] = [None] * rows
        self.fed = [0] * rows
        self.steps: list[Step] = []
        self.prompt_logits: dict[int, torch.Tensor] = {}
        self.prompt_seen: dict[int, list[list[torch.Tensor]]] = {}  # by layer and token, where prefill is sparse or stepwise
        self.first: dict[int, list[LiveLayer]] = {}

    @torch.inference_mode()
    def load(self, row: int, script: Script, shuffle: torch.Generator | None = None) -> None:
        """Prefill a script's prompt into a row, its entries in another order of slots if `shuffle` is given."""
        length = len(script.forced) + 1
        capacity = self.policy.capacity(self.budget, len(script.prompt), length)
        seen: list[list[torch.Tensor]] = [[] for _ in range(self.model.shape.layers)]
        filled = prefill(
            self.model, list(script.prompt), self.policy, capacity, lambda layer, read: seen[layer].append(read.clone())
        )
        layers = (
            filled.layers if shuffle is None else [shuffled(live, self.policy.page_slots, shuffle) for live in filled.layers]
        )
        self.cache.load(row, layers, capacity)
        self.scripts[row], self.fed[row] = script, 0
        self.prompt_logits[row], self.prompt_seen[row], self.first[row] = filled.logits, seen, filled.layers

    @torch.inference_mode()
    def clear(self, row: int) -> None:
        self.cache.clear(row)
        self.scripts[row] = None

    @torch.inference_mode()
    def step(self) -> Step:
        """Feed every row its next token."""
        tokens, places = [], []
        for script, fed in zip(self.scripts, self.fed, strict=True):
            tokens.append(script.forced[fed] if script else 0)
            places.append(len(script.prompt) + fed if script else 0)
        positions = torch.tensor(places)
        cache, meter = self.cache, self.cache.meter
        step = cache.step = Step(torch.empty(0), positions, tuple(row for row, script in enumerate(self.scripts) if script))
        meter.counted, meter.scored, meter.resident_by_layer = step.counted, step.scored, step.resident
        cache.begin_step(positions)
        with ExitStack() as stack:
            for block in self.model.module.model.layers:
                stack.callback(block.self_attn.register_forward_hook(_keep(step.outputs)).remove)
            step.logits = forward(self.model.module, torch.tensor(tokens)[:, None], positions[:, None], cache)
        cache.end_step()
        step.outputs = [output[:, -1] for output in step.outputs]
        step.left = [cache.held(layer).clone() for layer in range(cache.shape.layers)]
        self.fed = [fed + 1 for fed in self.fed]
        self.steps.append(step)
        return step

    def run(self, steps: int) -> "Session":
        for _ in range(steps):
            self.step()
        return self


def _keep(outputs: list[torch.Tensor]) -> Any:
    def hook(module: nn.Module, args: Any, result: Any) -> None:
        outputs.append(result[0].clone())

    return hook


def shuffled(live: LiveLayer, page: int, generator: torch.Generator) -> LiveLayer:
    """The same entries in other slots: full pages trade places, and entries inside each page do. All heads alike.

    Heads that differ in length have no pages, and each its own order.
    """
    length = live.keys.shape[1]
    if live.lengths is None:
        full = length // page
        pages = torch.randperm(full, generator=generator).tolist()
        parts = [torch.randperm(page, generator=generator) + at * page for at in pages]
        parts.append(torch.randperm(length - full * page, generator=generator) + full * page)
        slots = torch.cat(parts).expand(live.positions.shape)
    else:
        orders = [torch.randperm(int(held), generator=generator) for held in live.lengths]
        slots = torch.stack([torch.cat([order, torch.arange(len(order), length)]) for order in orders])
    index = slots[..., None].expand(-1, -1, live.keys.shape[-1])
    return replace(
        live,
        keys=live.keys.gather(1, index),
        values=live.values.gather(1, index),
        positions=live.positions.gather(1, slots),
        scores=None if live.scores is None else live.scores.gather(1, slots),
    )


@torch.inference_mode()
def replay(
    stock: Any, ids: Sequence[int], visible: Sequence[Sequence[Sequence[Sequence[int]]]]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The unmodified model on a whole chain, each token shown only what `visible[token][layer][query head]` lists.

    Tokens before the first of `visible` see everything before them. Returns logits ``[T, V]`` and the outputs of the attention
    blocks ``[layers, T, hidden]``.
    """
    length, prompt = len(ids), len(ids) - len(visible)
    outputs: list[torch.Tensor] = []
    with ExitStack() as stack:
        for layer, block in enumerate(stock.model.layers):
            mask = torch.full((1, stock.config.num_attention_heads, length, length), -torch.inf).triu(1)
            for query, layers in enumerate(visible, prompt):
                mask[0, :, query] = -torch.inf
                for head, positions in enumerate(layers[layer]):
                    mask[0, head, query, positions] = 0.0
            stack.callback(block.self_attn.register_forward_pre_hook(_masked(mask), with_kwargs=True).remove)
            stack.callback(block.self_attn.register_forward_hook(_keep(outputs)).remove)
        logits = stock(torch.tensor([list(ids)]), use_cache=False).logits[0]
    return logits, torch.cat(outputs)


def _masked(mask: torch.Tensor) -> Any:
    def hook(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        return args, {**kwargs, "attention_mask": mask}

    return hook
