"""The checks that compare two runs which must agree. Each returns what is wrong, or nothing."""

import torch

from hyperscale.cache.vanilla import Vanilla
from hyperscale.conformance.bench import FULL, ROWS, STEPS, Bench, greedy, script
from hyperscale.conformance.recorded import TOLERANCE, gap, spans, where
from hyperscale.conformance.session import Session, Step

ELSEWHERE = {0: 5, 2: 7}  # row among others -> row alone


def slot_permutation(bench: Bench) -> str:
    """The same live sets in other slots give the same logits."""
    moved = bench.decode(bench.scripts, torch.Generator().manual_seed(0))
    for number, (step, other) in enumerate(zip(bench.base.steps, moved.steps, strict=True)):
        for row in step.rows:
            if (difference := gap(step.logits[row], other.logits[row])) > TOLERANCE:
                reason = _first_difference(step, row, other, row)
                return f"{where(number, step, row)}: with entries in other slots, logits differ by {difference:.1g}{reason}."
    return ""


def full_budget(bench: Bench) -> str:
    """With room for everything, the same greedy tokens and logits as vanilla."""
    vanilla = Session(bench.model.seamed, Vanilla(), FULL, ROWS)
    scripts = greedy(vanilla, {row: chain.prompt for row, chain in bench.scripts.items()}, STEPS)
    session = Session(bench.model.seamed, bench.fitted(FULL), FULL, ROWS)
    for row, chain in scripts.items():
        session.load(row, chain)
    for number, (step, dense) in enumerate(zip(session.run(STEPS).steps, vanilla.steps, strict=True)):
        for row in step.rows:
            difference = gap(step.logits[row], dense.logits[row])
            if difference > TOLERANCE or int(step.logits[row].argmax()) != int(dense.logits[row].argmax()):
                reason = _first_difference(dense, row, step, row)
                return f"{where(number, step, row)}: at 1x, logits differ by {difference:.1g} from vanilla's{reason}."
    return ""


def batch_independence(bench: Bench) -> str:
    """A row gives the same bits alone, in another place of the block, as among others."""
    for row, elsewhere in ELSEWHERE.items():
        alone = bench.decode({elsewhere: bench.scripts[row]})
        if wrong := _other_bits(bench.base, row, alone.steps, elsewhere):
            return f"{wrong} alone in row {elsewhere}. State must be kept per row, and rows must not share any."
    return ""


def refill(bench: Bench) -> str:
    """A chain gives the same bits in a row that another chain has left."""
    session = bench.session()
    for row, length in ((3, 50), (4, 5)):
        session.load(row, script(length, STEPS, seed=100 + row))
    session.run(STEPS * 2 // 3)
    for row in (3, 4):
        session.clear(row)
    session.step()
    for row, source in ((3, 2), (4, 0)):
        session.load(row, bench.scripts[source])
    later = session.run(STEPS).steps[-STEPS:]
    for row, source in ((3, 2), (4, 0)):
        if wrong := _other_bits(bench.base, source, later, row):
            return f"{wrong} in row {row} after another chain. `load` must reset all that `setup` allocated for the row."
    return ""


def _other_bits(base: Session, row: int, steps: list[Step], other_row: int) -> str:
    for number, (step, other) in enumerate(zip(base.steps, steps, strict=True)):
        if not torch.equal(step.logits[row], other.logits[other_row]):
            difference = gap(step.logits[row], other.logits[other_row])
            reason = _first_difference(step, row, other, other_row)
            return f"{where(number, step, row)}: logits differ by {difference:.1g}{reason} from those"
    return ""


def _first_difference(step: Step, row: int, other: Step, other_row: int) -> str:
    for layer in range(len(step.seen)):
        here, there = step.visible(layer, row), other.visible(layer, other_row)
        for head, (mine, theirs) in enumerate(zip(here, there, strict=True)):
            if mine != theirs:
                only = spans(sorted(set(mine) - set(theirs))), spans(sorted(set(theirs) - set(mine)))
                return f" (layer {layer}, query head {head} read positions {only[0]} in one run and {only[1]} in the other)"
    return ""
