"""`hyperscale score`: grade stored chains again; nothing is generated."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hyperscale.commands.grading import Grading, free_cores, isolation_of, summary_of
from hyperscale.commands.listener import Listener, Silent
from hyperscale.errors import Refusal, UsageError
from hyperscale.sandbox import Isolation
from hyperscale.store.find_runs import find_runs
from hyperscale.store.run_folder import RunFolder
from hyperscale.tasks.cards import load_card, load_problems


def score(
    runs: Sequence[Path], data: Path | None = None, *, unsafe_no_sandbox: bool = False, listener: Listener | None = None
) -> list[dict[str, Any]]:
    """Replace the grades of runs by those of the present grader, and write their summaries anew.

    Raises
    ------
    Refusal
        A path holds no run, its task's problems cannot be had, or they are not the ones the run was made on.
    """
    listener = listener or Silent()
    paths = [path for given in runs for path in find_runs(given)]
    isolation = isolation_of(listener.note, unsafe_no_sandbox=unsafe_no_sandbox)
    return [_score(path, data, isolation, listener) for path in paths]


def _score(path: Path, data: Path | None, isolation: Isolation, listener: Listener) -> dict[str, Any]:
    with RunFolder.reopen(path) as folder:
        fields = folder.manifest.fields
        try:
            card = load_card(fields.get("card") or fields["task"])
        except UsageError as error:  # the folder says so, not an option
            raise Refusal(f"{path}: {error}") from error
        problems = load_problems(
            card,
            data=data,
            since=fields.get("since"),
            until=fields.get("until"),
            allow_partial_tests=fields.get("partial_tests", False),
            note=listener.note,
        )
        if problems.data_hash != fields["data_hash"]:
            raise Refusal(f"{path} was made on other problems of {card.name} than those found now: pass the same --data.")
        with Grading(card, folder, problems.problems, free_cores(0), isolation) as grading:
            for found in grading.regrade():
                listener.graded(found)
            summary = summary_of(folder, fields["problem_ids"], fields["width"], grading)
            folder.write_summary(summary)
    return summary
