"""Progress of a sweep on stderr: one live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from hyperscale.cli.output import stderr
from hyperscale.cli.progress import Clock
from hyperscale.cli.sweep_row import RUNNING, SweepRow, counted, overview
from hyperscale.cli.tally import clock
from hyperscale.commands.listener import Listener, RunInfo
from hyperscale.commands.plain_table import GAP, fitting, plain_table
from hyperscale.commands.stage import Stage
from hyperscale.commands.sweep_listener import SweepListener
from hyperscale.store.records import ChainRecord, ScoreRecord

if TYPE_CHECKING:  # the table should be there before torch is
    from hyperscale.commands.prospect import Prospect

LINE_SECONDS = 30.0
AROUND = 6  # lines of a terminal that are not rows of the table
SHORT_NAME = 16  # columns that are enough of a run's name
HEADINGS = ("run", "state", "chains", "accuracy", "reads", "CR", "time")

_LEFT = ("run", "state")
_LEAST_FIRST = ("CR", "reads", "accuracy")  # what is left out where there is no room

_STYLES = {Stage.DONE: "green", Stage.FAILED: "red", RUNNING: "bold"}


class SweepProgress(SweepListener, Protocol):
    """A sweep listener that cleans up after itself."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


def sweep_progress(console: Console | None = None) -> SweepProgress:
    """The listener that fits stderr: a table on a terminal, lines elsewhere and in CI logs."""
    chosen = stderr() if console is None else console
    return SweepTable(chosen) if chosen.is_terminal and not os.environ.get("CI") else SweepLines(chosen)


class _Sweeping:
    """Keeps the rows; what to show, and when, is up to the subclass."""

    def __init__(self, console: Console, now: Clock = time.monotonic) -> None:
        self.console, self.now = console, now
        self.rows: list[SweepRow] = []
        self.said: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def planned(self, runs: Sequence[Prospect]) -> None:
        self.rows = [SweepRow.of(prospect) for prospect in runs]
        for row in self.rows:
            if row.state == Stage.FAILED:
                self.note(f"{row.prospect.label} cannot be made: {row.reason}")
            elif row.prospect.stage is Stage.PARTIAL:
                self.note(f"{row.prospect.label} goes on: {row.there_text()}")

    def running(self, number: int) -> Listener:
        row = self.rows[number]
        row.began = self.now()
        return _OfRun(row, self)

    def done(self, number: int, summary: dict[str, Any]) -> None:
        row = self.rows[number]
        row.summary, row.ended = summary, self.now()
        if summary.get("incomplete"):
            self.note(f"{row.prospect.label}: {summary['incomplete']} problems are not finished and not counted")

    def failed(self, number: int, reason: str) -> None:
        row = self.rows[number]
        row.reason, row.ended = reason, self.now()

    def note(self, text: str) -> None:
        if text not in self.said:
            self.said.add(text)
            self._say(text)

    def changed(self, row: SweepRow) -> None:
        """There is something new about a run that goes on."""

    def _say(self, text: str) -> None:
        self.console.print(Text(text), soft_wrap=True)


class _OfRun:
    """Listens to one run, for its row."""

    def __init__(self, row: SweepRow, sweeping: _Sweeping) -> None:
        self.row, self.sweeping = row, sweeping

    def started(self, info: RunInfo) -> None:
        self.row.start(info, self.sweeping.now())

    def tick(self, tokens: int) -> None:
        if self.row.tally:
            self.row.tally.tokens += tokens
            self.sweeping.changed(self.row)

    def chain(self, record: ChainRecord, dense_reads: float) -> None:
        if self.row.tally:
            self.row.tally.add_chain(record, dense_reads)
            self.sweeping.changed(self.row)

    def graded(self, score: ScoreRecord) -> None:
        if self.row.tally:
            self.row.tally.add_score(score)

    def note(self, text: str) -> None:
        self.sweeping.note(text)

    def finished(self, summary: dict[str, Any]) -> None:
        """The sweep tells this itself."""


class SweepLines(_Sweeping):
    """A line where a run starts and ends, and now and then between."""

    def planned(self, runs: Sequence[Prospect]) -> None:
        super().planned(runs)
        states = [row.prospect.stage for row in self.rows]
        done = states.count(Stage.DONE)
        there = f", {'all' if done == len(states) else f'{done} of them'} there already" if done else ""
        self._say(f"{counted(len(self.rows), 'run')}{there}")

    def running(self, number: int) -> Listener:
        listener = super().running(number)
        self.said_at = self.now()
        missing = self.rows[number].wanted - self.rows[number].done
        self._say(
            f"{self._place(number)}: {counted(missing, 'chain')} to generate" if missing else f"{self._place(number)}: grading"
        )
        return listener

    def done(self, number: int, summary: dict[str, Any]) -> None:
        super().done(number, summary)
        row, now = self.rows[number], self.now()
        took = clock(now - (row.began or now))
        self._say(f"{self._place(number)}: {row.numbers_text()}, took {took}; {overview(self.rows, now)}")

    def failed(self, number: int, reason: str) -> None:
        super().failed(number, reason)
        self._say(f"{self._place(number)} failed: {reason}")

    def changed(self, row: SweepRow) -> None:
        now = self.now()
        if now - self.said_at >= LINE_SECONDS:
            self.said_at = now
            parts = (f"{row.done}/{row.wanted} chains", row.numbers_text(), row.cells(now)[-1])
            self._say(f"{row.prospect.label}: {', '.join(part for part in parts if part)}; {overview(self.rows, now)}")

    def _place(self, number: int) -> str:
        return f"[{number + 1}/{len(self.rows)}] {self.rows[number].prospect.label}"


class SweepTable(_Sweeping):
    """All runs in a table, redrawn in place; of more than the terminal has room for, those around the one that goes on."""

    def __init__(self, console: Console, now: Clock = time.monotonic) -> None:
        super().__init__(console, now)
        self.began, self.over = now(), False
        self.spinner = Spinner("dots", text="planning")
        self.live = Live(console=console, get_renderable=self.picture, refresh_per_second=4)

    def __enter__(self) -> Self:
        self.live.start(refresh=True)  # imports to come may keep the refreshing thread waiting
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.over = True
        self.live.stop()

    def picture(self) -> RenderableType:
        """The table as of now."""
        if not self.rows:
            return "" if self.over else self.spinner
        now = self.now()
        above, rows, below = around(self.rows, max(3, self.console.height - AROUND))
        columns = visible([row.cells(now) for row in rows], self.console.width)
        table = plain_table()
        for heading in columns:
            table.add_column(heading, justify="left" if heading in _LEFT else "right", no_wrap=True, overflow="ellipsis")
        for row, texts in zip(rows, zip(*columns.values(), strict=True), strict=True):
            table.add_row(*(Text(text, _STYLES.get(row.state, "dim")) for text in texts))
        hidden = [f"{count} more {where}" for count, where in ((above, "above"), (below, "below")) if count]
        so_far = ", ".join([overview(self.rows, now), f"{clock(now - self.began)} so far", *hidden])
        return Group(table, Text(so_far))


def visible(cells: Sequence[Sequence[str]], width: int) -> dict[str, list[str]]:
    """The columns that a terminal of `width` columns has room for, by heading: numbers are left out rather than cut."""
    columns = {heading: list(texts) for heading, texts in zip(HEADINGS, zip(*cells, strict=True), strict=True)}
    if sum(_widths(columns).values()) + GAP * len(columns) > width:
        columns["accuracy"] = [text.partition(" [")[0] for text in columns["accuracy"]]  # without the interval
    return {heading: columns[heading] for heading in fitting(_widths(columns), _LEAST_FIRST, width)}


def _widths(columns: Mapping[str, Sequence[str]]) -> dict[str, int]:
    widths = {heading: max(map(cell_len, (heading, *texts))) for heading, texts in columns.items()}
    return widths | {"run": min(widths["run"], SHORT_NAME)}  # a name may be cut


def around(rows: Sequence[SweepRow], room: int) -> tuple[int, Sequence[SweepRow], int]:
    """As many rows as there is room for, around the first that is not over, and how many are left out before and after."""
    if len(rows) <= room:
        return 0, rows, 0
    over = (Stage.DONE, Stage.FAILED)
    current = next((number for number, row in enumerate(rows) if row.state not in over), len(rows) - 1)
    first = min(max(0, current - room // 2), len(rows) - room)
    return first, rows[first : first + room], len(rows) - room - first
