"""The model that ``--model auto`` stands for, and what a user is told before it is loaded."""

from hyperscale.budget import Budget
from hyperscale.bundled import bundled_models
from hyperscale.cache.policy import Holds, Policy
from hyperscale.cache.registry import POLICIES
from hyperscale.errors import Refusal
from hyperscale.models import pick_device
from hyperscale.published import PUBLISHED, Published, published
from hyperscale.tasks.task_card import TaskCard

BUNDLED_MODEL = "abacus"
BUNDLED_RATIO = Budget(ratio=8)  # taken for a learned method whose budget is the checkpoint's
GPU_MODEL = "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"  # MIT licence; the smallest model of the hyper-scaling paper


def learned_method(cls: type[Policy]) -> str | None:
    """``dms`` or ``dmc`` if a policy, built-in or derived from one, follows decisions that a model was trained to make."""
    return next((name for name, known in POLICIES.items() if known.holds is Holds.LEARNED and issubclass(cls, known)), None)


def pick_model(
    model: str, card: TaskCard, device: str, policy: Policy, budget: Budget | None, accept_licence: bool = False
) -> tuple[str, str | None]:
    """The model to load, and what a user should be told about it first; nothing is fetched.

    Raises
    ------
    Refusal
        No bundled or published checkpoint fits the method and its budget, or its licence was not accepted.
    """
    if model != "auto":
        known = published(model)
        remark = f"{model}: {known.licence}; {known.download} from the hub." if known and model == known.id else None
        return model, remark
    method = learned_method(type(policy))
    budget = None if budget is not None and budget.ratio == 1 else budget  # no compression: any heads will do
    if card.source.bundled:
        return bundled_model(method, budget), None
    if pick_device(device).type == "cuda":
        return _for_gpu(method, budget, accept_licence)
    chosen = bundled_model(method, budget)
    return chosen, (
        f"--model auto on a CPU: using the bundled model {chosen}, which cannot solve {card.name}; the run shows that "
        f"everything works, its accuracy means nothing. Pass --model for a real one."
    )


def bundled_model(method: str | None, budget: Budget | None) -> str:
    """The bundled model for a method: the plain one, or the one whose heads were trained for it and its compression."""
    if method is None:
        return BUNDLED_MODEL
    prefix = f"{BUNDLED_MODEL}-{method}-"
    there = [name for name in bundled_models() if name.startswith(prefix)]
    wanted = f"{prefix}{(budget or BUNDLED_RATIO).label}"
    if wanted in there:
        return wanted
    if budget is None and there:
        return max(there, key=lambda name: float(name.removeprefix(prefix).removesuffix("x")))
    ratio = (budget or BUNDLED_RATIO).label
    raise Refusal(
        f"No bundled model was trained for {method} at {ratio} (there {_are(there)}). Use another --budget, pass --model, or "
        f"train one: hyperscale retrofit --model {BUNDLED_MODEL} --target {ratio}{_recipe(method)} --out DIR."
    )


def _for_gpu(method: str | None, budget: Budget | None, accept_licence: bool) -> tuple[str, str]:
    if method is None:
        return GPU_MODEL, f"--model auto: using {GPU_MODEL} (MIT licence, 3.6 GB from the hub)."
    known = [checkpoint for checkpoint in PUBLISHED if checkpoint.heads.method == method]
    fitting = [checkpoint for checkpoint in known if budget is None or checkpoint.heads.ratio == budget.ratio]
    if not fitting:
        raise Refusal(
            f"No published checkpoint was trained for {method}{f' at {budget.label}' if budget else ''} (there "
            f"{_are([checkpoint.id for checkpoint in known])}). Use another --budget, pass --model, or train one with "
            f"hyperscale retrofit."
        )
    return _accepted(fitting[0], accept_licence)


def _accepted(checkpoint: Published, accept_licence: bool) -> tuple[str, str]:
    about = f"{checkpoint.id} ({checkpoint.licence}; {checkpoint.download} from the hub)"
    if checkpoint.non_commercial and not accept_licence:
        raise Refusal(
            f"--model auto would use {about}. If you accept that licence, add --accept-licence or name it: "
            f"--model {checkpoint.id}. Nothing was downloaded."
        )
    return checkpoint.id, f"--model auto: using {about}."


def _recipe(method: str) -> str:
    return "" if method == "dms" else f" --method {method} --recipe full"


def _are(names: list[str]) -> str:
    return f"{'is' if len(names) == 1 else 'are'} {', '.join(names) or 'none'}"
