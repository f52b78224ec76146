"""Progress of a sweep: lines, and the live table on terminals of all sizes."""

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rich.console import Console

from hyperscale.cache.cache import CacheShape
from hyperscale.cli.derived_table import derived_table
from hyperscale.cli.sweep_row import SweepRow
from hyperscale.cli.sweep_table import HEADINGS, SweepLines, SweepTable, around, sweep_progress, visible
from hyperscale.commands.listener import RunInfo
from hyperscale.commands.prospect import Prospect
from hyperscale.commands.standing import Standing
from hyperscale.commands.sweep_plan import plan_sweep
from hyperscale.commands.sweep_request import understand_sweep
from hyperscale.engine.sampler import Sampling
from tests.store.samples import chain, score


class Watch:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def terminal(width: int = 80, height: int = 24) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=height, highlight=False, color_system=None)


def plain() -> Console:
    return Console(file=io.StringIO(), force_terminal=False, width=80, highlight=False)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def planned(methods: list[str], configs: list[str], present: int = 0, wanted: int = 20) -> list[Prospect]:
    """Prospects of runs that nobody makes; the first has some chains."""
    runs = plan_sweep(understand_sweep(None, {"methods": methods, "configs": configs})).runs
    shape = CacheShape(4, 2, 4, 16, torch.float32, torch.device("cpu"))
    standings = [
        Standing(Path("run"), {}, Sampling(1.0, 1.0, 0), shape, wanted, 0 if number else present, None)
        for number in range(len(runs))
    ]
    return [Prospect(run.request.method, run, standing) for run, standing in zip(runs, standings, strict=True)]


def info(wanted: int = 20, present: int = 0) -> RunInfo:
    return RunInfo("", wanted, present, wanted // 2, 2, 64)


SUMMARY = {"accuracy": 0.25, "accuracy_ci95": (0.125, 0.5), "kv_reads": 1000.0, "aux_reads": 24.0, "realised_cr": 4.0}


def generate(table: SweepTable | SweepLines, number: int, watch: Watch, chains: int = 20, seconds: float = 1.0) -> None:
    """A run whose chains take some seconds each; the first half of them is right."""
    listener = table.running(number)
    listener.started(info())
    for place in range(chains):
        watch.time += seconds
        listener.tick(50)
        listener.chain(chain(f"p{place // 2}", place % 2, tokens=50, kv_reads=900.0, aux_reads=100.0), dense_reads=4000.0)
        listener.graded(score(f"p{place // 2}", place % 2, correct=place < chains // 2))


def test_lines_tell_of_starts_ends_and_now_and_then_between() -> None:
    console, watch = plain(), Watch()
    lines = SweepLines(console, watch)
    lines.planned(planned(["vanilla", "window", "tova"], ["2-64-1x", "2-64-8x"], present=5))
    generate(lines, 0, watch)
    lines.done(0, SUMMARY)
    generate(lines, 1, watch, chains=10, seconds=3.1)
    lines.failed(1, "no disk")
    generate(lines, 2, watch, chains=0)
    lines.done(2, {**SUMMARY, "incomplete": 2})
    assert text_of(console).splitlines() == [
        "vanilla goes on: 5 of 20 chains are there",
        "3 runs",
        "[1/3] vanilla: 15 chains to generate",
        "[1/3] vanilla: accuracy 25.0% [12.5, 50.0], reads 1.00k, 4.00x, took 0:20; 1 of 3 runs done, about 0:40 left",
        "[2/3] window: 20 chains to generate",
        # 31 s for nine chains and a tenth's tokens, 51 s for 29 chains of all; 31 chains are left
        "window: 9/20 chains, accuracy avg 50.0% [17.0, 83.0], reads 1.95k, 4.00x, ETA 0:38; 1 of 3 runs done, about 0:55 left",
        "[2/3] window failed: no disk",
        "[3/3] tova: 20 chains to generate",
        "tova: 2 problems are not finished and not counted",
        "[3/3] tova: accuracy 25.0% [12.5, 50.0], reads 1.00k, 4.00x, took 0:00; 2 of 3 runs done, 1 failed",
    ]


def picture(table: SweepTable) -> list[str]:
    lines = table.console.render_lines(table.picture(), table.console.options, pad=False)
    return ["".join(segment.text for segment in line).rstrip() for line in lines]


def in_the_middle(console: Console, watch: Watch, configs: int = 1) -> SweepTable:
    """A table whose first run is done and whose second goes on."""
    table = SweepTable(console, watch)
    lengths = [f"2-{64 * (number + 1)}-8x" for number in range(configs)]
    table.planned(planned(["vanilla", "window", "tova"], ["2-64-1x", *lengths]))
    generate(table, 0, watch)
    table.done(0, SUMMARY)
    generate(table, 1, watch, chains=10)
    return table


def test_the_table_shows_every_run() -> None:
    shown = picture(in_the_middle(terminal(100), Watch()))
    assert [line.split() for line in shown if line] == [
        ["run", "state", "chains", "accuracy", "reads", "CR", "time"],
        ["─" * len(shown[2].strip())],
        ["vanilla", "done", "20/20", "25.0%", "[12.5,", "50.0]", "1.00k", "4.00x", "0:20"],
        ["window", "running", "10/20", "avg", "50.0%", "[17.0,", "83.0]", "1.95k", "4.00x", "ETA", "0:10"],
        ["tova", "waiting", "0/20"],
        ["1", "of", "3", "runs", "done,", "about", "0:30", "left,", "0:30", "so", "far"],
    ]


@pytest.mark.parametrize(
    ("width", "left_out", "accuracy"),
    [
        (74, [], "avg 50.0% [17.0, 83.0]"),
        (73, [], "avg 50.0%"),
        (60, ["CR"], "avg 50.0%"),
        (53, ["CR", "reads"], "avg 50.0%"),
        (46, ["CR", "reads", "accuracy"], ""),
    ],
)
def test_a_narrow_terminal_gets_fewer_columns_and_no_cut_number(width: int, left_out: list[str], accuracy: str) -> None:
    shown = picture(in_the_middle(terminal(width), Watch()))
    assert max(map(len, shown)) <= width
    assert "…" not in "".join(shown)
    assert next(line for line in shown if "chains" in line).split() == [name for name in HEADINGS if name not in left_out]
    running = next(line for line in shown if "running" in line)
    assert accuracy in running
    assert ("[17.0" in running) == ("[17.0" in accuracy)


def test_a_name_is_cut_before_a_number_is_left_out() -> None:
    cells = [("a method of my own, seed 17, L=16k", "running", "10/20", "avg 60.0%", "1.95k", "4.00x", "0:10")]
    assert list(visible(cells, 66)) == list(HEADINGS)
    assert list(visible(cells, 64)) == [name for name in HEADINGS if name != "CR"]


def test_a_low_terminal_shows_the_runs_around_the_one_that_goes_on() -> None:
    shown = picture(in_the_middle(terminal(80, height=10), Watch(), configs=8))
    assert len(shown) <= 10
    assert any("running" in line for line in shown)
    assert shown[-1].endswith("13 more below")


@pytest.mark.parametrize(
    ("states", "room", "found"),
    [
        ("wwww", 4, (0, 4, 0)),
        ("wwwwww", 3, (0, 3, 3)),
        ("dddwww", 3, (2, 3, 1)),
        ("dddddd", 3, (3, 3, 0)),
        ("ffffw", 3, (2, 3, 0)),
    ],
)
def test_the_window_into_many_runs_follows_the_first_that_is_not_over(
    states: str, room: int, found: tuple[int, int, int]
) -> None:
    (prospect,) = planned(["vanilla"], ["2-64-1x"])
    rows = [SweepRow(prospect) for _ in states]
    for row, state in zip(rows, states, strict=True):
        row.summary, row.reason = (SUMMARY if state == "d" else None), ("no disk" if state == "f" else "")
    above, shown, below = around(rows, room)
    assert (above, len(shown), below) == found
    assert list(shown) == rows[above : above + room]


def test_runs_that_cannot_be_made_or_go_on_are_named_before_the_first_starts() -> None:
    console = terminal(120)
    whole, half = planned(["vanilla"], ["2-64-1x"], present=20) + planned(["tova"], ["2-64-8x"], present=3)
    SweepTable(console, Watch()).planned([Prospect("dms", half.run, None, "no model"), half, whole])
    assert text_of(console).splitlines() == [
        "dms cannot be made: no model",
        "tova goes on: 3 of 20 chains are there",
        "vanilla goes on: all its chains are there, grades or a summary of just these are not",
    ]


def test_notes_are_said_once_and_as_they_are() -> None:
    console = plain()
    lines = SweepLines(console, Watch())
    for _ in range(2):
        lines.note("[bold]as it is[/bold]")
    assert text_of(console) == "[bold]as it is[/bold]\n"


def test_the_table_cleans_up_after_an_error() -> None:
    console = terminal()

    def fail() -> None:
        with SweepTable(console):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    shown = text_of(console)
    assert "planning" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is visible again


@pytest.mark.parametrize(
    ("console", "ci", "kind"), [(terminal, "", SweepTable), (terminal, "true", SweepLines), (plain, "", SweepLines)]
)
def test_a_table_is_for_people_at_a_terminal(
    console: Callable[[], Console], ci: str, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    assert type(sweep_progress(console())) is kind


def test_where_every_configuration_has_its_run_there_is_no_second_table() -> None:
    row = {"derived": False, "accuracy": 0.5}
    assert derived_table([row]) is None
    assert derived_table([{**row, "derived": True, "accuracy": None}]) is None  # its run failed


def test_a_run_that_is_done_shows_its_summary() -> None:
    (prospect,) = planned(["vanilla"], ["2-64-1x"], present=20)
    assert prospect.standing is not None
    table = SweepTable(terminal(100), Watch())
    table.planned([dataclasses.replace(prospect, standing=dataclasses.replace(prospect.standing, summary=SUMMARY))])
    shown = picture(table)
    assert shown[3].split() == ["vanilla", "done", "20/20", "25.0%", "[12.5,", "50.0]", "1.00k", "4.00x"]
    assert shown[-1] == "1 of 1 run done, 0:00 so far"
