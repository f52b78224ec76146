import inspect
import subprocess
import sys

import pytest

import hyperscale
from hyperscale.cli import run as run_module
from hyperscale.cli.main import PANELS, execute
from tests.cli.conftest import Command, environment

HEAVY = ("torch", "transformers", "datasets", "pandas", "sympy", "numpy", "pyarrow", "matplotlib", "tokenizers")
COMMANDS = [command.__name__.replace("_", "-") for commands in PANELS.values() for command in commands]


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"], ["run", "--set", "malformed"]])
def test_nothing_heavy_is_imported_before_there_is_work(arguments: list[str]) -> None:
    script = (
        f"import sys; from hyperscale.cli.main import execute; execute({arguments!r}); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True)
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "hyperscale.cli.run" in loaded
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute([name, "--help"]) == 0
    assert f"Usage: hyperscale {name}" in capsys.readouterr().out


def test_the_help_lists_every_command_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert all(f"│ {name} " in shown for name in COMMANDS)
    for words in ("0 done", "1 a gate", "2 a wrong option", "3 a file", "4 gate inconclusive", "70 a bug", "130 interrupted"):
        assert words in shown


def test_the_version_is_the_packages_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["--version"]) == 0
    assert capsys.readouterr().out == f"{hyperscale.__version__}\n"


def test_without_a_command_the_help_is_shown_and_nothing_counts_as_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute([]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Usage: hyperscale" in shown.err


def test_the_options_of_run_are_the_parameters_of_the_function() -> None:
    offered = set(inspect.signature(run_module.run).parameters) - {"json"}
    wanted = set(inspect.signature(hyperscale.run).parameters) - {"listener"}
    assert offered == wanted


def test_defaults_of_run_are_those_of_the_function() -> None:
    offered, wanted = (inspect.signature(function).parameters for function in (run_module.run, hyperscale.run))
    assert {name: offered[name].default for name in wanted if name != "listener"} == {
        name: parameter.default for name, parameter in wanted.items() if name != "listener"
    }


def test_the_help_of_run_names_the_default_method(capsys: pytest.CaptureFixture[str]) -> None:
    from hyperscale.cache.registry import DEFAULT_BUDGET, DEFAULT_METHOD

    execute(["run", "--help"])
    assert f"Without it: {DEFAULT_METHOD} at {DEFAULT_BUDGET}" in " ".join(capsys.readouterr().out.replace("│", "").split())


def test_python_m_hyperscale_is_the_same_command(command: Command) -> None:
    done = command("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{hyperscale.__version__}\n", "")
