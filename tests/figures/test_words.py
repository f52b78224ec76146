from hypothesis import given, settings
from hypothesis import strategies as st

from hyperscale.figures.words import fitted, legend_words, width_of


def test_lines_break_at_spaces_and_long_words_at_their_signs() -> None:
    assert fitted("dms 4x, abacus-dms-4x", 0.9, 7) == "dms 4x,\nabacus-dms-4x"
    assert fitted("DeepSeek-R1-Distill-Qwen-1.5B", 0.9, 7) == "DeepSeek-R1-\nDistill-Qwen-1.5B"
    assert fitted("aime24 · deepseek-ai/DeepSeek-R1-Distill-Qwen-7B · 40 problems", 3.3, 8) == (
        "aime24 · deepseek-ai/DeepSeek-R1-Distill-Qwen-7B\n40 problems"
    )


def test_signs_that_the_font_lacks_are_shown_as_such() -> None:
    assert fitted("m 日本 \x1b[31m", 3, 8) == "m ?? ?[31m"


@settings(deadline=None, max_examples=50)
@given(st.text("ab-W/ .", max_size=80), st.floats(0.3, 3), st.sampled_from([6.0, 8.0]))
def test_lines_fit_and_lose_no_letter(text: str, inches: float, size: float) -> None:
    lines = fitted(text, inches, size).splitlines()
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(width_of(line, size) <= inches for line in lines)


def test_width_is_proportional_to_size() -> None:
    assert abs(width_of("W-L-CR", 14) - 2 * width_of("W-L-CR", 7)) < 1e-9
    assert 0.9 < width_of(20 * "m", 7) / (20 * 0.974 * 7 / 72) < 1.1  # an m of DejaVu Sans is 0.974 of its size wide


def test_legends_have_as_many_columns_as_fit() -> None:
    short, long = legend_words(["dms 8x"] * 6, 3.3), legend_words(["dms: " + "gain " * 20] * 2, 3.3)
    assert short.columns > 2
    assert long.columns == 1
    assert long.height > short.height
    assert legend_words(["x"], 3.3).columns == 1
