"""Finding the letter that a completion chooses.

What counts is the last statement after the reasoning. A statement is one of

- a line or phrase ``Answer: B``, however it is marked up (``**Answer:** B``, ``Answer: $B$``, ``<answer>B</answer>``),
- a box, ``\\boxed{B}`` or ``\\boxed{\\text{(B) and its text}}``,
- a sentence that concludes: "the answer is (B)", "the correct option is B", "option B is correct", "I choose B".

Where there is none, "therefore, option B", "matches option B" and "the answer is 2 eV (B)" count, then a reply or last line
that is nothing but a letter.
A statement that names several options ("A or B"), or a letter that no option stands under, is a statement without an answer:
what was said before it does not count either. Letters inside words, the article "A" and names such as "C-terminal" state
nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hyperscale.scoring.answer import after_reasoning

# Repeats are possessive and bounded: degenerate completions repeat any of this thousands of times.
_COMMAND = r"\\(?:boxed|fbox|text(?:bf|rm|sf)?|math(?:rm|bf|sf)|rm|bf)(?![A-Za-z])"
_WRAP = rf"""(?:[\s*_`$(\[{{"'“”‘’（【<>~]|\\[(\[]|{_COMMAND}){{0,24}}+"""
_CLOSE = r"""(?:[\s*_`$)\]}"'“”‘’）】]|\\[)\]]){0,24}+"""
_NO_WORD = r"""(?![A-Za-z0-9_\u0370-\u03ff(（]|['’][A-Za-z]|-[A-Za-z0-9]|\.[A-Za-z0-9]\b|\s*[=^+]|\s+[<>])"""
_NAME = r"(?:(?i:option|choice|letter|answer|选项)\b)?+"
_LETTER = rf"{_WRAP}{_NAME}{_WRAP}(?P<letter>[A-Za-z]){_NO_WORD}"

_ABOUT = r"(?:\s+(?:choice|option|letter))?(?:\s+(?:to|for|of|here|among)\b[^.\n:：]{0,80}?)?"
_IS = r"(?:is|are|was|should\s+be|must\s+be|would\s+be|will\s+be|has\s+to\s+be|becomes|remains|=)"
_SURELY = (
    r"(?:\s*+(?:indeed|therefore|thus|hence|then|clearly|definitely|certainly|simply|actually|most|likely|probably|still|"
    r"surely|both|either|neither|:|：)){0,4}+"
)
_RIGHT = r"(?:correct|right|best|final|closest|most\s+\w{1,15}|appropriate|chosen|selected|proper|true)"

_FORMAL = re.compile(rf"(?<![/A-Za-z])(?:(?i:answer)|答案)[\s*_`#}}]{{0,12}}+(?:[:：=>]|[是为]){_LETTER}")
_HEADING = re.compile(rf"^[#* \t]{{0,12}}+(?i:final\s+|correct\s+|my\s+)?(?i:answer)[* \t]{{0,12}}\n{_LETTER}", re.MULTILINE)
_BOX = re.compile(rf"\\(?:boxed|fbox)(?![A-Za-z])\s*+{_LETTER}")
_SENTENCES = (
    re.compile(rf"\b(?i:answer{_ABOUT}\s+{_IS}{_SURELY}){_LETTER}"),
    re.compile(
        rf"\b(?i:{_RIGHT}\s+(?:answer\s+)?(?:option|choice|letter|one|statement){_ABOUT}(?:\s*+[:：]|\s+{_IS}){_SURELY}){_LETTER}"
    ),
    re.compile(
        rf"\b(?i:option|choice|answer)\b{_LETTER}{_CLOSE}\s*+(?i:(?:is|must\s+be|should\s+be|has\s+to\s+be)\b{_SURELY}"
        rf"\s+(?:the\s+)?{_RIGHT}\b)"
    ),
    re.compile(
        rf"(?<![\w'’-])(?P<letter>[B-Z]|A(?=[*)\]}}]|\s+is)){_CLOSE}\s*+(?i:(?:is|must\s+be|should\s+be)\b{_SURELY}"
        rf"\s+the\s+{_RIGHT}\s+(?:answer|choice|option|one)\b)"
    ),
    re.compile(
        rf"\b(?i:choose|select|pick|go\s+with|going\s+with|settle\s+on)\s+(?i:the\s+)?(?:(?i:option|choice|answer|letter)\b{_LETTER}"
        rf"|{_WRAP}(?P<plain>[A-Z]){_NO_WORD}(?={_CLOSE}\s*+(?:[.!;。]|$)))"
    ),
)
_HINTS = (
    re.compile(rf"\b(?i:therefore|thus|hence|so|conclusion)\b[^.\n]{{0,60}}?\b(?i:option|choice)\b{_LETTER}"),
    re.compile(rf"\b(?i:matches|corresponds\s+to|points\s+to|consistent\s+with)\s+(?i:option|choice|answer)\b{_LETTER}"),
    re.compile(
        rf"\b(?i:answer)(?:\s*+[:：]|\s+{_IS})(?:(?!\bnot\b|n't|\([A-Za-z]\)|\bor\b|\b(?i:option|choice)s?\b)[^\n]){{1,120}}?"
        rf"(?=\([A-Za-z]\)|\b(?i:option|choice)\b){_LETTER}(?={_CLOSE}[.。]?\s*+(?:\n|$))"
    ),
)
_ALONE = re.compile(rf"{_WRAP}{_NAME}{_WRAP}(?P<letter>[A-Za-z]){_NO_WORD}(?:{_CLOSE}|[.。])*")
_LISTED = re.compile(r"[*_(]{0,4}(?P<letter>[A-Z])[*_]{0,4}\)")

_OTHERS = re.compile(
    rf"{_CLOSE}(?:(?P<comma>,)|[/&]|\b(?:and|or|nor)\b|或|和)(?:\s*+(?:and|or|maybe|possibly|both|option|choice)\b){{0,4}}+{_WRAP}"
    rf"(?P<other>[A-Z]){_NO_WORD}"
)
# what may follow a letter in a sentence; any other word says that it was no letter: "A mixture", "B cells", "a rise"
_GOES_ON = (
    r"(?i:is|are|was|because|since|as|and|or|but|due|with|which|where|when|that|given|for|from|in|if|not|the|this|these|its?|by|"
    r"would|will|can|has|based|following|according|also|only)"
)
_TEXT = re.compile(rf"[ \t]+(?!{_GOES_ON}\b)[A-Za-z]")
_NAMED = re.compile(r"(?i)\b(?:option|choice|letter)\W{0,12}$")
_SENTENCE = re.compile(r"[ \t]+(?!(?:and|or|are)\b)[A-Za-z]")
_DOUBT = re.compile(
    r"(?i)\b(?:if|whether|suppose|assuming|unless|doubt|n't think|not think|don.t think|not say|n.t say)\b[^.\n]*$"
)


@dataclass(frozen=True, slots=True)
class _Statement:
    """Where a completion says what it chooses, and the letter, None where it names no single option."""

    place: int
    letter: str | None


def choose(text: str, letters: str) -> str | None:
    """The letter among `letters` that a completion states last, or None."""
    reply = after_reasoning(text)
    for patterns in ((_FORMAL, _HEADING, _BOX, *_SENTENCES), _HINTS):
        statements = list(_statements(reply, patterns, letters))
        if statements:
            return max(statements, key=lambda statement: statement.place).letter
    return _alone(reply, letters)


def _statements(reply: str, patterns: Iterable[re.Pattern[str]], letters: str) -> Iterable[_Statement]:
    for pattern in patterns:
        for found in pattern.finditer(reply):
            name = "letter" if found["letter"] else "plain"
            if _is_letter(found[name], reply, found.start(name), pattern) and not _doubted(reply, found.start(), pattern):
                yield _Statement(found.start(name), _single(found[name].upper(), reply, found.end(name), letters))


def _is_letter(letter: str, reply: str, place: int, pattern: re.Pattern[str]) -> bool:
    """Whether what was found is a letter and not the first word of the answer's text."""
    if _TEXT.match(reply, place + 1) is None or _NAMED.search(reply, max(0, place - 24), place):
        return True
    return pattern is _FORMAL and letter.isupper() and letter != "A"


def _doubted(reply: str, start: int, pattern: re.Pattern[str]) -> bool:
    """Whether a sentence only supposes or denies what it says."""
    return pattern in _SENTENCES + _HINTS and _DOUBT.search(reply, max(0, start - 80), start) is not None


def _single(letter: str, reply: str, end: int, letters: str) -> str | None:
    others = _OTHERS.match(reply, end)
    if others is not None and others["other"] != letter:
        begins_sentence = others["comma"] and _SENTENCE.match(reply, others.end())  # "B, A being ..."
        if not begins_sentence:
            return None
    return letter if letter in letters else None


def _alone(reply: str, letters: str) -> str | None:
    """A reply, or its last line, that is nothing but a letter; or a single line that restates an option, ``B) its text``."""
    lines = reply.strip().splitlines()
    found = _ALONE.fullmatch(lines[-1].strip()) if lines else None
    if found is None and len(lines) == 1 == len(_LISTED.findall(lines[0])):
        found = _LISTED.match(lines[0])
    if found is None:
        return None
    letter = found["letter"].upper()
    return letter if letter in letters else None
