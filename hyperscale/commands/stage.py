"""Stage: how far a run of a sweep is."""

from enum import StrEnum


class Stage(StrEnum):
    """What is there of a run."""

    WAITING = "waiting"  # nothing
    PARTIAL = "partial"  # some of it: it goes on
    DONE = "done"  # all chains, graded and summarized
    FAILED = "failed"  # it cannot be made, or ended in an error
