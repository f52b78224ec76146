"""Small runs for the page, with every outcome a problem can have, and texts that try to break out of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hyperscale.store.codec import chain_to_row, score_to_row
from hyperscale.store.records import ChainRecord, FinishReason, ScoreRecord
from hyperscale.store.row_log import row_to_line
from hyperscale.store.run_folder import RunFolder
from tests.store.samples import chain, manifest, score

HOSTILE = (
    '<img src="http://127.0.0.1:9/x" onerror="document.title=\'broken\'">'
    "</script><script>document.title='broken'</script><!-- <style>*{display:none}</style> ${1} $data &lt;b&gt; "
    "\u2028\u2029 \x00\x07\x1b[31m \ud800 \udc00 🦜👩\u200d🔬 שלום \u202egnp.exe\u202c "
)
# answers of the two chains of a problem; "=" is right, "-" none, "!" a broken chain, "?" not graded
DENSE = {"p1": "= =", "p2": "= 8", "p3": "8 8", "p10": "- -", "p11": "! !", "p12": "= ?"}
SPARSE = {"p1": "8 8", "p2": "= =", "p3": "8 9", "p10": "= -", "p11": "= !", "p20": "= ="}


def make_run(path: Path, problems: Mapping[str, str], texts: Sequence[str] = ("so",), **facts: Any) -> RunFolder:
    """A run whose chains end as `problems` says; chain n of problem m reads 100 (m + 1) + n entries, and 1 of metadata."""
    fields = {"task_version": 2, "problem_ids": list(problems), "kind": "math", **facts}
    ends = [
        (place, problem, number, answer)
        for place, (problem, answers) in enumerate(problems.items())
        for number, answer in enumerate(answers.split())
    ]
    RunFolder.open(path, manifest(**fields)).close()
    # whole files: to wait for the disk after every line would take longer than the tests
    chains = [_chain(place, problem, number, answer, texts) for place, problem, number, answer in ends]
    (path / "chains.jsonl").write_bytes(b"".join(row_to_line(chain_to_row(record)) for record in chains))
    scores = [_score(problem, number, answer) for _, problem, number, answer in ends if answer not in "!?"]
    (path / "scores.jsonl").write_bytes(b"".join(row_to_line(score_to_row(record)) for record in scores))
    return RunFolder.read(path)


def _chain(place: int, problem: str, number: int, answer: str, texts: Sequence[str]) -> ChainRecord:
    ended = {"!": FinishReason.ERROR, "-": FinishReason.LENGTH}.get(answer, FinishReason.STOP)
    costs = {"kv_reads": 100.0 * (place + 1) + number, "aux_reads": 1.0, "tokens": 7}
    return chain(problem, number, text=texts[(2 * place + number) % len(texts)], finish_reason=ended, **costs)


def _score(problem: str, number: int, answer: str) -> ScoreRecord:
    verdict = {"=": "equal", "-": "no_answer"}.get(answer, "different")
    extracted = {"=": "7", "-": None}.get(answer, answer)
    return score(problem, number, correct=answer == "=", extracted=extracted, verdict=verdict)


def make_pair(folder: Path, texts: Sequence[str] = ("so",)) -> list[Path]:
    """A dense run and a compressed one."""
    make_run(folder / "dense", DENSE, texts, method="vanilla", budget="1x", model="abacus")
    make_run(folder / "sparse", SPARSE, texts, method="dms", budget="8x", model="abacus-dms-8x")
    return [folder / "dense", folder / "sparse"]
