"""Runs that are not stored anywhere, and chains told by their lives: what a run of any length would have recorded of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hyperscale.store.codec import Detail
from hyperscale.store.manifest import Manifest
from hyperscale.store.records import ChainRecord, FinishReason, ScoreRecord, Trace
from tests.store.samples import chain, manifest


@dataclass(frozen=True)
class MadeRun:
    """Fulfils `StoredRun`."""

    manifest: Manifest
    records: Sequence[ChainRecord]
    grades: Sequence[ScoreRecord]
    name: str = "made"

    def chains(self, detail: Detail = Detail.FULL) -> dict[tuple[str, int], ChainRecord]:
        return {record.key: record for record in self.records}

    def scores(self) -> dict[tuple[str, int], ScoreRecord]:
        return {grade.key: grade for grade in self.grades}

    def summary(self) -> dict[str, Any] | None:
        return None

    def telemetry(self) -> dict[str, Any] | None:
        return None


@dataclass(frozen=True)
class Life:
    """A chain that would end by itself after `tokens` tokens: with an answer, or with an error instead of one more token.

    `kv`, `aux`, `held`: entries read, metadata read, and entries held at each decode forward, as many as are ever needed.
    """

    tokens: int
    answer: str | None
    correct: bool
    fails: bool = False
    verdict: str = "equal"
    kv: Sequence[float] = field(default=(1.0,) * 4096)
    aux: Sequence[float] = field(default=(0.0,) * 4096)
    held: Sequence[float] = field(default=(1.0,) * 4096)

    def record(self, problem: str, number: int, length: int, every: int = 64) -> ChainRecord:
        """What a run of this length keeps of it."""
        tokens = min(self.tokens, length)
        cut = self.tokens > length or (self.tokens == length and self.fails)
        ended = FinishReason.LENGTH if cut else FinishReason.ERROR if self.fails else FinishReason.STOP
        marks = [self._costs(mark) for mark in range(every, tokens + 1, every)]
        trace = Trace(every, *(tuple(column) for column in zip(*marks, strict=True))) if marks else Trace(every, (), (), ())
        kv, aux, peak = self._costs(tokens)
        return chain(
            problem, number, tokens=tokens, finish_reason=ended, kv_reads=kv, aux_reads=aux, peak_tokens=peak, trace=trace
        )

    def grade(self, problem: str, number: int, length: int) -> ScoreRecord | None:
        """What graders make of that record; None for an error."""
        ended = self.record(problem, number, length).finish_reason
        if ended is FinishReason.ERROR:
            return None
        if ended is FinishReason.LENGTH:
            return ScoreRecord(problem, number, None, "no_answer", False, "g")
        return ScoreRecord(problem, number, self.answer, self.verdict, self.correct, "g")

    def _costs(self, tokens: int) -> tuple[float, float, float]:
        forwards = max(0, tokens - 1)  # the first token is the prefill's
        return float(sum(self.kv[:forwards])), float(sum(self.aux[:forwards])), float(max(self.held[:forwards], default=0))


def made_run(lives: dict[str, Sequence[Life]], length: int, width: int, every: int = 64, **fields: Any) -> MadeRun:
    """A run of that length, in which those chains lived."""
    everybody = [(problem, number, life) for problem, mine in lives.items() for number, life in enumerate(mine)]
    grades = [life.grade(problem, number, length) for problem, number, life in everybody]
    return MadeRun(
        manifest(**{"width": width, "max_len": length, "kind": "math", "prefix_safe": True, **fields}),
        [life.record(problem, number, length, every) for problem, number, life in everybody],
        [grade for grade in grades if grade is not None],
    )
