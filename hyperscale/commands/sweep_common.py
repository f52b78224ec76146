"""Common: what all runs of a sweep share."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hyperscale.budget import Budget
from hyperscale.commands.request import Request, understand
from hyperscale.commands.run_plan import Machine, count
from hyperscale.configuration import Configuration
from hyperscale.models import pick_device, pick_dtype


@dataclass(frozen=True, slots=True)
class Common:
    """The words of ``hyperscale run`` that are the same for all runs of a sweep."""

    limit: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    prompt: str | None = None
    since: str | None = None
    until: str | None = None
    data: Path | str | None = None
    accept_licence: bool = False
    allow_partial_tests: bool = False
    unsafe_no_sandbox: bool = False
    out: Path | str = Path("results")
    device: str = "auto"
    dtype: str = "auto"
    rows: int | str = "auto"
    workers: int | str = "auto"

    @property
    def machine(self) -> Machine:
        return Machine(self.device, self.dtype, count(self.rows, "--rows"), count(self.workers, "--workers"))

    @property
    def data_path(self) -> Path | None:
        return None if self.data is None else Path(self.data)

    def check(self, width: int = 1) -> None:
        """Refuse what is wrong with these words by themselves, or together with so many chains per problem (UsageError)."""
        self.request("vanilla", {}, Configuration(width, 64, Budget(ratio=1.0)))
        pick_dtype(self.machine.dtype, pick_device(self.device))

    def request(
        self, method: str, settings: Mapping[str, str], configuration: Configuration, model: str = "auto", seed: int = 0
    ) -> Request:
        """The request of one run (UsageError if a word of it is wrong)."""
        return understand(
            method=method,
            budget=configuration.budget.label,
            model=model,
            width=configuration.width,
            max_len=configuration.length,
            limit=self.limit,
            seed=seed,
            reads=None,
            settings=settings,
            dms_offset=None,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            since=self.since,
            until=self.until,
        )
