"""Processes that something else has started: ``accelerate launch`` (or torchrun), one per GPU."""

import os
from dataclasses import dataclass
from datetime import timedelta
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

    @property
    def device(self) -> str | None:
        """What the launcher has given this process; None without a launcher."""
        if self.state is None:
            return None
        return f"cuda:{self.state.local_process_index}" if self.state.device.type == "cuda" else "cpu"

    def wait(self) -> None:
        """Go on when all processes have come this far."""
        if self.state is not None:
            self.state.wait_for_everyone()


def find_place(device: str) -> Place:
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
    # the others wait while the first generates chains, which may take long
    state = PartialState(cpu=device == "cpu", timeout=timedelta(days=1))
    return Place(state.process_index, state.num_processes, state)
