"""`hyperscale check-policy`: the conformance suite on any policy."""

from collections.abc import Callable, Mapping, Sequence

from hyperscale.budget import Budget, parse_budget
from hyperscale.cache.policy import Policy
from hyperscale.cache.registry import make_policy
from hyperscale.conformance.report import CheckResult, ConformanceReport
from hyperscale.conformance.suite import run_suite
from hyperscale.models import FAMILIES
from hyperscale.names import unknown

DEFAULT_BUDGET = "4x"


def check_policy(
    method: str,
    settings: Mapping[str, str] | None = None,
    budget: str | None = None,
    families: Sequence[str] = FAMILIES,
    on_result: Callable[[CheckResult], None] | None = None,
) -> ConformanceReport:
    """Check that a policy keeps the contract, on tiny random models of all families.

    Parameters
    ----------
    method : str
        A built-in name or ``path/file.py:Class``.
    settings : mapping, optional
        Fields of the policy, as text.
    budget : str, optional
        Where not stated otherwise, entries are held to it; 4x by default, 1x for a policy whose own default is 1x.
    families : sequence of str
        Model families to check on.
    on_result : callable, optional
        Called with each result as it is known.

    Raises
    ------
    UsageError
        No such method, family or parameter, or a budget that the policy refuses.
    Refusal
        The policy's file is missing or cannot be imported.
    """
    for family in families:
        if family not in FAMILIES:
            raise unknown("family", family, FAMILIES)
    given = parse_budget(budget) if budget else None
    policy = make_policy(method, settings)
    at = given or _default_budget(policy)
    results = []
    for result in run_suite(policy, at, families):
        results.append(result)
        if on_result:
            on_result(result)
    return ConformanceReport(policy.name, at.label, policy.resolved(at).parameters(), tuple(results))


def _default_budget(policy: Policy) -> Budget:
    return parse_budget("1x" if policy.default_budget == "1x" else DEFAULT_BUDGET)
