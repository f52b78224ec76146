"""`hyperscale gate`: an exit code that says whether accuracy per memory read got worse."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from hyperscale.analysis.check import MARGIN, READS_MARGIN, Metric, Outcome, Score, Terms, worst
from hyperscale.analysis.compare import TooFewProblems
from hyperscale.analysis.gate import Verdict, judge
from hyperscale.analysis.summary import Accounting
from hyperscale.commands.compare import Pair, check_seed, pair_up
from hyperscale.commands.gate_junit import junit
from hyperscale.commands.gate_summary import markdown
from hyperscale.errors import Refusal, UsageError
from hyperscale.names import one_of
from hyperscale.store.disk import refusing, write_whole

Note = Callable[[str], None]


class Undecided(StrEnum):
    """What an inconclusive gate counts as."""

    INCONCLUSIVE = "inconclusive"  # as itself: exit code 4
    FAIL = "fail"
    PASS = "pass"


@dataclass(frozen=True, slots=True)
class Gated:
    """One candidate run and what the gate found."""

    pair: Pair
    verdict: Verdict

    @property
    def title(self) -> str:
        return self.pair.title


@dataclass(frozen=True, slots=True)
class Gate:
    """All that a gate found."""

    terms: Terms
    undecided: Undecided
    runs: tuple[Gated, ...]

    @property
    def outcome(self) -> Outcome:
        """Of all runs together, an inconclusive one as it is."""
        return worst([run.verdict.outcome for run in self.runs])

    @property
    def decision(self) -> Outcome:
        """What the gate says: an inconclusive outcome counts as asked."""
        return self.outcome if self.outcome is not Outcome.INCONCLUSIVE else Outcome(str(self.undecided))

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "decision": str(self.decision),
            "outcome": str(self.outcome),
            **{name: str(value) if isinstance(value, StrEnum) else value for name, value in asdict(self.terms).items()},
            "inconclusive": str(self.undecided),
            "runs": [
                {
                    "baseline": run.pair.baseline.run.name,
                    "candidate": run.pair.candidate.run.name,
                    "outcome": str(run.verdict.outcome),
                    **asdict(run.verdict),
                }
                for run in self.runs
            ],
        }


def gate(
    baseline: Iterable[Path | str] | Path | str,
    candidate: Iterable[Path | str] | Path | str,
    metric: str = "per-read",
    margin: float = 100 * MARGIN,
    reads_margin: float = 100 * READS_MARGIN,
    score: str = "average",
    accounting: str = "full",
    inconclusive: str = "inconclusive",
    junit_file: Path | None = None,
    summary_file: Path | None = None,
    seed: int = 0,
    mixed: bool = False,
    note: Note = lambda text: None,
) -> Gate:
    """Hold candidate runs against baseline runs, problem by problem (docs/gate.md).

    Parameters are those of ``hyperscale gate``; margins are in points of accuracy, or in percent of the baseline's value.

    Returns
    -------
    Gate
        Its `decision` is pass, fail or inconclusive: exit codes 0, 1 and 4.

    Raises
    ------
    UsageError
        An option is wrong; nothing was touched.
    Refusal
        A run cannot be read or is not there, runs do not belong together, or a file cannot be written.
    """
    check_seed(seed)
    terms = Terms(
        metric=one_of(Metric, metric, "metric"),
        margin=_share(margin, "--margin"),
        reads_margin=_share(reads_margin, "--reads-margin"),
        score=one_of(Score, score, "score"),
        accounting=one_of(Accounting, accounting, "accounting"),
        seed=seed,
    )
    undecided = one_of(Undecided, inconclusive, "way to take an inconclusive gate")
    for path in (junit_file, summary_file):
        _check_writable(path)  # before minutes of work, whose verdict would be lost
    derive = terms.metric is Metric.ACCURACY_AT_READS  # which needs the baseline's frontier
    pairs = pair_up(baseline, candidate, note, derive=derive, mixed=mixed)
    found = Gate(terms, undecided, tuple(Gated(pair, _judge(pair, terms)) for pair in pairs))
    _write(junit_file, junit(found.runs, undecided))
    _write(summary_file, markdown(found.runs, found.decision, terms))
    return found


def _judge(pair: Pair, terms: Terms) -> Verdict:
    try:
        return judge(
            pair.candidate.whole, pair.baseline.whole, terms, pair.baseline.points, wanted=pair.candidate.wanted_problems
        )
    except TooFewProblems as error:
        raise Refusal(f"{pair.title}: {error}. Run both on more of the same problems (--limit).") from None


def _share(percent: float, option: str) -> float:
    if not 0 <= percent < 100:
        raise UsageError(f"{option} is a number of points or percent from 0 to 100, not {percent:g}.")
    return percent / 100


def _check_writable(path: Path | None) -> None:
    if path is not None:
        with refusing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab"):
                pass


def _write(path: Path | None, text: str) -> None:
    if path is not None:
        write_whole(path, text.encode())
