"""Check: one thing that may not get worse, what is asked of it, and what was found."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hyperscale.analysis.quantile import LEVEL, normal_quantile
from hyperscale.analysis.ratio import RESAMPLES
from hyperscale.analysis.summary import Accounting

MARGIN = 0.05
READS_MARGIN = 0.05


class Outcome(StrEnum):
    """What a check, or a gate of several, found."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class Metric(StrEnum):
    """What may not get worse."""

    PER_READ = "per-read"  # accuracy and reads, each on its own
    ACCURACY = "accuracy"
    KV_READS = "kv_reads"
    PEAK = "peak"
    ACCURACY_AT_READS = "accuracy-at-reads"  # against the baseline's frontier at the candidate's cost
    RATIO = "ratio"  # accuracy divided by reads


class Score(StrEnum):
    """Which accuracy is gated."""

    AVERAGE = "average"  # share of right chains: varies least
    VOTE = "vote"  # of all chains


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked.

    Attributes
    ----------
    margin : float
        How much worse the candidate may be: of accuracies a difference in 0..1, of everything else a share of the baseline's.
    reads_margin : float
        The same for the reads of `Metric.PER_READ`.
    """

    metric: Metric = Metric.PER_READ
    margin: float = MARGIN
    reads_margin: float = READS_MARGIN
    score: Score = Score.AVERAGE
    accounting: Accounting = Accounting.FULL
    seed: int = 0
    resamples: int = RESAMPLES


@dataclass(frozen=True, slots=True)
class Change:
    """Candidate against baseline: of accuracies the difference, else the ratio minus 1; with its one-sided 95% bounds."""

    value: float
    at_least: float
    at_most: float

    @property
    def spread(self) -> float:
        """Half the 90% interval over its normal quantile: a standard error where the change is normal."""
        return (self.at_most - self.at_least) / (2 * normal_quantile(LEVEL))


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that may not get worse.

    Attributes
    ----------
    baseline, candidate : float
        In the check's own unit: accuracy in 0..1, entries, or accuracy per 2^20 reads.
    change : Change or None
        None where there is nothing to compare.
    limit : float
        The change that is still allowed.
    detectable : float or None
        The true change that would fail in 80% of repetitions.
    relative : bool
        Whether changes are shares of the baseline's value.
    """

    name: str
    outcome: Outcome
    baseline: float
    candidate: float
    change: Change | None
    limit: float
    detectable: float | None
    relative: bool
    estimand: str
    reason: str


def decided(change: Change, limit: float) -> Outcome:
    """Of a change that must not be below `limit`."""
    return Outcome.PASS if change.at_least >= limit else Outcome.FAIL if change.at_most < limit else Outcome.INCONCLUSIVE


def reason_for(outcome: Outcome) -> str:
    """What an outcome means, for people."""
    return {
        Outcome.PASS: "within the limit",
        Outcome.FAIL: "beyond the limit",
        Outcome.INCONCLUSIVE: "too few chains or problems to tell: raise --width or --limit, or allow a wider margin",
    }[outcome]


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """One failure fails; what is left undecided leaves the whole undecided."""
    return next((one for one in (Outcome.FAIL, Outcome.INCONCLUSIVE) if one in outcomes), Outcome.PASS)
