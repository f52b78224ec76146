"""hyperscale run"""

from pathlib import Path
from typing import Annotated, Any

import typer

from hyperscale.cli.options import AllowPartialTests, Json, Since, UnsafeNoSandbox, Until, parse_settings


def _what(metavar: str, text: str, *names: str) -> Any:
    return typer.Option(*names, metavar=metavar, help=text, rich_help_panel="What to run")


def _sampling(metavar: str, text: str) -> Any:
    return typer.Option(metavar=metavar, help=text, rich_help_panel="Sampling")


def _where(metavar: str, text: str) -> Any:
    return typer.Option(metavar=metavar, help=text, rich_help_panel="Data, machine, output")


Task = Annotated[str, _what("NAME", "A task (hyperscale tasks), or a card: path/to/card.toml.")]
Method = Annotated[str | None, _what("NAME", "A method (hyperscale methods), or path/file.py:Class. Without it: dms at 8x.")]
Budget = Annotated[str | None, _what("CR", "A compression such as 8x, or slots such as 512t. Default: the method's.")]
Settings = Annotated[list[str] | None, _what("KEY=VALUE", "A parameter of the method; may be repeated.", "--set")]
DmsOffset = Annotated[float | None, _what("X", "Threshold of dms: a higher one evicts less. Default: the checkpoint's.")]
Model = Annotated[
    str, _what("NAME", "A bundled model, a folder, or owner/name on the hub. auto: one that fits task and method.")
]
AcceptLicence = Annotated[
    bool, typer.Option("--accept-licence", help="Let auto pick a non-commercial model.", rich_help_panel="What to run")
]
Width = Annotated[int, _what("W", "Chains per problem.")]
MaxLen = Annotated[str | None, _what("L", "Most tokens a chain may generate, such as 16k. Default: the task's.")]
Reads = Annotated[str | None, _what("N", "Most KV reads per problem, such as 64M or 2^26, split over its chains.")]
Limit = Annotated[int | None, _what("N", "Only so many problems.")]
Prompt = Annotated[str | None, _what("PRESET", "One of the task's prompts. Default: the task's.")]

Seed = Annotated[int, _sampling("N", "Seed of all random numbers.")]
Temperature = Annotated[float | None, _sampling("T", "0 is greedy. Default: the model's, else the task's.")]
TopP = Annotated[float | None, _sampling("P", "Default: the model's, else the task's.")]
TopK = Annotated[int | None, _sampling("K", "0 keeps all. Default: the model's, else the task's.")]

Data = Annotated[Path | None, _where("PATH", "File or folder with the rows; wins over HYPERSCALE_DATA and the hub.")]
Out = Annotated[Path, _where("DIR", "Where run folders go.")]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Delete this run's chains first.", rich_help_panel="Data, machine, output")
]
Device = Annotated[str, _where("NAME", "auto, cpu, cuda or cuda:N.")]
Dtype = Annotated[str, _where("NAME", "auto, float32, bfloat16 or float16.")]
Rows = Annotated[str, _where("N", "Chains on their way at once.")]
Workers = Annotated[str, _where("N", "Processes that generate.")]
HitRate = Annotated[
    int | None, _where("N", "Replay N chains to measure what share of dense attention falls on what the method held.")
]


def run(
    task: Task = "modchain",
    method: Method = None,
    budget: Budget = None,
    settings: Settings = None,
    dms_offset: DmsOffset = None,
    model: Model = "auto",
    accept_licence: AcceptLicence = False,
    width: Width = 1,
    max_len: MaxLen = None,
    reads: Reads = None,
    limit: Limit = None,
    since: Since = None,
    until: Until = None,
    prompt: Prompt = None,
    seed: Seed = 0,
    temperature: Temperature = None,
    top_p: TopP = None,
    top_k: TopK = None,
    data: Data = None,
    allow_partial_tests: AllowPartialTests = False,
    unsafe_no_sandbox: UnsafeNoSandbox = False,
    out: Out = Path("results"),
    fresh: Fresh = False,
    device: Device = "auto",
    dtype: Dtype = "auto",
    rows: Rows = "auto",
    workers: Workers = "auto",
    hit_rate: HitRate = None,
    json: Json = False,
) -> None:
    """Evaluate a method on a benchmark.

    Chains that the run folder already holds are kept, missing ones are generated: an interrupted run goes on.
    """
    options = dict(locals())  # named as the parameters of the function that does the work
    options |= {"settings": parse_settings(settings or ())}
    del options["json"]
    _run(options, json)


def _run(options: dict[str, Any], json: bool) -> None:
    from hyperscale.cli.output import print_json, results_only, stdout
    from hyperscale.cli.progress import progress
    from hyperscale.cli.summary_table import summary_table

    with results_only(), progress("loading the model") as listener:
        from hyperscale.commands.run import run as command

        summary = command(**options, listener=listener)
    if json:
        print_json(summary)
        return
    console = stdout()
    console.print(summary_table(summary))
    console.print(f"run folder: {summary['run']}", soft_wrap=True, markup=False)
