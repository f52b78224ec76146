"""Every formula of a retrofit against numbers worked by hand."""

import math

import pytest
import torch

from hyperscale.attention.merging import importance, merged
from hyperscale.errors import UsageError
from hyperscale.heads import DecideAt, HeadLayout, LearnedHeads
from hyperscale.retrofit.decision import logistic_noise, relaxed, straight_through
from hyperscale.retrofit.gated import decision_delay, decisions_by_entry, dimming
from hyperscale.retrofit.loss import Divergence, distillation, divergence, shortfall
from hyperscale.retrofit.schedule import Schedule


def test_relaxed_decision() -> None:
    z = relaxed(torch.tensor([0.2, -0.1]), torch.tensor([0.1, 0.0]))
    torch.testing.assert_close(z, torch.tensor([3.0, -1.0]))
    torch.testing.assert_close(z.sigmoid(), torch.tensor([0.95257413, 0.26894142]))


def test_straight_through_is_hard_forwards_and_soft_backwards() -> None:
    z = torch.tensor([3.0, -1.0, 0.0], requires_grad=True)
    decided = straight_through(z)
    assert decided.tolist() == [1.0, 0.0, 0.0]
    decided.sum().backward()
    torch.testing.assert_close(z.grad, torch.tensor([0.04517666, 0.19661193, 0.25]))


def test_noise_is_logistic() -> None:
    noise = logistic_noise(torch.Size([200_000]), torch.Generator().manual_seed(0))
    assert abs(float(noise.mean())) < 0.02
    assert float(noise.var()) == pytest.approx(math.pi**2 / 3, rel=0.02)  # the difference of two Gumbel variables
    assert float((noise > math.log(3)).float().mean()) == pytest.approx(0.25, abs=0.005)


def test_noise_depends_on_the_seed_alone() -> None:
    first, again, other = (logistic_noise(torch.Size([4]), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_dimming_is_log_of_one_minus_alpha() -> None:
    torch.testing.assert_close(dimming(torch.tensor([0.0, 2.0])), torch.tensor([math.log(0.5), math.log(1 - 0.880797)]))
    assert dimming(torch.tensor([-torch.inf])).item() == 0.0
    assert dimming(torch.tensor([torch.inf])).item() == -math.inf


@pytest.mark.parametrize(
    ("shift", "decide_at", "delay"),
    [(0, DecideAt.ARRIVAL, 0), (1, DecideAt.ARRIVAL, 1), (0, DecideAt.EXIT, 3), (1, DecideAt.EXIT, 4)],
)
def test_decisions_by_entry(shift: int, decide_at: DecideAt, delay: int) -> None:
    heads = LearnedHeads(HeadLayout.BORROWED, window=3, shift=shift, decide_at=decide_at)
    assert decision_delay(heads) == delay
    by_entry = decisions_by_entry(torch.arange(6.0)[None, None], delay)[0, 0].tolist()
    assert by_entry == [*map(float, range(delay, 6)), *[-math.inf] * delay]


def test_divergence_by_hand_in_both_directions() -> None:
    teacher, student = torch.log(torch.tensor([[0.5, 0.5]])), torch.log(torch.tensor([[0.25, 0.75]]))
    forward = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    reverse = 0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    assert divergence(teacher, student, Divergence.FORWARD).item() == pytest.approx(forward)
    assert divergence(teacher, student, Divergence.REVERSE).item() == pytest.approx(reverse)
    assert divergence(teacher + 3.0, teacher - 1.0, Divergence.FORWARD).item() == pytest.approx(0.0, abs=1e-6)


def test_distillation_in_chunks_is_the_mean_over_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    before, after = torch.randn(7, 5), torch.randn(7, 5, requires_grad=True)
    heads = torch.nn.Linear(5, 11), torch.nn.Linear(5, 11)
    whole = distillation(before, after, *heads, 11, Divergence.FORWARD)
    whole.backward()
    wanted, after.grad = after.grad, None
    monkeypatch.setattr("hyperscale.retrofit.loss.CHUNK_ELEMENTS", 22)  # two tokens at a time
    parts = distillation(before, after, *heads, 11, Divergence.FORWARD)
    parts.backward()
    torch.testing.assert_close(parts, whole)
    torch.testing.assert_close(after.grad, wanted)
    by_token = divergence(heads[0](before), heads[1](after), Divergence.FORWARD)
    torch.testing.assert_close(whole, by_token.mean())


def test_shortfall_is_one_sided() -> None:
    marked = torch.tensor(0.25, requires_grad=True)
    short = shortfall(marked, 0.75)
    short.backward()
    assert short.item() == pytest.approx(0.5)
    assert marked.grad is not None
    assert marked.grad.item() == -1.0
    marked.grad = None
    beyond = shortfall(marked, 0.1)
    beyond.backward()
    assert beyond.item() == 0.0
    assert marked.grad.item() == 0.0


def test_schedule_of_the_paper() -> None:
    schedule = Schedule(target=8, steps_per_ratio=100, zeroing=2000)
    assert schedule.steps == 2700
    assert [schedule.coordinate_left(step) for step in (0, 500, 2000, 2600)] == [1.0, 0.75, 0.0, 0.0]
    assert [schedule.ratio(step) for step in (0, 2000, 2100, 2250, 2700, 9999)] == [1, 1, 2, 3.5, 8, 8]
    assert schedule.evicted(2300) == pytest.approx(0.75)
    assert {step: schedule.reached(step) for step in (100, 2000, 2050, 2100, 2700)} == {
        100: None,
        2000: None,
        2050: None,
        2100: 2,
        2700: None,  # the end is no stage on the way
    }


@pytest.mark.parametrize("options", [{"target": 1.0}, {"target": 2, "steps_per_ratio": 0}, {"target": 2, "zeroing": -1}])
def test_a_schedule_that_makes_no_sense(options: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Schedule(**options)  # type: ignore[arg-type]


def test_importance() -> None:
    torch.testing.assert_close(importance(torch.tensor([0.0, -5.0])), torch.tensor([0.993308, 0.500001]), atol=2e-6, rtol=0)


def test_merged_by_hand() -> None:
    keys = torch.tensor([1.0, 3.0, 5.0, 9.0]).view(1, 1, 4, 1)
    weights = torch.tensor([1.0, 1.0, 2.0, 1.0]).view(1, 1, 4)
    joins = torch.tensor([-torch.inf, 0.0, 0.0, -torch.inf]).view(1, 1, 4)  # tokens 1 and 2 join token 0; token 3 starts anew
    means, values = merged(keys, keys * 10, weights, joins, 12)
    assert means.flatten().tolist() == [1.0, 2.0, 3.5, 9.0]
    assert values.flatten().tolist() == [10.0, 20.0, 35.0, 90.0]
    assert merged(keys, keys, weights, joins, 2)[0].flatten().tolist() == pytest.approx([1.0, 2.0, 13 / 3, 9.0])


def test_merged_is_the_published_recurrence() -> None:
    """``run = run * alpha + 1; K = K * alpha + w k - [run > n] w_(t-n) k_(t-n)``, step by step."""
    torch.manual_seed(1)
    keys, weights, joins = torch.randn(1, 1, 40, 3), torch.rand(1, 1, 40) + 0.1, torch.rand(40) < 0.8
    joins[0] = False
    log_merge = torch.where(joins, 0.0, -torch.inf)[None, None]
    means, _ = merged(keys, keys, weights, log_merge, 5)
    run, total, z = 0, torch.zeros(3), torch.zeros(())
    for t in range(40):
        alpha = float(joins[t])
        run = int(run * alpha + 1)
        total = total * alpha + weights[0, 0, t] * keys[0, 0, t]
        z = z * alpha + weights[0, 0, t]
        if run > 5:
            total = total - weights[0, 0, t - 5] * keys[0, 0, t - 5]
            z = z - weights[0, 0, t - 5]
        torch.testing.assert_close(means[0, 0, t], total / z, atol=1e-5, rtol=1e-5)
