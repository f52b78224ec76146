import pytest

from hyperscale.analysis.compression import LengthBucket, compression_by_length
from hyperscale.analysis.summary import Accounting, dense_reads
from hyperscale.store.records import ChainRecord, Trace
from tests.engine.harness import CASES, plan, records, seamed, tasks
from tests.store.samples import chain


def told(tokens: int, held: int, prompt: int = 10, every: int = 4, aux: int = 0, number: int = 0) -> ChainRecord:
    """A chain that held at most `held` entries at each step, with a mark every so many tokens."""
    reads = [min(prompt + t, held) for t in range(1, tokens)]
    marks = range(every, tokens + 1, every)
    trace = Trace(
        every,
        tuple(float(sum(reads[: mark - 1])) for mark in marks),
        tuple(aux * (mark - 1.0) for mark in marks),
        (1.0,) * len(marks),
    )
    return chain(
        "p",
        number,
        prompt_tokens=prompt,
        tokens=tokens,
        kv_reads=float(sum(reads)),
        aux_reads=aux * (tokens - 1.0),
        trace=trace,
    )


def test_buckets_worked_by_hand() -> None:
    # steps 1..3 see 11, 12, 13; steps 4..7 see 14..17; steps 8 and 9 see 18, 19
    found = compression_by_length([told(tokens=10, held=12)])
    assert found == [
        LengthBucket(0, 4, 1, 36.0, 35.0),
        LengthBucket(4, 8, 1, 62.0, 48.0),
        LengthBucket(8, 12, 1, 37.0, 24.0),
    ]
    assert found[2].realised_cr == 37 / 24


def test_chains_pool_as_sums_and_leave_where_they_end() -> None:
    one, other = told(tokens=8, held=12), told(tokens=6, held=100, prompt=50, number=1)
    found = compression_by_length([one, other])
    assert [bucket.chains for bucket in found] == [2, 2]
    assert found[1].dense == (14 + 15 + 16 + 17) + (54 + 55)
    assert found[1].realised_cr == (62 + 109) / (48 + 109)


def test_what_ends_at_a_mark_has_no_bucket_after_it() -> None:
    assert [(bucket.start, bucket.end) for bucket in compression_by_length([told(tokens=8, held=12)])] == [(0, 4), (4, 8)]


def test_a_chain_of_one_token_has_no_step() -> None:
    assert compression_by_length([told(tokens=1, held=12)]) == []


def test_metadata_counts_unless_it_is_left_out() -> None:
    chains = [told(tokens=10, held=12, aux=2)]
    assert [bucket.measured for bucket in compression_by_length(chains)] == [35 + 6, 48 + 8, 24 + 4]
    assert [bucket.measured for bucket in compression_by_length(chains, Accounting.PAPER)] == [35, 48, 24]


@pytest.mark.parametrize("case", ["vanilla", "tova", "quest"])
def test_buckets_add_up_to_the_chains(case: str) -> None:
    budget = "1x" if case == "vanilla" else "9t"
    made = records(seamed("llama"), tasks((3, 18)), plan(CASES[case].policy(), budget, max_len=150)).values()
    found = compression_by_length(made)
    assert [bucket.start for bucket in found] == [0, 64, 128]
    assert sum(bucket.measured for bucket in found) == pytest.approx(sum(record.kv_reads + record.aux_reads for record in made))
    assert sum(bucket.dense for bucket in found) == sum(dense_reads(record.prompt_tokens, record.tokens) for record in made)
    if case == "vanilla":
        assert [bucket.realised_cr for bucket in found] == [1.0] * 3
    else:
        assert found[0].realised_cr < found[1].realised_cr < found[2].realised_cr
