"""The words around a statement that say how far it holds: whether it is one, and whether it is meant without reserve."""

import re

from hyperscale.scoring.letter_patterns import CLOSE, NO_WORD, TAIL, WRAP

_REACH = 160  # characters looked back: a sentence

_OTHERS = re.compile(
    rf"{CLOSE}(?:(?P<comma>,)|[/&]|\b(?:and|or|nor)\b|或|和|\\text\{{\s*(?:and|or)\s*\}})"
    rf"(?:\s*+(?:and|or|maybe|possibly|option|choice)\b){{0,4}}+{WRAP}(?P<other>[A-Z]){NO_WORD}"
)
_SENTENCE = re.compile(r"[ \t]+(?!(?:and|or|are)\b)[A-Za-z]")  # "B, A being ..."

# What may follow a letter in a sentence; any other word says that it was no letter: "A mixture", "B cells", "a rise".
_GOES_ON = (
    r"(?i:is|are|was|because|since|as|and|or|but|due|with|which|where|when|that|given|for|from|in|if|not|the|this|these|its?|by|"
    r"would|will|can|must|should|has|based|following|according|also|only|over|rather|instead|here|even|unless|though|although)"
)
_TEXT = re.compile(rf"[ \t]+(?!{_GOES_ON}\b)[A-Za-z]")
_PRONOUN = re.compile(r"[ \t]+(?!(?:is|because|since|as|and|or)\b)[a-z]")
_NAMED = re.compile(r"(?i)\b(?:option|choice|letter)\W{0,12}$")
# Before a bare letter nothing may stand that it could be the name of: "vitamin C is correct", "reagent B is the right choice".
_FREE = re.compile(
    r"(?:^|[.;:,!?\n]|(?i:\b(?:so|thus|hence|therefore|that|only|then|conclude|why|whether|if)))[\s*_(\[$\"'#>-]*$"
)

_BREAK = re.compile(r"[.!?。](?=\s)|\n")
# What follows one of these is meant, whatever was supposed before: "if we plug in 10 eV we get 3, so the answer is B".
_TURN = re.compile(r"(?i);|\b(?<!if )(?:so|but|thus|hence|therefore|yet)\b")
_CLAUSE = re.compile(r"(?i)[,;:—–]|\b(?:so|but|thus|hence|therefore|then|yet)\b")
_UNSURE = (
    r"(?<!even )\bif\b|\b(?:whether|suppose|assuming|unless|why|(?<!no )(?<!without )doubt|(?:not|n['’]t)\s+(?:\w+\s+)?"
    r"(?:think|say|mean|imply|believe|true|clear|sure|certain|the\s+case))\b"
)
_SUPPOSED = re.compile(rf"(?i){_UNSURE}")
_RESERVED = re.compile(
    rf"(?i){_UNSURE}|\b(?:might|may|could|tempt\w*|at\s+first|first\s+glance|mistak\w*|students?|people|textbooks?|others|naive\w*|initially|"
    r"originally|thought)\b"
)
_DISOWNED = re.compile(
    r"(?i)\b(?:wrong|incorrect|tempting|common|popular|naive|usual|other|initial|first|previous|earlier|not)[ \t*_$]{1,4}$"
)
_REJECTED = re.compile(
    rf"{TAIL}(?:is|was|are|does|can|would|could|might)(?:n['’]t\b|not\b|\s+(?:not|wrong|incorrect|false|excluded|eliminated|ruled|"
    r"impossible|too|out|follow|be)\b)"
)
_WOULD_BE = re.compile(r"\bwould\s+be\b")
_LIMITED = re.compile(rf"{TAIL}(?:\?|,?\s*(?:only|if|unless|when|provided|assuming|but)\b)")


def is_letter(letter: str, reply: str, place: int, *, formal: bool) -> bool:
    """Whether what was found is a letter and not the first word of the answer's text."""
    if letter == "I" and _PRONOUN.match(reply, place + 1):
        return False
    if _TEXT.match(reply, place + 1) is None or _NAMED.search(reply, max(0, place - 24), place):
        return True
    return formal and letter.isupper() and letter != "A"


def is_free(reply: str, place: int) -> bool:
    """Whether a letter begins a clause."""
    return _FREE.search(reply[max(0, place - 40) : place]) is not None


def is_rejected(reply: str, end: int) -> bool:
    """Whether the words after a letter say that it is not the answer."""
    return _REJECTED.match(reply, end) is not None


def is_supposed(sentence: str) -> bool:
    """Whether the clause that a statement stands in only supposes or denies it."""
    return _SUPPOSED.search(_CLAUSE.split(sentence)[-1]) is not None


def is_reserved(sentence: str, said: str, after: str) -> bool:
    """Whether the sentence makes a statement under a condition, of somebody else, or as a first guess."""
    if _WOULD_BE.search(said) or _LIMITED.match(after):
        return True
    return _RESERVED.search(_TURN.split(sentence)[-1]) is not None


def is_disowned(sentence: str) -> bool:
    """Whether the statement is of a wrong or an earlier answer: "the most common wrong answer is C"."""
    return _DISOWNED.search(sentence) is not None


def sentence_before(reply: str, place: int) -> str:
    """The part of its sentence that stands before `place`, as far as it is looked at."""
    return _BREAK.split(reply[max(0, place - _REACH) : place])[-1]


def names_others(letter: str, reply: str, end: int) -> bool:
    """Whether another letter is named with this one: "A or B", "A, B"."""
    others = _OTHERS.match(reply, end)
    if others is None or others["other"] == letter:
        return False
    return not (others["comma"] and _SENTENCE.match(reply, others.end()))
