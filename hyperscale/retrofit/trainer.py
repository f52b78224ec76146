"""One retrofit step after the other."""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist

from hyperscale.attention.taps import BorrowingTap, attach_taps
from hyperscale.errors import Refusal
from hyperscale.heads import HeadLayout
from hyperscale.models import LoadedModel
from hyperscale.retrofit.data import PADDING, MicroBatch, Row, batches, micro_batches
from hyperscale.retrofit.gated import CausalAttention, GatedAttention, MergedAttention
from hyperscale.retrofit.loss import distillation, shortfall
from hyperscale.retrofit.master import MasterWeights
from hyperscale.retrofit.recipe import Recipe, Trains


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one step saw, averaged over processes.

    Attributes
    ----------
    step : int
        Steps done, this one included.
    kl : float
        Distillation loss per token.
    marked : float
        Share of entries marked for eviction.
    wanted : float
        Share the schedule asks for.
    """

    step: int
    kl: float
    marked: float
    wanted: float

    @property
    def ratio(self) -> float:
        """Compression the marked share amounts to."""
        return 1.0 / max(1e-9, 1.0 - self.marked)


class Trainer:
    """A student under training, its teacher, and its place in the schedule.

    Parameters
    ----------
    model : LoadedModel
        The untouched model, in the dtype that training computes in.
    rank, size : int
        This process among those that average their gradients.
    """

    def __init__(self, model: LoadedModel, rows: list[Row], recipe: Recipe, rank: int = 0, size: int = 1) -> None:
        self.model, self.recipe, self.rank, self.size = model, recipe, rank, size
        self.rows = rows
        self.student = model.module
        changed = recipe.trains is not Trains.ADAPTER
        # frozen weights are their own teacher: without gates the student is the untouched model
        self.teacher = copy.deepcopy(self.student) if changed else self.student
        self.teacher.requires_grad_(False)
        attach_taps(self.student, recipe.heads)
        self.taps = [layer.self_attn.tap for layer in self.student.model.layers]
        trained = list(self.student.parameters()) if changed else [p for tap in self.taps for p in tap.parameters()]
        for parameter in trained:
            parameter.requires_grad_(True)
        self.weights = MasterWeights(trained, recipe.rate, average=recipe.average)
        self.done = 0

    def steps(self) -> Iterator[StepReport]:
        """The steps that are left."""
        recipe = self.recipe
        source = batches(self.rows, recipe.batch_tokens, recipe.seed, self.done, self.rank, self.size, recipe.batching)
        while self.done < recipe.schedule.steps:
            yield self._step(next(source))

    def _step(self, batch: list[Row]) -> StepReport:
        step = self.done
        self._borrow(step)
        kl, marked = self._forward(batch, step)
        wanted = self.recipe.schedule.evicted(step + 1)
        kl_mean, marked_mean = self._averaged(kl.item(), marked.item())
        # what is missing is missing to all processes together; each has the gradient of its own share
        missing = shortfall(marked + (marked_mean - marked.item()), wanted)
        (kl + missing).backward()  # type: ignore[no-untyped-call]
        norm = self.weights.step(self.recipe.rate_at(step), self.size)
        if not (math.isfinite(norm) and math.isfinite(kl_mean)):
            raise Refusal(
                f"The loss is not a number any more at step {step + 1} (distillation loss {kl_mean}, gradient norm {norm}). "
                f"Snapshots written so far are good. Use a lower --rate, or --dtype float32."
            )
        self.done += 1
        return StepReport(self.done, kl_mean, marked_mean, wanted)

    def _forward(self, batch: list[Row], step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Distillation loss per token, and share of entries marked, of the whole batch.

        The share is one number for rows of all lengths: were it asked of each micro-batch, short rows, where the window already
        is much of the cache, would have to lose as many entries as long ones.
        """
        device = self.model.device
        before, after = [], []
        marked = torch.zeros((), device=device)
        noise = self._noise(step)
        for part in (part.to(device) for part in micro_batches(batch, PADDING[device.type])):
            with torch.no_grad():
                before.append(hidden_states(self.teacher, part, CausalAttention())[part.supervised])
            gated = self._gates(part, step, noise)
            after.append(hidden_states(self.student, part, gated or CausalAttention())[part.supervised])
            if gated:
                marked = marked + gated.marked_share * part.valid.sum()
        kl = distillation(
            torch.cat(before),
            torch.cat(after),
            self.teacher.lm_head,
            self.student.lm_head,
            self.student.config.vocab_size,
            self.recipe.divergence,
        )
        return kl, marked / sum(len(row.ids) for row in batch)

    def _borrow(self, step: int) -> None:
        """Fade the borrowed coordinate; once attention is rid of it, let it start from zero, so that nothing is marked yet.

        The paper (appendix C) only says that the coordinate is multiplied by ``1 - t / n_t``; zeroing the rows of ``q_proj``
        that make it, at the end, is what gives its decisions the same start as those of zero-initialised adapters.
        """
        schedule = self.recipe.schedule
        for layer, tap in zip(self.student.model.layers, self.taps, strict=True):
            if isinstance(tap, BorrowingTap):
                tap.left = schedule.coordinate_left(step)
                if step == schedule.zeroing:
                    tap.forget(layer.self_attn)
        if step == schedule.zeroing:  # Adam keeps its moments of those rows; they fade within a few steps
            self.weights.read_again()

    def _noise(self, step: int) -> torch.Generator:
        seed = ((self.recipe.seed * self.size + self.rank) << 32) + step
        return torch.Generator(self.model.device).manual_seed(seed)

    def _gates(self, part: MicroBatch, step: int, noise: torch.Generator) -> GatedAttention | None:
        if step < self.recipe.schedule.zeroing:
            return None
        kind = MergedAttention if self.recipe.heads.layout is HeadLayout.DMC else GatedAttention
        return kind(self.recipe.heads, part.valid, noise)

    def _averaged(self, *values: float) -> list[float]:
        if self.size == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=self.model.device)
        dist.all_reduce(total)
        return (total / self.size).tolist()

    def state(self) -> dict[str, Any]:
        """All that a later process needs to go on."""
        return {"done": self.done, **self.weights.state()}

    def restore(self, state: dict[str, Any]) -> None:
        self.done = state["done"]
        self.weights.restore(state)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The student's weights by name, with the averaged float32 copies of those that were trained."""
        averages = {id(p): m for p, m in zip(self.weights.parameters, self.weights.averages, strict=True)}
        return {name: averages.get(id(t), t).detach() for name, t in self.student.state_dict(keep_vars=True).items()}


def hidden_states(module: Any, batch: MicroBatch, kv: CausalAttention) -> torch.Tensor:
    """Final hidden states ``[B, T, hidden]``, normed, ready for the language-model head."""
    places = torch.arange(batch.ids.shape[1], device=batch.ids.device).expand_as(batch.ids)
    output = module.model(batch.ids, position_ids=places, use_cache=False, kv=kv)
    return output.last_hidden_state  # type: ignore[no-any-return]


def layout_of(trains: Trains) -> HeadLayout:
    return HeadLayout.BORROWED if trains is Trains.FULL else HeadLayout.ADAPTER
