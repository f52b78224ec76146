"""The checks that judge one recorded run: what was read, counted and held. Each returns what is wrong, or nothing."""

from collections.abc import Iterator

import torch

from hyperscale.cache.policy import Holds
from hyperscale.conformance.bench import Bench
from hyperscale.conformance.session import Session, Step, positions_of, replay

TOLERANCE = 1e-5  # float32 sums in another order


def spans(positions: list[int]) -> str:
    """``0-3, 7`` for positions 0, 1, 2, 3 and 7."""
    runs: list[list[int]] = []
    for position in positions:
        if runs and position == runs[-1][1] + 1:
            runs[-1][1] = position
        else:
            runs.append([position, position])
    return ", ".join(f"{low}-{high}" if low < high else f"{low}" for low, high in runs) or "none"


def where(number: int, step: Step, row: int, layer: int | None = None, head: int | None = None) -> str:
    """``step 3 (position 20), row 2, layer 0, KV head 1``."""
    place = f"step {number} (position {int(step.positions[row])}), row {row}"
    place += "" if layer is None else f", layer {layer}"
    return place + ("" if head is None else f", KV head {head}")


def gap(left: torch.Tensor, right: torch.Tensor) -> float:
    """Largest difference; infinite if it is not a number."""
    return float((left - right).abs().max().nan_to_num(nan=torch.inf))


def mask_replay(bench: Bench) -> str:
    """Attention equals the unmodified model's, each token masked to the positions that were read for it.

    Nothing to say about a policy that rewrites entries: what it reads is no longer what the model would have stored.
    """
    if bench.policy.rewrites:
        return ""
    session = bench.base
    for row, chain in bench.scripts.items():
        steps = [[step.visible(layer, row) for layer in range(len(step.seen))] for step in session.steps]
        logits, outputs = replay(bench.model.stock, chain.ids, _prompt_visible(session, row) + steps)
        prompt = len(chain.prompt)
        if gap(session.prompt_logits[row], logits[prompt - 1]) > TOLERANCE:
            return f"row {row}: the prompt's logits differ by {gap(session.prompt_logits[row], logits[prompt - 1]):.1g}."
        for number, step in enumerate(session.steps):
            for layer, output in enumerate(step.outputs):
                if (difference := gap(output[row], outputs[layer, prompt + number])) > TOLERANCE:
                    read = spans(sorted({position for head in steps[number][layer] for position in head}))
                    place = where(number, step, row, layer)
                    return f"{place}: attention differs by {difference:.1g} from the unmodified model's over positions {read}."
            if (difference := gap(step.logits[row], logits[prompt + number])) > TOLERANCE:
                return f"{where(number, step, row)}: logits differ by {difference:.1g} from the unmodified model's."
    return ""


def _prompt_visible(session: Session, row: int) -> list[list[list[list[int]]]]:
    seen = session.prompt_seen[row]
    visible = [
        [[sorted({p for p in head if p >= 0}) for head in read[0].flatten(0, 1).tolist()] for read in layer] for layer in seen
    ]
    return [list(token) for token in zip(*visible, strict=True)]


def _heads(session: Session) -> Iterator[tuple[int, Step, int, int, int]]:
    shape = session.cache.shape
    for number, step in enumerate(session.steps):
        for row in step.rows:
            for layer in range(shape.layers):
                for head in range(shape.kv_heads):
                    yield number, step, row, layer, head


def accounting(bench: Bench) -> str:
    """The meter counts what was read and held, and nothing is read that is not held."""
    session = bench.base
    for number, step, row, layer, head in _heads(session):
        if wrong := _miscount(step, row, layer, head):
            return f"{where(number, step, row, layer, head)}: {wrong}"
    meter = session.cache.meter
    for row in bench.scripts:
        held = [sum(int(entries[row].sum()) for entries in step.resident) for step in session.steps]
        read = sum(int(entries[row].sum()) for step in session.steps for entries in step.counted)
        peak, reads = int(meter.peak[row]), int(meter.kv_reads[row])
        if (peak, reads) != (max(held), read):
            return f"row {row}: the meter ends at peak {peak} and {reads} reads, its steps at {max(held)} and {read}."
    return ""


def _miscount(step: Step, row: int, layer: int, head: int) -> str:
    held = positions_of(step.held[layer][row, head])
    live, counted = int(step.live[layer][row, head]), int(step.counted[layer][row, head])
    metadata = int(step.resident[layer][row, head]) - live
    stray = step.stray[layer][row, head].nonzero()[:, 0].tolist()
    read = {position for position in step.seen[layer][row, head].flatten().tolist() if position >= 0}
    if stray:
        return (
            f"slot {spans(stray)} was read but holds nothing: it was freed or never written. It holds positions {spans(held)}."
        )
    if len(held) != live or len(set(held)) != live:
        return f"{live} entries count as held, but the slots hold positions {spans(held)}."
    if not read <= set(held):
        return f"positions {spans(sorted(read - set(held)))} were read but are not held; positions {spans(held)} are."
    if counted != len(read):
        return f"{counted} reads were counted, but {len(read)} entries were read: positions {spans(sorted(read))}."
    if not 0 <= int(step.scored[layer][row, head]) <= metadata:
        return f"{int(step.scored[layer][row, head])} entries of metadata were read, but {metadata} are held."
    return ""


def budget(bench: Bench) -> str:
    """Entries held stay within what the policy declares (`Policy.holds`)."""
    session, holds = bench.base, bench.policy.holds
    for row, chain in bench.scripts.items():
        allowed, stated = bench.budget.capacity(len(chain.prompt), len(chain.forced) + 1), int(session.cache.capacity[row])
        if holds is Holds.CAPACITY and stated > allowed:
            return f"row {row}: `capacity` gives {stated} slots, where {bench.budget.label} allows {allowed}."
        kept = max(live.positions.shape[1] for live in session.first[row])
        if holds is Holds.CAPACITY and kept > allowed:
            return f"row {row}: `first` keeps {kept} entries of the prompt, capacity {allowed}."
    for number, step, row, layer, head in _heads(session):
        capacity = int(session.cache.capacity[row])
        held, left = positions_of(step.held[layer][row, head]), positions_of(step.left[layer][row, head])
        if wrong := _excess(holds, held, left, capacity, int(step.positions[row])):
            return f"{where(number, step, row, layer, head)}: {wrong}"
    return ""


def _excess(holds: Holds, held: list[int], left: list[int], capacity: int, position: int) -> str:
    if holds is Holds.CAPACITY and len(held) > capacity + 1:
        return (
            f"{len(held)} entries were held at attention, capacity {capacity} allows {capacity + 1}: positions {spans(held)}. "
            "A policy that never evicts declares `holds = Holds.EVERYTHING`."
        )
    if holds is Holds.CAPACITY and len(left) > capacity:
        return f"{len(left)} entries were left after the step, capacity {capacity}: positions {spans(left)}."
    if holds is Holds.EVERYTHING and left != list(range(position + 1)):
        return f"the policy declares that it keeps everything, but holds positions {spans(left)}."
    return ""
