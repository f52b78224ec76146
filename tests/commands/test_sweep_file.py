"""Sweep files: what they mean, and where a mistake is said to stand."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperscale.commands.sweep_entry import Stated
from hyperscale.commands.sweep_file import SweepFile, read_sweep_file
from hyperscale.commands.sweep_plan import plan_sweep
from hyperscale.commands.sweep_request import understand_sweep
from hyperscale.errors import Refusal

DOCS = Path(__file__).parents[2] / "docs" / "sweep.md"

GOOD = """\
# what is bought by thinking longer
methods = ["vanilla", "dms"]
configs = [
  "1-64-1x",
  "64k-2-8x",  # as the preprint writes it
]
seeds = [0, 1]
limit = 5
temperature = 1
since = 2024-08-01
allow_partial_tests = true

[set]
per_layer = false

[[run]]
method = "window"
config = "2-64-8x"
set = {sinks = 8}

[[run]]
method = "dms"
configs = ["1-64-8x", "2-64-8x"]
seeds = [7]
model = "abacus-dms-8x"
"""


def write(text: str, path: Path = Path("sweep.toml")) -> Path:
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def labels(file: SweepFile) -> list[list[str]]:
    return [[configuration.label for configuration in entry.configurations] for entry in file.entries]


def test_a_file_is_a_product_and_single_runs() -> None:
    file = read_sweep_file(write(GOOD))
    product, window, dms = file.entries
    assert (product.methods, window.methods, dms.methods) == (("vanilla", "dms"), ("window",), ("dms",))
    assert labels(file) == [["1-64-1x", "2-64k-8x"], ["2-64-8x"], ["1-64-8x", "2-64-8x"]]
    assert (product.stated, window.stated) == (Stated.PRODUCT, Stated.ONE_BY_ONE)
    assert (product.settings, window.settings, dms.settings) == ({"per_layer": "false"}, {"sinks": "8"}, {})
    assert (product.seeds, window.seeds, dms.seeds) == ((0, 1), (0, 1), (7,))
    assert (product.model, window.model, dms.model) == ("auto", "auto", "abacus-dms-8x")
    assert {entry.tasks for entry in file.entries} == {("modchain",)}
    assert file.shared == {"limit": 5, "temperature": 1.0, "since": "2024-08-01", "allow_partial_tests": True}


def test_a_run_has_what_the_top_says_where_it_says_nothing_else() -> None:
    top = 'tasks = ["math500"]\nmodel = "abacus"\nseeds = [3]\n'
    runs = '[[run]]\nmethod = "tova"\nconfig = "1-64-8x"\n[[run]]\nmethod = "tova"\nconfig = "1-64-8x"\ntasks = ["modchain"]\n'
    one, other = read_sweep_file(write(top + runs)).entries
    assert (one.tasks, one.model, one.seeds) == (("math500",), "abacus", (3,))
    assert (other.tasks, other.model, other.seeds) == (("modchain",), "abacus", (3,))


def test_what_is_named_twice_is_meant_once() -> None:
    text = 'methods = ["dms", "dms"]\nconfigs = ["2-64-8x", "W2-L64-8x"]\nseeds = [1, 1]\n'
    (entry,) = read_sweep_file(write(text)).entries
    assert (entry.methods, len(entry.configurations), entry.seeds) == (("dms",), 1, (1,))


def test_a_byte_order_mark_and_line_ends_of_windows_are_no_mistake() -> None:
    Path("sweep.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert read_sweep_file(Path("sweep.toml")) == read_sweep_file(write(GOOD))


PRODUCT = 'methods = ["vanilla", "dms"]\nconfigs = ["1-64-1x", "2-64-8x"]\n'  # two lines
RUN = '[[run]]\nmethod = "window"\nconfig = "1-64-8x"\n'  # three lines

MISTAKES = [
    # syntax
    (PRODUCT + "limit = \n", r"is no TOML: Invalid value \(at line 3"),
    ('methods = ["vanilla"', r"is no TOML: Unclosed array"),
    (PRODUCT + PRODUCT, r"is no TOML: Cannot overwrite a value \(at line 3"),
    # keys
    (PRODUCT + 'task = ["modchain"]\n', r"line 3: task is no key here; did you mean 'tasks'\? Known: .*configs"),
    (PRODUCT + "\n# machine\nworkers = 2\n", r"line 5: workers is no key here; say it beside the file: --workers\."),
    (PRODUCT + "zzz = 2\n", r"line 3: zzz is no key here\. Known: "),
    (RUN + "limit = 3\n", r"line 4: \[\[run 1\]\] limit is no key here; it is for all runs: put it at the top"),
    (RUN + RUN + "seed = 3\n", r"line 7: \[\[run 2\]\] seed is no key here; did you mean 'seeds'\?"),
    (RUN + '\n[[run]]\nmethods = ["dms"]\n', r"line 6: \[\[run 2\]\] methods is no key here; did you mean 'method'\?"),
    # missing
    ("", r"sweep\.toml says nothing to run\. Add methods"),
    ("limit = 3\n", r"says nothing to run"),
    ('limit = 3\nmethods = ["dms"]\n', r"line 2: methods is there without configs"),
    ('configs = ["1-64-8x"]\n', r"line 1: configs is there without methods"),
    ("methods = []\nconfigs = []\n", r"line 1: methods is empty"),
    (PRODUCT + "seeds = []\n", r"line 3: seeds is empty"),
    (RUN + "[[run]]\n", r"line 4: \[\[run 2\]\]: method is missing"),
    ('[[run]]\nmethod = "dms"\n', r"line 1: \[\[run 1\]\]: config must be there"),
    (RUN + 'configs = ["1-64-8x"]\n', r"line 3: \[\[run 1\]\] config must be there.*not both"),
    # types
    ('methods = "dms"\nconfigs = ["1-64-8x"]\n', r"line 1: methods must be a list, not 'dms'"),
    (PRODUCT + "tasks = [1]\n", r"line 3: tasks must be a list of texts, but holds 1"),
    (PRODUCT + 'seeds = [0, "1"]\n', r"line 3: seeds must be a list of whole numbers, but holds '1'"),
    (PRODUCT + "seeds = [true]\n", r"line 3: seeds .*whole numbers, but holds True"),
    (PRODUCT + "seeds = [-1]\n", r"line 3: seeds must lie between 0 and 2\^63 - 1"),
    (PRODUCT + 'limit = "3"\n', r"line 3: limit must be a whole number, not '3'"),
    (PRODUCT + "allow_partial_tests = 1\n", r"line 3: allow_partial_tests must be true or false, not 1"),
    (PRODUCT + "model = 3\n", r"line 3: model must be a text, not 3"),
    (PRODUCT + "set = 3\n", r"line 3: set must be a table, not 3"),
    (PRODUCT + "[set]\nwindow = [16]\n", r"line 4: \[set\] window must be a number, a text, true or false"),
    (PRODUCT + "since = 3\n", r"line 3: since must be a day such as 2024-08-01, not '3'"),
    (PRODUCT + 'until = "tomorrow"\n', r"line 3: until must be a day"),
    (PRODUCT + "since = 2024-08-01T10:00:00\n", r"line 3: since must be a day"),
    ("run = [3]\n", r"line 1: run must be tables \[\[run\]\], but holds 3"),
    ('\n[run]\nmethod = "dms"\n', r"line 2: run has one pair of brackets\. Write \[\[run\]\]"),
    # values
    (PRODUCT.replace("dms", "dmz"), r"line 1: methods: There is no method 'dmz'\. Did you mean 'dms'\?"),
    (PRODUCT.replace("2-64-8x", "8-16-8x"), r"line 2: configs: '8-16-8x' can be read in two ways.*W8-L16-8x.*W16-L8-8x"),
    ('methods = ["dms"]\nconfigs = [\n  "1-64-8x",\n  "64-8x",\n]\n', r"line 4: configs: '64-8x' is not a configuration"),
    (PRODUCT + 'tasks = ["modchian"]\n', r"line 3: tasks: There is no task 'modchian'\. Did you mean 'modchain'\?"),
    (PRODUCT + "limit = 0\n", r"line 3: limit: .*1 or more, not 0"),
    (PRODUCT + "temperature = -1\n", r"line 3: temperature: .*0 \(greedy\) or above"),
    (PRODUCT + "temperature = 0\n", r"line 3: temperature: At temperature 0 all 2 chains would be the same"),
    (PRODUCT + "top_p = 0\n", r"line 3: top_p: "),
    (PRODUCT + 'dtype = "f8"\n', r"line 3: dtype: There is no dtype 'f8'"),
    (PRODUCT + 'prompt = "nice"\n', r"line 3: prompt: There is no prompt of task modchain 'nice'"),
    (PRODUCT + 'model = "abaccus"\n', r"line 3: model: There is no model 'abaccus'\. Did you mean 'abacus'\?"),
    (RUN + 'model = "./nowhere"\n', r"line 4: \[\[run 1\]\] model: There is no model folder \./nowhere"),
    (
        RUN + '[[run]]\nmethod = "own.py:Mine"\nconfig = "1-64-8x"\n',
        r"line 5: \[\[run 2\]\] method: .*there is no file own\.py",
    ),
    # parameters of methods
    (PRODUCT + "[set]\nsinks = 4\n", r"line 4: \[set\] sinks: There is no parameter of vanilla, dms 'sinks'"),
    (PRODUCT + '[set]\nscale = 1.0\nwindow = "wide"\n', r"line 5: \[set\] window: .*must be a whole number or none"),
    (PRODUCT + "[set]\nlimit = 4\n", r"line 4: \[set\] limit: .*no parameter.* put limit before \[set\]"),
    (RUN + "set = {sink = 4}\n", r"line 4: .*There is no parameter of window 'sink'\. Did you mean 'sinks'\?"),
    (RUN + "[run.set]\n\nsinks = -1\n", r"line 6: .*sinks"),
    ("[set]\nsinks = 4\n" + RUN, r"line 1: set is for the methods at the top, and there are none"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES, ids=[message for _, message in MISTAKES])
def test_a_mistake_is_told_with_file_line_and_key(text: str, message: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_sweep_file(write(text))
    assert str(caught.value).startswith("sweep.toml")
    assert re.search(message, str(caught.value), re.DOTALL), str(caught.value)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from(["", "# a note", "seeds = [0]", "limit = 3", 'tasks = ["modchain"]']), unique=True))
def test_a_wrong_key_is_found_wherever_it_stands(lines: list[str]) -> None:
    for place in range(len(lines) + 1):
        text = "\n".join([*lines[:place], "colour = 3", *lines[place:], PRODUCT])
        with pytest.raises(Refusal, match=rf"line {place + 1}: colour is no key here"):
            read_sweep_file(write(text))


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(Refusal, match=r"There is no sweep file nowhere\.toml"):
        read_sweep_file(Path("nowhere.toml"))
    with pytest.raises(Refusal, match="directory"):
        read_sweep_file(Path())


def test_a_file_in_another_encoding_is_refused_with_its_line() -> None:
    Path("sweep.toml").write_bytes(PRODUCT.encode() + "# café\n".encode("latin-1"))
    with pytest.raises(Refusal, match=r"sweep\.toml, line 3: this is not UTF-8"):
        read_sweep_file(Path("sweep.toml"))


def test_options_win_over_the_file() -> None:
    path = write(PRODUCT + "limit = 5\ntop_k = 3\n")
    common = understand_sweep(path, {"limit": 2, "top_p": 0.5}).common
    assert (common.limit, common.top_k, common.top_p) == (2, 3, 0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[run]]\nmethod = "dms"\nconfig = "1-64-3x"\n', r"line 1: \[\[run 1\]\]: .*there are abacus-dms-2x, .*abacus-dms-8x"),
        (RUN + '[[run]]\nmethod = "vanilla"\nconfig = "1-64-8x"\n', r"line 4: \[\[run 2\]\]: vanilla keeps everything"),
        (RUN + '[[run]]\nmethod = "dms"\nconfig = "1-64-512t"\n', r"line 4: \[\[run 2\]\]: dms .*a ratio"),
        ('[[run]]\nmethod = "dms"\nconfig = "1-64-8x"\nmodel = "abacus"\n', r"line 1: \[\[run 1\]\]: abacus has no DMS heads"),
    ],
)
def test_what_was_named_one_by_one_and_does_not_fit_is_refused(text: str, message: str) -> None:
    with pytest.raises(Refusal) as caught:
        plan_sweep(understand_sweep(write(text), {}))
    assert re.search(rf"^sweep\.toml, {message}", str(caught.value)), str(caught.value)


def test_the_example_of_the_documentation_is_a_sweep() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    plan = plan_sweep(understand_sweep(write(example), {}))
    assert len(plan.runs) > 3
    assert any(len(run.covers) > 1 for run in plan.runs)
    keys = set(re.findall(r"^([a-z_]+) *=", example, re.MULTILINE))
    assert {"methods", "configs", "method"} <= keys
