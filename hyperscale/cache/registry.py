"""The methods that exist, and how a name and ``--set`` options become a policy."""

import dataclasses
import importlib.util
import inspect
import sys
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from hyperscale.cache.dmc import DMC
from hyperscale.cache.dms import DMS
from hyperscale.cache.h2o import H2O
from hyperscale.cache.policy import Policy
from hyperscale.cache.quest import Quest
from hyperscale.cache.tova import TOVA
from hyperscale.cache.vanilla import Vanilla
from hyperscale.cache.window import Window
from hyperscale.errors import HyperscaleError, Refusal, UsageError
from hyperscale.names import unknown

POLICIES: Mapping[str, type[Policy]] = types.MappingProxyType(
    {policy.name: policy for policy in (Vanilla, Window, TOVA, H2O, Quest, DMS, DMC)}
)
DEFAULT_METHOD, DEFAULT_BUDGET = "dms", "8x"


def policy_class(method: str) -> type[Policy]:
    """The class of a built-in name, or of ``path/file.py:Class``."""
    if ":" in method or method.endswith(".py"):
        return _from_file(method)
    if method not in POLICIES:
        raise unknown("method", method, POLICIES)
    return POLICIES[method]


def make_policy(method: str, settings: Mapping[str, str] | None = None) -> Policy:
    """A policy with some of its fields set from text.

    Raises
    ------
    UsageError
        There is no such method or field, or a value does not fit the field.
    Refusal
        A policy file is missing, cannot be imported, or holds no such class.
    """
    cls = policy_class(method)
    hints = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]
    values = {}
    for name, text in (settings or {}).items():
        if name not in names:
            if not names:
                raise UsageError(f"{cls.name} has no parameters to --set.")
            raise unknown(f"parameter of {cls.name}", name, names)
        values[name] = _parse(cls.name, name, text, hints[name])
    try:
        return cls(**values)
    except HyperscaleError:
        raise
    except Exception as error:  # whatever the user's own class does
        raise Refusal(f"{method} could not be set up: {type(error).__name__}: {error}") from error


def _parse(method: str, name: str, text: str, hint: Any) -> Any:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if types.NoneType in options and text.lower() == "none":
        return None
    for option in options:
        try:
            if option is bool:
                return {"true": True, "false": False}[text.lower()]
            if option in (int, float, str) or (inspect.isclass(option) and issubclass(option, StrEnum)):
                return option(text)
        except (ValueError, KeyError):
            continue
    wanted = " or ".join(_describe(option) for option in options)
    raise UsageError(f"--set {name}={text}: {method}'s {name} must be {wanted}.")


def _describe(option: Any) -> str:
    if inspect.isclass(option) and issubclass(option, StrEnum):
        return " or ".join(option)
    return {int: "a whole number", float: "a number", bool: "true or false", types.NoneType: "none"}.get(option, "text")


def _from_file(reference: str) -> type[Policy]:
    file, _, name = reference.partition(":")
    path = Path(file)
    if not name:
        raise UsageError(f"--method {reference}: name the class too, as in {file}:MyPolicy.")
    if not path.is_file():
        raise Refusal(f"--method {reference}: there is no file {file}.")
    spec = importlib.util.spec_from_file_location(f"hyperscale_policy_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise Refusal(f"--method {reference}: {file} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look annotations up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's own file does
        raise Refusal(f"--method {reference}: importing {file} failed with {type(error).__name__}: {error}") from error
    cls = getattr(module, name, None)
    if not (inspect.isclass(cls) and issubclass(cls, Policy)):
        raise Refusal(f"--method {reference}: {file} has no class {name} that derives from hyperscale.cache.policy.Policy.")
    if not dataclasses.is_dataclass(cls) or "__dataclass_params__" not in vars(cls):
        cls = dataclasses.dataclass(cls)
    if not cls.name or cls.name in POLICIES:
        cls.name = name.lower()
    return cls
