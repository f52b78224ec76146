"""The manifest of a run: what can change a chain, and what else is worth knowing about it."""

import hashlib
import importlib.metadata
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hyperscale.commands.request import Request
from hyperscale.engine.sampler import Sampling
from hyperscale.models import LoadedModel
from hyperscale.processes import usable_cores
from hyperscale.store.manifest import Manifest
from hyperscale.tasks.cards import ProblemSet, TaskCard, card_names, load_card

PACKAGES = ("hyperscale", "torch", "transformers", "datasets", "tokenizers", "math-verify", "sympy", "numpy")


def manifest_of(
    request: Request,
    card: TaskCard,
    problems: ProblemSet,
    prompt: str | None,
    model: LoadedModel,
    sampling: Sampling,
    max_len: int,
) -> Manifest:
    """What the run folder is for; the configuration is what can change a chain."""
    configuration: dict[str, Any] = {
        "task": card.name,
        "task_version": card.version,
        "data_hash": problems.data_hash,
        "prompt_hash": _hash16(f"{card.prompt_parts(prompt)}\x1f{model.tokenizer.chat_template}".encode()),
        "weights_hash": model.weights_hash,
        "tokenizer_hash": model.tokenizer_hash,
        "stop_ids": sorted(model.stop_ids),
        "dtype": str(model.module.dtype).removeprefix("torch."),
        "method": request.method,
        "policy": request.policy.parameters(),
        "budget": request.budget.label,
        "sampling": asdict(sampling),
        "max_len": max_len,
        "seed": request.seed,
    }
    file = Path(request.method.partition(":")[0])
    if file.suffix == ".py":
        configuration["policy_code"] = _hash16(file.read_bytes())
    if request.purse is not None:
        configuration |= {"width": request.width, "reads": request.purse * request.width}
    facts = {
        "task": card.name,
        "model": model.name,
        "base_model": model.base_model,
        "method": request.method,
        "budget": request.budget.label,
        "width": request.width,
        "max_len": max_len,
        "problem_ids": [problem.id for problem in problems.problems],
        "kind": str(card.kind),
        **({} if card.name in card_names() and card.path == load_card(card.name).path else {"card": str(card.path)}),
        **{name: value for name, value in (("since", request.since), ("until", request.until)) if value is not None},
        "prompt": prompt or card.default_prompt,
        "licence": model.licence,
        "model_source": Path(model.source).name if Path(model.source).is_dir() else model.source,
        "data_revision": problems.revision,
        "data_origin": "local file" if Path(problems.origin).exists() else problems.origin,
        **({"partial_tests": True} if problems.partial_tests else {}),
        "prefix_safe": request.policy.prefix_safe or request.budget.slots is not None,
        "device": _device_name(model),
        **({"heads": asdict(model.heads)} if model.heads else {}),
        "versions": {name: _version(name) for name in PACKAGES} | {"python": platform.python_version()},
    }
    return Manifest(configuration, facts)


def _hash16(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _device_name(model: LoadedModel) -> str:
    if model.device.type == "cuda":
        import torch

        return torch.cuda.get_device_name(model.device)
    return f"{_processor()}, {usable_cores()} cores"


def _processor() -> str:
    """The model of the CPU; times of two machines with one architecture are not comparable."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (names[0] if names else "") or platform.processor() or platform.machine()
