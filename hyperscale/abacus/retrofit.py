"""Retrofit abacus with DMS, and with what DMS is compared to: ``make abacus-dms``, ``make abacus-ablations``.

The data are problems outside the benchmark: generated traces (hyperscale.abacus.trace), which is what abacus itself was trained
to write, and at 2x and 4x right chains that abacus sampled too. Wrong ones are left out: where abacus has begun to invent
equations, its guesses are so hard to match that a thousandth of their tokens makes most of the loss, and matching them helps
nobody.

Each ratio has a training of its own, which ends with a falling rate at that ratio: snapshots that a training passes on its way
are several times further from the untouched model. Stopped, a training goes on where it was.
"""

import argparse
import json
import random
import shutil
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from hyperscale.abacus import modchain, trace
from hyperscale.commands.example_source import training_problems
from hyperscale.commands.retrofit import RetrofitInfo, retrofit
from hyperscale.commands.run import run
from hyperscale.models import ASSETS
from hyperscale.retrofit.session import Event
from hyperscale.retrofit.trainer import StepReport
from hyperscale.store.records import FinishReason
from hyperscale.store.run_folder import RunFolder

EXAMPLES, SAMPLED = 24_000, 6_000
RECIPE: dict[str, Any] = {
    "examples": EXAMPLES,
    "context": 1280,
    "rate": 2e-3,
    "final_rate": 0.02,
    "warm_up": 40,
    "batch_tokens": 16_384,  # of all processes together
    "average": 0.9,
    "dtype": "float32",
    "save_dtype": "bfloat16",
}


class Variant(StrEnum):
    """What is trained; those of one ratio for the same steps on the same data."""

    DMS_2X = "dms-2x"
    DMS_4X = "dms-4x"
    DMS_8X = "dms-8x"
    EXIT_8X = "exit-8x"  # immediate eviction, the paper's ablation
    DMC_8X = "dmc-8x"


BORROWED: dict[str, Any] = {"recipe": "full", "zeroing_steps": 20}
JOINT: dict[str, Any] = {"recipe": "joint"}  # nothing to relearn, which is most of what small ratios lose
DELAYED: dict[str, Any] = {"window": 16}
STEPS_TO_8X: dict[str, Any] = {"target": "8x", "steps_per_ratio": 40, "hold_steps": 690}  # 990 steps
TO_8X: dict[str, Any] = BORROWED | STEPS_TO_8X | {"batching": "by-length"}
OPTIONS: dict[Variant, dict[str, Any]] = {
    Variant.DMS_2X: JOINT | DELAYED | {"target": "2x", "steps_per_ratio": 80, "hold_steps": 500},
    Variant.DMS_4X: JOINT | DELAYED | {"target": "4x", "steps_per_ratio": 90, "hold_steps": 2700},  # 2970 steps
    Variant.DMS_8X: DELAYED | TO_8X,
    Variant.EXIT_8X: DELAYED | TO_8X | {"decide_at": "exit"},
    Variant.DMC_8X: TO_8X | {"method": "dmc"},
}
LEARN_OWN_CHAINS = {Variant.DMS_2X, Variant.DMS_4X}  # the others learn from traces alone


def write_examples(variant: Variant, folder: Path, machine: dict[str, Any]) -> Path:
    """Prompts and completions, one JSON object a line; always the same."""
    own = variant in LEARN_OWN_CHAINS
    path = folder / ("traces-and-own-chains.jsonl" if own else "traces.jsonl")
    rows = [*traces(EXAMPLES - SAMPLED), *sampled(folder / "sampled", machine)] if own else traces(EXAMPLES)
    with path.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def traces(count: int) -> Iterator[dict[str, str]]:
    """What abacus was trained to write, on problems of its own kind."""
    rng = random.Random("abacus-dms")
    for _ in range(count):
        problem = modchain.generate(modchain.TRAINING_SEEDS_START + rng.getrandbits(60))
        yield {"prompt": problem.question, "completion": trace.completion(problem, rng)}


def sampled(folder: Path, machine: dict[str, Any]) -> Iterator[dict[str, str]]:
    """What abacus wrote through the dense cache, one chain per problem, where its answer is right."""
    problems = training_problems(SAMPLED, folder)
    dense: dict[str, Any] = {"method": "vanilla", "model": "abacus", "dtype": "float32"}
    summary = run(limit=SAMPLED, data=problems, out=folder, **dense, **machine)
    questions = {row["id"]: row["question"] for row in map(json.loads, problems.read_text().splitlines())}
    stored = RunFolder.read(Path(summary["run"]))
    chains, scores = stored.chains(), stored.scores()
    for key in sorted(chains):
        if scores[key].correct and chains[key].finish_reason is FinishReason.STOP:
            yield {"prompt": questions[key[0]], "completion": chains[key].text}


def install(trained: Path, name: str) -> None:
    """Put a result where bundled models live; the tokenizer stays that of abacus."""
    target = ASSETS / f"abacus-{name}"
    target.mkdir(exist_ok=True)
    for file in ("config.json", "generation_config.json", "model.safetensors"):
        shutil.copy(trained / file, target / file)
    about = json.loads((trained / "hyperscale.json").read_text()) | {"tokenizer": "abacus"}
    (target / "hyperscale.json").write_text(json.dumps(about, indent=2) + "\n")


def say(event: RetrofitInfo | Event) -> None:
    if not isinstance(event, StepReport) or event.step % 10 == 0:
        print(event, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variants", type=Variant, nargs="+", metavar="VARIANT", help=", ".join(Variant))
    parser.add_argument("--out", type=Path, default=Path("results/abacus-retrofit"))
    parser.add_argument("--workers", type=int, default=2, help="processes: 2 on a CPU, 1 on a GPU (default 2)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default cpu)")
    parser.add_argument("--install", action="store_true", help="replace the bundled models by the results")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    machine: dict[str, Any] = {"workers": options.workers, "device": options.device}
    for variant in options.variants:
        examples = write_examples(variant, options.out, machine)
        trained = options.out / variant
        recipe = RECIPE | OPTIONS[variant]
        recipe["batch_tokens"] //= options.workers
        retrofit("abacus", trained, data=str(examples), watch=say, **machine, **recipe)
        if options.install:
            install(trained, variant)


if __name__ == "__main__":
    main()
