r"""The shapes in which a completion states a letter.

Every pattern has one group: ``letter``, or ``bare`` for a letter that begins the statement with nothing to call it an option.
Repeats are possessive or bounded: degenerate completions repeat any of this thousands of times.
"""

import re

# -- what stands around a letter

_COMMAND = r"\\(?:boxed|fbox|text(?:bf|rm|sf)?|math(?:rm|bf|sf)|rm|bf|(?i:large)|huge)(?![A-Za-z])"
WRAP = rf"""(?:[\s*_`$(\[{{}}"'“”‘’（【<>~#✅✔\ufe0f]|\\[(\[]|{_COMMAND}){{0,24}}+"""
CLOSE = r"""(?:[\s*_`$)\]}"'“”‘’）】]|\\[)\]]){0,24}+"""
TAIL = r"""(?:[ \t*_`$)\]}"'“”‘’）】]|\\[)\]]){0,24}+"""  # CLOSE on one line
_END = rf"{TAIL}[.。!]?+{TAIL}(?=\n|\Z)"

# What makes it the beginning of a name or a formula. Only what stands on the letter's own line does, and no tag or end mark:
# "B </answer>", "B <|im_end|>".
_NAME_OR_FORMULA = (
    r"[A-Za-z0-9\u0370-\u03ff(（²³¹\u2070-\u209f\u20d0-\u20ff≡′−]",  # "C₆H₆", "C≡N", "A(0,1)"
    r"\$?_[A-Za-z0-9{(\\]",  # "C_6"
    r"['’][A-Za-z]",  # "A's"
    r"[)\]]?[-‐‑][A-Za-z0-9(]|–[A-Z0-9]",  # "C-terminal", "(R)-limonene", "C–H"
    r"\.[A-Za-z0-9]\b",  # "B.2"
    r"[ \t]*[=^+]",  # "B = 3"
    r"[ \t]*(?:>|→|⇌|->)[ \t]*[A-Z]\b|[ \t]+<(?![/|｜A-Za-z!])|[ \t]+>(?![A-Za-z])",  # "A > B", "A → B", "B < 3"
    r"[ \t]*\\(?:equiv|times|cdot|to|sim|approx|[lgn]eq?|pm|in|c[au]p|(?:long)?(?:left)?rightarrow)\b",
)
NO_WORD = f"(?!{'|'.join(_NAME_OR_FORMULA)})"
_MARKS = r"[#*> \t✅]{0,12}+"  # what a line may begin with
_NAME = r"(?:(?i:option|choice|letter|answer|选项)\b)?+"
_LETTER = rf"{WRAP}{_NAME}{WRAP}(?P<letter>[A-Za-z]){NO_WORD}"
_CAPITAL = rf"{WRAP}(?P<letter>[A-Z]){NO_WORD}"
_OPTION = rf"\b(?i:option|choice|answer)\b{_LETTER}"
_BARE = rf"(?<![\w'’-])(?P<bare>[A-Z]|(?<=\()[a-z](?=\))){NO_WORD}"

# -- the words of a statement

_ABOUT = r"(?:\s+(?:choice|option|letter))?(?:\s+(?:to|for|of|here|among|that|which)\b[^.\n:：]{0,80}?)?"
_SURELY = (
    r"(?:\s*+(?:indeed|therefore|thus|hence|then|clearly|definitely|certainly|simply|actually|most|likely|probably|still|"
    r"surely|both|either|neither|:|：)){0,4}+"
)
_IS = (
    rf"(?:is\s+likely\s+to\s+be|(?:appears|seems|turns\s+out)\s+to\s+be|is|are|was|becomes|remains|="
    rf"|(?:should|must|would|will|has\s+to|can\s+only|could\s+only){_SURELY}\s+be)"
)
_NOT_BUT = rf"(?:\s+not{WRAP}{_NAME}{WRAP}[A-Z]{CLOSE},?\s*but(?:\s+rather)?)?"  # "is not A but B"
_BEST = (
    r"(?:correct|right|best|final|closest|appropriate|chosen|selected|proper|true|"
    r"most\s+(?:likely|probable|accurate|appropriate|suitable|plausible|reasonable|consistent|correct|fitting|logical))"
)
_NOUN = r"(?:option|choice|letter|one|statement|match|fit|guess|pick)"
_VERB = rf"(?:is|must\s+be|should\s+be|would\s+be|has\s+to\s+be)\b{_SURELY}"
_IS_THE_ANSWER = rf"{CLOSE}\s*+(?i:{_VERB}\s+(?:the|my)\s+(?:(?:{_BEST}\s+)?answer|{_BEST}\s+{_NOUN})\b)"
_IS_CORRECT = rf"{CLOSE}\s*+(?i:{_VERB}\s+(?:correct|right|true)\b)(?!-)"
_ITS_TEXT = r"(?:[)\]*]{0,4}\s?(?:\([^()\n]{1,80}\)|[:：][^.:：\n]{1,80}?))?"  # "option B (2 eV) is", "option B: 2 eV is"
_CHOOSE = r"(?i:choose|select(?:ing)?|pick|say|go(?:ing)?\s+with|settle\s+on)\s+(?i:the\s+)?"
# Whose choice it is matters: "students often choose C" is not the writer's.
_I_CHOOSE = (
    rf"(?:\b(?i:I|we|let)(?:['’](?i:d|ll|m|re|s))?(?i:\s+(?:would|will|must|should|can|therefore|thus|hence|have\s+to|am|are)){{0,2}}\s+"
    rf"|(?:^|[.:]\s)[\s*_]{{0,8}}+(?i:(?:so|thus|therefore|hence),?\s+)?){_CHOOSE}"
)
_SO = r"(?:(?i:\b(?:therefore|thus|hence|so|conclusion)\b))"
_POINTS_TO = (
    r"\b(?:match(?:es|ing)?|correspond(?:s|ing)?\s+to|point(?:s|ing)?\s+to|consistent\s+with|closest\s+to|agrees\s+with|"
    r"leav(?:es|ing)|only|(?:which|this|that)\s+is|i\.e\.,?|namely,?)(?:\s+only)?"
)
_MEETS = r"(?:satisf(?:ies|y)|fits?|match(?:es)?|works?|remains?|meets?|agrees?|survives?|is\s+(?:left|consistent|possible))\b"

# -- answers: what says which option is the answer

FORMAL = (
    re.compile(rf"""(?<![/A-Za-z])(?:(?i:answer|ans)|答案|正确选项)[\s*_`#}}"']{{0,12}}+(?:[:：=>]|->|[是为]){_LETTER}"""),
    re.compile(
        rf"^{_MARKS}(?i:(?:(?:final|correct|my|best)\s+)?answer|(?:final|correct|my|best)\s+(?:option|choice))"
        rf"[*_ \t]{{0,12}}+\n{_LETTER}",
        re.MULTILINE,
    ),
    re.compile(rf"^{_MARKS}(?i:(?:(?:final|correct|my)\s+)?answer)[*_ \t]{{0,12}}+[–—→-]{_CAPITAL}", re.MULTILINE),
    re.compile(rf"^{_MARKS}(?i:final\s+answer)[*_ \t]{{1,12}}+{_CAPITAL}{_END}", re.MULTILINE),
    re.compile(rf"\\(?:boxed|fbox)(?![A-Za-z])\s*+{_LETTER}"),
    re.compile(rf"\\(?:boxed|fbox)\{{[^\n()]{{1,80}}?\s\((?P<letter>[A-Z])\){NO_WORD}\s*+\}}"),
    re.compile(rf"\b(?i:correction)\s*+[:：]{_LETTER}"),
    re.compile(rf"(?:[故应]|所以|因此)选择?\s*+[:：]?{_LETTER}"),
)
ANSWERS = (
    re.compile(rf"\b(?i:answer(?:{_ABOUT}\s+{_IS}|['’]s){_SURELY}){_NOT_BUT}{_LETTER}"),
    re.compile(rf"\b(?i:(?:{_BEST}|my)\s+(?:answer\s+)?{_NOUN}{_ABOUT}(?:\s*+[:：]|\s+{_IS}){_SURELY}){_NOT_BUT}{_LETTER}"),
    re.compile(rf"\b(?i:{_BEST}\s+\w{{1,20}}\s+{_IS}{_SURELY}){WRAP}{_OPTION}"),
    re.compile(rf"{_OPTION}{_ITS_TEXT}{_IS_THE_ANSWER}"),
    re.compile(rf"\b(?i:mak(?:es|ing)){WRAP}{_NAME}{_CAPITAL}{CLOSE}\s*+(?i:the\s+{_BEST}\s+(?:answer|{_NOUN})\b)"),
    re.compile(rf"{_BARE}{_IS_THE_ANSWER}"),
    re.compile(rf"{_I_CHOOSE}{WRAP}{_OPTION}", re.MULTILINE),
    re.compile(
        rf"{_I_CHOOSE}{_CAPITAL}(?={TAIL}(?:[.!;。\n]|\Z|,?\s*(?:because|since|over|here|as\s+(?:(?:the|my)\s+)?(?:{_BEST}|answer))\b))",
        re.MULTILINE,
    ),
    re.compile(rf"\b(?i:actually,?\s+it(?:['’]s|\s+{_IS})){WRAP}{_NAME}{_CAPITAL}{_END}"),
)

# -- remarks: what says that an option is right, which the other ones may be too

REMARKS = (
    re.compile(rf"{_OPTION}{_ITS_TEXT}{_IS_CORRECT}"),
    re.compile(rf"{_BARE}{_IS_CORRECT}"),
    re.compile(rf"\b(?i:(?:letter|option|choice)(?:\s+(?:left|remaining))?\s+{_IS}){_CAPITAL}{_END}"),
    re.compile(
        rf"(?:\A|\n)(?=[^\n]{{1,60}}+\Z){_LETTER}(?:[\s*_`$)\]}}\"'“”‘’）】.。✅]|\\[)\]])*+\Z"  # a last line that is a letter
    ),
    re.compile(rf"\b(?i:closest(?:\s+(?:value|of\s+these))?\s+{_IS}){WRAP}{_NAME}{_CAPITAL}{_END}"),
    # "the answer is 2 eV (B)"
    re.compile(
        rf"\b(?i:answer)(?:\s*+[:：]|\s+{_IS})(?:(?!\bnot\b|n't|\([A-Za-z]\)|\bor\b|\b(?i:option|choice)s?\b)[^\n]){{1,120}}?"
        rf"(?=\([A-Za-z]\)|\b(?i:option|choice)\b){_LETTER}(?={TAIL}[.。]?\s*+(?:\n|$))"
    ),
)

# -- hints: what leads to an option

HINTS = (
    re.compile(rf"\A{WRAP}{_NAME}{_CAPITAL}{_END}"),  # a first line that is a letter
    re.compile(rf"\b(?i:it(?:['’]s|\s+{_IS})){WRAP}{_NAME}{_CAPITAL}{_END}"),
    re.compile(
        rf"{_SO}[^.\n]{{0,60}}?\b(?i:(?:option|choice|letter|statement|one)\b(?:(?:\s+(?:left|remaining))?\s+is\b)?){_LETTER}"
    ),
    re.compile(rf"(?:{_SO}|^[ \t>*]{{0,8}}+(?:=>|⇒|→|∴))[\s,:]{{0,4}}+{_CAPITAL}{_END}", re.MULTILINE),
    re.compile(rf"{_OPTION}{TAIL}(?i:best|correctly)\s+\w"),
    re.compile(rf"(?i:{_POINTS_TO}){WRAP}\b(?i:option|choice|answer)\b{_LETTER}"),
    re.compile(rf"\b(?i:only){_CAPITAL}{TAIL}(?i:{_MEETS})"),
)

# -- lines that are about one option

LISTED = re.compile(  # "B) its text", "**B. its text**"
    r"[*_]{0,4}(?:(?i:option|choice) )?[*_(]{0,4}(?P<letter>[A-Z])[*_]{0,4}\)"
    r"|\*\*(?P<bold>[A-Z])[.:][ \t][^\n*]{1,200}\*\*[.]?[ \t]*$",
    re.MULTILINE,
)
JUDGED = re.compile(  # "- **Option B**: correct", but no "A: right value, wrong unit"
    rf"^[-•*# \t]{{0,12}}+(?i:option\s+)?\(?(?P<letter>[A-Z]){TAIL}[:：–—-]{TAIL}(?i:correct|right|true|✅|✓|✔)"
    r"(?![\w-]|[ \t]+(?!because|since|as\b)\w)",
    re.MULTILINE,
)
