"""How often the gate is right: `python -m hyperscale.bench.gate_power RUNS.parquet [TRIALS]`.

Pairs of runs are drawn from a run's own chains: problems without replacement, then chains of each with replacement, for both
sides. Drawing from 8 chains with replacement varies by 7/8 of what new chains would; drawing 7 instead of 8 makes up for it.
A candidate is made worse by turning right chains wrong, or by multiplying what they read.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hyperscale.analysis.check import Outcome, Terms
from hyperscale.analysis.gate import Verdict, judge
from hyperscale.analysis.point import Numbers, Panel, Point, Series
from hyperscale.store.find_runs import open_runs
from hyperscale.store.stored_run import StoredRun

TRIALS, PROBLEMS, RESAMPLES = 1000, 300, 1000
HEADER = """\
| candidate | pass % | fail % | inconclusive % |
| --- | ---: | ---: | ---: |
"""


@dataclass(frozen=True, slots=True)
class Chains:
    """What was drawn from: whether each chain was right, and what it read and held, ``[problems, chains]`` each."""

    right: Numbers
    reads: Numbers
    peak: Numbers

    @classmethod
    def of(cls, run: StoredRun) -> "Chains":
        """The chains of the problems that have all of theirs."""
        chains, scores = run.chains(), run.scores()
        width = int(run.manifest.fields["width"])
        problems = sorted({problem for problem, _ in chains})
        keys = [[(problem, number) for number in range(width)] for problem in problems]
        whole = [mine for mine in keys if all(key in chains and key in scores for key in mine)]
        return cls(
            np.array([[scores[key].correct for key in mine] for mine in whole], dtype=np.float64),
            np.array([[chains[key].kv_reads for key in mine] for mine in whole]),
            np.array([[chains[key].peak_tokens for key in mine] for mine in whole]),
        )

    def draw(
        self, random: np.random.Generator, problems: npt.NDArray[np.intp], *, lost: float = 0.0, factor: float = 1.0
    ) -> Point:
        """One run of these problems, with a share of its right chains turned wrong and its reads multiplied."""
        width = self.right.shape[1] - 1
        rows = problems[:, None]
        chosen = random.integers(self.right.shape[1], size=(len(rows), width))
        right = self.right[rows, chosen] * (random.random(chosen.shape) >= lost)
        average = right.mean(1)
        return Point(
            panel=Panel("modchain", "abacus"),
            series=Series("vanilla", "1x", "abacus"),
            width=width,
            length=1024,
            problems=tuple(f"p{number:04}" for number in range(len(rows))),
            accuracy=(average > 0.5).astype(np.float64),
            average=average,
            kv_reads=self.reads[rows, chosen].sum(1) * factor,
            aux_reads=np.zeros(len(rows)),
            peak=self.peak[rows, chosen].sum(1),
            seconds=None,
            chains=width,
            derived=False,
        )


@dataclass(frozen=True, slots=True)
class Case:
    """What is done to the candidate: points of accuracy lost, and reads multiplied."""

    name: str
    points: float = 0.0
    factor: float = 1.0


def simulate(chains: Chains, case: Case, trials: int, seed: int = 0) -> list[Verdict]:
    """The default gate on pairs of runs of `PROBLEMS` problems each."""
    random, terms = np.random.default_rng(seed), Terms(resamples=RESAMPLES)
    lost = case.points / float(chains.right.mean())
    verdicts = []
    for _ in range(trials):
        problems = random.choice(len(chains.right), PROBLEMS, replace=False)
        baseline = chains.draw(random, problems)
        verdicts.append(judge(chains.draw(random, problems, lost=lost, factor=case.factor), baseline, terms))
    return verdicts


def cases(sample: Verdict) -> list[Case]:
    """No change, changes within and at the limit, and those that one gate of the kind says it would detect."""
    accuracy, reads = sample.checks
    found, spent = -(accuracy.detectable or 0.0), 1 + (reads.detectable or 0.0)
    return [
        Case("no change"),
        Case("2 points lower", points=0.02),
        Case("5 points lower: the limit", points=0.05),
        Case(f"{100 * found:.1f} points lower: what it says it detects", points=found),
        Case("reads 5% higher: the limit", factor=1.05),
        Case(f"reads {100 * (spent - 1):.1f}% higher: what it says it detects", factor=spent),
        Case("reads doubled", factor=2.0),
    ]


def rows(chains: Chains, trials: int) -> Iterator[str]:
    for case in cases(simulate(chains, Case("sample"), 1)[0]):
        found = [verdict.outcome for verdict in simulate(chains, case, trials)]
        shares = [100 * found.count(kind) / len(found) for kind in (Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE)]
        yield f"| {case.name} | {' | '.join(f'{share:.1f}' for share in shares)} |"


def main() -> None:
    run = next(run for run in open_runs([Path(sys.argv[1])]) if _is_reference(run))
    trials = int(sys.argv[2]) if len(sys.argv) > 2 else TRIALS
    print(HEADER, end="")
    for row in rows(Chains.of(run), trials):
        print(row, flush=True)


def _is_reference(run: StoredRun) -> bool:
    fields = run.manifest.fields
    return fields["method"] == "vanilla" and int(fields["max_len"]) == 1024


if __name__ == "__main__":
    main()
