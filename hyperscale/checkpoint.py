"""The files of a model, in a folder or on the hub: what they say about it before and beside its weights."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download, is_offline_mode, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from hyperscale.bundled import ASSETS, bundled_models, locate
from hyperscale.errors import Refusal
from hyperscale.heads import LearnedHeads, find_heads
from hyperscale.published import Published, published

ADAPTER = ".dms_proj_alpha"  # in the names of an adapter's tensors
VOCABULARIES = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_COMMIT = re.compile(r"/snapshots/([0-9a-f]{40})/")


@dataclass(frozen=True)
class Checkpoint:
    """A model's files. Nothing in them is ever run as code.

    Attributes
    ----------
    asked : str
        The name it was asked for by.
    source : str
        Folder or hub id.
    revision : str or None
        Commit on the hub, so that all files belong together.
    parsed : config
        transformers' own class for the model's family, whatever ``auto_map`` says.
    """

    asked: str
    source: str
    revision: str | None
    parsed: Any

    @classmethod
    def open(cls, name: str, revision: str | None = None) -> "Checkpoint":
        """Find a model by its name and read its configuration; the weights are left alone.

        Raises
        ------
        UsageError
            `name` is neither bundled, nor a folder, nor of the form ``owner/name``.
        Refusal
            The folder or the hub has no such model.
        """
        source = locate(name)
        if not Path(source).is_dir():
            revision = _commit(_fetch(source, "config.json", revision)) or revision
        return cls(name, source, revision, read(AutoConfig, source, revision))

    # --- what it is ---------------------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path | None:
        return Path(self.source) if Path(self.source).is_dir() else None

    @property
    def name(self) -> str:
        """What results call it: a bundled name, the last part of a folder, a hub id."""
        if self.asked in bundled_models() or self.folder is None:
            return self.asked
        return self.folder.resolve().name if self.folder.name in ("", "..") else self.folder.name

    @cached_property
    def known(self) -> Published | None:
        """What is known about it beside its files, on the hub or in a folder of its name."""
        return published(self.folder.name if self.folder else self.asked)

    @property
    def base_model(self) -> str:
        """What a retrofit started from; the model itself if nothing says that it is one."""
        if "base_model" in self.about:
            return str(self.about["base_model"])
        if self.known:
            return self.known.base_model
        started_from = str((self.metadata or {}).get("model") or self.config.get("_name_or_path") or "")
        if self.heads is None or started_from in ("", ".", self.source):
            return self.name
        return started_from if _HUB_ID.fullmatch(started_from) else Path(started_from).name or self.name

    @property
    def licence(self) -> str:
        return str(self.about.get("licence") or (self.known.licence if self.known else "see the model's page"))

    @cached_property
    def heads(self) -> LearnedHeads | None:
        """How to read the decisions it was trained to make; None for an ordinary model."""
        config = self.config
        if self.known:  # its files win, but they do not say everything
            facts = self.known.heads.to_config()
            config = {**(facts if self.metadata is None else {"dms_shift": facts["dms_shift"]}), **config}
        heads = find_heads(config, self.metadata, any(ADAPTER in name for name in self.tensor_files), self.asked)
        if heads and not self.tensor_files:  # what kind they are shows in the names of the tensors
            raise Refusal(f"{self.asked} has learned heads, but its weights are no safetensors: convert them first.")
        return heads

    @cached_property
    def adapters(self) -> dict[str, torch.Tensor]:
        """The tensors that a retrofit added, by their names in the checkpoint."""
        wanted: dict[str, list[str]] = {}
        for name, file in self.tensor_files.items():
            if ADAPTER in name:
                wanted.setdefault(file, []).append(name)
        found: dict[str, torch.Tensor] = {}
        for file, names in wanted.items():
            with self.tensors(file) as tensors:
                found |= {name: tensors.get_tensor(name) for name in names}
        return found

    @cached_property
    def tokenizer_source(self) -> str:
        """Where its tokenizer comes from: its own files, or those of the model it was made from."""
        if "tokenizer" in self.about:
            place = self._place(str(self.about["tokenizer"]))
            if place is None:
                raise Refusal(
                    f"{self.source}/hyperscale.json takes the tokenizer from {self.about['tokenizer']}: there is no such model."
                )
            return place
        if any(self.file(name) for name in VOCABULARIES):
            return self.source
        bases = (self.about.get("base_model"), self.known and self.known.base_model, self.config.get("_name_or_path"))
        return next((place for base in bases if base and (place := self._place(str(base)))), self.source)

    def _place(self, name: str) -> str | None:
        """Folder or hub id of a model that this one names; folders relative to its own."""
        if name in bundled_models():
            return str(ASSETS / name)
        if self.folder and (self.folder / name).is_dir():
            return str(self.folder / name)
        return name if _HUB_ID.fullmatch(name) else None

    # --- its files ----------------------------------------------------------------------------------------------------

    def file(self, name: str) -> Path | None:
        """The local path of one of its files, fetched if need be; None if it has none of that name."""
        if self.folder:
            return self.folder / name if (self.folder / name).is_file() else None
        return _fetch(self.source, name, self.revision)

    @cached_property
    def config(self) -> Mapping[str, Any]:
        return _object(self.file("config.json"))

    @cached_property
    def about(self) -> Mapping[str, Any]:
        """What our own retrofit wrote about it."""
        return _object(self.file("hyperscale.json"))

    @cached_property
    def metadata_file(self) -> Path | None:
        """FastDMS's settings: beside the weights, else in the log of the training that left the folder."""
        beside = self.file("dms_metadata.json")
        if beside or self.folder is None:
            return beside
        log = self.folder.resolve().parent / "training_log.json"
        # other trainings leave logs of that name too
        return log if log.is_file() and _settings(log, strict=False).keys() >= {"window_size", "alpha_scale"} else None

    @cached_property
    def metadata(self) -> Mapping[str, Any] | None:
        return _settings(self.metadata_file) if self.metadata_file else None

    @cached_property
    def tensor_files(self) -> Mapping[str, str]:
        """File of each tensor; empty where the weights are no safetensors."""
        index = self.file("model.safetensors.index.json")
        if index:
            return _mapping(_object(index).get("weight_map"), index, strict=True)
        if self.file("model.safetensors") is None:
            return {}
        with self.tensors("model.safetensors") as tensors:
            return dict.fromkeys(tensors.keys(), "model.safetensors")

    def tensors(self, name: str) -> Any:
        """One of its safetensors files, opened; its header is read, no tensor yet."""
        path = self.file(name)
        try:
            if path is None:
                raise FileNotFoundError(f"its index names {name}, which is not there")
            return safe_open(path, framework="pt")
        except (OSError, SafetensorError) as error:
            raise _refusal(self.source, "weights", error) from error


def _fetch(source: str, name: str, revision: str | None) -> Path | None:
    """A file of a hub model, from the cache if that commit's is there; None if there is none."""
    cached = try_to_load_from_cache(source, name, revision=revision) if revision else None
    if cached is not None:
        return Path(cached) if isinstance(cached, str) else None
    try:
        return Path(hf_hub_download(source, name, revision=revision))
    except LocalEntryNotFoundError as error:
        if is_offline_mode() and name != "config.json":
            return None
        # not known to be missing: without its metadata a checkpoint would pass for an ordinary model
        raise _refusal(source, "configuration" if name == "config.json" else name, error) from error
    except EntryNotFoundError:
        return None
    except Exception as error:  # whatever the hub's client and the network raise
        raise _refusal(source, "configuration" if name == "config.json" else name, error) from error


def _commit(path: Path | None) -> str | None:
    """The commit a file in the hub's cache belongs to."""
    found = None if path is None else _COMMIT.search(path.as_posix())
    return found[1] if found else None


def _settings(path: Path, strict: bool = True) -> Mapping[str, Any]:
    content = _object(path, strict)
    return _mapping(content.get("config", content), path, strict)


def _object(path: Path | None, strict: bool = True) -> Mapping[str, Any]:
    """The content of a JSON file, empty if there is none; if not `strict`, also if it holds anything but an object."""
    if path is None:
        return {}
    try:
        return _mapping(json.loads(path.read_bytes()), path, strict)
    except (OSError, ValueError) as error:
        if not strict:
            return {}
        raise Refusal(f"{path} cannot be read as JSON ({error}). Restore the file.") from error


def _mapping(content: Any, path: Path, strict: bool) -> Mapping[str, Any]:
    if isinstance(content, dict):
        return content
    if strict:
        raise Refusal(f"{path} holds {type(content).__name__}, not a JSON object. Restore the file.")
    return {}


def read(loader: Any, source: str, revision: str | None, **options: Any) -> Any:
    """What one of transformers' loaders makes of a folder or hub id, without running code that comes with it."""
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    what = {AutoConfig: "configuration", AutoTokenizer: "tokenizer", AutoModelForCausalLM: "weights"}[loader]
    try:
        return loader.from_pretrained(source, revision=revision, trust_remote_code=False, **options)
    except Exception as error:  # a damaged file can make the loaders raise anything
        raise _refusal(source, what, error) from error


def _refusal(source: str, what: str, error: Exception) -> Refusal:
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if Path(source).is_dir():
        have = ", ".join(sorted(path.name for path in Path(source).iterdir())[:12]) or "nothing"
        return Refusal(f"The model folder {source} has no usable {what}: {first} (it holds: {have}).")
    return Refusal(
        f"Could not get the {what} of {source} from the hub: {first} Check the name and your connection; a gated model "
        f"needs HF_TOKEN; offline, pass --model a local folder or fill the hub's cache first."
    )
