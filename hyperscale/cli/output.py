"""Where output goes: results to stdout, everything else to stderr."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any

from rich.console import Console


class _Stdout(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would exit with 1, which says that a gate failed


class _Stderr(Console):
    def on_broken_pipe(self) -> None:
        self.quiet = True  # work goes on where nobody listens any more


def stdout() -> Console:
    """The console of tables."""
    return _Stdout(highlight=False)


def stderr() -> Console:
    """The console of progress and notes."""
    return _Stderr(stderr=True, highlight=False)


def note(text: str) -> None:
    """Tell the user something beside the result."""
    stderr().print(f"note: {text}", style="yellow", markup=False, soft_wrap=True)


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object. Pure ASCII, so that any terminal and any text of a model will do."""
    print(json.dumps(value, indent=2, allow_nan=False))


@contextmanager
def results_only() -> Iterator[None]:
    """Send what anything prints meanwhile to stderr, libraries and worker processes included."""
    with redirect_stdout(sys.stderr):
        try:
            kept = os.dup(1)
            os.dup2(2, 1)
        except OSError:  # one of them is closed
            yield
            return
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)
