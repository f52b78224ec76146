"""The page: one HTML file that loads nothing."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from hyperscale import __version__
from hyperscale.page.drawing import Drawing
from hyperscale.page.outcome import Outcome
from hyperscale.page.packed import embedded, packed
from hyperscale.page.plain_table import PlainTable, scroller
from hyperscale.page.settings import HASH_LETTERS, differing, is_hash
from hyperscale.page.shown_run import CHAIN_FIELDS, ShownProblem, ShownRun, Texts
from hyperscale.shown import shown

HERE = Path(__file__).parent
HOW_TO_SHOW = "hyperscale report --html FILE --show-questions"
ABSENT = "–"


@dataclass(frozen=True, slots=True)
class Page:
    """What a page shows; `private` if a task's questions should not be published."""

    runs: tuple[ShownRun, ...]
    summary: PlainTable
    figures: tuple[Drawing, ...]
    private: bool


def document(page: Page) -> bytes:
    """The file's content; the same page gives the same bytes.

    Its policy (CSP) lets in one script and one style sheet, known by their hashes, and pictures that the file holds itself. Any
    other script, and any request to anywhere, is refused by the browser, and so is text turned into markup (Trusted Types).
    """
    script, sheet = _asset("page.js"), _asset("page.css")
    problems = _problems(page.runs)
    texts = packed(_sides(page.runs, group, problem) for group, problem in problems)
    data = {
        "outcomes": [outcome.value for outcome in Outcome],
        "chainFields": CHAIN_FIELDS,
        "problems": [problem for _, problem in problems],
        "groups": [group for group, _ in problems] if len({group for group, _ in problems}) > 1 else None,
        "runs": [_columns(run, problems) for run in page.runs],
        "starts": texts.starts,
    }
    filled = Template(_asset("page.html")).substitute(
        policy=_policy(script, sheet),
        version=escape(__version__),
        title=escape(_title(page.runs)),
        heading=escape(_heading(page.runs)),
        counts=_counts(page.runs, len(problems)),
        contents=_contents(page),
        notices=_notices(page),
        summary=page.summary.html("Summary of the runs"),
        figures=_figures(page.figures),
        configuration=_configuration(page.runs),
        data=embedded(data),
        blocks="\n".join(f'<script type="text/plain" id="block-{n}">{block}</script>' for n, block in enumerate(texts.blocks)),
        style=sheet,
        script=script,
    )
    return filled.encode("utf-8", "replace")


def _asset(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _policy(script: str, sheet: str) -> str:
    rules = {
        "default-src": "'none'",
        "script-src": _hash(script),
        "style-src": _hash(sheet),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _problems(runs: Sequence[ShownRun]) -> list[tuple[str, str]]:
    """Every problem that some run has, by group and id."""
    return list(dict.fromkeys((run.group, problem) for run in runs for problem in run.problems))


def _of(run: ShownRun, group: str, problem: str) -> ShownProblem | None:
    return run.problems.get(problem) if run.group == group else None


def _sides(runs: Sequence[ShownRun], group: str, problem: str) -> list[list[list[Any]] | None]:
    """The chains of one problem, run by run: what is unpacked together."""
    sides = [_of(run, group, problem) for run in runs]
    return [None if side is None else list(side.chains) for side in sides]


def _columns(run: ShownRun, problems: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """What the table of problems shows of a run, one value per problem; null where the run does not have it."""
    found = [_of(run, group, problem) for group, problem in problems]
    number = {outcome: place for place, outcome in enumerate(Outcome)}
    return {
        "label": run.label,
        "length": run.length,
        "hidden": run.texts is Texts.HIDDEN,
        "outcome": [None if one is None else number[one.outcome] for one in found],
        "right": [None if one is None else one.right for one in found],
        "graded": [None if one is None else one.graded for one in found],
        "reads": [None if one is None else one.reads for one in found],
    }


def _heading(runs: Sequence[ShownRun]) -> str:
    return ", ".join(dict.fromkeys(run.settings.get("task", "") for run in runs))


def _title(runs: Sequence[ShownRun]) -> str:
    more = f" and {len(runs) - 3} more" if len(runs) > 3 else ""
    return f"{_heading(runs)}: {', '.join(run.label for run in runs[:3])}{more} – hyperscale"


def _counts(runs: Sequence[ShownRun], problems: int) -> str:
    chains = sum(len(problem.chains) for run in runs for problem in run.problems.values())
    models = ", ".join(dict.fromkeys(run.settings.get("model", "") for run in runs))
    counts = (_counted(len(runs), "run"), _counted(problems, "problem"), _counted(chains, "chain"))
    return escape(" · ".join([models, *counts]))


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _contents(page: Page) -> str:
    names = ["summary", *(["figures"] if page.figures else []), "configuration", "problems"]
    return "".join(f'<a href="#{name}">{name.capitalize()}</a>' for name in names)


def _notices(page: Page) -> str:
    notices = [f"{run.label}: {', '.join(run.stamps)}." for run in page.runs if run.stamps]
    hidden = [run.label for run in page.runs if run.texts is Texts.HIDDEN]
    if hidden:
        notices.append(
            f"What the model wrote is left out of this file ({', '.join(hidden)}): it may quote questions, which should not be "
            f"published in plain text. For your own eyes: {HOW_TO_SHOW}"
        )
    elif page.private:
        notices.append(
            "Chains in this file may quote questions that should not be published in plain text. Keep it to yourself."
        )
    return "".join(f'<p class="notice">{escape(shown(notice))}</p>' for notice in notices)


def _figures(figures: Sequence[Drawing]) -> str:
    if not figures:
        return ""
    drawn = "".join(figure.html() for figure in figures)
    return f'<section aria-labelledby="figures"><h2 id="figures">Figures</h2><div class="figures">{drawn}</div></section>'


def _configuration(runs: Sequence[ShownRun]) -> str:
    different, shared = differing([run.settings for run in runs])
    parts = []
    if different:
        heads = "".join(f'<th scope="col">{escape(run.label)}</th>' for run in runs)
        rows = "".join(_setting(name, [run.settings.get(name, ABSENT) for run in runs]) for name in different)
        table = (
            f'<table class="settings"><thead><tr><th scope="col">Differs</th>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        )
        parts.append(scroller("Settings that differ", table))
    if shared:
        rows = "".join(_setting(name, [runs[0].settings[name]]) for name in shared)
        table = f'<table class="settings"><tbody>{rows}</tbody></table>'
        heading = f"The same in all runs ({_counted(len(shared), 'setting')})" if len(runs) > 1 else "All settings"
        parts.append(f"<details><summary>{heading}</summary>{scroller(heading, table)}</details>")
    return "".join(parts)


def _setting(name: str, values: Sequence[str]) -> str:
    cells = "".join(map(_value, values))
    return f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'


def _value(value: str) -> str:
    if is_hash(value):
        return f'<td title="{value}">{value[:HASH_LETTERS]}…</td>'
    return f"<td>{escape(value)}</td>"
