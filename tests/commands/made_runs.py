"""Run folders made of numbers: how many chains of each problem are right, and what they read."""

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from hyperscale.store.records import FinishReason, Trace
from hyperscale.store.run_folder import RunFolder
from tests.store.samples import chain, manifest, score

TRACE = Trace(64, (400.0,), (0.0,), (12.0,))


def write_run(
    path: Path, right: Sequence[int], width: int = 4, reads: float = 1000.0, failed: Container[int] = (), **fields: Any
) -> Path:
    """A finished run: of problem i, ``right[i]`` of `width` chains are right; problems differ in what they read.

    The last chain of the problems in `failed` ended in an error.
    """
    problems = [f"p{number:03}" for number in range(len(right))]
    facts = {"width": width, "problem_ids": problems, "kind": "math", "prefix_safe": False, "device": "x86_64", **fields}
    with RunFolder.open(path, manifest(**facts)) as folder:
        for number, (problem, hits) in enumerate(zip(problems, right, strict=True)):
            for place in range(width):
                spent = reads * (1 + number % 5 / 10)
                end = FinishReason.ERROR if number in failed and place == width - 1 else FinishReason.STOP
                record = chain(
                    problem, place, tokens=100, kv_reads=spent, peak_tokens=spent / 50, trace=TRACE, finish_reason=end
                )
                folder.add_chain(record)
                if end is FinishReason.ERROR:
                    continue
                folder.add_score(score(problem, place, correct=place < hits))
        folder.write_telemetry({"tokens": 100, "seconds": 1.0, "tokens_per_s": 100.0})
    return path
