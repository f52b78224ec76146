"""A golden table of completions, and what must not be taken for an answer."""

import time

import pytest

from hyperscale.scoring.choice import ChoiceGrader
from hyperscale.scoring.letter import choose
from hyperscale.scoring.verdict import Verdict
from hyperscale.store.records import FinishReason

LISTED = "A) 4 eV\nB) 2 eV\nC) 1 eV\nD) 8 eV\n"

GOLDEN: list[tuple[str, str | None]] = [
    # the line that the prompts ask for, and how it is marked up
    ("Answer: B", "B"),
    ("answer: b", "B"),
    ("ANSWER: C.", "C"),
    ("Answer:D", "D"),
    ("Answer : A", "A"),
    ("Answer：C", "C"),
    ("答案：B", "B"),
    ("答案是C。", "C"),
    ("**Answer:** B", "B"),
    ("**Answer: B**", "B"),
    ("**Answer**: **B**", "B"),
    ("__Answer:__ C", "C"),
    ("`Answer: D`", "D"),
    ("Answer: $B$", "B"),
    ("Answer: $\\boxed{B}$", "B"),
    ("Answer: \\(\\mathbf{D}\\)", "D"),
    ("Answer: (C)", "C"),
    ("Answer: [C]", "C"),
    ('Answer: "C"', "C"),
    ("Answer: 'C'", "C"),
    ("Answer: B) 2 eV", "B"),
    ("Answer: B. 2 eV", "B"),
    ("Answer: B: the second one", "B"),
    ("Answer: B — the second one", "B"),
    ("Answer: D the last one of them", "D"),
    ("Answer: C, because A is too large", "C"),
    ("Answer: C (not A)", "C"),
    ("Answer: Option C", "C"),
    ("Final Answer: (A)", "A"),
    ("### Final answer\nB", "B"),
    ("## Answer\n\n**C**", "C"),
    ("Answer:\n\nD", "D"),
    ("<answer>B</answer>", "B"),
    ("> Answer: B", "B"),
    ("Answer: The answer is C", "C"),
    ("'Answer: $LETTER'\nAnswer: $D", "D"),
    ("Correct answer: B", "B"),
    ("Final Answer\n\\boxed{B}", "B"),
    ("**Final Answer**: $\\boxed{\\text{D}}$", "D"),
    ("Correct option: **B**", "B"),
    ("Answer:\\ \\text{B}", None),
    # boxes
    (r"\boxed{C}", "C"),
    (r"so $\boxed{\text{C}}$.", "C"),
    (r"\boxed{\textbf{(B)}}", "B"),
    (r"\boxed{\mathrm{D}}", "D"),
    (r"\boxed{c}", "C"),
    (r"\boxed{(A)}", "A"),
    (r"\boxed{B) 2 eV}", "B"),
    (r"\boxed{\text{A. 4 eV}}", "A"),
    (r"\boxed{\text{Option D}}", "D"),
    (r"\boxed{\text{Answer: D}}", "D"),
    (r"\fbox{B}", "B"),
    (r"\boxed B", "B"),
    (r"The energy is \boxed{2}, so \boxed{B}.", "B"),
    # sentences that conclude
    ("The answer is (D).", "D"),
    ("The correct answer is **B**.", "B"),
    ("Therefore, the correct answer is option C.", "C"),
    ("the answer is c.", "C"),
    ("So the answer must be B, since nothing else is left.", "B"),
    ("The answer to the question is therefore D.", "D"),
    ("The best answer is: A", "A"),
    ("The correct option is: (B) 2 eV", "B"),
    ("The correct choice is clearly C.", "C"),
    ("The correct answer choice is **(A) 4 eV**.", "A"),
    ("Option B is correct.", "B"),
    ("Hence option (C) must be the correct one.", "C"),
    ("Thus, B is the correct answer.", "B"),
    ("I choose C.", "C"),
    ("I would go with option D here.", "D"),
    ("The answer is A because the rest is too large.", "A"),
    # weak ones
    ("It is 2 eV. Therefore, option B.", "B"),
    ("2 eV, which matches option (B).", "B"),
    ("Answer: 4 eV (A)", "A"),
    ("The answer is 4.2 eV, option A.", "A"),
    ("The answer is either (A) or (B).", None),
    ("The answer is certainly not (A)", None),
    ("C", "C"),
    ("**(D)**", "D"),
    ("It has 2 eV.\n\nB", "B"),
    ("B) 2 eV", "B"),
    # the last one counts
    ("Answer: A was my first guess, but wrong.\nAnswer: C", "C"),
    ("Answer: A\nNo.\nThe answer is (B).", "B"),
    (r"\boxed{A}? No: \boxed{D}", "D"),
    (LISTED + "The answer is D.", "D"),
    ("Answer: C\n\n" + LISTED, "C"),
    ("Answer: C\n\nA) is too large and B) too small.", "C"),
    ("Answer: B\n\nOption C is incorrect, and option D is not right.", "B"),
    ("Answer: B\nConfidence: 80%\n", "B"),
    ("Answer: B\nThe energy is \\boxed{2}.", "B"),
    ("Answer: C\nIf the answer were A, energy would be lost. Suppose the answer is D: the same.", "C"),
    ("I don't think the answer is A. The answer is C.", "C"),
    # reasoning does not count
    ("<think>Answer: A</think>Answer: B", "B"),
    ("Answer: A</think>It is 2 eV.", None),
    ("Answer: A</think>Answer: B</think>\\boxed{C}", "C"),
    # several at once, or none of those there are
    ("Answer: A or B", None),
    ("Answer: A/B", None),
    ("Answer: A, B", None),
    ("Answer: B and D.", None),
    ("Answer: (A) and (B)", None),
    ("The answer is both A and B.", None),
    ("The answer is A, B, C, or D, depending on the sign.", None),
    ("Answer: C\nOn reflection the answer is A or B", None),
    (r"\boxed{A, C}", None),
    ("Answer: E", None),
    (r"\boxed{F}", None),
    ("Answer: A\nAnswer: Z", None),
    # no letters at all
    ("", None),
    ("I cannot say.", None),
    (LISTED, None),
    ("A) 4 eV, B) 2 eV", None),
    ("Answer: $LETTER", None),
    ("Answer: Boron", None),
    ("Answer: none of these", None),
    ("Answer: A large change in entropy", None),
    ("The answer is a mixture of two.", None),
    ("The answer is B cells.", None),
    ("Answer: C-terminal", None),
    ("Answer: D-glucose", None),
    ("Answer: C=O", None),
    ("Answer: A's", None),
    (r"\boxed{2.5}", None),
    (r"\boxed{C_2H_6}", None),
    (r"\boxed{B = 3}", None),
    (r"\boxed{\Delta}", None),
    ("The answer is not B.", None),
    ("A proton and a deuteron. So it goes.", None),
]


@pytest.mark.parametrize(("text", "letter"), GOLDEN)
def test_the_letter_stated_last_is_taken(text: str, letter: str | None) -> None:
    assert choose(text, "ABCD") == letter


@pytest.mark.parametrize(("text", "letter"), [("Answer: J", "J"), ("Answer: K", None), (r"\boxed{I}", "I"), ("Answer: E", "E")])
def test_questions_may_have_more_options(text: str, letter: str | None) -> None:
    assert choose(text, "ABCDEFGHIJ") == letter


@pytest.mark.parametrize(
    ("gold", "text", "reason", "verdict"),
    [
        ("B", "Answer: B", FinishReason.STOP, Verdict.EQUAL),
        ("b", "Answer: B", FinishReason.STOP, Verdict.EQUAL),
        ("(B)", "Answer: B", FinishReason.STOP, Verdict.EQUAL),
        ("B", "Answer: C", FinishReason.STOP, Verdict.DIFFERENT),
        ("B", "it is 2 eV", FinishReason.STOP, Verdict.NO_ANSWER),
        ("B", "Answer: B", FinishReason.LENGTH, Verdict.NO_ANSWER),
        ("B", "Answer: B", FinishReason.READS, Verdict.NO_ANSWER),
        ("E", "Answer: E", FinishReason.STOP, Verdict.UNPARSED_GOLD),
        ("2 eV", "Answer: B", FinishReason.STOP, Verdict.UNPARSED_GOLD),
        ("", "it is 2 eV", FinishReason.STOP, Verdict.UNPARSED_GOLD),
    ],
)
def test_verdicts(gold: str, text: str, reason: FinishReason, verdict: Verdict) -> None:
    grader = ChoiceGrader[str](4)
    grader.submit("key", gold, text, reason)
    ((key, grade),) = grader.results()
    assert (key, grade.verdict, grade.correct) == ("key", verdict, verdict is Verdict.EQUAL)
    assert not list(grader.drain())
    assert grader.version == "choice-1"


def test_letters_pool_by_letter() -> None:
    grader = ChoiceGrader[str](4)
    assert grader.equivalent("B", "B")
    assert not grader.equivalent("B", "C")


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "Answer: ",
            "Answer: A or ",
            r"\boxed{",
            r"\text{",
            "the answer is ",
            "option ",
            "*",
            "( ",
            "\n",
            "A) ",
            "answer to ",
        ),
        *("Answer:" + " " * 9, "so ", "if ", "A, ", "B/", "the correct option is most ", "Answer\n", "is ", "choose ", "B is "),
        *("answer: x", "answer is (", "Answer: 2 eV (A) "),
    ],
)
def test_degenerate_completions_take_no_time(piece: str) -> None:
    started = time.perf_counter()
    choose(piece * (200_000 // len(piece)), "ABCD")
    assert time.perf_counter() - started < 2.0
