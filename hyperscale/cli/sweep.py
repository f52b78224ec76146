"""hyperscale sweep"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from hyperscale.cli.options import Json, Since, UnsafeNoSandbox, Until, parse_settings
from hyperscale.cli.run import Data, Device, Out, Rows, Temperature, TopK, TopP, Workers
from hyperscale.errors import Refusal, UsageError


def _what(metavar: str, text: str, *names: str) -> Any:
    return typer.Option(*names, metavar=metavar, help=text, rich_help_panel="What to run")


File = Annotated[Path | None, typer.Argument(metavar="[SWEEP.toml]", help="A sweep written down.", show_default=False)]
Methods = Annotated[list[str] | None, _what("A,B", "Methods, or path/file.py:Class.")]
Configs = Annotated[
    list[str] | None, _what("W-L-CR,...", "Width, length, compression: 8-16k-8x. Also L-W-CR where it is beyond doubt.")
]
Tasks = Annotated[list[str] | None, _what("A,B", "Tasks, or path/to/card.toml. Default: modchain")]
Seeds = Annotated[list[str] | None, _what("N,M", "Seeds. Default: 0")]
Model = Annotated[str | None, _what("NAME", "A model for all methods. Default: auto, one that fits task and method.")]
Settings = Annotated[list[str] | None, _what("KEY=VALUE", "A parameter of the methods that have it; may be repeated.", "--set")]
Limit = Annotated[int | None, _what("N", "Only so many problems.")]
Prompt = Annotated[str | None, _what("PRESET", "One of the tasks' prompts. Default: the task's.")]
AcceptLicence = Annotated[
    bool, typer.Option("--accept-licence", help="Let auto pick a non-commercial model.", rich_help_panel="What to run")
]
AllowPartialTests = Annotated[
    bool | None,
    typer.Option(
        "--allow-partial-tests",
        help="Take programs of which only part of the tests is there; every result says so.",
        rich_help_panel="Data, machine, output",
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="auto, float32, bfloat16 or float16.", rich_help_panel="Data, machine, output"),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be run, and what it would cost.")]


def sweep(
    file: File = None,
    methods: Methods = None,
    configs: Configs = None,
    tasks: Tasks = None,
    seeds: Seeds = None,
    model: Model = None,
    settings: Settings = None,
    limit: Limit = None,
    since: Since = None,
    until: Until = None,
    prompt: Prompt = None,
    accept_licence: AcceptLicence = False,
    temperature: Temperature = None,
    top_p: TopP = None,
    top_k: TopK = None,
    data: Data = None,
    allow_partial_tests: AllowPartialTests = None,
    unsafe_no_sandbox: UnsafeNoSandbox = False,
    out: Out = Path("results"),
    device: Device = "auto",
    dtype: Dtype = None,
    rows: Rows = "auto",
    workers: Workers = "auto",
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Run methods at configurations, in as few runs as they need.

    What is done is skipped, and what was interrupted goes on: start it again with the same words.
    """
    options = dict(locals())  # named as the parameters of the function that does the work
    options |= {name: _listed(options[name]) for name in ("methods", "configs", "tasks")}
    options |= {"seeds": _numbers(_listed(seeds)), "settings": parse_settings(settings or ())}
    for name in ("file", "dry_run", "json"):
        del options[name]
    _foresee(file, options, json) if dry_run else _sweep(file, options, json)


def _sweep(file: Path | None, options: dict[str, Any], json: bool) -> None:
    from hyperscale.cli.derived_table import derived_table
    from hyperscale.cli.output import print_json, results_only, stdout
    from hyperscale.cli.sweep_table import sweep_progress

    with results_only(), sweep_progress() as listener:
        from hyperscale.commands.sweep import sweep as command

        found = command(file, **options, listener=listener)
    with results_only():
        answer = found.to_json()
    if json:
        print_json(answer)
    elif found.finished:
        console = stdout()
        console.print(found.report().table(console.width))
        if table := derived_table(answer["configurations"]):
            console.print()
            console.print(table)
    if found.failed:
        raise Refusal(found.failure_text())


def _foresee(file: Path | None, options: dict[str, Any], json: bool) -> None:
    from hyperscale.cli.forecast_table import calibration_lines, forecast_table
    from hyperscale.cli.output import print_json, results_only, stderr, stdout

    notes = stderr()
    with results_only():
        from hyperscale.commands.sweep_forecast import forecast_sweep

        found = forecast_sweep(file, **options, note=lambda text: notes.print(text, soft_wrap=True, markup=False))
    for line in calibration_lines(found):
        notes.print(line, soft_wrap=True, markup=False)
    if json:
        print_json(found.to_json())
    else:
        stdout().print(forecast_table(found))
    if found.impossible:
        raise Refusal(found.failure_text())


def _listed(texts: Sequence[str] | None) -> list[str] | None:
    """Items of options that take several, with commas between them or by being repeated."""
    if texts is None:
        return None
    return [item.strip() for text in texts for item in text.split(",") if item.strip()]


def _numbers(texts: Sequence[str] | None) -> list[int] | None:
    try:
        return None if texts is None else [int(text) for text in texts]
    except ValueError:
        raise UsageError(f"--seeds must be whole numbers with commas between them, not {', '.join(texts or ())!r}.") from None
