"""Accuracy against KV-cache reads: evaluate reasoning models under inference-time hyper-scaling.

Every command of the CLI is one function here, with the same words::

    summary = hyperscale.run(task="modchain", method="tova", budget="4x", width=8)
    chains = hyperscale.load_runs("results")              # a pandas DataFrame
    texts = hyperscale.generate("abacus", ["a=12;?a"], method="h2o", budget="8x")
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

# Spinning OpenMP threads make a step many times slower as soon as another process is busy; read when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

_FUNCTIONS = {
    "run": "hyperscale.commands.run",
    "sweep": "hyperscale.commands.sweep",
    "score": "hyperscale.commands.score",
    "grade": "hyperscale.commands.grade",
    "report": "hyperscale.commands.report",
    "html_report": "hyperscale.commands.html_report",
    "compare": "hyperscale.commands.compare",
    "gate": "hyperscale.commands.gate",
    "export": "hyperscale.commands.export",
    "load_runs": "hyperscale.commands.load_runs",
    "plot_pareto": "hyperscale.commands.pareto_plot",
    "plot_scaling": "hyperscale.commands.scaling_plot",
    "plot_latency": "hyperscale.commands.latency_plot",
    "plot_retention": "hyperscale.commands.plot",
    "plot_retrofit": "hyperscale.commands.plot",
    "generate": "hyperscale.commands.generate",
    "check_policy": "hyperscale.commands.check_policy",
    "retrofit": "hyperscale.commands.retrofit",
}

__all__ = [
    "__version__",
    "check_policy",
    "compare",
    "export",
    "gate",
    "generate",
    "grade",
    "html_report",
    "load_runs",
    "plot_latency",
    "plot_pareto",
    "plot_retention",
    "plot_retrofit",
    "plot_scaling",
    "report",
    "retrofit",
    "run",
    "score",
    "sweep",
]

if TYPE_CHECKING:
    from hyperscale.commands.check_policy import check_policy
    from hyperscale.commands.compare import compare
    from hyperscale.commands.export import export
    from hyperscale.commands.gate import gate
    from hyperscale.commands.generate import generate
    from hyperscale.commands.grade import grade
    from hyperscale.commands.html_report import html_report
    from hyperscale.commands.latency_plot import plot_latency
    from hyperscale.commands.load_runs import load_runs
    from hyperscale.commands.pareto_plot import plot_pareto
    from hyperscale.commands.plot import plot_retention, plot_retrofit
    from hyperscale.commands.report import report
    from hyperscale.commands.retrofit import retrofit
    from hyperscale.commands.run import run
    from hyperscale.commands.scaling_plot import plot_scaling
    from hyperscale.commands.score import score
    from hyperscale.commands.sweep import sweep


def __getattr__(name: str) -> Any:
    """Import a command when it is first used: ``hyperscale --help`` should not wait for torch."""
    if name not in _FUNCTIONS:
        raise AttributeError(f"module 'hyperscale' has no attribute {name!r}")
    return getattr(importlib.import_module(_FUNCTIONS[name]), name)
