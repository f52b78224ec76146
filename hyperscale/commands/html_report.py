"""`hyperscale report --html`: runs, their problems and their chains as one page that needs nothing but a browser."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyperscale.analysis.summary import Vote
from hyperscale.commands.equivalence import EquivalenceOf, equivalences
from hyperscale.commands.grading import vote
from hyperscale.commands.report import Report, resummarize
from hyperscale.commands.run_labels import run_labels
from hyperscale.errors import HyperscaleError, UsageError
from hyperscale.page.document import Page, document
from hyperscale.page.drawing import Drawing
from hyperscale.page.plain_table import PlainTable
from hyperscale.page.shown_run import Texts, show_run
from hyperscale.store.disk import refusing, write_whole
from hyperscale.store.find_runs import open_runs
from hyperscale.store.records import ScoreRecord
from hyperscale.store.stored_run import StoredRun
from hyperscale.tasks.cards import TaskCard, load_card
from hyperscale.tasks.task_card import Kind

SUFFIXES = (".html", ".htm")
_WIDE = 1 << 20  # columns of a terminal that no table fills


@dataclass(frozen=True, slots=True)
class _Found:
    run: StoredRun
    vote: Vote
    summary: Mapping[str, Any]
    private: bool


def html_report(
    runs: Iterable[Path | str], out_file: Path | str, figures: Sequence[Drawing] = (), *, show_questions: bool = False
) -> Path:
    """Write runs as one self-contained page: summary, figures, configuration, every problem, every chain on demand.

    Parameters
    ----------
    runs
        Run folders, folders of runs, exported files.
    out_file
        Where the page goes; an older one is replaced.
    figures
        Shown in this order; `report_figures` draws them.
    show_questions
        Also put in what models wrote about questions that should not be published (`has_private_questions`).

    Raises
    ------
    UsageError
        If `out_file` is not called `*.html`.
    Refusal
        If there is no run, one cannot be read, or `out_file` cannot be written.
    """
    out = page_path(out_file)
    content = document(_page(open_runs(map(Path, runs)), figures, show_questions=show_questions))
    with refusing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, content)
    return out


def page_path(out_file: Path | str) -> Path:
    """The name of a page, which must look like one: else it raises UsageError, before anything is read."""
    out = Path(out_file)
    if out.suffix.lower() not in SUFFIXES:
        better = out.with_suffix(SUFFIXES[0]) if out.name else out / f"page{SUFFIXES[0]}"
        raise UsageError(f"A page is called *{SUFFIXES[0]}, not {out}: use --html {better}.")
    return out


def has_private_questions(fields: Mapping[str, Any]) -> bool:
    """Whether a run's questions should not be published in plain text, from the fields of its manifest.

    So it is for GPQA, whose authors ask for it, and other choice tasks, whose cards cannot say it; for tasks whose rows come
    encrypted; and where nobody knows what the task is.
    """
    card = _card(fields)
    kind = fields.get("kind") or (card.kind if card else None)
    encrypted = card is not None and card.local.member is not None and card.local.member.password is not None
    return kind is None or kind == Kind.CHOICE or encrypted


def _card(fields: Mapping[str, Any]) -> TaskCard | None:
    try:
        return load_card(str(fields.get("card") or fields.get("task")))
    except HyperscaleError:
        return None


def _page(runs: Sequence[StoredRun], figures: Sequence[Drawing], *, show_questions: bool) -> Page:
    with equivalences() as equivalence:
        found = sorted((_look_at(run, equivalence) for run in runs), key=lambda one: _place(one.summary))
        labels = run_labels([one.run.manifest.fields for one in found])
        shown = tuple(
            show_run(one.run, one.summary, label, one.vote, Texts.HIDDEN if one.private and not show_questions else Texts.SHOWN)
            for one, label in zip(found, labels, strict=True)
        )
    table = Report(tuple(one.summary for one in found)).table(_WIDE)
    return Page(shown, PlainTable.of_report(table, labels), tuple(figures), any(one.private for one in found))


def _look_at(run: StoredRun, equivalence: EquivalenceOf) -> _Found:
    fields = run.manifest.fields
    kind = fields.get("kind", Kind.MATH)

    def own(grades: Sequence[ScoreRecord]) -> float:
        return vote(kind, equivalence(kind), grades)

    return _Found(run, own, run.summary() or resummarize(run, own), has_private_questions(fields))


def _place(summary: Mapping[str, Any]) -> tuple[Any, ...]:
    """As in the report's table: like beside like, and the dense cache, which the others are measured against, first."""
    dense_first = (summary["method"] != "vanilla", summary["method"], summary["budget"])
    return summary["task"], summary["base_model"], summary["width"], summary["max_len"], *dense_first
