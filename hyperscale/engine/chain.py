"""One chain's state while it is generated."""

import time
from dataclasses import dataclass, field

from hyperscale.store.records import ChainRecord, FinishReason, Trace
from hyperscale.store.retention import NOTHING_SEEN, Retention

TRACE_EVERY = 64


@dataclass(frozen=True, slots=True)
class ChainTask:
    """A chain to generate: which problem, which of its chains, the seed of its random numbers, and the order of its options."""

    problem_id: str
    chain: int
    seed: int
    prompt_ids: tuple[int, ...]
    permutation: tuple[int, ...] = ()


@dataclass(slots=True)
class Chain:
    """Tokens and costs so far. Costs are whole entries over all layers and KV heads, as the meter counts them."""

    task: ChainTask
    heads: int  # layers * kv_heads, what costs are divided by in the record
    prefill_reads: float
    tokens: list[int] = field(default_factory=list)
    kv_reads: int = 0
    aux_reads: int = 0
    peak: int = 0
    trace: list[tuple[int, int, int]] = field(default_factory=list)
    retention: Retention = NOTHING_SEEN  # once it has ended
    started: float = field(default_factory=time.perf_counter)

    @property
    def next_position(self) -> int:
        """Position of the newest token, which the next forward feeds."""
        return len(self.task.prompt_ids) + len(self.tokens) - 1

    @property
    def cost(self) -> int:
        return self.kv_reads + self.aux_reads

    def spend(self, kv_reads: int, aux_reads: int, peak: int) -> None:
        """Take over the meter's totals after a forward."""
        self.kv_reads, self.aux_reads, self.peak = kv_reads, aux_reads, peak

    def push(self, token: int) -> None:
        self.tokens.append(token)
        if len(self.tokens) % TRACE_EVERY == 0:
            self.trace.append((self.kv_reads, self.aux_reads, self.peak))

    def record(self, reason: FinishReason, text: str) -> ChainRecord:
        prompt, generated, heads = len(self.task.prompt_ids), len(self.tokens), self.heads
        dense = sum(range(prompt + 1, prompt + generated))
        columns = zip(*self.trace, strict=True) if self.trace else ((), (), ())
        kv, aux, peak = (tuple(value / heads for value in column) for column in columns)
        return ChainRecord(
            problem_id=self.task.problem_id,
            chain=self.task.chain,
            seed=self.task.seed,
            prompt_tokens=prompt,
            tokens=generated,
            finish_reason=reason,
            kv_reads=self.kv_reads / heads,
            aux_reads=self.aux_reads / heads,
            prefill_reads=self.prefill_reads,
            peak_tokens=self.peak / heads,
            realised_cr=dense * heads / self.cost if self.cost else 1.0,
            trace=Trace(TRACE_EVERY, kv, aux, peak),
            text=text,
            token_ids=tuple(self.tokens),
            wall_s=time.perf_counter() - self.started,
            permutation=self.task.permutation,
        )
