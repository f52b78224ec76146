"""Point: one configuration of one method, problem by problem; what frontiers, comparisons and the gate are made of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperscale.analysis.summary import Accounting
from hyperscale.budget import format_size

Numbers = npt.NDArray[np.float64]


class Cost(StrEnum):
    """What accuracy is held against."""

    READS = "reads"  # entries read per KV head
    PEAK = "peak"  # most entries held per KV head
    LATENCY = "latency"  # seconds of generation, on one machine


@dataclass(frozen=True, slots=True)
class Panel:
    """What may share an axis: a task, and the model that all models of the panel were made from."""

    task: str
    base_model: str


@dataclass(frozen=True, slots=True)
class Series:
    """Points that differ only in width and length: a method at a budget, on the model that it needs."""

    method: str
    budget: str
    model: str


@dataclass(frozen=True, slots=True)
class Point:
    """One configuration W-L of a series, with one value per problem; problems are sorted by id.

    Attributes
    ----------
    accuracy : array
        ``[problems]``, in 0..1: expected vote of `width` chains (any-passes for code), exact over all subsets of the chains
        there are.
    average : array
        ``[problems]``, in 0..1: share of right chains.
    kv_reads, aux_reads, peak : array
        ``[problems]``: expected sum over `width` chains, in entries per KV head.
    seconds : float or None
        Generation time per problem; None where it was not measured.
    chains : int
        How many chains per problem stand behind the estimate; `width` or more.
    derived : bool
        Read off chains that were generated for a larger width or length.
    """

    panel: Panel
    series: Series
    width: int
    length: int
    problems: tuple[str, ...]
    accuracy: Numbers
    average: Numbers
    kv_reads: Numbers
    aux_reads: Numbers
    peak: Numbers
    seconds: float | None
    chains: int
    derived: bool

    def __post_init__(self) -> None:
        if list(self.problems) != sorted(set(self.problems)) or not self.problems:
            raise ValueError("problems must be there, sorted, each once")
        columns = (self.accuracy, self.average, self.kv_reads, self.aux_reads, self.peak)
        if any(column.shape != (len(self.problems),) for column in columns):
            raise ValueError("a point has one value per problem")
        if not 1 <= self.width <= self.chains:
            raise ValueError(f"{self.chains} chains cannot say what {self.width} would do")

    def cost(self, kind: Cost = Cost.READS, accounting: Accounting = Accounting.FULL) -> Numbers:
        """What each problem cost, ``[problems]``; latency is known as a mean only and is the same for all."""
        if kind is Cost.PEAK:
            return self.peak
        if kind is Cost.LATENCY:
            if self.seconds is None:
                raise ValueError(f"nobody measured how long {self.label} took")
            return np.full(len(self.problems), self.seconds)
        return self.kv_reads if accounting is Accounting.PAPER else self.kv_reads + self.aux_reads

    @property
    def label(self) -> str:
        """W-L-CR, in the order of the published paper."""
        return f"{self.width}-{format_size(self.length)}-{self.series.budget}"

    def on(self, problems: Sequence[str]) -> "Point":
        """The same point on some of its problems (KeyError if it lacks one)."""
        place = {problem: number for number, problem in enumerate(self.problems)}
        chosen = sorted(set(problems))
        rows = np.array([place[problem] for problem in chosen])
        columns: dict[str, Any] = {
            name: getattr(self, name)[rows] for name in ("accuracy", "average", "kv_reads", "aux_reads", "peak")
        }
        return replace(self, problems=tuple(chosen), **columns)
