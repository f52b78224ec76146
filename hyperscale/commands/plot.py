"""`hyperscale plot`: figures as PNG, SVG and PDF."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from hyperscale.analysis.compression import compression_by_length
from hyperscale.commands.figure_files import written
from hyperscale.commands.run_labels import run_labels
from hyperscale.commands.run_points import series_names
from hyperscale.commands.telemetry import retention_of
from hyperscale.errors import Refusal
from hyperscale.figures.learning_curve import learning_curve
from hyperscale.figures.retention import RetentionCurve, retention
from hyperscale.store.codec import Detail
from hyperscale.store.disk import refusing
from hyperscale.store.find_runs import open_runs
from hyperscale.store.stored_run import StoredRun

LOG = Path("training", "log.jsonl")
_LOGGED = ("step", "kl", "wanted", "ratio")


def plot_retention(runs: Iterable[Path | str], out: Path | str = Path("plots")) -> list[Path]:
    """What each head holds, and compression along the chains: ``retention.png``, ``.svg`` and ``.pdf`` in the folder `out`.

    Parameters
    ----------
    runs
        Run folders, folders of runs, exported files.

    Raises
    ------
    Refusal
        There is no run, or one cannot be read; none has a chain of two tokens; `out` cannot be written.
    """
    return written(retention_figure(runs), Path(out), "retention")


def retention_figure(runs: Iterable[Path | str]) -> Figure:
    """The figure of `plot_retention`; raises as it does."""
    found = sorted(open_runs(map(Path, runs)), key=_dense_first)
    fields = [run.manifest.fields for run in found]
    names = zip(found, run_labels(fields), series_names(fields), strict=True)
    curves = [_curve(run, label, method) for run, label, method in names]
    if not any(curve.buckets for curve in curves):
        raise Refusal("None of these runs has a finished chain of two tokens or more. Let hyperscale run finish some first.")
    return retention(curves)


def plot_retrofit(folders: Sequence[Path | str], out: Path | str = Path("plots")) -> list[Path]:
    """Loss and compression of one retrofit or several, step by step: ``retrofit.png``, ``.svg`` and ``.pdf`` in `out`.

    Parameters
    ----------
    folders
        What ``hyperscale retrofit --out`` wrote to, finished or not.

    Raises
    ------
    Refusal
        A folder holds no training log, or a damaged one; `out` cannot be written.
    """
    paths = [Path(folder) for folder in folders]
    labels = [] if len(paths) == 1 else _folder_names(paths)
    return written(learning_curve(*map(_training_log, paths), labels=labels), Path(out), "retrofit")


def _dense_first(run: StoredRun) -> tuple[Any, ...]:
    fields = run.manifest.fields
    method, budget = str(fields.get("method")), str(fields.get("budget"))
    return str(fields.get("task")), str(fields.get("base_model")), method != "vanilla", method, len(budget), budget


def _curve(run: StoredRun, label: str, method: str) -> RetentionCurve:
    held = retention_of(run.telemetry())
    buckets = compression_by_length(run.chains(Detail.COUNTS).values())
    return RetentionCurve(label, held.share if held.seen else [], buckets, method)


def _training_log(folder: Path) -> list[dict[str, Any]]:
    path = folder / LOG
    if not path.is_file():
        raise Refusal(f"{folder} holds no {LOG}. Name a folder that `hyperscale retrofit --out` wrote to.")
    with refusing(path):
        lines = path.read_text(encoding="utf-8").splitlines()
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            rows.append({name: float(row[name]) for name in _LOGGED})
        except (ValueError, KeyError, TypeError):
            if number < len(lines):  # the last one may be being written
                raise Refusal(f"{path} is damaged in line {number}. Train again, or name another folder.") from None
    if not rows:
        raise Refusal(f"{path} has no step yet. Plot again when some are done.")
    return rows


def _folder_names(paths: Sequence[Path]) -> list[str]:
    """The folders' names; where some are the same, with as many parents as it takes."""
    whole = [path.resolve() for path in paths]
    depth = 1
    while len({path.parts[-depth:] for path in whole}) < len(set(whole)):
        depth += 1
    return [os.path.join(*path.parts[-depth:]) for path in whole]
