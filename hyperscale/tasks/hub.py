"""Rows of a hub data set at one commit."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperscale.errors import Refusal
from hyperscale.tasks.rows import Row
from hyperscale.tasks.task_card import Source

if TYPE_CHECKING:
    from datasets import Dataset

PROBE_SECONDS = 8.0  # the hub's own retries would keep an offline user waiting for many times that
WITHOUT_HUB = "Give the rows with --data PATH, or a folder of task folders in HYPERSCALE_DATA"


class _NoAnswer(Refusal):
    """The hub does not answer, which says nothing about the data set."""


def at_commit(source: Source) -> Source:
    """A source pinned to a commit: its own revision, else the one its branch is at now, else the only one in the cache.

    Raises
    ------
    Refusal
        If only a branch is known, the hub does not answer, and the cache holds no commit of the data set, or several.
    """
    if source.branch is None:
        return source
    try:
        return replace(source, revision=_probe(replace(source, revision=source.branch)), branch=None)
    except _NoAnswer as refusal:
        cached = {path.parent.name for path in _shards(source, "*")}
        if len(cached) != 1:
            several = f" The cache holds several commits ({', '.join(sorted(cached))}): pin one in the card." if cached else ""
            raise Refusal(f"{refusal}{several}") from refusal.__cause__
        return replace(source, revision=cached.pop(), branch=None)


def hub_rows(source: Source) -> tuple[tuple[str, Row], ...]:
    """The rows of a data set, from the cache if the pinned revision is there, else from the hub.

    Raises
    ------
    Refusal
        If the hub cannot be reached, does not know the data set or its revision, or wants access to be asked for.
    """
    dataset = _cached(source) or _fetched(source)
    return tuple((f"row {number}", row) for number, row in enumerate(dataset, 1))


def hub_files(
    source: Source, names: tuple[str, ...], sizes: Mapping[str, int], note: Callable[[str], None]
) -> tuple[Path, ...]:
    """Raw files of a data set at its pinned revision, from the cache or, told to `note` with their size first, from the hub.

    Raises
    ------
    Refusal
        As `hub_rows`.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import GatedRepoError

    hub, revision = str(source.hub), source.revision
    cached = {name: try_to_load_from_cache(hub, name, repo_type="dataset", revision=revision) for name in names}
    missing = [name for name, path in cached.items() if not isinstance(path, str)]
    if missing:
        _probe(source)
        size = f" ({sum(sizes[name] for name in missing) / 1e9:.1f} GB)" if all(name in sizes for name in missing) else ""
        note(f"downloading {', '.join(missing)} of {source.hub}{size}")
    try:
        got = {name: hf_hub_download(hub, name, repo_type="dataset", revision=revision) for name in missing}
    except GatedRepoError as error:
        raise _gated(source) from error
    except Exception as error:  # download, disk, access to a single file: whatever it is, it is not the program's doing
        raise _refusal(source, f"does not give {', '.join(missing)} ({type(error).__name__}: {_first_line(error)})") from error
    return tuple(Path(str(got.get(name) or cached[name])) for name in names)


def _cached(source: Source) -> "Dataset | None":
    # load_dataset without a network takes the newest cached copy of whatever revision, and only after its retries
    import datasets

    shards = _shards(source, str(source.revision))
    if not shards or len({path.parent for path in shards}) > 1:
        return None
    try:
        return datasets.concatenate_datasets([datasets.Dataset.from_file(str(path)) for path in shards])
    except Exception:  # a damaged cache only means that the hub is asked
        return None


def _shards(source: Source, revision: str) -> list[Path]:
    import datasets

    *owner, name = str(source.hub).split("/")
    folder = "___".join([*owner, datasets.naming.camelcase_to_snakecase(name)])
    config = escape(source.config) if source.config else "*"
    root = Path(datasets.config.HF_DATASETS_CACHE, folder)
    return [
        path
        for ending in (f"*-{escape(source.split)}.arrow", f"*-{escape(source.split)}-?????-of-?????.arrow")
        for path in sorted(root.glob(f"{config}/*/{revision}/{ending}"))
    ]


def _fetched(source: Source) -> "Dataset":
    import datasets

    _probe(source)
    try:
        dataset = datasets.load_dataset(source.hub, source.config, split=source.split, revision=source.revision)
    except datasets.exceptions.DatasetNotFoundError as error:
        if "is a gated dataset" in str(error):
            raise _gated(source) from error
        raise _refusal(source, f"does not give it ({_first_line(error)})") from error
    except Exception as error:  # download, disk, format: whatever it is, it is not the program's doing
        raise _refusal(source, f"or its copy in the cache failed ({type(error).__name__}: {_first_line(error)})") from error
    if not any(f"@{source.revision}/" in url or f"/{source.revision}/" in url for url in _origins(dataset)):
        remedy = f"Remove the folder {source.hub} from the current folder if there is one"
        raise _refusal(source, f"did not give the pinned revision {source.revision}", remedy)
    return dataset


def _origins(dataset: Any) -> list[str]:
    return [*(dataset.info.download_checksums or {}), *(file["filename"] for file in dataset.cache_files)]


def _probe(source: Source) -> str:
    """One question to the hub, without retries, so that a missing network is told within seconds: its commit."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return str(HfApi().dataset_info(str(source.hub), revision=source.revision, timeout=PROBE_SECONDS).sha)
    except OfflineModeIsEnabled as error:
        reason = "is switched off by HF_HUB_OFFLINE, and the cache does not hold it"
        raise _NoAnswer(_message(source, reason, "Unset HF_HUB_OFFLINE")) from error
    except GatedRepoError as error:
        raise _gated(source) from error
    except RevisionNotFoundError as error:
        raise _refusal(source, f"has no such revision {source.revision}", "Correct the card's revision") from error
    except RepositoryNotFoundError as error:
        raise _refusal(source, "does not know it, or wants a token in HF_TOKEN", "Correct the card's hub id") from error
    except HfHubHTTPError as error:
        raise _NoAnswer(_message(source, f"answered with an error ({_first_line(error)})", "Try again later")) from error
    except Exception as error:  # the transport's own errors, of whichever library the hub's client uses
        reason = f"cannot be reached ({type(error).__name__}: {_first_line(error)})"
        remedy = "Check the network, the proxy (HTTPS_PROXY) and HF_ENDPOINT"
        raise _NoAnswer(_message(source, reason, remedy)) from error


def _gated(source: Source) -> Refusal:
    return _refusal(
        source,
        "asks for its conditions to be accepted first",
        f"Accept them at https://huggingface.co/datasets/{source.hub} and set HF_TOKEN",
    )


def _refusal(source: Source, reason: str, remedy: str = "Check the network and the free disk space") -> Refusal:
    return Refusal(_message(source, reason, remedy))


def _message(source: Source, reason: str, remedy: str) -> str:
    return f"Data set {source.hub}: the hub {reason}. {remedy}. {WITHOUT_HUB}."


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
