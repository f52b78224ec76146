"""One run, many points: what stored chains say about smaller widths and shorter lengths.

A chain's random numbers depend on neither W nor L. Of a method whose decisions do not depend on L either, the first l tokens
of a chain are therefore the chain that a run of length l would have made, and the chain's trace holds what it had cost by then.
"""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from hyperscale.analysis.ballot import CUT_OFF, Mark, expected_vote
from hyperscale.analysis.point import Numbers, Panel, Point, Series
from hyperscale.analysis.summary import FAULTS, Chains, Scores
from hyperscale.errors import Refusal
from hyperscale.scoring.vote import Equivalent, classes_of
from hyperscale.store.codec import Detail
from hyperscale.store.records import ChainRecord, FinishReason
from hyperscale.store.stored_run import StoredRun
from hyperscale.tasks.task_card import Kind


@dataclass(frozen=True, slots=True)
class _Source:
    """What a run was made with, and what that allows to say."""

    name: str
    panel: Panel
    series: Series
    kind: str
    width: int
    length: int
    purse: bool  # reads were capped, each chain at its share of W
    divisible: bool  # a shorter run would have made the beginnings of these chains


@dataclass(frozen=True, slots=True)
class _Problem:
    """One problem with all its chains, and each one's mark, None where an error or the grader left it without."""

    id: str
    chains: tuple[ChainRecord, ...]
    marks: tuple[Mark | None, ...]


def points(
    run: StoredRun,
    equivalent: Equivalent,
    widths: Sequence[int] | None = None,
    lengths: Sequence[int] | None = None,
    tokens_per_s: float | None = None,
    series: Series | None = None,
) -> list[Point]:
    """Every configuration W-L that a run tells of, by length and then width.

    A run of width W and length L gives the widths up to W. Where its manifest says that the method is prefix-safe, it gives the
    shorter lengths on the grid of the chains' traces. A run with a purse gives only its own W and L, which the purse was for.
    At length l, a chain that had not stopped by itself within l tokens is cut off: it has no answer and is wrong.

    Accuracy at width w is the exact mean over subsets of w of the W chains; costs are w / W of what all W chains cost. Problems
    whose W chains are not all finished and graded are left out. Chains that ended in an error, or whose grader failed, have a
    cost but no part in any accuracy; a problem with fewer than w other chains is missing from that point.

    Parameters
    ----------
    run : StoredRun
        Its manifest says which chains are wanted.
    equivalent : callable
        Whether two answers say the same. Answers of all W chains are pooled once per problem, for all widths and lengths.
    widths, lengths : sequence of int, optional
        Default: powers of two, and the run's own.
    tokens_per_s : float, optional
        How fast the run generated; without it no point says how long it took.
    series : Series, optional
        What the points belong to, where method, budget and model do not tell.

    Returns
    -------
    list of Point
        Without the points that no problem is left for. Derived points equal those of a run at that length, number for number.

    Raises
    ------
    ValueError
        A width or length the run cannot tell of.
    Refusal
        The manifest lacks a field, or a chain's trace is shorter than the chain.
    """
    chains = run.chains(Detail.COUNTS)
    source = _source(run, chains, series)
    asked_widths = _widths(source, widths)
    asked_lengths = _lengths(source, lengths, math.lcm(*{chain.trace.every for chain in chains.values()}))
    problems = _problems(run, source, chains, equivalent)
    if not problems:
        return []
    found = []
    for length in asked_lengths:
        costs = _costs(source, problems, length)
        marks = [_marks_at(source, problem, length) for problem in problems]
        found += [_point(source, problems, marks, costs, width, length, tokens_per_s) for width in asked_widths]
    return [point for point in found if point is not None]


def _source(run: StoredRun, chains: Chains, series: Series | None) -> _Source:
    fields = run.manifest.fields
    purse = "reads" in run.manifest.configuration
    try:
        model = str(fields["model"])
        return _Source(
            name=run.name,
            panel=Panel(str(fields["task"]), str(fields.get("base_model") or model)),
            series=series or Series(str(fields["method"]), str(fields["budget"]), model),
            kind=str(fields.get("kind", Kind.MATH)),
            width=int(fields.get("width") or 1 + max((chain for _, chain in chains), default=0)),
            length=int(fields["max_len"]),
            purse=purse,
            divisible=bool(fields.get("prefix_safe")) and not purse,
        )
    except KeyError as error:
        raise Refusal(f"The manifest of {run.name} does not say its {error}; no points come from it. Run it again.") from None


def _widths(source: _Source, asked: Sequence[int] | None) -> list[int]:
    if asked is None:
        powers = [] if source.purse else [1 << n for n in range(source.width.bit_length())]
        return sorted({*powers, source.width})
    for width in asked:
        if not 1 <= width <= source.width:
            raise ValueError(f"{source.name} has {source.width} chains per problem: it cannot say what {width} would do")
        if source.purse and width != source.width:
            raise ValueError(f"{source.name} split its purse over {source.width} chains: it cannot say what {width} would do")
    return sorted(set(asked))


def _lengths(source: _Source, asked: Sequence[int] | None, every: int) -> list[int]:
    """The lengths to give points at, where traces have marks at the multiples of `every`."""
    if asked is None:
        powers = [1 << n for n in range(source.length.bit_length())] if source.divisible else []
        return sorted({*(power for power in powers if power % every == 0), source.length})
    for length in asked:
        if length != source.length and not (source.divisible and 0 < length < source.length and length % every == 0):
            told = f"multiples of {every} up to {source.length}" if source.divisible else f"{source.length} alone"
            raise ValueError(f"{source.name} tells of length {told}, not of {length}")
    return sorted(set(asked))


def _problems(run: StoredRun, source: _Source, chains: Chains, equivalent: Equivalent) -> list[_Problem]:
    scores = run.scores()
    ids = run.manifest.fields.get("problem_ids") or {problem for problem, _ in chains}
    found = []
    for problem in sorted(set(ids)):
        keys = [(problem, number) for number in range(source.width)]
        mine = tuple(chains[key] for key in keys if key in chains)
        graded = all(chain.key in scores for chain in mine if chain.finish_reason is not FinishReason.ERROR)
        if len(mine) == source.width and graded:
            found.append(_Problem(problem, mine, _marks(source.kind, mine, scores, equivalent)))
    return found


def _marks(kind: str, chains: Sequence[ChainRecord], scores: Scores, equivalent: Equivalent) -> tuple[Mark | None, ...]:
    grades = [None if chain.finish_reason is FinishReason.ERROR else scores[chain.key] for chain in chains]
    sound = [None if grade is None or grade.verdict in FAULTS else grade for grade in grades]
    answers = [grade.extracted if grade and kind != Kind.CODE else None for grade in sound]
    settled = len({grade.correct for grade in sound if grade}) < 2  # no vote depends on which answers say the same
    labels = classes_of(answers, operator.eq if settled else equivalent)
    pairs = zip(sound, labels, strict=True)
    return tuple(None if grade is None else Mark(label, grade.correct) for grade, label in pairs)


def _marks_at(source: _Source, problem: _Problem, length: int) -> list[Mark]:
    """The marks of the problem's chains, as a run of this length would have graded them."""
    marks = problem.marks
    if length < source.length:
        marks = tuple(
            CUT_OFF if _cut(chain, length) else mark for chain, mark in zip(problem.chains, problem.marks, strict=True)
        )
    return [mark for mark in marks if mark is not None]


def _cut(chain: ChainRecord, length: int) -> bool:
    """Whether a run of this length would cut the chain off: at its last token a stop comes before the limit, an error after."""
    ends_there = chain.tokens == length and chain.finish_reason is not FinishReason.STOP
    return chain.tokens > length or ends_there


def _costs(source: _Source, problems: Sequence[_Problem], length: int) -> Numbers:
    """What each problem's W chains had cost by `length`: kv_reads, aux_reads, peak and tokens, ``[problems, 4]``."""
    rows = [[_costs_of(source, chain, length) for chain in problem.chains] for problem in problems]
    total: Numbers = np.array(rows).sum(1)  # [problems, W, 4] -> [problems, 4]
    return total


def _costs_of(source: _Source, chain: ChainRecord, length: int) -> tuple[float, float, float, float]:
    if chain.tokens <= length:
        return chain.kv_reads, chain.aux_reads, chain.peak_tokens, float(chain.tokens)
    trace, mark = chain.trace, length // chain.trace.every - 1
    try:
        return trace.kv_reads[mark], trace.aux_reads[mark], trace.peak_tokens[mark], float(length)
    except IndexError:
        raise Refusal(
            f"{source.name}: the trace of chain {chain.chain} of problem {chain.problem_id} ends before its token {length}. "
            "Generate the run again (--fresh)."
        ) from None


def _point(
    source: _Source,
    problems: Sequence[_Problem],
    marks: Sequence[Sequence[Mark]],
    costs: Numbers,
    width: int,
    length: int,
    tokens_per_s: float | None,
) -> Point | None:
    rows = [row for row, mine in enumerate(marks) if len(mine) >= width]
    if not rows:
        return None
    kv_reads, aux_reads, peak, tokens = np.ascontiguousarray((costs[rows] * width / source.width).T)
    return Point(
        panel=source.panel,
        series=source.series,
        width=width,
        length=length,
        problems=tuple(problems[row].id for row in rows),
        accuracy=np.array([expected_vote(source.kind, marks[row], width) for row in rows]),
        average=np.array([fmean(mark.correct for mark in marks[row]) for row in rows]),
        kv_reads=kv_reads,
        aux_reads=aux_reads,
        peak=peak,
        seconds=float(tokens.mean()) / tokens_per_s if tokens_per_s else None,
        chains=source.width,
        derived=(width, length) != (source.width, source.length),
    )
