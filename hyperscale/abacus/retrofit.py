"""Retrofit abacus with DMS, and with what DMS is compared to: ``make abacus-dms``, ``make abacus-ablations``.

The data are generated traces (hyperscale.abacus.trace) of problems outside the benchmark, which is what abacus itself was
trained to write. Each ratio has a training of its own, which ends with a falling rate at that ratio: snapshots that a training
passes on its way are several times further from the untouched model. Stopped, a training goes on where it was.
"""

import argparse
import json
import random
import shutil
from enum import StrEnum
from pathlib import Path
from typing import Any

from hyperscale.abacus import modchain, trace
from hyperscale.commands.retrofit import RetrofitInfo, retrofit
from hyperscale.models import ASSETS
from hyperscale.retrofit.session import Event
from hyperscale.retrofit.trainer import StepReport

EXAMPLES, CONTEXT = 24_000, 1280
RECIPE: dict[str, Any] = {
    "examples": EXAMPLES,
    "context": CONTEXT,
    "rate": 2e-3,
    "final_rate": 0.02,
    "warm_up": 40,
    "batch_tokens": 8192,
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
TO_8X: dict[str, Any] = BORROWED | {"target": "8x", "steps_per_ratio": 40, "hold_steps": 690}  # 990 steps
OPTIONS: dict[Variant, dict[str, Any]] = {
    Variant.DMS_2X: JOINT | DELAYED | {"target": "2x", "steps_per_ratio": 80, "hold_steps": 500},
    Variant.DMS_4X: JOINT | DELAYED | {"target": "4x", "steps_per_ratio": 90, "hold_steps": 720},  # 990 steps
    Variant.DMS_8X: DELAYED | TO_8X,
    Variant.EXIT_8X: DELAYED | TO_8X | {"decide_at": "exit"},
    Variant.DMC_8X: TO_8X | {"method": "dmc"},
}


def write_examples(path: Path) -> None:
    """Prompts and completions, one JSON object a line; always the same."""
    rng = random.Random("abacus-dms")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        for _ in range(EXAMPLES):
            problem = modchain.generate(modchain.TRAINING_SEEDS_START + rng.getrandbits(60))
            row = {"prompt": problem.question, "completion": trace.completion(problem, rng)}
            file.write(json.dumps(row) + "\n")


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
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--install", action="store_true", help="replace the bundled models by the results")
    options = parser.parse_args()
    examples = options.out / "examples.jsonl"
    write_examples(examples)
    for variant in options.variants:
        trained = options.out / variant
        shared: dict[str, Any] = {"data": str(examples), "workers": options.workers}
        retrofit("abacus", trained, watch=say, **shared, **RECIPE, **OPTIONS[variant])
        if options.install:
            install(trained, variant)


if __name__ == "__main__":
    main()
