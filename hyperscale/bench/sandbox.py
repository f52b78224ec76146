"""What the sandbox costs: `python -m hyperscale.bench.sandbox [REPEATS]`.

A bare interpreter, a sandboxed program, a function call and a check take turns, so that a busy machine is busy for all of them.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from hyperscale.sandbox import Isolation, Layer, LayerState, Sandbox
from hyperscale.sandbox.host import Host, survey
from hyperscale.sandbox.probe import with_bubblewrap

REPEATS = 40
BARE = "bare interpreter"


@dataclass(frozen=True, slots=True)
class Timing:
    """Median and quartiles of one way to run a program, in milliseconds."""

    name: str
    median: float
    lower: float
    upper: float


def measure(repeats: int = REPEATS) -> list[Timing]:
    """Time each way `repeats` times, in turns."""
    host = survey(Isolation.STRICT)
    ways = _ways(host)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            times[name].append(1000 * (time.perf_counter() - started))
    return [
        Timing(name, statistics.median(all_[1:]), *_quartiles(all_[1:])) for name, all_ in times.items()
    ]  # the first warms up


def _quartiles(values: list[float]) -> tuple[float, float]:
    lower, _, upper = statistics.quantiles(values, n=4)
    return lower, upper


def _ways(host: Host) -> dict[str, Callable[[], object]]:
    bare = [str(host.interpreter), "-I", "-S", "-B", "-c", "pass"]
    sandbox = Sandbox(replace(host, bubblewrap=None).reporting(Layer.BUBBLEWRAP, LayerState.OFF, "measured apart"))
    ways: dict[str, Callable[[], object]] = {
        BARE: lambda: subprocess.run(bare, check=True),
        f"program, {sandbox.level}": lambda: sandbox.run_program("pass", ""),
        f"function, {sandbox.level}": lambda: sandbox.call_function("def f(): return 4", "f", []),
        f"check, {sandbox.level}": lambda: sandbox.check_function("def f(): return 4", "f", "", _CHECK),
    }
    wrapped = with_bubblewrap(host)
    if wrapped.has(Layer.BUBBLEWRAP):
        outer = Sandbox(wrapped)
        ways[f"program, {outer.level}"] = lambda: outer.run_program("pass", "")
    return ways


_CHECK = "def check(candidate):\n    assert candidate() == 4"


def main() -> None:
    """Print the table."""
    timings = measure(int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS)
    (bare,) = [timing for timing in timings if timing.name == BARE]
    width = max(len(timing.name) for timing in timings)
    print(f"{'':{width}}  median ms  quartiles       over bare ms  ratio")
    for timing in timings:
        over, ratio = timing.median - bare.median, timing.median / bare.median
        spread = f"{timing.lower:5.1f} - {timing.upper:5.1f}"
        print(f"{timing.name:{width}}  {timing.median:9.1f}  {spread}  {over:14.1f}  {ratio:5.1f}")


if __name__ == "__main__":
    main()
