"""Archive: several runs in one compact Parquet file, small enough to commit as a baseline.

One row per chain, its grade in the same row; manifests, summaries and telemetry in the schema's metadata. Token ids are
left out (the text says the same), everything else is kept exactly.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hyperscale.errors import Refusal
from hyperscale.store.codec import Detail
from hyperscale.store.disk import refusing, write_whole
from hyperscale.store.manifest import Manifest
from hyperscale.store.records import ChainRecord, FinishReason, ScoreRecord, Trace
from hyperscale.store.stored_run import StoredRun

SUFFIX = ".parquet"
_METADATA = b"hyperscale"
_FORMAT = 1
_INTS = ("chain", "seed", "prompt_tokens", "tokens")
_FLOATS = ("kv_reads", "aux_reads", "prefill_reads", "peak_tokens", "realised_cr", "wall_s")
_TRACES = ("kv_reads", "aux_reads", "peak_tokens")
_GRADES = (
    ("extracted", pa.string()),
    ("verdict", pa.string()),
    ("correct", pa.bool_()),
    ("grader", pa.string()),
    ("detail", pa.string()),
)
_COLUMNS: dict[str, Any] = {
    "run": pa.int32(),
    "problem_id": pa.string(),
    **dict.fromkeys(_INTS, pa.int64()),
    "seed": pa.uint64(),  # 64 random bits
    **dict.fromkeys(_FLOATS, pa.float64()),
    "finish_reason": pa.string(),
    "trace_every": pa.int64(),
    **{f"trace_{name}": pa.list_(pa.float64()) for name in _TRACES},
    "text": pa.string(),
    "permutation": pa.list_(pa.int64()),
    **dict(_GRADES),
}


@dataclass(frozen=True, slots=True)
class ArchivedRun:
    """One run of an archive; its chains are read when asked for."""

    path: Path
    index: int
    name: str
    manifest: Manifest
    _summary: Mapping[str, Any] | None
    _telemetry: Mapping[str, Any] | None

    def chains(self, detail: Detail = Detail.FULL) -> dict[tuple[str, int], ChainRecord]:
        skipped = {"text"} if detail is Detail.COUNTS else set()
        records = (_chain(row) for row in self._rows([name for name in _COLUMNS if name not in skipped]))
        return {record.key: record for record in records}

    def scores(self) -> dict[tuple[str, int], ScoreRecord]:
        names = [name for name, _ in _GRADES]
        rows = self._rows(["run", "problem_id", "chain", *names])
        graded = (row for row in rows if row["verdict"] is not None)
        records = (
            ScoreRecord(row["problem_id"], row["chain"], **{name: row[name] for name in names if name in row}) for row in graded
        )
        return {record.key: record for record in records}

    def summary(self) -> dict[str, Any] | None:
        return None if self._summary is None else dict(self._summary)

    def telemetry(self) -> dict[str, Any] | None:
        return None if self._telemetry is None else dict(self._telemetry)

    def _rows(self, columns: list[str]) -> list[dict[str, Any]]:
        with refusing(self.path):
            try:
                there = set(pq.read_schema(self.path).names)  # files of earlier versions lack the newest columns
                wanted = [name for name in columns if name in there]
                table = pq.read_table(self.path, columns=wanted, filters=[("run", "==", self.index)])
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise _unusable(self.path, str(error)) from None
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows


def write_archive(path: Path, runs: Sequence[StoredRun]) -> None:
    """Write the runs to `path`, replacing an archive that is there, but no other file.

    Raises
    ------
    Refusal
        If `path` is some other file, or cannot be written.
    """
    if path.exists():
        read_archive(path)
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    for index, run in enumerate(runs):
        scores = run.scores()
        for key, chain in run.chains().items():
            for name, value in _row(index, chain, scores.get(key)).items():
                columns[name].append(value)
    metadata = {_METADATA: json.dumps({"format": _FORMAT, "runs": [_description(run) for run in runs]}).encode()}
    table = pa.table(columns, schema=pa.schema(list(_COLUMNS.items()), metadata=metadata))
    content = io.BytesIO()
    pq.write_table(table, content, compression="zstd", compression_level=12)
    with refusing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content.getvalue())


def read_archive(path: Path) -> list[ArchivedRun]:
    """The runs of an exported file.

    Raises
    ------
    Refusal
        If the file is missing or none of ours.
    """
    with refusing(path):
        try:
            metadata = pq.read_schema(path).metadata or {}
        except pa.ArrowInvalid as error:
            raise _unusable(path, str(error)) from None
    if _METADATA not in metadata:
        raise _unusable(path, "it is a Parquet file of something else")
    content = json.loads(metadata[_METADATA])
    if content["format"] != _FORMAT:
        raise Refusal(f"{path} was exported by another version of hyperscale (format {content['format']}). Export it again.")
    return [
        ArchivedRun(path, index, run["name"], Manifest.from_json(run["manifest"]), run["summary"], run["telemetry"])
        for index, run in enumerate(content["runs"])
    ]


def _description(run: StoredRun) -> dict[str, Any]:
    return {"name": run.name, "manifest": run.manifest.to_json(), "summary": run.summary(), "telemetry": run.telemetry()}


def _row(index: int, chain: ChainRecord, score: ScoreRecord | None) -> dict[str, Any]:
    return {
        "run": index,
        "problem_id": chain.problem_id,
        **{name: getattr(chain, name) for name in (*_INTS, *_FLOATS)},
        "finish_reason": chain.finish_reason.value,
        "trace_every": chain.trace.every,
        **{f"trace_{name}": getattr(chain.trace, name) for name in _TRACES},
        "text": chain.text.encode("utf-8", "replace").decode(),  # Parquet strings hold no lone surrogates
        "permutation": chain.permutation,
        **{name: None if score is None else getattr(score, name) for name, _ in _GRADES},
    }


def _chain(row: Mapping[str, Any]) -> ChainRecord:
    return ChainRecord(
        problem_id=row["problem_id"],
        **{name: row[name] for name in (*_INTS, *_FLOATS)},
        finish_reason=FinishReason(row["finish_reason"]),
        trace=Trace(row["trace_every"], *(tuple(row[f"trace_{name}"]) for name in _TRACES)),
        text=row.get("text", ""),
        token_ids=(),
        permutation=tuple(row.get("permutation") or ()),
    )


def _unusable(path: Path, reason: str) -> Refusal:
    return Refusal(f"{path} is no exported run ({reason}). Name a run folder, or a file made by `hyperscale export`.")
