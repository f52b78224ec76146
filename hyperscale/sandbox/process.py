"""A sandboxed process with its place in the world: a user, a directory, namespaces where there are any."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from hyperscale.sandbox import bubblewrap, orders
from hyperscale.sandbox.execution import Command, End, Execution
from hyperscale.sandbox.host import Host, Layer
from hyperscale.sandbox.orders import Place
from hyperscale.sandbox.outcome import Limits
from hyperscale.sandbox.scratch import remove

_SIGNALLED = 128  # bubblewrap exits with this and the signal that ended its program; see reaper.py


class Process:
    """A process that has started and waits for its task; nothing of it is left when the `with` block ends."""

    def __init__(self, host: Host, limits: Limits, descriptors: Sequence[int] = ()) -> None:
        self._host, self._limits = host, limits
        self._wrapped = host.has(Layer.BUBBLEWRAP)
        self._scratch = None if self._wrapped else Path(tempfile.mkdtemp(prefix="hyperscale-"))
        arguments = orders.command(host)
        if self._wrapped:
            arguments = bubblewrap.arguments(host, limits.scratch, arguments)
        patient = not (host.has(Layer.SECCOMP) or self._wrapped)  # a namespace ends with its first process
        watched = None if host.has(Layer.LANDLOCK) else self._scratch  # else nothing grows there but in memory
        try:
            self._execution = Execution(Command(arguments, orders.ENVIRONMENT, watched, tuple(descriptors), patient), limits)
        except BaseException:
            self._clean()
            raise

    def finish(self, task: Mapping[str, Any], stdin: bytes = b"") -> End:
        """Give it its task and wait for its end."""
        execution = self._execution
        end = execution.finish(
            orders.compose(self._host, self._limits, self._place(), execution.report_descriptor, task), stdin
        )
        if self._wrapped and end.status > _SIGNALLED:
            return replace(end, status=_SIGNALLED - end.status)
        return end

    def dismiss(self) -> None:
        """End it, from any thread, because it has no more to do."""
        self._execution.dismiss()

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._execution.abandon()
        self._clean()

    def _place(self) -> Place:
        pid = self._execution.pid
        if self._scratch is None:
            own = not self._host.uids  # see bubblewrap.arguments
            return Place(pid, bubblewrap.PROGRAM, 0, bubblewrap.SCRATCH, namespace=own, scratch_writable=True)
        return Place(pid, pid, os.getpid(), str(self._scratch), namespace=False, scratch_writable=False)

    def _clean(self) -> None:
        if self._scratch:
            remove(self._scratch)
