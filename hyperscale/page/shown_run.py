"""ShownRun: a run as the page shows it, problem by problem and chain by chain."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hyperscale.analysis.summary import Vote
from hyperscale.page.outcome import Outcome, chain_outcome, outcome_of, valid_grades
from hyperscale.page.settings import settings_of
from hyperscale.store.records import ChainRecord, ScoreRecord
from hyperscale.store.stored_run import StoredRun


class Texts(StrEnum):
    """Whether what the model wrote is put into the page."""

    SHOWN = "shown"
    HIDDEN = "hidden"


CHAIN_FIELDS = (
    "number", "kind", "ended", "tokens", "kv_reads", "aux_reads", "peak", "cr", "answer", "verdict", "detail", "text",
)  # fmt: skip
"""What the list of a chain's values holds."""


@dataclass(frozen=True, slots=True)
class ShownProblem:
    """A problem in one run.

    Attributes
    ----------
    right, graded : int
        Chains that are right, of those whose grade says something.
    reads : float or None
        KV and aux reads per KV head, summed over the chains; None where some are missing.
    chains : tuple
        A list of values per chain, in the order of `CHAIN_FIELDS`; the text is None where it is hidden.
    """

    outcome: Outcome
    right: int
    graded: int
    reads: float | None
    chains: tuple[list[Any], ...]


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run; `group` tells problems apart that have one id in several tasks."""

    label: str
    group: str
    length: int
    texts: Texts
    stamps: tuple[str, ...]
    settings: Mapping[str, str]
    problems: Mapping[str, ShownProblem]


def show_run(run: StoredRun, summary: Mapping[str, Any], label: str, vote: Vote, texts: Texts) -> ShownRun:
    """Read all of a run: the problems its manifest says are wanted, else those there are, and W chains of each."""
    fields = run.manifest.fields
    width, chains, scores = int(summary["width"]), run.chains(), run.scores()
    ids = fields.get("problem_ids") or list(dict.fromkeys(problem for problem, _ in chains))
    problems = {}
    for problem in ids:
        keys = [(problem, number) for number in range(width) if (problem, number) in chains]
        problems[problem] = _problem([chains[key] for key in keys], [scores.get(key) for key in keys], width, vote, texts)
    graders = {score.grader for score in scores.values()}
    return ShownRun(
        label=label,
        group=f"{fields.get('task')} (version {fields.get('task_version')})",
        length=int(summary["max_len"]),
        texts=texts,
        stamps=_stamps(summary),
        settings=settings_of(run, summary, graders),
        problems=problems,
    )


def _problem(chains: list[ChainRecord], scores: list[ScoreRecord | None], width: int, vote: Vote, texts: Texts) -> ShownProblem:
    outcome = outcome_of(chains, scores, width, vote)
    grades = valid_grades(chains, scores)
    return ShownProblem(
        outcome=outcome,
        right=sum(grade.correct for grade in grades),
        graded=len(grades),
        reads=_number(sum(chain.kv_reads + chain.aux_reads for chain in chains)) if len(chains) == width else None,
        chains=tuple(_chain(chain, score, texts) for chain, score in zip(chains, scores, strict=True)),
    )


def _chain(chain: ChainRecord, score: ScoreRecord | None, texts: Texts) -> list[Any]:
    grade = (None, None, "") if score is None else (score.extracted, score.verdict, score.detail)
    costs = (chain.kv_reads, chain.aux_reads, chain.peak_tokens, chain.realised_cr)
    text = chain.text if texts is Texts.SHOWN else None
    kind = chain_outcome(chain, score).value
    return [chain.chain, kind, chain.finish_reason.value, chain.tokens, *map(_number, costs), *grade, text]


def _number(value: float) -> float | None:
    """Three decimals are more than anyone reads; JSON has no infinities."""
    return round(value, 3) if math.isfinite(value) else None


def _stamps(summary: Mapping[str, Any]) -> tuple[str, ...]:
    stamps = {
        "only part of the tests": summary.get("partial_tests"),
        "graded without a sandbox": "unsafe" in summary.get("sandbox", ""),
        f"{summary.get('incomplete')} problems unfinished": summary.get("incomplete"),
        f"{summary.get('errors')} chains with errors": summary.get("errors"),
    }
    return tuple(text for text, holds in stamps.items() if holds)
