import io

import pytest
from rich.console import Console

from hyperscale.cli.progress import Bar, Lines, progress
from hyperscale.cli.tally import Tally, clock
from hyperscale.commands.listener import Listener, RunInfo, Silent
from tests.store.samples import chain, score

INFO = RunInfo("modchain, abacus, tova 4x", chains_wanted=20, chains_present=0, problems=10, width=2, max_len=1000)


class Watch:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def terminal(width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, highlight=False, color_system=None)


def plain() -> Console:
    return Console(file=io.StringIO(), force_terminal=False, width=80, highlight=False)


def lines_of(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def finish_chain(listener: Listener, number: int, tokens: int = 100) -> None:
    listener.chain(chain(f"p{number // 2}", number % 2, tokens=tokens, kv_reads=900.0, aux_reads=100.0), dense_reads=4000.0)


# --- numbers


def test_reads_are_compared_with_a_dense_cache_and_include_aux_reads() -> None:
    tally = Tally(INFO, began=0.0)
    assert tally.reads_text() == ""
    tally.add_chain(chain(kv_reads=900.0, aux_reads=100.0), 4000.0)
    assert tally.reads_text() == "reads 1000 / 3.91k dense (4.0x)"


def test_accuracy_is_the_mean_over_chains_with_an_interval_over_problems() -> None:
    tally = Tally(INFO, began=0.0)
    assert tally.accuracy_text() == ""
    for number in range(8):
        tally.add_score(score("a", number, correct=True))
    assert tally.accuracy_text() == "avg 100.0% [20.7, 100.0]"  # one problem, however many chains
    tally.add_score(score("b", correct=False))
    assert tally.accuracy_text().startswith("avg 50.0% [")


def test_a_fault_of_the_grader_is_in_no_accuracy() -> None:
    tally = Tally(INFO, began=0.0)
    tally.add_score(score(correct=False, verdict="crashed"))
    assert tally.accuracy_text() == ""


def test_the_end_is_foreseen_from_the_speed_and_the_mean_length() -> None:
    tally = Tally(INFO, began=0.0)
    tally.tokens = 500
    assert tally.seconds_left(10.0) is None
    for number in range(5):
        tally.add_chain(chain("p", number, tokens=100), 1.0)
    assert tally.seconds_left(10.0) == pytest.approx(30.0)  # 15 more chains of 100 tokens at 50 tokens/s
    tally.tokens = 100_000
    assert tally.seconds_left(10.0) == 0.0  # no chain is longer than L


def test_chains_already_there_cost_no_time() -> None:
    tally = Tally(RunInfo("", 20, 15, 10, 2, 1000), began=0.0)
    assert tally.count_text() == "15/20 chains"
    tally.add_chain(chain(tokens=100), 1.0)
    assert tally.count_text() == "16/20 chains"
    assert tally.seconds_left(10.0) == pytest.approx(40.0)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (750, "12:30"), (3723, "1:02:03")])
def test_durations_read_like_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


# --- lines


def test_lines_come_at_each_tenth_of_the_way() -> None:
    console, watch = plain(), Watch()
    with Lines(console, watch) as listener:
        listener.started(INFO)
        for number in range(20):
            watch.time += 0.1
            listener.tick(100)
            finish_chain(listener, number)
            listener.graded(score(f"p{number // 2}", number % 2))
        listener.finished({})
    shown = lines_of(console)
    assert shown[:2] == ["modchain, abacus, tova 4x", "10 problems x 2 = 20 chains of up to 1000 tokens"]
    assert [line.split(",")[0] for line in shown[2:]] == [f"{n}/20 chains ({5 * n}%)" for n in range(2, 21, 2)]
    assert (
        shown[-1] == "20/20 chains (100%), 1000 tokens/s, reads 19.5k / 78.1k dense (4.0x), avg 100.0% [72.2, 100.0], took 0:02"
    )


def test_lines_come_every_few_seconds_where_chains_are_long_and_less_often_later() -> None:
    console, watch = plain(), Watch()
    with Lines(console, watch) as listener:
        listener.started(INFO)
        for _ in range(300):
            watch.time += 1.0
            listener.tick(50)
    shown = lines_of(console)[2:]
    assert shown[0] == "0/20 chains (0%), 50 tokens/s"
    assert 300 / 16 <= len(shown) <= 300 / 5


def test_a_resumed_run_says_how_many_chains_are_there() -> None:
    console = plain()
    with Lines(console) as listener:
        listener.started(RunInfo("title", 20, 20, 10, 2, 1000))
        listener.finished({})
    assert lines_of(console)[1].endswith("; 20 are already there")
    assert lines_of(console)[2].startswith("20/20 chains (100%)")


def test_notes_and_grades_may_come_before_anything_is_loaded() -> None:
    for console in (plain(), terminal()):
        with progress("grading", console) as listener:
            listener.note("[bold]as it is[/bold]")
            listener.graded(score())
        assert "[bold]as it is[/bold]" in "\n".join(lines_of(console))


# --- bar


def test_the_bar_shows_everything_within_80_columns() -> None:
    console, watch = terminal(80), Watch()
    info = RunInfo("modchain, abacus, tova 4x", 160_000, 0, 20_000, 8, 1000)
    with Bar(console, "loading the model", watch) as listener:
        listener.live.auto_refresh = False
        listener.started(info)
        for number in range(100):
            listener.tick(10_000)
            listener.chain(chain(f"p{number}", tokens=9_900, kv_reads=9e7), dense_reads=4.2e8)
            listener.graded(score(f"p{number}", correct=number % 3 > 0))
        watch.time += 100.0
        pictured = console.render_lines(listener._picture(), pad=False)
    first, second = ("".join(segment.text for segment in line) for line in pictured)
    assert first.split("━")[-1].split() == ["100/160000", "chains", "1:40", "ETA", "4:25:00"]
    assert second == "10000 tokens/s   reads 8.38G / 39.1G dense (4.7x)   avg 66.0% [56.3, 74.5]"
    assert len(first) <= 80


def test_the_bar_says_what_it_waits_for_and_cleans_up_after_an_error() -> None:
    console = terminal()

    def fail() -> None:
        with Bar(console, "loading the model"):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    shown = "\n".join(lines_of(console))
    assert "loading the model" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is visible again


@pytest.mark.parametrize(("console", "ci", "kind"), [(terminal(), "", Bar), (terminal(), "true", Lines), (plain(), "", Lines)])
def test_a_bar_is_for_people_at_a_terminal(console: Console, ci: str, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", ci)
    assert type(progress("loading the model", console)) is kind


def test_the_silent_listener_takes_everything() -> None:
    listener: Listener = Silent()
    listener.started(INFO)
    listener.tick(1)
    finish_chain(listener, 0)
    listener.graded(score())
    listener.note("text")
    listener.finished({})


def test_chains_in_flight_are_worth_something_before_the_first_one_ends() -> None:
    tally = Tally(INFO, began=0.0)
    assert tally.worth == 0
    tally.tokens = 3 * INFO.max_len // 2
    assert tally.worth == 1.5
    tally.chains = 4  # short ones
    assert tally.worth == 4
