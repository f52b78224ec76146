"""Running totals of a run, and how they read."""

from collections import defaultdict
from dataclasses import dataclass, field

from hyperscale.analysis.estimate import wilson
from hyperscale.analysis.summary import FAULTS
from hyperscale.commands.listener import RunInfo
from hyperscale.commands.report_table import amount, percent
from hyperscale.store.records import ChainRecord, ScoreRecord


@dataclass(slots=True)
class Tally:
    """What a run has done since `began`, a time in seconds on any clock."""

    info: RunInfo
    began: float
    tokens: int = 0  # of all chains, those in flight included
    finished_tokens: int = 0
    chains: int = 0
    reads: float = 0.0  # kv and aux, of finished chains
    dense: float = 0.0
    graded: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))

    def add_chain(self, record: ChainRecord, dense_reads: float) -> None:
        self.chains += 1
        self.finished_tokens += record.tokens
        self.reads += record.kv_reads + record.aux_reads
        self.dense += dense_reads

    def add_score(self, score: ScoreRecord) -> None:
        if score.verdict not in FAULTS:
            self.graded[score.problem_id].append(score.correct)

    @property
    def done(self) -> int:
        return self.info.chains_present + self.chains

    @property
    def worth(self) -> float:
        """How many finished chains the work done is worth; those in flight count by their tokens, as if of full length."""
        return max(self.chains, max(self.tokens, self.finished_tokens) / self.info.max_len)

    @property
    def share(self) -> float:
        """Of all chains wanted, in 0..1."""
        return self.done / self.info.chains_wanted if self.info.chains_wanted else 1.0

    def count_text(self) -> str:
        return f"{self.done}/{self.info.chains_wanted} chains"

    def speed_text(self, now: float) -> str:
        return f"{max(self.tokens, self.finished_tokens) / max(now - self.began, 1e-9):.0f} tokens/s"

    def reads_text(self) -> str:
        """Reads of the finished chains beside what a dense cache would have read for them."""
        if not self.dense:
            return ""
        saved = f" ({self.dense / self.reads:.1f}x)" if self.reads else ""
        return f"reads {amount(self.reads)} / {amount(self.dense)} dense{saved}"

    def accuracy_text(self) -> str:
        """Mean over the chains graded so far, with Wilson's interval for as many problems: chains of one problem are alike."""
        if not self.graded:
            return ""
        means = [sum(right) / len(right) for right in self.graded.values()]
        interval = wilson(min(sum(means), len(means)), len(means))
        return f"avg {percent(sum(means) / len(means))}% [{percent(interval.low)}, {percent(interval.high)}]"

    def eta_text(self, now: float) -> str:
        seconds = self.seconds_left(now)
        return "" if seconds is None else f"ETA {clock(seconds)}"

    def seconds_left(self, now: float) -> float | None:
        """At the present speed; None while no chain has finished.

        The mean length is tokens over ends, those in flight included: the chains that finish first are the short ones.
        """
        if not self.chains or now <= self.began:
            return None
        generated = max(self.tokens, self.finished_tokens)
        mean = min(generated / self.chains, self.info.max_len)
        left = mean * (self.info.chains_wanted - self.info.chains_present) - generated
        return max(0.0, left) * (now - self.began) / generated if generated else None


def clock(seconds: float) -> str:
    """A duration as 0:07, 12:30 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
