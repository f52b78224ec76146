"""Keeps rows full: prefills a problem when its first chain gets a row, refills a row when its chain ends."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from hyperscale.budget import Budget
from hyperscale.cache.policy import Policy
from hyperscale.engine.chain import Chain, ChainTask
from hyperscale.engine.decode import Block
from hyperscale.engine.prefill import Prefilled, prefill
from hyperscale.engine.sampler import Sampling
from hyperscale.errors import Refusal
from hyperscale.models import LoadedModel
from hyperscale.store.records import ChainRecord, FinishReason
from hyperscale.store.retention import NOTHING_SEEN, Retention

CPU_BLOCK_ROWS = 32
GPU_ROWS = 64
TICK_EVERY = 16  # steps between signs of life


@dataclass(frozen=True, slots=True)
class Plan:
    """What all chains of a run share.

    Attributes
    ----------
    rows : int
        Chains on their way at once.
    purse : float or None
        KV and auxiliary reads a chain may spend.
    """

    policy: Policy
    budget: Budget
    sampling: Sampling
    max_len: int
    rows: int
    purse: float | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Tokens generated since the last sign of life, and what the chains that ended since then held at their steps."""

    tokens: int
    retention: Retention = NOTHING_SEEN


def default_rows(device: torch.device) -> int:
    return CPU_BLOCK_ROWS if device.type == "cpu" else GPU_ROWS


def generate_chains(model: LoadedModel, tasks: Iterable[ChainTask], plan: Plan) -> Iterator[ChainRecord | Tick]:
    """Generate chains, yielding each one's record as it ends, and a `Tick` now and then.

    On a CPU, forwards run on blocks of 32 rows whatever ``plan.rows`` is; on a GPU a block has ``plan.rows`` rows.
    Chains of one problem should come one after the other: its prompt is prefilled once for them.
    """
    block_rows = CPU_BLOCK_ROWS if model.device.type == "cpu" else plan.rows
    source = _Source(model, iter(tasks), plan)
    blocks: list[Block] = []
    try:
        while source.waiting or any(block.busy for block in blocks):
            free = plan.rows - sum(block.busy for block in blocks)
            while free and source.waiting:
                block = next((b for b in blocks if b.idle_row is not None), None)
                if block is None:
                    blocks.append(Block(model, plan.policy, block_rows, plan.sampling, plan.max_len, plan.purse))
                    block = blocks[-1]
                task, prefilled = source.take()
                row = block.idle_row
                assert row is not None
                ended = block.start(row, task, prefilled)
                if ended:
                    yield _record(model, *ended)
                else:
                    free -= 1
            yield from _run(model, [block for block in blocks if block.busy], refill=source.waiting)
    except torch.OutOfMemoryError as error:
        raise Refusal(
            f"Out of memory on {model.device} with {plan.rows} rows: use a smaller --rows. Finished chains are kept."
        ) from error


def _run(model: LoadedModel, blocks: list[Block], refill: bool) -> Iterator[ChainRecord | Tick]:
    """Step the blocks until a row is free for a waiting chain (or until all are idle)."""
    tokens, steps, retention = 0, 0, NOTHING_SEEN
    while any(block.busy for block in blocks):
        ended = False
        for block in blocks:
            if not block.busy:
                continue
            tokens += block.busy
            for chain, reason in block.step():
                ended = True
                retention += chain.retention
                yield _record(model, chain, reason)
        steps += 1
        if steps % TICK_EVERY == 0 or (ended and refill):
            yield Tick(tokens, retention)
            tokens, retention = 0, NOTHING_SEEN
        if ended and refill:
            return
    if tokens:
        yield Tick(tokens, retention)


def _record(model: LoadedModel, chain: Chain, reason: FinishReason) -> ChainRecord:
    return chain.record(reason, model.decode(chain.tokens))


class _Source:
    """Tasks in order, each with its problem's prefill."""

    def __init__(self, model: LoadedModel, tasks: Iterator[ChainTask], plan: Plan) -> None:
        self.model, self.tasks, self.plan = model, tasks, plan
        self.upcoming = next(tasks, None)
        self.problem_id: str | None = None
        self.prefilled: Prefilled | None = None

    @property
    def waiting(self) -> bool:
        return self.upcoming is not None

    def take(self) -> tuple[ChainTask, Prefilled]:
        task = self.upcoming
        assert task is not None
        if self.prefilled is None or task.problem_id != self.problem_id:
            plan = self.plan
            capacity = plan.policy.capacity(plan.budget, len(task.prompt_ids), plan.max_len)
            self.prefilled = prefill(self.model, list(task.prompt_ids), plan.policy, capacity)
            self.problem_id = task.problem_id
        self.upcoming = next(self.tasks, None)
        return task, self.prefilled
