"""Runs all checks on all families."""

import sysconfig
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from types import MappingProxyType

from hyperscale.budget import Budget
from hyperscale.cache.policy import Policy
from hyperscale.conformance.bench import FULL, Bench, heads_for
from hyperscale.conformance.compared import batch_independence, full_budget, refill, slot_permutation
from hyperscale.conformance.models import tiny_model
from hyperscale.conformance.recorded import accounting, budget, mask_replay
from hyperscale.conformance.report import Check, CheckResult, Status
from hyperscale.models import FAMILIES

CHECKS: Mapping[Check, Callable[[Bench], str]] = MappingProxyType(
    {
        Check.MASK_REPLAY: mask_replay,
        Check.ACCOUNTING: accounting,
        Check.BUDGET: budget,
        Check.SLOT_PERMUTATION: slot_permutation,
        Check.FULL_BUDGET: full_budget,
        Check.BATCH_INDEPENDENCE: batch_independence,
        Check.REFILL: refill,
    }
)


def run_suite(policy: Policy, at: Budget, families: Sequence[str] = FAMILIES) -> Iterator[CheckResult]:
    """Check a policy on tiny random models of each family, yielding each result as it is known.

    A learned policy is checked on models with random heads, in each layout it listens to.

    Raises
    ------
    UsageError
        The policy refuses the budget.
    """
    for full_or_not in (FULL, at):
        policy.resolved(full_or_not)
    for family, heads in product(families, heads_for(policy, at)):
        bench = Bench(policy, at, tiny_model(family, heads=heads))
        for check in CHECKS:
            yield run_check(check, bench)


def run_check(check: Check, bench: Bench) -> CheckResult:
    """One check; an exception is a result like any other."""
    family = bench.model.family
    try:
        wrong = CHECKS[check](bench)
    except Exception as error:  # whatever the policy does
        return CheckResult(check, family, Status.ERROR, f"{type(error).__name__}: {error} ({_place(error)})")
    return CheckResult(check, family, Status.FAILED if wrong else Status.PASSED, wrong)


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    libraries = (Path(__file__).parents[1], *(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")))
    foreign = [frame for frame in frames if not any(Path(frame.filename).is_relative_to(library) for library in libraries)]
    frame = (foreign or frames)[-1]
    return f"{Path(frame.filename).name}, line {frame.lineno}"
