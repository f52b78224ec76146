"""The summary of a run: what it scored and what that cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hyperscale.analysis.estimate import caution, headline_interval, pass_at
from hyperscale.scoring.verdict import walls_of
from hyperscale.store.records import ChainRecord, FinishReason, ScoreRecord

Key = tuple[str, int]
Chains = Mapping[Key, ChainRecord]
Scores = Mapping[Key, ScoreRecord]
Vote = Callable[[Sequence[ScoreRecord]], float]
"""The score in 0..1 of one problem from the grades of its chains."""

FAULTS = frozenset({"unparsed_gold", "crashed", "sandbox_error"})
"""Verdicts that say something about the grader, not about the answer."""

_CUT = (FinishReason.LENGTH, FinishReason.READS)
_MREAD = 1 << 20


class Accounting(StrEnum):
    """Which traffic counts as cost."""

    FULL = "full"  # kv_reads + aux_reads
    PAPER = "paper"  # kv_reads alone, as published


@dataclass(frozen=True, slots=True)
class _Problem:
    """One problem with all its chains; `grades` leaves out the chains that ended in an error."""

    chains: tuple[ChainRecord, ...]
    grades: tuple[ScoreRecord, ...]

    @property
    def right(self) -> int:
        return sum(grade.correct for grade in self.grades)


def summarize(
    manifest_fields: Mapping[str, Any],
    problem_ids: Sequence[str],
    chains: Chains,
    scores: Scores,
    width: int,
    vote: Vote,
    *,
    run: str = "",
    tokens_per_s: float | None = None,
    hit_rate: float | None = None,
    accounting: Accounting = Accounting.FULL,
) -> dict[str, Any]:
    """Summarize chains 0..width-1 of the given problems.

    Only problems with all these chains finished and graded count; the others are numbered as `incomplete`. Chains that ended
    in an error, or whose grader failed, have no part in any accuracy and are numbered as `errors`; what they read still
    counts as cost. A problem of which nothing but errors is left has no accuracy, only a cost.

    Parameters
    ----------
    manifest_fields
        Holds `task`, `model`, `method`, `budget`, `max_len`, `base_model` if it is another than `model`, and `partial_tests`
        if programs were tested with only part of their tests.

    Returns
    -------
    dict
        JSON values. Reads, tokens and peak in entries per KV head: mean per problem of the sum over its chains.
        `realised_cr` is the ratio of the sums of dense and of measured reads. What cannot be estimated is None.
    """
    problems = [_problem(problem, chains, scores, width) for problem in problem_ids]
    counted = [problem for problem in problems if problem is not None]
    voted = [problem for problem in counted if problem.grades]
    votes = [vote(problem.grades) for problem in voted]
    accuracy = _mean(votes)
    return {
        "task": manifest_fields["task"],
        "model": manifest_fields["model"],
        "base_model": manifest_fields.get("base_model") or manifest_fields["model"],
        "method": manifest_fields["method"],
        "budget": manifest_fields["budget"],
        "width": width,
        "max_len": manifest_fields["max_len"],
        "problems": len(counted),
        "chains": len(counted) * width,
        "accuracy": accuracy,
        **_interval(votes, width),
        "accuracy_avg": _ratio(sum(p.right for p in voted), sum(len(p.grades) for p in voted)),
        "pass_at": {str(k): _pass_at(voted, k) for k in sorted({1, width})},
        **_costs(counted, accuracy, accounting),
        "errors": sum(width - len(problem.grades) for problem in counted),
        "tokens_per_s": tokens_per_s,
        "hit_rate": hit_rate,
        "run": run,
        "incomplete": len(problems) - len(counted),
        "accounting": accounting.value,
        **({"partial_tests": True} if manifest_fields.get("partial_tests") else {}),
        **_walls(voted),
    }


def dense_reads(prompt_tokens: int, tokens: int) -> int:
    """KV reads per head of a dense cache: sum of prompt + t over t = 1..tokens-1."""
    forwards = max(0, tokens - 1)
    return forwards * prompt_tokens + forwards * (forwards + 1) // 2


def any_passes(grades: Sequence[ScoreRecord]) -> float:
    """The vote of tasks whose answers can be checked before use: one right chain is enough."""
    return float(any(grade.correct for grade in grades))


def _problem(problem_id: str, chains: Chains, scores: Scores, width: int) -> _Problem | None:
    keys = [(problem_id, chain) for chain in range(width)]
    done = tuple(chains[key] for key in keys if key in chains)
    ended = {chain.key for chain in done if chain.finish_reason is FinishReason.ERROR}
    if len(done) < width or any(key not in scores for key in keys if key not in ended):
        return None
    grades = tuple(scores[key] for key in keys if key not in ended and scores[key].verdict not in FAULTS)
    return _Problem(done, grades)


def _costs(problems: Sequence[_Problem], accuracy: float | None, accounting: Accounting) -> dict[str, Any]:
    chains = [chain for problem in problems for chain in problem.chains]
    kv_reads, aux_reads = sum(chain.kv_reads for chain in chains), sum(chain.aux_reads for chain in chains)
    reads = kv_reads + (aux_reads if accounting is Accounting.FULL else 0.0)
    per_problem = _ratio(reads, len(problems))
    return {
        "kv_reads": _ratio(kv_reads, len(problems)),
        "aux_reads": _ratio(aux_reads, len(problems)),
        "peak_tokens": _ratio(sum(chain.peak_tokens for chain in chains), len(problems)),
        "realised_cr": _ratio(sum(dense_reads(chain.prompt_tokens, chain.tokens) for chain in chains), reads),
        "accuracy_per_mread": None if accuracy is None or not per_problem else accuracy / (per_problem / _MREAD),
        "tokens": _ratio(sum(chain.tokens for chain in chains), len(problems)),
        "truncated": _ratio(sum(chain.finish_reason in _CUT for chain in chains), len(chains)),
    }


def _walls(problems: Sequence[_Problem]) -> dict[str, Any]:
    levels = {walls_of(grade.grader) for problem in problems for grade in problem.grades} - {""}
    return {"sandbox": ", ".join(sorted(levels))} if levels else {}


def _interval(scores: Sequence[float], width: int) -> dict[str, Any]:
    if not scores:
        return {"accuracy_ci95": None, "accuracy_ci95_method": None}
    interval, warning = headline_interval(scores, width), caution(scores)
    return {
        "accuracy_ci95": [interval.low, interval.high],
        "accuracy_ci95_method": f"{interval.method}: {interval.estimand}",
        **({"accuracy_ci95_caution": warning} if warning else {}),
    }


def _pass_at(problems: Sequence[_Problem], k: int) -> float | None:
    """Mean over the problems that have k chains free of errors."""
    return _mean([pass_at(len(p.grades), p.right, k) for p in problems if len(p.grades) >= k])


def _mean(values: Sequence[float]) -> float | None:
    return _ratio(sum(values), len(values))


def _ratio(total: float, count: float) -> float | None:
    return total / count if count else None
