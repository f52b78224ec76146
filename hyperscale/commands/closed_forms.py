"""What a policy will read and hold, by formula: for predictions alone. What is reported is counted by the cache."""

from dataclasses import dataclass

from hyperscale.analysis.summary import dense_reads
from hyperscale.budget import Budget
from hyperscale.cache.policy import Holds, Policy
from hyperscale.cache.quest import Quest


@dataclass(frozen=True, slots=True)
class Reads:
    """Entries that one chain reads per KV head."""

    kv: float
    aux: float


def capped_reads(prompt_tokens: int, tokens: int, most: int) -> int:
    """Sum of min(prompt + t, most) over t = 1..tokens-1."""
    forwards = max(0, tokens - 1)
    growing = min(max(0, most - prompt_tokens), forwards)
    return dense_reads(prompt_tokens, growing + 1) + (forwards - growing) * most


def expected_reads(policy: Policy, budget: Budget, prompt_tokens: int, tokens: int, max_len: int) -> Reads:
    """Reads of one chain of `tokens` tokens, of which the first comes from prefill.

    * dense: the sum of P + t over t = 1..tokens-1;
    * at most C slots: the sum of min(P + t, C), with C + 1 for policies that evict after the step's attention;
    * learned: dense reads over the nominal ratio. What a model realises is known once it is measured;
    * Quest: at least ``ceil(C / page)`` pages once more than C tokens are cached, as if the query heads of a KV head agreed in
      their choice, and a page's metadata for each page there is.
    """
    dense = dense_reads(prompt_tokens, tokens)
    if policy.holds is Holds.LEARNED:
        return Reads(dense / (budget.ratio or 1.0), 0.0)
    if policy.holds is Holds.CAPACITY:
        return Reads(capped_reads(prompt_tokens, tokens, _most(policy, budget, prompt_tokens, max_len)), 0.0)
    if isinstance(policy, Quest):
        capacity, page = policy.capacity(budget, prompt_tokens, max_len), policy.page_slots
        selecting = range(max(prompt_tokens, capacity) + 1, prompt_tokens + tokens)  # tokens cached at the steps that select
        pages = sum(-(-cached // page) for cached in selecting)
        chosen = sum(min(cached, -(-capacity // page) * page) for cached in selecting)
        return Reads(dense - sum(selecting) + chosen, pages)
    return Reads(dense, 0.0)


def most_entries(policy: Policy, budget: Budget, prompt_tokens: int, max_len: int) -> float:
    """Entries per KV head, metadata included, that a chain of `max_len` tokens holds at its end: its most."""
    whole = prompt_tokens + max_len
    if policy.holds is Holds.LEARNED:
        return whole / (budget.ratio or 1.0)
    if policy.holds is Holds.CAPACITY:
        return min(whole, _most(policy, budget, prompt_tokens, max_len))
    return whole + (-(-whole // policy.page_slots) if isinstance(policy, Quest) else 0)


def _most(policy: Policy, budget: Budget, prompt_tokens: int, max_len: int) -> int:
    """Entries that a fixed-budget policy holds at a step's attention."""
    evicts_after = policy.needs_weights
    return policy.capacity(budget, prompt_tokens, max_len) + (1 if evicts_after else 0)
