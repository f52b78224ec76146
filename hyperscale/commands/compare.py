"""`hyperscale compare`: two runs, or two sets of runs, problem by problem."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hyperscale.analysis.belonging import FOR_A_GATE, strangers
from hyperscale.analysis.compare import Comparison, TooFewProblems, compare_points
from hyperscale.analysis.randomization import holm
from hyperscale.analysis.summary import Accounting
from hyperscale.commands.run_labels import run_labels
from hyperscale.commands.run_points import RunPoints, at_width, load_points, refuse_strangers
from hyperscale.errors import Refusal, UsageError
from hyperscale.names import one_of
from hyperscale.shown import shown

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pair:
    """A candidate and the baseline it is held against."""

    baseline: RunPoints
    candidate: RunPoints

    @property
    def labels(self) -> tuple[str, str]:
        """Short names that tell the two apart, baseline first."""
        first, second = run_labels([self.baseline.fields, self.candidate.fields])
        return first, second

    @property
    def title(self) -> str:
        theirs, mine = self.labels
        task, alike = shown(self.candidate.whole.panel.task), mine.removesuffix(" (2)")
        if self.baseline.run.name == self.candidate.run.name:
            return f"{task}: {alike} against itself"
        return f"{task}: {alike}, candidate against baseline" if alike != mine else f"{task}: {mine} against {theirs}"


@dataclass(frozen=True, slots=True)
class Compared:
    """One pair's comparison; `adjusted` is the sign-flip test's p-value after Holm's correction over all pairs."""

    pair: Pair
    comparison: Comparison
    adjusted: float

    def to_json(self) -> dict[str, Any]:
        names = {"baseline": self.pair.baseline.run.name, "candidate": self.pair.candidate.run.name}
        return names | asdict(self.comparison) | {"p_adjusted": self.adjusted}


def compare(
    baseline: Iterable[Path | str] | Path | str,
    candidate: Iterable[Path | str] | Path | str,
    seed: int = 0,
    accounting: str = "full",
    mixed: bool = False,
    note: Note = lambda text: None,
) -> list[Compared]:
    """Hold every candidate run against its baseline, on the problems that both have.

    Raises
    ------
    UsageError
        An option is wrong; nothing was touched.
    Refusal
        Runs are missing, not finished at all, without a partner, or do not belong together; or a pair shares no two problems.
    """
    check_seed(seed)
    counted = one_of(Accounting, accounting, "accounting")
    pairs = pair_up(baseline, candidate, note, derive=False, mixed=mixed)
    found = [_compare(pair, seed, counted) for pair in pairs]
    adjusted = holm({str(number): its.sign_flip.p for number, its in enumerate(found)})
    return [Compared(pair, its, adjusted[str(number)]) for number, (pair, its) in enumerate(zip(pairs, found, strict=True))]


def pair_up(
    baseline: Iterable[Path | str] | Path | str,
    candidate: Iterable[Path | str] | Path | str,
    note: Note,
    *,
    derive: bool,
    mixed: bool,
) -> list[Pair]:
    """Pair runs: the only one of a task with the only one, else those alike in method, budget, length and seed.

    Raises
    ------
    Refusal
        A candidate has no partner or several; partners do not belong together, unless `mixed` allows it; or their widths
        differ, and reads were capped.
    """
    theirs, mine = (load_points(_paths(side), note, derive=derive) for side in (baseline, candidate))
    pairs = [Pair(_partner(run, theirs, mine), run) for run in mine]
    pairs = [_as_wide(pair, note) for pair in pairs]
    _tell_unmatched(theirs, pairs, note)
    if not mixed:
        for pair in pairs:
            sides = [(run.run.name, run.fields) for run in (pair.baseline, pair.candidate)]
            refuse_strangers(strangers(sides, FOR_A_GATE))
    return pairs


def _as_wide(pair: Pair, note: Note) -> Pair:
    """Costs are sums over chains, and votes gain by every chain: both sides at the smaller width."""
    widths = [side.whole.width for side in (pair.baseline, pair.candidate)]
    if widths[0] == widths[1]:
        return pair
    width = min(widths)
    note(f"{pair.title}: both at {width} of their {widths[1]} and {widths[0]} chains per problem; averages use all of them")
    return Pair(*(side if side.whole.width == width else at_width(side, width) for side in (pair.baseline, pair.candidate)))


def _tell_unmatched(theirs: Sequence[RunPoints], pairs: Sequence[Pair], note: Note) -> None:
    """A run that the candidate no longer has is a regression that no comparison shows."""
    matched = {id(pair.baseline.run) for pair in pairs}
    missed = [run.run.name for run in theirs if id(run.run) not in matched]
    if missed:
        more = f" and {len(missed) - 3} more" if len(missed) > 3 else ""
        note(f"of the baseline, the candidate has nothing like {', '.join(missed[:3])}{more}")


def check_seed(seed: int) -> None:
    """Raise UsageError where a seed cannot be one."""
    if seed < 0:
        raise UsageError(f"--seed is a whole number from 0 on, not {seed}.")


def _paths(side: Iterable[Path | str] | Path | str) -> list[Path | str]:
    return [side] if isinstance(side, Path | str) else list(side)


def _partner(run: RunPoints, theirs: Sequence[RunPoints], mine: Sequence[RunPoints]) -> RunPoints:
    task = run.whole.panel.task
    same_task = [other for other in theirs if other.whole.panel.task == task]
    if not same_task:
        raise Refusal(f"The baseline has no run of {task} for {run.run.name}. Add one, or leave it out.")
    if len(same_task) == 1 and sum(other.whole.panel.task == task for other in mine) == 1:
        return same_task[0]
    alike = [other for other in same_task if _likeness(other) == _likeness(run)]
    if len(alike) == 1:
        return alike[0]
    wanted = "method, budget, length and seed"
    found = f"{len(alike)} runs of {task} with the {wanted}" if alike else f"no run of {task} with the {wanted}"
    raise Refusal(f"The baseline has {found} of {run.run.name}. Name one run on each side to hold them against each other.")


def _likeness(run: RunPoints) -> tuple[Any, ...]:
    point = run.whole
    return point.series.method, point.series.budget, point.length, run.fields.get("seed")


def _compare(pair: Pair, seed: int, accounting: Accounting) -> Comparison:
    try:
        return compare_points(pair.candidate.whole, pair.baseline.whole, seed, accounting=accounting)
    except TooFewProblems as error:
        raise Refusal(f"{pair.title}: {error}. Run both on more of the same problems (--limit).") from None
