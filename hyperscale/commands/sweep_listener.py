"""What a sweep tells while it works."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from hyperscale.commands.listener import Listener, Silent

if TYPE_CHECKING:  # the table should be there before torch is
    from hyperscale.commands.prospect import Prospect


class SweepListener(Protocol):
    """Told about a sweep as it goes, from the thread that runs it; runs are known by their place in the plan."""

    def planned(self, runs: Sequence[Prospect]) -> None:
        """All runs, in the order they are made; those that are done, or cannot be made, are heard of no more."""

    def running(self, number: int) -> Listener:
        """A run starts; what it tells goes to the listener returned."""

    def done(self, number: int, summary: dict[str, Any]) -> None:
        """A run is finished and stored."""

    def failed(self, number: int, reason: str) -> None:
        """A run was refused or broke off; the others go on."""

    def note(self, text: str) -> None:
        """Something a user should know, in one line; the runs of a sweep repeat each other's notes."""


class SilentSweep:
    """A listener that says nothing."""

    def planned(self, runs: Sequence[Prospect]) -> None:
        pass

    def running(self, number: int) -> Listener:
        return Silent()

    def done(self, number: int, summary: dict[str, Any]) -> None:
        pass

    def failed(self, number: int, reason: str) -> None:
        pass

    def note(self, text: str) -> None:
        pass
