"""Outcome: how a problem ended in a run."""

from collections.abc import Sequence
from enum import StrEnum

from hyperscale.analysis.summary import FAULTS, Vote
from hyperscale.store.records import ChainRecord, FinishReason, ScoreRecord


class Outcome(StrEnum):
    """What the vote of a problem's chains came to, best first."""

    RIGHT = "right"
    TIE = "tie"  # between right and wrong answers
    WRONG = "wrong"
    NO_ANSWER = "no answer"  # every chain abstained
    ERROR = "error"  # nothing is left but chains that broke, or whose grader did
    UNFINISHED = "unfinished"  # a chain is missing, or its grade


def chain_outcome(chain: ChainRecord, score: ScoreRecord | None) -> Outcome:
    """What one chain came to."""
    if chain.finish_reason is FinishReason.ERROR:
        return Outcome.ERROR
    if score is None:
        return Outcome.UNFINISHED
    if score.verdict in FAULTS:
        return Outcome.ERROR
    if score.correct:
        return Outcome.RIGHT
    return Outcome.NO_ANSWER if score.extracted is None else Outcome.WRONG


def valid_grades(chains: Sequence[ChainRecord], scores: Sequence[ScoreRecord | None]) -> list[ScoreRecord]:
    """The grades that say something about an answer: of chains that did not break, by a grader that did not."""
    pairs = zip(chains, scores, strict=True)
    silent = (Outcome.ERROR, Outcome.UNFINISHED)
    return [score for chain, score in pairs if score is not None and chain_outcome(chain, score) not in silent]


def outcome_of(chains: Sequence[ChainRecord], scores: Sequence[ScoreRecord | None], width: int, vote: Vote) -> Outcome:
    """How a problem ended, by the rules of a run's summary: it counts there unless it is unfinished.

    Parameters
    ----------
    chains
        The finished ones of the `width` wanted.
    scores
        Their grades; None where there is none.
    """
    ends = [chain_outcome(chain, score) for chain, score in zip(chains, scores, strict=True)]
    if len(chains) < width or Outcome.UNFINISHED in ends:
        return Outcome.UNFINISHED
    grades = valid_grades(chains, scores)
    if not grades:
        return Outcome.ERROR
    verdicts = {grade.correct for grade in grades}
    share = vote(grades) if len(verdicts) > 1 else float(verdicts.pop())  # to pool answers may mean to compare formulas
    if share >= 1:
        return Outcome.RIGHT
    if share > 0:
        return Outcome.TIE
    return Outcome.WRONG if Outcome.WRONG in ends else Outcome.NO_ANSWER
