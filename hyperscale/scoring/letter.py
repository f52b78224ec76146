"""Finding the letter that a completion chooses.

What counts is what is stated after the reasoning, in this order; of equals, the last:

1. An answer: a line or phrase ``Answer: B``, however it is marked up (``**Answer:** B``, ``{"answer": "B"}``,
   ``<answer>B</answer>``); a box, ``\\boxed{B}`` or ``\\boxed{\\text{(B) and its text}}``; a sentence that says what the
   answer is: "the answer is (B)", "the correct option is B", "option B is the correct answer", "I choose B".
2. A remark: "option B is correct", "the answer is 2 eV (B)"; or a last line that is nothing but a letter. Explanations make
   remarks on the other options too, so a remark does not undo an answer.
3. A hint: "therefore, option B", "matches option B", "thus, B", "it is B", "only B satisfies ..."; or a first line
   that is nothing but a letter.
4. The only option that a list of judgements calls correct, ``B: correct``.
5. A last line that restates an option, ``B) its text``, where no other line does.

A sentence counts one place lower if it is reserved: under a condition ("if T is high, the answer is B", "... B if T is high"),
not in earnest ("would be B", "students may think ..."), or of another answer ("the wrong answer is B"). It does not count if
its own clause supposes or denies it ("if the answer is B", "I doubt that ...").
A statement that names several options ("A or B"), or a letter that no option stands under, is a statement without an answer:
what was said before it does not count either. Letters inside words, the article "A" and names such as "C-terminal" or
"vitamin C" state nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hyperscale.scoring import letter_context as context
from hyperscale.scoring.answer import after_reasoning
from hyperscale.scoring.letter_patterns import ANSWERS, FORMAL, HINTS, JUDGED, LISTED, REMARKS

_RANKS = (FORMAL + ANSWERS, REMARKS, HINTS)


@dataclass(frozen=True, slots=True)
class _Statement:
    """What a completion says it chooses, how weakly and where; the letter is None where it names several options or none."""

    rank: int
    place: int
    letter: str | None


def choose(text: str, letters: str) -> str | None:
    """The letter among `letters` that a completion states, or None."""
    reply = after_reasoning(text).strip()
    statements: list[_Statement] = []
    for rank, patterns in enumerate(_RANKS):
        statements += (statement for pattern in patterns for statement in _statements(reply, pattern, rank, letters))
        if any(statement.rank <= rank for statement in statements):  # nothing that follows is as strong
            break
    if statements:
        return min(statements, key=lambda statement: (statement.rank, -statement.place)).letter
    letter = _judged(reply) or _restated(reply)
    return letter if letter is not None and letter in letters else None


def _statements(reply: str, pattern: re.Pattern[str], rank: int, letters: str) -> Iterator[_Statement]:
    """The statements of one shape, from the last one back to one that nothing before it could outrank."""
    for found in reversed(list(pattern.finditer(reply))):
        weaker = _reserve(found, reply, formal=pattern in FORMAL)
        if weaker is not None:
            yield _statement(found, rank + weaker, reply, letters)
        if weaker == 0:
            return


def _statement(found: re.Match[str], rank: int, reply: str, letters: str) -> _Statement:
    name = found.lastgroup or "letter"
    letter = found[name].upper()
    single = letter in letters and not context.names_others(letter, reply, found.end(name))
    return _Statement(rank, found.start(name), letter if single else None)


def _reserve(found: re.Match[str], reply: str, *, formal: bool) -> int | None:
    """By how many ranks a statement is weaker than it looks, None if it is none."""
    name = found.lastgroup or "letter"
    start, place, end = found.start(), found.start(name), found.end(name)
    if context.is_rejected(reply, end):
        return None
    ends = end == found.end()  # else the pattern itself says how the sentence goes on
    if ends and not context.is_letter(found[name], reply, place, formal=formal):
        return None
    if name == "bare" and not context.is_free(reply, place):
        return None
    before = context.sentence_before(reply, start)
    if formal:  # a line or a box is no part of the sentence before it
        return int(context.is_disowned(before))
    if context.is_supposed(before):
        return None
    after = reply[found.end() : found.end() + 60]
    return int(context.is_disowned(before) or context.is_reserved(before, found[0], after))


def _judged(reply: str) -> str | None:
    """The letter in a list of judgements that alone is called correct."""
    judged = {found["letter"] for found in JUDGED.finditer(reply)}
    return judged.pop() if len(judged) == 1 else None


def _restated(reply: str) -> str | None:
    """The letter of a last line that restates an option, ``B) its text``, where no other line does."""
    lines = [line.strip() for line in reply.splitlines()]
    if not lines or len(LISTED.findall(lines[-1])) != 1 or any(LISTED.match(line) for line in lines[:-1]):
        return None
    found = LISTED.match(lines[-1])
    return found[found.lastgroup] if found is not None and found.lastgroup is not None else None
