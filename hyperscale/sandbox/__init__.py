"""Runs programs written by models where they can neither harm the machine nor forge a result."""

from hyperscale.sandbox.host import Layer, LayerReport, LayerState
from hyperscale.sandbox.outcome import Ending, Isolation, Limits, Outcome
from hyperscale.sandbox.sandbox import Sandbox

__all__ = ["Ending", "Isolation", "Layer", "LayerReport", "LayerState", "Limits", "Outcome", "Sandbox"]
