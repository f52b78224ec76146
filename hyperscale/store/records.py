"""The records a run folder is made of."""

from dataclasses import dataclass, fields
from enum import StrEnum


class FinishReason(StrEnum):
    """Why a chain ended."""

    STOP = "stop"  # the model said it was done
    LENGTH = "length"  # L tokens generated
    READS = "reads"  # the next step would overdraw the purse of --reads
    ERROR = "error"  # the model's logits were not finite


@dataclass(frozen=True, slots=True)
class Trace:
    """Cumulative costs at every `every`-th generated token."""

    every: int
    kv_reads: tuple[float, ...]
    aux_reads: tuple[float, ...]
    peak_tokens: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ChainRecord:
    """One finished chain. Reads and peaks are per KV head (averaged over layers and heads), in entries."""

    problem_id: str
    chain: int
    seed: int
    prompt_tokens: int
    tokens: int
    finish_reason: FinishReason
    kv_reads: float
    aux_reads: float
    prefill_reads: float
    peak_tokens: float
    realised_cr: float
    trace: Trace
    text: str
    token_ids: tuple[int, ...]
    wall_s: float
    permutation: tuple[int, ...] = ()  # of a choice: which option stood under A, B, ...; option 0 is the right one

    @property
    def key(self) -> tuple[str, int]:
        return self.problem_id, self.chain


@dataclass(frozen=True, slots=True)
class ScoreRecord:
    """The grade of one chain."""

    problem_id: str
    chain: int
    extracted: str | None
    verdict: str
    correct: bool
    grader: str  # version of the grading rules
    detail: str = ""  # for people, e.g. which test failed

    @property
    def key(self) -> tuple[str, int]:
        return self.problem_id, self.chain


def field_names(record_type: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(record_type))
