"""`hyperscale doctor`: what of this machine works, what does not, and what to do about it."""

import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from hyperscale.errors import HyperscaleError
from hyperscale.processes import usable_cores

PACKAGES = (
    "torch",
    "transformers",
    "datasets",
    "tokenizers",
    "safetensors",
    "numpy",
    "pandas",
    "pyarrow",
    "sympy",
    "math-verify",
    "matplotlib",
    "typer",
    "rich",
)
HUB_SECONDS = 3.0
GIB = 1 << 30


class Status(StrEnum):
    """What a finding means."""

    OK = "ok"
    NOTE = "note"  # something is missing that some runs do without
    BROKEN = "broken"  # something essential does not work


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Status
    finding: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that was looked at."""

    checks: tuple[Check, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing essential is broken."""
        return all(check.status is not Status.BROKEN for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        return {"healthy": self.healthy, "checks": [asdict(check) for check in self.checks]}


def doctor(out: Path = Path("results"), hub_seconds: float = HUB_SECONDS) -> Diagnosis:
    """Look at the machine, the installation, the data and the hub. Changes nothing; waits `hub_seconds` for the hub at most."""
    checks = [_python(), _machine(), _memory(), *map(_package, PACKAGES), _threads(), _gpu()]
    checks += [_results(out), _bundled_model(), *_data(), _sandbox(), _hub(hub_seconds), _token()]
    return Diagnosis(tuple(checks))


def _python() -> Check:
    return Check("Python", Status.OK, f"{platform.python_version()}, {sys.executable}")


def _machine() -> Check:
    system = f"{platform.platform(terse=True)}, {platform.machine()}"
    return Check("machine", Status.OK, f"{system}, {usable_cores()} usable CPU cores")


def _memory() -> Check:
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return Check("memory", Status.NOTE, "this system does not say how much there is")
    limit = _container_limit()
    if limit is not None and limit < total:
        return Check("memory", Status.OK, f"{limit / GIB:.1f} GiB (this container's share of {total / GIB:.1f})")
    return Check("memory", Status.OK, f"{total / GIB:.1f} GiB")


def _container_limit() -> int | None:
    try:
        text = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _package(name: str) -> Check:
    try:
        version = importlib.metadata.version(name)
        importlib.import_module(name.replace("-", "_"))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, Status.BROKEN, "not installed; install hyperscale again")
    except Exception as error:  # a broken package may raise anything while it is imported
        return Check(
            name, Status.BROKEN, f"cannot be imported ({type(error).__name__}: {_first_line(error)}); install it again"
        )
    return Check(name, Status.OK, version)


def _threads() -> Check:
    try:
        import torch
    except Exception:  # told by its own check
        return Check("threads", Status.NOTE, "unknown without torch")
    setting = os.environ.get("OMP_NUM_THREADS")
    note = f" (OMP_NUM_THREADS={setting})" if setting else ""
    return Check("threads", Status.OK, f"torch would use {torch.get_num_threads()}{note}; runs on a CPU use 1 per worker")


def _gpu() -> Check:
    try:
        import torch

        if torch.cuda.is_available():
            return Check("GPU", Status.OK, _gpu_names())
        if torch.version.cuda is None:
            return Check("GPU", Status.NOTE, "none used: this torch is built for CPUs; install a CUDA build to use a GPU")
        reason = (
            f"torch is built for CUDA {torch.version.cuda}, but sees no GPU or driver (nvidia-smi shows whether there is one)"
        )
        return Check("GPU", Status.NOTE, f"none used: {reason}")
    except Exception as error:  # a driver at odds with the build raises whatever it likes
        return Check("GPU", Status.NOTE, f"none used: {type(error).__name__}: {_first_line(error)}")


def _gpu_names() -> str:
    import torch

    devices = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return (
        "; ".join(f"{device.name}, {device.total_memory / GIB:.0f} GiB" for device in devices) + f"; CUDA {torch.version.cuda}"
    )


def _results(out: Path) -> Check:
    place = out.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            free = shutil.disk_usage(place).free
    except OSError as error:
        remedy = "change its permissions or run with another --out"
        return Check("results", Status.BROKEN, f"{out}: nothing can be written to {place} ({error.strerror}); {remedy}")
    status = Status.OK if free > GIB else Status.NOTE
    return Check("results", status, f"{out} can be written; {free / GIB:.1f} GiB free")


def _bundled_model() -> Check:
    try:
        from hyperscale.models import bundled_models, load_model

        names = bundled_models()
        if not names:
            return Check("bundled model", Status.BROKEN, "there is none; install hyperscale again")
        for name in names:
            load_model(name, device="cpu")
    except HyperscaleError as error:
        return Check("bundled model", Status.BROKEN, str(error))
    except Exception as error:  # such as a torch that cannot be imported
        return Check("bundled model", Status.BROKEN, f"does not load ({type(error).__name__}: {_first_line(error)})")
    return Check("bundled model", Status.OK, f"{', '.join(names)}: loads")


def _data() -> list[Check]:
    from hyperscale.commands.listings import Origin, tasks

    root = os.environ.get("HYPERSCALE_DATA")
    if not root:
        return [Check("local data", Status.OK, "HYPERSCALE_DATA is not set: tasks that are not bundled come from the hub")]
    if not Path(root).is_dir():
        return [Check("local data", Status.NOTE, f"HYPERSCALE_DATA names {root}, which is no folder; correct or unset it")]
    found = tasks()
    local = [task.name for task in found if task.origin is Origin.LOCAL and task.fault is None]
    faults = [Check(f"data of {task.name}", Status.NOTE, task.fault) for task in found if task.fault]
    return [Check("local data", Status.OK, f"{root} has {', '.join(local) or 'no task'}"), *faults]


def _sandbox() -> Check:
    """Whether programs written by models can be run, and which walls stand around them."""
    from hyperscale.sandbox import LayerState, Sandbox

    try:
        sandbox = Sandbox.open()
    except HyperscaleError as error:
        return Check("sandbox", Status.NOTE, f"none, so tasks whose answers are programs cannot be graded: {error}")
    missing = [f"no {report.layer}: {report.why}" for report in sandbox.describe() if report.state is LayerState.OFF]
    return Check("sandbox", Status.OK, "; ".join([sandbox.level, *missing]))


def _hub(seconds: float) -> Check:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return Check("hub", Status.NOTE, "switched off by HF_HUB_OFFLINE; what its cache holds can be used")
    answer = _within(seconds, lambda: _ask(constants.ENDPOINT, seconds))
    if answer is None:
        return Check("hub", Status.OK, f"{constants.ENDPOINT} answers")
    return Check("hub", Status.NOTE, f"{constants.ENDPOINT}: {answer}; bundled tasks, local models and --data work without it")


def _ask(url: str, seconds: float) -> str | None:
    """Why a server is of no use; None if it answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds):
            return None
    except urllib.error.HTTPError as error:
        return f"answers {error.code} {error.reason}"
    except (OSError, ValueError) as error:
        return f"cannot be reached ({getattr(error, 'reason', None) or _first_line(error)})"


def _within(seconds: float, ask: Callable[[], str | None]) -> str | None:
    # looking up a name knows no timeout of its own
    answers: list[str | None] = []
    thread = threading.Thread(target=lambda: answers.append(ask()), daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else f"no answer within {seconds:g} s"


def _token() -> Check:
    given = bool(os.environ.get("HF_TOKEN"))
    return Check("HF_TOKEN", Status.OK, "set" if given else "not set: gated models and data sets need it")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
