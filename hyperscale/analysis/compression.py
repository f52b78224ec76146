"""Realised compression against generated length, from the traces of stored chains."""

from collections.abc import Iterable
from dataclasses import dataclass

from hyperscale.analysis.summary import Accounting, dense_reads
from hyperscale.store.records import ChainRecord


@dataclass(frozen=True, slots=True)
class LengthBucket:
    """The decode steps at which chains had generated `start` to `end` tokens, over all chains that got there.

    `dense` and `measured` are reads, summed over these steps.
    """

    start: int
    end: int
    chains: int
    dense: float
    measured: float

    @property
    def realised_cr(self) -> float:
        return self.dense / self.measured


def compression_by_length(chains: Iterable[ChainRecord], accounting: Accounting = Accounting.FULL) -> list[LengthBucket]:
    """Dense over measured reads of the steps in each bucket of generated length, a ratio of sums, shortest first.

    Buckets are as wide as the traces' grid; the last one of a chain is as long as the chain. Long buckets have fewer chains: a
    change along the curve may come from which chains are left.
    """
    buckets: dict[tuple[int, int], LengthBucket] = {}
    for chain in chains:
        every = chain.trace.every
        marks = _costs(chain, accounting)
        for number, (before, after) in enumerate(zip([0.0, *marks], marks, strict=False)):
            start, end = number * every, (number + 1) * every
            there = min(end, chain.tokens)
            dense = dense_reads(chain.prompt_tokens, there) - dense_reads(chain.prompt_tokens, start)
            if not dense:
                continue  # the only token is the prefill's
            old = buckets.get((start, end), LengthBucket(start, end, 0, 0.0, 0.0))
            buckets[start, end] = LengthBucket(start, end, old.chains + 1, old.dense + dense, old.measured + after - before)
    return [buckets[span] for span in sorted(buckets) if buckets[span].measured > 0]


def _costs(chain: ChainRecord, accounting: Accounting) -> list[float]:
    """Cumulative reads at the marks of the trace, and at the chain's end where that is no mark."""
    trace, full = chain.trace, accounting is Accounting.FULL
    aux = trace.aux_reads if full else [0.0] * len(trace.kv_reads)
    marks = [kv + extra for kv, extra in zip(trace.kv_reads, aux, strict=True)]
    ends_there = chain.tokens == len(marks) * trace.every
    return marks if ends_there else [*marks, chain.kv_reads + (chain.aux_reads if full else 0.0)]
