"""Progress of `grade` on stderr: a bar on a terminal, lines elsewhere; nothing where grading takes no time."""

import os
import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from hyperscale.cli.output import stderr

LINE_SECONDS = 5.0


class GradingProgress:
    """Called with (completions graded, completions); `note` shows what a user should know."""

    def __init__(self) -> None:
        self.console = stderr()
        self.live = self.console.is_terminal and not os.environ.get("CI")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=self.console)
        self.row = self.bar.add_task("grading", total=None)
        self.said = time.monotonic()

    def __enter__(self) -> Self:
        if self.live:
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.live:  # elsewhere it would print an empty line
            self.bar.stop()

    def __call__(self, graded: int, wanted: int) -> None:
        if self.live:
            self.bar.update(self.row, completed=graded, total=wanted)
        elif time.monotonic() - self.said >= LINE_SECONDS:
            self.said = time.monotonic()
            self.note(f"graded {graded} of {wanted}")

    def note(self, text: str) -> None:
        self.console.print(Text(text), soft_wrap=True)
