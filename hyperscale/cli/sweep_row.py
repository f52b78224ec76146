"""One run of a sweep as it is shown: state, numbers so far, time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyperscale.cli.tally import Tally, clock
from hyperscale.commands.listener import RunInfo
from hyperscale.commands.report_table import amount, percent
from hyperscale.commands.stage import Stage

if TYPE_CHECKING:  # the table should be there before torch is
    from hyperscale.commands.prospect import Prospect

RUNNING = "running"


@dataclass(slots=True)
class SweepRow:
    """A run and what is known of it; times in seconds on any clock."""

    prospect: Prospect
    tally: Tally | None = None  # once it has started
    summary: Mapping[str, Any] | None = None
    reason: str = ""
    began: float | None = None
    ended: float | None = None

    @classmethod
    def of(cls, prospect: Prospect) -> SweepRow:
        standing = prospect.standing
        return cls(prospect, summary=standing.summary if standing else None, reason=prospect.reason)

    def start(self, info: RunInfo, now: float) -> None:
        self.tally = Tally(info, now)

    @property
    def state(self) -> str:
        if self.summary is not None:
            return Stage.DONE
        if self.reason:
            return Stage.FAILED
        return RUNNING if self.began is not None else Stage.WAITING

    @property
    def wanted(self) -> int:
        return self.prospect.standing.wanted if self.prospect.standing else 0

    @property
    def done(self) -> int:
        """Chains that are there."""
        if self.tally:
            return self.tally.done
        return self.prospect.standing.present if self.prospect.standing else 0

    def there_text(self) -> str:
        """How much of a run that goes on is there."""
        if self.done == self.wanted:
            return "all its chains are there, grades or a summary of just these are not"
        return f"{self.done} of {self.wanted} chains are there"

    @property
    def work_done(self) -> float:
        """What this sweep did for it, in chains times length: runs of other lengths are compared by it."""
        return (self.tally.worth if self.tally else 0) * self.prospect.run.length

    @property
    def work_left(self) -> int:
        return 0 if self.state in (Stage.DONE, Stage.FAILED) else (self.wanted - self.done) * self.prospect.run.length

    def cells(self, now: float) -> tuple[str, ...]:
        """Run, state, chains, accuracy, reads, realised CR, time."""
        chains = f"{self.done}/{self.wanted}" if self.wanted else "-"
        return (self.prospect.label, self.state, chains, *self._numbers(), self._time(now))

    def numbers_text(self) -> str:
        """The numbers in one line."""
        accuracy, reads, ratio = self._numbers()
        return ", ".join(part for part in (accuracy and f"accuracy {accuracy}", reads and f"reads {reads}", ratio) if part)

    def _numbers(self) -> tuple[str, str, str]:
        if self.summary is not None:
            summary = self.summary
            bounds = summary["accuracy_ci95"]
            interval = f" [{percent(bounds[0])}, {percent(bounds[1])}]" if bounds else ""
            ratio = summary["realised_cr"]
            reads = (summary["kv_reads"] or 0.0) + (summary["aux_reads"] or 0.0)
            return f"{percent(summary['accuracy'])}%{interval}", amount(reads), f"{ratio:.2f}x" if ratio else ""
        tally = self.tally
        if tally is None or not tally.chains:
            return tally.accuracy_text() if tally else "", "", ""
        reads = tally.reads / tally.chains * tally.info.width
        return tally.accuracy_text(), amount(reads), f"{tally.dense / tally.reads:.2f}x" if tally.reads else ""

    def _time(self, now: float) -> str:
        if self.began is None:
            return ""
        if self.ended is not None:
            return clock(self.ended - self.began)
        return (self.tally.eta_text(now) if self.tally else "") or clock(now - self.began)


def time_left(rows: Sequence[SweepRow], now: float) -> float | None:
    """Seconds until the last run ends, if all go on as those before did, per chain and length; None before a chain ended."""
    done = sum(row.work_done for row in rows)
    spent = sum((row.ended or now) - row.began for row in rows if row.began is not None)
    return sum(row.work_left for row in rows) * spent / done if done else None


def overview(rows: Sequence[SweepRow], now: float) -> str:
    """How far the sweep is, in one line."""
    states = [row.state for row in rows]
    failed = f", {states.count(Stage.FAILED)} failed" if Stage.FAILED in states else ""
    left = time_left(rows, now)
    waiting = any(row.work_left for row in rows)
    remaining = f", about {clock(left)} left" if left is not None and waiting else ""
    return f"{states.count(Stage.DONE)} of {counted(len(rows), 'run')} done{failed}{remaining}"


def counted(count: int, noun: str) -> str:
    """A number of things: 1 run, 2 runs."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
