"""One step of decoding for a block of rows."""

import numpy as np
import torch

from hyperscale.attention.seam import forward
from hyperscale.cache.cache import KVCache
from hyperscale.cache.policy import Policy
from hyperscale.engine.chain import Chain, ChainTask
from hyperscale.engine.prefill import Prefilled
from hyperscale.engine.sampler import Sampling, sample, uniforms
from hyperscale.models import LoadedModel
from hyperscale.store.records import FinishReason
from hyperscale.store.retention import Retention


class Block:
    """A fixed number of rows, each busy with a chain or idle.

    Every forward runs on all rows, because float32 matrix products differ in their last bits between row counts: with the
    count fixed, a chain's logits do not depend on how many others are on their way.
    """

    def __init__(
        self, model: LoadedModel, policy: Policy, rows: int, sampling: Sampling, max_len: int, purse: float | None
    ) -> None:
        self.model, self.sampling, self.max_len = model, sampling, max_len
        self.cache = KVCache(model.shape, rows, policy)
        self.chains: list[Chain | None] = [None] * rows
        self.purse = None if purse is None else int(purse * model.shape.heads)  # whole entries over all heads

    @property
    def idle_row(self) -> int | None:
        return next((row for row, chain in enumerate(self.chains) if chain is None), None)

    @property
    def busy(self) -> int:
        return sum(chain is not None for chain in self.chains)

    @torch.inference_mode()
    def start(self, row: int, task: ChainTask, prefilled: Prefilled) -> tuple[Chain, FinishReason] | None:
        """Give a row to a chain and draw its first token; returns the chain if that already ends it."""
        chain = Chain(task, self.model.shape.heads, prefilled.prefill_reads)
        self.cache.load(row, prefilled.layers, prefilled.capacity)
        self.chains[row] = chain
        return self._advance(row, chain, prefilled.logits[None])

    @torch.inference_mode()
    def step(self) -> list[tuple[Chain, FinishReason]]:
        """Feed every chain its newest token and draw the next; returns the chains that ended."""
        tokens = [chain.tokens[-1] if chain else 0 for chain in self.chains]
        places = [chain.next_position if chain else 0 for chain in self.chains]
        device = self.model.device
        positions = torch.tensor(places, device=device)
        self.cache.begin_step(positions)
        logits = forward(self.model.module, torch.tensor(tokens, device=device)[:, None], positions[:, None], self.cache)
        self.cache.end_step()
        meter = torch.stack([self.cache.meter.kv_reads, self.cache.meter.aux_reads, self.cache.meter.peak]).tolist()
        drawn = self._draw(logits)
        ended = []
        for row, chain in enumerate(self.chains):
            if chain is None:
                continue
            kv_reads, aux_reads, peak = (column[row] for column in meter)
            if self.purse is not None and kv_reads + aux_reads > self.purse:
                ended.append(self._finish(row, chain, FinishReason.READS))  # the step is undone: neither counted nor sampled
                continue
            if drawn[row] is not None:  # a step that gave no token is not paid for
                chain.spend(kv_reads, aux_reads, peak)
            end = self._take(row, chain, drawn[row])
            if end:
                ended.append(end)
        return ended

    def _advance(self, row: int, chain: Chain, logits: torch.Tensor) -> tuple[Chain, FinishReason] | None:
        uniform = self._uniform([chain])
        token = int(sample(logits, self.sampling, uniform)[0]) if bool(torch.isfinite(logits).all()) else None
        return self._take(row, chain, token)

    def _draw(self, logits: torch.Tensor) -> list[int | None]:
        """A token per row, None where the logits are not finite."""
        finite = torch.isfinite(logits).all(-1)
        tokens = sample(torch.where(finite[:, None], logits, 0.0), self.sampling, self._uniform(self.chains))
        pairs = zip(tokens.tolist(), finite.tolist(), strict=True)
        return [token if fine else None for token, fine in pairs]

    def _uniform(self, chains: list[Chain] | list[Chain | None]) -> torch.Tensor:
        seeds = np.array([chain.task.seed if chain else 0 for chain in chains], dtype=np.uint64)
        steps = np.array([len(chain.tokens) if chain else 0 for chain in chains], dtype=np.uint64)
        return torch.from_numpy(uniforms(seeds, steps)).to(self.model.device)

    def _take(self, row: int, chain: Chain, token: int | None) -> tuple[Chain, FinishReason] | None:
        if token is None:
            return self._finish(row, chain, FinishReason.ERROR)
        chain.push(token)
        if token in self.model.stop_ids:
            return self._finish(row, chain, FinishReason.STOP)
        if len(chain.tokens) >= self.max_len:
            return self._finish(row, chain, FinishReason.LENGTH)
        return None

    def _finish(self, row: int, chain: Chain, reason: FinishReason) -> tuple[Chain, FinishReason]:
        self.chains[row] = None
        held, seen = self.cache.retention.of_row(row)
        chain.retention = Retention(tuple(map(tuple, held)), seen)
        self.cache.clear(row)
        return chain, reason
