"""Progress of a retrofit on stderr: a bar on a terminal, plain lines elsewhere."""

import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from hyperscale.cli.output import stderr

LINE_SECONDS = 10.0


class TrainingProgress:
    """Shows loss, target and realised compression; called with what `commands.retrofit.retrofit` reports."""

    def __init__(self) -> None:
        self.console = stderr()
        self.live = self.console.is_terminal and not os.environ.get("CI")
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[state]}"),
            console=self.console,
        )
        self.before: Callable[[], None] = lambda: None  # called when training starts
        self.row: Any = None
        self.said = 0.0
        self.steps = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.row is not None:
            self.bar.stop()

    def __call__(self, event: Any) -> None:
        from hyperscale.commands.retrofit import RetrofitInfo
        from hyperscale.retrofit.session import Snapshot

        if isinstance(event, RetrofitInfo):
            self._start(event)
        elif isinstance(event, Snapshot):
            self._say(f"{event.ratio:g}x written to {event.folder}")
        else:
            self._step(event)

    def _start(self, info: Any) -> None:
        self.before()
        self.steps = info.steps
        gone_on = f"; goes on after step {info.done}" if info.done else ""
        self._say(f"retrofit of {info.model} · {info.rows} examples · {info.steps} steps{gone_on}")
        if self.live:
            self.row = self.bar.add_task("retrofit", total=info.steps, completed=info.done, state="")
            self.bar.start()

    def _step(self, report: Any) -> None:
        wanted = 1 / (1 - report.wanted)
        state = f"KL {report.kl:.4f} · compression {report.ratio:.2f}x of {wanted:.2f}x"
        if self.row is not None:
            self.bar.update(self.row, completed=report.step, state=state)
        elif time.monotonic() - self.said >= LINE_SECONDS or report.step == self.steps:
            self.said = time.monotonic()
            self._say(f"step {report.step} of {self.steps}: {state}")

    def _say(self, text: str) -> None:
        self.console.print(Text(text), soft_wrap=True)
