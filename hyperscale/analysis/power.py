"""How large an effect must be to be found."""

from hyperscale.analysis.quantile import LEVEL, normal_quantile, t_quantile

POWER = 0.8


def detectable(standard_error: float, freedom: int | None = None) -> float:
    """Minimum detectable effect: found in 80% of repetitions by a one-sided test that errs in 5%.

    The sum of the quantiles of level and power, times the standard error.

    Parameters
    ----------
    standard_error : float
        Of the estimated effect, in whatever unit the effect has.
    freedom : int, optional
        Degrees of freedom behind the standard error; without it, normal quantiles.
    """
    if freedom is None:
        return standard_error * (normal_quantile(LEVEL) + normal_quantile(POWER))
    return standard_error * (t_quantile(LEVEL, freedom) + t_quantile(POWER, freedom))
