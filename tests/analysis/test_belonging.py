from hyperscale.analysis.belonging import FOR_A_GATE, strangers

FIELDS = {
    "task": "modchain",
    "task_version": 2,
    "data_hash": "a" * 64,
    "prompt": "plain",
    "sampling": {"temperature": 1.0, "top_p": 1.0, "top_k": 0},
    "model": "abacus",
    "base_model": "abacus",
}


def test_a_retrofit_and_what_it_was_made_from_belong_together() -> None:
    retrofit = {**FIELDS, "model": "abacus-dms-8x", "method": "dms", "budget": "8x"}
    published = {**FIELDS, "model": "nvidia/Qwen3-8B-DMS-8x", "base_model": "Qwen/Qwen3-8B"}
    stock = {**FIELDS, "model": "Qwen/Qwen3-8B", "base_model": None}
    assert strangers([("a", FIELDS), ("b", retrofit)], FOR_A_GATE) == []
    assert strangers([("a", stock), ("b", published)], FOR_A_GATE) == []


def test_each_difference_is_named_once_with_both_values() -> None:
    hotter = {**FIELDS, "sampling": {"temperature": 0.6, "top_p": 1.0, "top_k": 0}, "task_version": 3}
    found = strangers([("a", FIELDS), ("b", hotter), ("c", hotter)])
    assert found == [
        "version of the task differs: 2 in a, 3 in b",
        "sampling differs: temperature 1.0, top_p 1.0, top_k 0 in a, temperature 0.6, top_p 1.0, top_k 0 in b",
    ]


def test_long_hashes_are_cut() -> None:
    (found,) = strangers([("a", FIELDS), ("b", {**FIELDS, "data_hash": "b" * 64})])
    assert found == "problems differs: aaaaaaaaaaaa... in a, bbbbbbbbbbbb... in b"


def test_base_models_and_tasks_keep_runs_from_a_gate_but_not_from_a_figure() -> None:
    other = {**FIELDS, "task": "aime24", "base_model": "other"}
    assert strangers([("a", FIELDS), ("b", other)]) == []
    assert len(strangers([("a", FIELDS), ("b", other)], FOR_A_GATE)) == 2
