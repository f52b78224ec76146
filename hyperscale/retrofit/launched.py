"""Processes that something else has started: ``accelerate launch`` (or torchrun), one per GPU."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hyperscale.errors import Refusal


@dataclass(frozen=True, slots=True)
class Place:
    """This process among those that train together."""

    rank: int = 0
    size: int = 1
    state: Any = None  # accelerate's, which owns the process group

    @property
    def first(self) -> bool:
        return self.rank == 0

    @contextmanager
    def first_goes_ahead(self) -> Iterator[None]:
        """What follows is done by the first process, and then by the others, who find it done."""
        if self.state is None:
            yield
            return
        with self.state.main_process_first():
            yield


def find_place() -> Place:
    """Where the launcher has put this process; alone if there is none.

    Raises
    ------
    Refusal
        There is a launcher, and accelerate is not installed.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:  # set by every launcher; not ours to configure anything with
        return Place()
    try:
        from accelerate import PartialState
    except ImportError as error:
        raise Refusal("Training in launched processes needs accelerate: pip install 'hyperscale[train]'.") from error
    state = PartialState()
    return Place(state.process_index, state.num_processes, state)
