"""From the runs a user names to points that can be compared."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyperscale.analysis.belonging import strangers
from hyperscale.analysis.point import Panel, Point, Series
from hyperscale.analysis.prefix import points
from hyperscale.analysis.replicas import merged
from hyperscale.commands.equivalence import EquivalenceOf, equivalences
from hyperscale.commands.telemetry import measured
from hyperscale.errors import Refusal
from hyperscale.shown import shown
from hyperscale.store.find_runs import open_runs
from hyperscale.store.stored_run import StoredRun

Fields = Mapping[str, Any]
Note = Callable[[str], None]
IMMEDIATE = "immediate"  # eviction that is decided as an entry leaves the window


@dataclass(frozen=True, slots=True)
class RunPoints:
    """A stored run and the points it gives; the last one is the run itself, at its whole width and length."""

    run: StoredRun
    points: tuple[Point, ...]

    @property
    def fields(self) -> Fields:
        return self.run.manifest.fields

    @property
    def whole(self) -> Point:
        return self.points[-1]

    @property
    def wanted_problems(self) -> int:
        return len(self.fields.get("problem_ids") or self.whole.problems)


def load_points(paths: Iterable[Path | str], note: Note, *, derive: bool = True) -> list[RunPoints]:
    """Every run behind these names, with its points.

    Parameters
    ----------
    note
        Told of runs that are not finished.
    derive : bool
        Whether smaller widths and shorter lengths are wanted too.

    Raises
    ------
    Refusal
        There is no run, one cannot be read, or one has no finished problem.
    """
    runs = open_runs(map(Path, paths))
    names = series_names([run.manifest.fields for run in runs])
    found = []
    with equivalences() as equivalence:
        for run, name in zip(runs, names, strict=True):
            fields = run.manifest.fields
            series = Series(shown(name), shown(str(fields.get("budget"))), shown(str(fields.get("model"))))
            only = {} if derive else {"widths": _own(fields, "width"), "lengths": _own(fields, "max_len")}
            its = _points(run, equivalence, series, **only)
            _check_finished(run, its, note)
            found.append(RunPoints(run, tuple(its)))
    return found


def at_width(run: RunPoints, width: int) -> RunPoints:
    """A run as one of fewer chains per problem, by all its chains: `whole` is its point at this width.

    Raises
    ------
    Refusal
        The run's reads were capped for all its chains together, so that fewer would have read more.
    """
    whole = run.whole
    with equivalences() as equivalence:
        try:
            its = _points(run.run, equivalence, whole.series, widths=[width], lengths=[whole.length])
        except ValueError as error:
            raise Refusal(f"{error}. Run both sides with one --width.") from None
    if not its:
        raise Refusal(f"{run.run.name} has no problem with {width} chains free of errors. Run it with a larger --width.")
    return RunPoints(run.run, (*run.points, its[-1]))


def _points(run: StoredRun, equivalence: EquivalenceOf, series: Series, **only: list[int] | None) -> list[Point]:
    speed = measured(run.telemetry())["tokens_per_s"]
    return points(run, equivalence(str(run.manifest.fields.get("kind", "math"))), tokens_per_s=speed, series=series, **only)


def _own(fields: Fields, name: str) -> list[int] | None:
    return [int(fields[name])] if fields.get(name) else None


def _check_finished(run: StoredRun, its: Sequence[Point], note: Note) -> None:
    fields = run.manifest.fields
    if not its or its[-1].width < int(fields.get("width") or 1):
        raise Refusal(
            f"{run.name} has no problem whose chains are all finished, graded and free of errors. Let hyperscale run go on, or "
            "leave it out."
        )
    wanted, there = len(fields.get("problem_ids") or its[-1].problems), len(its[-1].problems)
    if there < wanted:
        note(f"{run.name}: {there} of its {wanted} problems count; others are unfinished or have chains that ended in an error")


def series_names(runs: Sequence[Fields]) -> list[str]:
    """What each run's method is called beside the others: settings are named where one method comes with several."""
    names = [str(fields.get("method")).rpartition(".py:")[2] for fields in runs]
    settings = [dict(fields.get("policy") or {}) | _versions(fields) for fields in runs]
    for number, policy in enumerate(settings):
        if policy.pop("decide_at", None) == "exit":
            names[number] += f", {IMMEDIATE}"
    groups: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for number, (name, fields) in enumerate(zip(names, runs, strict=True)):
        groups[name, str(fields.get("budget")), str(fields.get("model"))].append(number)
    differing: dict[str, set[str]] = defaultdict(set)  # settings that differ though method, budget and model do not
    for (name, *_), members in groups.items():
        differing[name] |= _differing([settings[number] for number in members])
    return [
        " ".join([name, *(f"{key}={policy[key]}" for key in sorted(differing[name]) if key in policy)])
        for name, policy in zip(names, settings, strict=True)
    ]


def _versions(fields: Fields) -> dict[str, str]:
    """What tells runs apart that are called the same."""
    hashes = {"code": fields.get("policy_code"), "weights": fields.get("weights_hash")}
    return {name: str(text)[:6] for name, text in hashes.items() if text}


def _differing(settings: Sequence[Mapping[str, Any]]) -> set[str]:
    counts = Counter((key, repr(value)) for policy in settings for key, value in policy.items())
    return {key for (key, _), count in counts.items() if count < len(settings)}


def by_panel(runs: Sequence[RunPoints], *, mixed: bool = False) -> dict[Panel, list[Point]]:
    """The points of each task and base model; runs that differ only in their seed are one.

    Raises
    ------
    Refusal
        Runs of a panel do not belong together, unless `mixed` allows it.
    """
    panels: dict[Panel, list[RunPoints]] = {}
    for run in runs:
        panels.setdefault(run.whole.panel, []).append(run)
    if not mixed:
        for its in panels.values():
            refuse_strangers(strangers([(run.run.name, run.fields) for run in its]))
    return {panel: merged((int(run.fields.get("seed") or 0), run.points) for run in its) for panel, its in panels.items()}


def refuse_strangers(differences: Sequence[str]) -> None:
    """Raise Refusal if there is any difference."""
    if differences:
        more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
        raise Refusal(
            f"These runs do not belong together: {differences[0]}{more}. Leave one out, or say --mixed to see them all."
        )


def shared_problems(panel: Panel, points: Sequence[Point], note: Note) -> list[Point]:
    """The points on the problems that all of them have.

    Raises
    ------
    Refusal
        There is none.
    """
    sets = [set(point.problems) for point in points]
    shared = set.intersection(*sets)
    if not shared:
        raise Refusal(f"The runs of {panel.task} with {panel.base_model} have no problem in common. Run them with one --limit.")
    most = max(map(len, sets))
    if len(shared) < most:
        note(f"{panel.task}, {panel.base_model}: on the {len(shared)} problems that all runs have, of up to {most}")
    return [point.on(sorted(shared)) for point in points]


def one_machine(runs: Sequence[RunPoints]) -> str:
    """The device that all runs were made on.

    Raises
    ------
    Refusal
        There are several, or a run does not say how long it took.
    """
    devices = {str(run.fields.get("device")) for run in runs}
    if len(devices) > 1:
        raise Refusal(f"Times of different machines cannot be compared: {', '.join(sorted(devices))}. Name the runs of one.")
    for run in runs:
        if run.whole.seconds is None:
            raise Refusal(f"{run.run.name} does not say how long it took: its telemetry is missing. Leave it out.")
    return devices.pop()
