"""The processes that run at the moment, so that any thread can end them all."""

import contextlib
import threading
from collections.abc import Iterator, Sequence

from hyperscale.sandbox.host import Host
from hyperscale.sandbox.outcome import Limits
from hyperscale.sandbox.process import Process


class AbandonedError(Exception):
    """No process is to run any more."""


class Running:
    """Starts processes until it is abandoned, and remembers those that have not ended."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._guard = threading.Lock()
        self._processes: set[Process] = set()
        self._abandoned = False

    @contextlib.contextmanager
    def process(self, limits: Limits, descriptors: Sequence[int] = ()) -> Iterator[Process]:
        """A process; nothing of it is left when the `with` block ends.

        Raises
        ------
        AbandonedError
            None may start; also at the end of the block if all were ended meanwhile, so that their results mean nothing.
        OSError
            None could start.
        """
        self._check()
        with Process(self._host, limits, descriptors) as process:
            with self._guard:
                self._processes.add(process)
            try:
                self._check()  # once more: `abandon` may have missed this one
                yield process
                self._check()
            finally:
                with self._guard:
                    self._processes.discard(process)

    def abandon(self) -> None:
        """End all processes, and let no other start."""
        with self._guard:
            self._abandoned = True
            for process in self._processes:
                process.dismiss()

    def _check(self) -> None:
        with self._guard:
            if self._abandoned:
                raise AbandonedError("the sandbox was abandoned")
