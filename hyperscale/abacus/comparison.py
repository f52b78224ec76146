"""Every run of a folder or exported file against the dense one on the same problems: ``results/reference/dms.md``."""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hyperscale.analysis.compare import average_scores
from hyperscale.analysis.paired import Difference, paired_difference
from hyperscale.analysis.summary import dense_reads
from hyperscale.errors import Refusal
from hyperscale.store.find_runs import open_runs
from hyperscale.store.stored_run import StoredRun

HEADING = """| method | model | budget | problems | average % | minus dense, points | 95% bound | realised CR | cut off % |
| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
"""
NOTE = """
modchain, {width} chains of up to 1024 tokens per problem. Average: mean over chains. The difference is paired by problem, in
brackets its 95% interval (docs/statistics.md); the bound is one-sided: with 95% confidence the difference is not lower.
"""


@dataclass(frozen=True, slots=True)
class Compared:
    """One run beside the dense one."""

    method: str
    model: str
    budget: str
    problems: int
    width: int
    average: float
    realised_cr: float
    cut: float
    difference: Difference | None

    def row(self) -> str:
        cells = [self.method, self.model, self.budget, str(self.problems), f"{100 * self.average:.1f}"]
        if self.difference is None:
            cells += ["", ""]
        else:
            low, high = 100 * self.difference.low, 100 * self.difference.high
            cells += [f"{100 * self.difference.mean:+.1f} [{low:+.1f}, {high:+.1f}]", f"{100 * self.difference.at_least:+.1f}"]
        return f"| {' | '.join([*cells, f'{self.realised_cr:.2f}x', f'{100 * self.cut:.1f}'])} |\n"


def compare_runs(runs: list[StoredRun], max_len: int = 1024) -> list[Compared]:
    """The runs of length `max_len`, each against the dense one on the problems that both have.

    Raises
    ------
    Refusal
        There is no dense run among them.
    """
    chosen = [run for run in runs if run.manifest.fields["max_len"] == max_len]
    dense = next((run for run in chosen if run.manifest.fields["method"] == "vanilla"), None)
    if dense is None:
        raise Refusal(f"There is no vanilla run of length {max_len} to compare with.")
    width = int(dense.manifest.fields["width"])
    baseline = average_scores(dense.chains(), dense.scores(), width)
    return [_compared(run, baseline, width, is_dense=run is dense) for run in chosen]


def _compared(run: StoredRun, baseline: dict[str, float], width: int, *, is_dense: bool) -> Compared:
    fields, chains = run.manifest.fields, run.chains()
    scores = average_scores(chains, run.scores(), width)
    counted = [chain for (problem, number), chain in chains.items() if problem in scores and number < width]
    dense = sum(float(dense_reads(chain.prompt_tokens, chain.tokens)) for chain in counted)
    exit_variant = (fields.get("policy") or {}).get("decide_at") == "exit"
    return Compared(
        method=f"{fields['method']}, immediate" if exit_variant else str(fields["method"]),
        model=str(fields["model"]),
        budget=str(fields["budget"]),
        problems=len(scores),
        width=width,
        average=sum(scores.values()) / len(scores),
        realised_cr=dense / sum(chain.kv_reads + chain.aux_reads for chain in counted),
        cut=sum(str(chain.finish_reason) != "stop" for chain in counted) / len(counted),
        difference=None if is_dense else paired_difference(scores, baseline),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("results/reference/dms"))
    options = parser.parse_args()
    compared = compare_runs(open_runs(options.runs))
    note = NOTE.format(width=compared[0].width)
    options.out.with_suffix(".md").write_text(HEADING + "".join(row.row() for row in compared) + note)
    content: dict[str, Any] = {"runs": [asdict(row) for row in compared]}
    options.out.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
