"""Rows, batches and where they come from."""

import json
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.commands.example_source import training_problems
from hyperscale.errors import Refusal
from hyperscale.models import load_model
from hyperscale.retrofit.data import Batching, Row, batches, collate, encode, encode_rows, examples, micro_batches
from hyperscale.retrofit.sources import file_rows


def test_collate_marks_padding_and_completions() -> None:
    batch = collate([Row((5, 6, 7, 8), 2), Row((9, 9, 1), 1)])
    assert batch.ids.tolist() == [[5, 6, 7, 8], [9, 9, 1, 0]]
    assert batch.valid.tolist() == [[True] * 4, [True, True, True, False]]
    assert batch.supervised.tolist() == [
        [False, True, True, False],
        [True, True, False, False],
    ]  # those that predict 7, 8; 9, 1


@given(
    st.lists(st.integers(2, 60), min_size=1, max_size=40), st.integers(10, 200), st.integers(0, 5), st.sampled_from(Batching)
)
def test_every_epoch_shows_every_row_once_within_the_token_limit(
    lengths: list[int], tokens: int, seed: int, batching: Batching
) -> None:
    rows = [Row(tuple([number] * length), 1) for number, length in enumerate(lengths)]
    shown: list[int] = []
    stream = batches(rows, tokens, seed, batching=batching)
    while len(shown) < 3 * len(rows):
        batch = next(stream)
        held = collate(batch).ids.numel() if batching is Batching.BY_LENGTH else sum(len(row.ids) for row in batch)
        assert held <= tokens or len(batch) == 1
        shown += [row.ids[0] for row in batch]
    for epoch in range(3):
        assert sorted(shown[epoch * len(rows) : (epoch + 1) * len(rows)]) == list(range(len(rows)))


def test_a_batch_is_as_full_as_its_rows_allow() -> None:
    rows = [Row(tuple([number] * (5 + number % 7)), 1) for number in range(50)]
    for batch in islice(batches(rows, 40, 0), 100):
        assert 40 - 11 < sum(len(row.ids) for row in batch) <= 40


def test_batches_by_length_hold_neighbours_in_length_and_come_in_no_order_of_it() -> None:
    rows = [Row(tuple([number] * (5 + number)), 1) for number in range(90)]  # fewer than are sorted together
    longest = []
    for batch in islice(batches(rows, 200, 0, batching=Batching.BY_LENGTH), 15):  # of the first epoch
        numbers = [row.ids[0] for row in batch]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        longest.append(numbers[-1])
    assert longest != sorted(longest)


@given(st.lists(st.integers(2, 60), min_size=1, max_size=40), st.sampled_from([0.05, 0.35]))
def test_micro_batches_hold_every_row_of_a_batch_and_little_padding(lengths: list[int], padding: float) -> None:
    shown: list[int] = []
    for part in micro_batches([Row(tuple([number] * length), 1) for number, length in enumerate(lengths)], padding):
        assert part.valid.sum() >= (1 - padding) * part.valid.numel()
        shown += part.ids[:, 0].tolist()
    assert sorted(shown) == list(range(len(lengths)))


@pytest.mark.parametrize("batching", Batching)
def test_processes_share_the_batches_and_a_resumed_one_goes_on(batching: Batching) -> None:
    rows = [Row(tuple([number] * (5 + number % 7)), 1) for number in range(50)]
    all_of_them = list(islice(batches(rows, 40, 1, batching=batching), 40))
    for rank in range(2):
        mine = list(islice(batches(rows, 40, 1, rank=rank, size=2, batching=batching), 20))
        assert mine == all_of_them[rank::2]
        resumed = list(islice(batches(rows, 40, 1, start=7, rank=rank, size=2, batching=batching), 13))
        assert resumed == mine[7:]


def test_examples_of_both_kinds() -> None:
    rows = [
        ("line 1", {"prompt": "a", "completion": "b"}),
        ("line 2", {"problem": "p", "generations": ["x", "y", "z"], "correctness_math_verify": [True, True, False]}),
        ("line 3", {"problem": "q", "generations": ["x"], "correctness_math_verify": [False]}),
    ]
    assert list(examples(rows, "here")) == [("a", "b"), ("p", "y")]


@pytest.mark.parametrize(("row", "what"), [({"prompt": "a"}, "completion"), ({"prompt": 1, "completion": "b"}, "must be text")])
def test_a_row_of_no_use_is_named(row: dict[str, object], what: str) -> None:
    with pytest.raises(Refusal, match=f"here, line 7.*{what}"):
        list(examples([("line 7", row)], "here"))


def test_a_template_that_opens_the_reasoning_meets_a_completion_that_does_too() -> None:
    abacus = load_model("abacus", "cpu")
    plain, opened = (encode(abacus, "a=12;?a", text + "a=12\n</think>\\boxed{12}", 99) for text in ("", "<think>\n"))
    assert plain == opened
    assert abacus.tokenizer.decode(plain.ids) == "<|user|>a=12;?a<|assistant|><think>a=12\n</think>\\boxed{12}<|end|>"


def test_a_file_and_its_limits(tmp_path: Path) -> None:
    abacus = load_model("abacus", "cpu")
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"prompt": "?a" * number, "completion": "x" * 9}) + "\n" for number in (1, 2, 30)))
    assert len(file_rows(abacus, path, 40, None)) == 2  # the third prompt alone is longer than the context
    assert len(file_rows(abacus, path, 40, 1)) == 1
    assert all(len(row.ids) <= 12 for row in file_rows(abacus, path, 12, None))
    with pytest.raises(Refusal, match="no usable rows"):
        encode_rows(abacus, [("?a" * 30, "x")], 20, None, "here")


def test_training_problems_are_not_in_the_benchmark(tmp_path: Path) -> None:
    from hyperscale.abacus import modchain

    rows = [json.loads(line) for line in training_problems(20, tmp_path).read_text().splitlines()]
    assert len({row["id"] for row in rows}) == 20
    assert not {row["question"] for row in rows} & {problem.question for problem in modchain.benchmark()}
