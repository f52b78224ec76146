"""Where a retrofit's examples come from: a file, the hub, or the model's own chains."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hyperscale.errors import Refusal
from hyperscale.models import LoadedModel
from hyperscale.retrofit.data import Row, encode_rows, examples
from hyperscale.tasks.rows import read_file

OPENR1 = "open-r1/OpenR1-Math-220k"


def file_rows(model: LoadedModel, path: Path, context: int, limit: int | None) -> list[Row]:
    """Rows of a local file (.jsonl, .json, .csv, .parquet, or their .gz)."""
    return encode_rows(model, examples(read_file(path).rows, str(path)), context, limit, str(path))


def hub_rows(model: LoadedModel, context: int, limit: int | None) -> list[Row]:
    """Rows of OpenR1-Math-220k, streamed: only as much is downloaded as is asked for.

    Raises
    ------
    Refusal
        The hub does not give it.
    """
    return encode_rows(model, examples(_streamed(), OPENR1), context, limit, OPENR1)


def _streamed() -> Iterator[tuple[str, dict[str, Any]]]:
    import datasets

    try:
        stream = datasets.load_dataset(OPENR1, "default", split="train", streaming=True)
        for number, row in enumerate(stream.shuffle(seed=42, buffer_size=1000), 1):
            yield f"row {number}", row
    except Exception as error:  # network, disk, format: whatever it is, it is not the program's doing
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise Refusal(
            f"Could not stream {OPENR1} from the hub: {first} Check the network, or pass --data FILE.jsonl with prompt and "
            f"completion, or --data self."
        ) from error
