"""hyperscale retrofit"""

from pathlib import Path
from typing import Annotated, Any

import typer

from hyperscale.cli.options import Json


def _option(metavar: str, text: str, panel: str = "What to train") -> Any:
    return typer.Option(metavar=metavar, help=text, rich_help_panel=panel)


Model = Annotated[str, _option("NAME", "A bundled model, a folder, or owner/name on the hub.")]
Out = Annotated[Path, _option("DIR", "Where the model goes, its snapshots and the training's state.")]
Target = Annotated[str, _option("CR", "Compression at the end; snapshots at each whole ratio on the way.")]
Window = Annotated[
    int | None, _option("W", "An entry stays visible for W more tokens, marked or not. Default: 256; for dmc 12.")
]
RecipeName = Annotated[
    str,
    _option(
        "NAME",
        "adapter: new projections only; full: all weights, a borrowed coordinate; joint: both.",
    ),
]
MethodName = Annotated[str, _option("NAME", "dms, or dmc for contrast.")]
DecideAtName = Annotated[str | None, _option("WHEN", "arrival (default), or exit: the paper's immediate eviction.")]
Shift = Annotated[int | None, _option("N", "1 (default): token t+1 decides about t, NVIDIA's order; 0: t itself, FastDMS's.")]

Data = Annotated[str | None, _option("SOURCE", "self, openr1, or a file of prompt and completion. Default: self.", "Data")]
Task = Annotated[
    str | None, _option("NAME", "With --data self: the task whose problems the model solves. Default: modchain.", "Data")
]
Examples = Annotated[int, _option("N", "Most examples.", "Data")]
Context = Annotated[str, _option("N", "Longest example in tokens, such as 8k; the rest is cut.", "Data")]

Steps = Annotated[int, _option("N", "Steps per +1 of compression.", "Training")]
Zeroing = Annotated[
    int | None, _option("N", "full only: steps in which the borrowed coordinate fades. Default: 2000.", "Training")
]
Hold = Annotated[int, _option("N", "Steps at the target after that.", "Training")]
Rate = Annotated[float, _option("X", "Learning rate.", "Training")]
FinalRate = Annotated[float, _option("X", "Share of it that is left at the end (cosine); 1 keeps it constant.", "Training")]
WarmUp = Annotated[int, _option("N", "Steps in which it rises to that.", "Training")]
BatchTokens = Annotated[str, _option("N", "Most tokens of a batch, per process.", "Training")]
BatchingName = Annotated[
    str, _option("NAME", "mixed: rows of all lengths in a batch; by-length: of similar lengths.", "Training")
]
Loss = Annotated[str, _option("NAME", "forward: KL(teacher || student); reverse: the other way round.", "Training")]
Average = Annotated[float, _option("X", "Snapshots are moving averages of the weights with this decay.", "Training")]
Seed = Annotated[int, _option("N", "Seed of shuffling and noise.", "Training")]

Device = Annotated[str, _option("NAME", "auto, cpu, cuda or cuda:N.", "Machine")]
Dtype = Annotated[str, _option("NAME", "auto, float32, bfloat16 or float16: what is computed in.", "Machine")]
SaveDtype = Annotated[str, _option("NAME", "What weights are stored in. Default: as computed.", "Machine")]
Workers = Annotated[int, _option("N", "Processes that average their gradients.", "Machine")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Delete the folder first.", rich_help_panel="Machine")]


def retrofit(
    model: Model,
    out: Out,
    target: Target = "8x",
    window: Window = None,
    recipe: RecipeName = "adapter",
    method: MethodName = "dms",
    decide_at: DecideAtName = None,
    shift: Shift = None,
    data: Data = None,
    task: Task = None,
    examples: Examples = 4000,
    context: Context = "4k",
    steps_per_ratio: Steps = 100,
    zeroing_steps: Zeroing = None,
    hold_steps: Hold = 0,
    rate: Rate = 3e-5,
    final_rate: FinalRate = 1.0,
    warm_up: WarmUp = 0,
    batch_tokens: BatchTokens = "32k",
    batching: BatchingName = "mixed",
    loss: Loss = "forward",
    average: Average = 0.0,
    seed: Seed = 0,
    device: Device = "auto",
    dtype: Dtype = "auto",
    save_dtype: SaveDtype = "auto",
    workers: Workers = 1,
    fresh: Fresh = False,
    json: Json = False,
) -> None:
    """Teach a model which of its cache entries may go (DMS), by distillation from its untouched self.

    A training that was stopped goes on where it was.
    """
    options = dict(locals())  # named as the parameters of the function that does the work
    del options["json"]
    _retrofit(options, json)


def _retrofit(options: dict[str, Any], json: bool) -> None:
    from contextlib import ExitStack

    from hyperscale.cli.output import print_json, results_only, stdout
    from hyperscale.cli.progress import progress
    from hyperscale.cli.training_progress import TrainingProgress

    with results_only(), TrainingProgress() as watch, ExitStack() as until_training:
        listener = until_training.enter_context(progress("loading the model"))
        watch.before = until_training.close  # two displays would write over each other
        from hyperscale.commands.retrofit import retrofit as command
        from hyperscale.retrofit.launched import find_place

        result = command(**options, watch=watch, listener=listener)
        first = find_place(options["device"]).first
    if not first:
        return
    if json:
        print_json(result)
        return
    console = stdout()
    for ratio, folder in result["snapshots"].items():
        console.print(f"{ratio}: {folder}", soft_wrap=True, markup=False)
    console.print(f"{options['target']}, at the end: {result['out']}", soft_wrap=True, markup=False)
    console.print(f"hyperscale run --model {result['out']} --method {options['method']}", soft_wrap=True, markup=False)
