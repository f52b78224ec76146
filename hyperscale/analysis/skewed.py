"""SkewedMean: the mean of values of which most are equal and a few far away."""

import math
from dataclasses import dataclass

import numpy as np

from hyperscale.analysis.point import Numbers
from hyperscale.analysis.quantile import t_quantile


@dataclass(frozen=True, slots=True)
class SkewedMean:
    """A mean, and what says how far the truth may lie from it.

    Paired differences are mostly zero: a t interval or a bootstrap sees too few of the rare ones, and none of those that it has
    not met yet. Two imaginary problems are added, one as far up and one as far down as the farthest real one (by 1 where all
    are zero), as Bonett and Price (2012) do for paired binary outcomes; they enlarge the spread and leave the mean. Bounds
    then follow skewness by Hall's monotone transformation of t (1992, J. R. Statist. Soc. B 54, 221-228).

    Attributes
    ----------
    standard_error, skewness : float
        With the two imaginary problems.
    size : int
        Problems, the imaginary ones included.
    """

    mean: float
    standard_error: float
    skewness: float
    size: int

    @classmethod
    def of(cls, values: Numbers) -> "SkewedMean":
        """From one value per problem, ``[problems]``, two or more."""
        reach = float(np.abs(values).max()) or 1.0
        padded = np.concatenate([values, [reach, -reach]])
        spread = float(padded.std())
        skewness = float(((padded - padded.mean()) ** 3).mean()) / spread**3
        return cls(float(values.mean()), spread / math.sqrt(len(padded)), skewness, len(padded))

    @property
    def freedom(self) -> int:
        """Degrees of freedom behind the standard error: those of the real problems."""
        return self.size - 3

    def bound(self, confidence: float) -> float:
        """The truth lies below with this confidence."""
        return self.mean - self.standard_error * self._bent(t_quantile(1 - confidence, self.freedom))

    def _bent(self, t: float) -> float:
        """Inverse of Hall's g(t) = t + a t^2 + a^2 t^3 / 3 + a / 2, with a = skewness / (3 sqrt(size))."""
        third = self.skewness / math.sqrt(self.size)
        if abs(third) < 1e-9:
            return t
        return 3 / third * (math.cbrt(1 + third * (t - third / 6)) - 1)
