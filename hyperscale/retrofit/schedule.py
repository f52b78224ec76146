"""How far a retrofit is: the borrowed coordinate first, then compression, one ratio after the other."""

from dataclasses import dataclass

from hyperscale.errors import UsageError


@dataclass(frozen=True, slots=True)
class Schedule:
    """Steps of a retrofit.

    The target compression rises linearly from 1 by one per `steps_per_ratio` (arXiv 2506.05345, section 4), so that one run
    passes every whole ratio on its way.

    Attributes
    ----------
    target : float
        Compression CR at the end.
    steps_per_ratio : int
        N: steps per +1 of compression; the paper's 100.
    zeroing : int
        Steps before that in which the borrowed coordinate fades, by ``1 - t / n_t`` (appendix C); 0 for adapters.
    hold : int
        Steps at the target after that; the paper has none.
    """

    target: float
    steps_per_ratio: int = 100
    zeroing: int = 0
    hold: int = 0

    def __post_init__(self) -> None:
        if self.target <= 1:
            raise UsageError(f"--target must be above 1x, not {self.target}x.")
        if self.steps_per_ratio < 1 or self.zeroing < 0 or self.hold < 0:
            raise UsageError("--steps-per-ratio must be 1 or more, --zeroing-steps and --hold-steps 0 or more.")
        if self.steps == 0:
            raise UsageError(f"There is no step from 1x to {self.target:g}x: use a larger --steps-per-ratio or --hold-steps.")

    @property
    def steps(self) -> int:
        return self.zeroing + round((self.target - 1) * self.steps_per_ratio) + self.hold

    def coordinate_left(self, step: int) -> float:
        """Share of the borrowed coordinate that attention still sees at the given step."""
        return 0.0 if step >= self.zeroing else 1.0 - step / self.zeroing

    def ratio(self, step: int) -> float:
        """Target compression at the given step."""
        return min(self.target, 1.0 + max(0, step - self.zeroing) / self.steps_per_ratio)

    def evicted(self, step: int) -> float:
        """Target share of entries that are marked: ``1 - 1 / CR``."""
        return 1.0 - 1.0 / self.ratio(step)

    def reached(self, step: int) -> int | None:
        """The whole ratio, 2 or more and below the target, that is passed after `step` steps, if there is one."""
        passed, rest = divmod(step - self.zeroing, self.steps_per_ratio)
        return passed + 1 if rest == 0 and 2 <= passed + 1 < self.target else None
