"""Combination: one method at one configuration, and which of them make sense."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hyperscale.cache.policy import Policy
from hyperscale.cache.registry import make_policy, policy_class
from hyperscale.cache.vanilla import Vanilla
from hyperscale.commands.sweep_common import Common
from hyperscale.commands.sweep_entry import Entry, Stated
from hyperscale.configuration import Configuration
from hyperscale.errors import HyperscaleError, Refusal, UsageError
from hyperscale.names import unknown


@dataclass(frozen=True, slots=True)
class Combination:
    """One configuration of one method, not yet on a task.

    Attributes
    ----------
    settings : mapping
        Those of the entry's that the method has.
    policy : Policy
        Resolved by the configuration's budget.
    """

    entry: Entry
    method: str
    settings: Mapping[str, str]
    policy: Policy
    configuration: Configuration

    @property
    def label(self) -> str:
        return _label(self.method, self.configuration)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something a product would have had, and why it cannot be."""

    label: str
    reason: str

    def __str__(self) -> str:
        return f"{self.label}: {self.reason.rstrip('.')}"


def combinations(entry: Entry, common: Common) -> Iterator[Combination | Skipped]:
    """Methods times configurations, as far as they go together.

    In a product that has vanilla, 1x is for vanilla alone: others would keep everything too, and make the same chains again.

    Raises
    ------
    UsageError
        A method, parameter, seed or width is wrong by itself.
    Refusal
        A combination that was named one by one does not go together.
    """
    policies = policies_of(entry.methods, entry.settings)
    shared = entry.stated is Stated.PRODUCT and any(isinstance(policy, Vanilla) for policy in policies.values())
    for method, policy in policies.items():
        is_dense = isinstance(policy, Vanilla)
        wanted = [c for c in entry.configurations if not shared or is_dense == (c.budget.ratio == 1)]
        if not wanted:
            yield Skipped(method, f"there is no {'1x' if is_dense else 'compressed'} configuration for it")
        for configuration in wanted:
            settings = _settings(entry.methods, entry.settings, method)
            try:
                resolved = policy.resolved(configuration.budget)
            except UsageError as error:
                yield left_out(entry, _label(method, configuration), error)
                continue
            for seed in entry.seeds:
                common.request(method, settings, configuration, seed=seed)
            yield Combination(entry, method, settings, resolved, configuration)


def left_out(entry: Entry, label: str, error: HyperscaleError) -> Skipped:
    """What a product goes without; raises Refusal where it was named one by one, and so was meant."""
    if entry.stated is Stated.ONE_BY_ONE:
        raise Refusal(f"{entry.where}: {error}") from None
    return Skipped(label, str(error))


def policies_of(methods: Sequence[str], settings: Mapping[str, str]) -> dict[str, Policy]:
    """The policies of several methods, each with those of the settings that it has.

    Raises
    ------
    UsageError
        There is no such method, none of them has a parameter of that name, or a value does not fit.
    Refusal
        The file of a policy is missing or cannot be used.
    """
    known = {method: _fields(method) for method in methods}
    for name in settings:
        if len(methods) > 1 and not any(name in fields for fields in known.values()):
            raise unknown(f"parameter of {', '.join(methods)}", name, set().union(*known.values()))
    return {method: make_policy(method, _settings(methods, settings, method)) for method in methods}


def settings_notes(entry: Entry) -> list[str]:
    """Which of several methods a setting is for, where it is not for all."""
    having = {name: [method for method in entry.methods if name in _fields(method)] for name in entry.settings}
    return [
        f"{name}={entry.settings[name]} is for {', '.join(methods)}"
        for name, methods in having.items()
        if len(methods) < len(entry.methods)
    ]


def _settings(methods: Sequence[str], settings: Mapping[str, str], method: str) -> dict[str, str]:
    """Of the settings of several methods, those that one has; of a single method all, and making it says what is wrong."""
    known = settings.keys() if len(methods) == 1 else _fields(method)
    return {name: text for name, text in settings.items() if name in known}


def _fields(method: str) -> set[str]:
    return {field.name for field in dataclasses.fields(policy_class(method))}


def _label(method: str, configuration: Configuration) -> str:
    return f"{method.rpartition('.py:')[2]} {configuration.label}"
