"""Finding the program in a completion."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hyperscale.scoring.answer import after_reasoning
from hyperscale.scoring.verdict import Verdict
from hyperscale.store.records import FinishReason

MOST_BYTES = 10_000_000

# a fence stands on a line of its own, maybe as an item of a list
_OPENER = re.compile(r"(?P<indent>[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?)(?P<fence>`{3,}(?=[^`]*$)|~{3,})(?P<label>.*)")
_LANGUAGE = re.compile(r"[{.\s]*([\w+#-]*)")
_PYTHON = frozenset({"python", "python3", "py"})
_CLOSER_INDENT = 3  # Markdown's rule, by which a deeper fence is part of the code: an example in a docstring


@dataclass(frozen=True, slots=True)
class Program:
    """The program of a completion, or None, the verdict that this leads to, and a word for people on why."""

    code: str | None
    verdict: Verdict | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Block:
    """A fenced block, what its fence says it is (in lower case), and whether its end is there."""

    language: str
    code: str
    complete: bool = True


def extract_program(text: str, finish_reason: FinishReason = FinishReason.STOP) -> Program:
    """The last complete fenced block after the reasoning, of those that say they are Python if there are any.

    Otherwise the last block without a word on its language, otherwise the last of any. Blank blocks do not count. One whose end
    is missing counts if it says it is Python and there is no other, for a completion that stopped is complete; a chain that did
    not stop by itself has no program at all. Halves of surrogate pairs, which no source file can hold, become U+FFFD.
    """
    if finish_reason is not FinishReason.STOP:
        return Program(None, Verdict.NO_CODE, f"the chain was cut off ({finish_reason})")
    blocks = [block for block in _blocks(after_reasoning(text)) if block.code.strip()]
    blocks = [block for block in blocks if block.complete] or [block for block in blocks if block.language in _PYTHON]
    if not blocks:
        return Program(None, Verdict.NO_CODE, "no block of code after the reasoning")
    code = max(enumerate(blocks), key=lambda item: (_rank(item[1]), item[0]))[1].code
    content = code.encode("utf-8", "surrogatepass")
    if len(content) > MOST_BYTES:
        return Program(None, Verdict.LIMIT, f"the program has {len(content)} bytes; at most {MOST_BYTES} are run")
    return Program(re.sub("[\ud800-\udfff]", "\ufffd", code))


def continued(code: str, setup: str) -> str:
    """A program that takes `code` for what comes after the head of a function, which `setup` ends with.

    What is not indented is then indented. Nothing is compiled here: the code is untrusted.
    """
    joined = setup if setup.endswith("\n") else setup + "\n"
    first = next((line for line in code.split("\n") if line.strip()), "")
    if not first.startswith((" ", "\t")):
        code = "\n".join(f"    {line}" if line.strip() else line for line in code.split("\n"))
    return joined + code


def _rank(block: _Block) -> int:
    return 2 if block.language in _PYTHON else 1 if not block.language else 0


def _blocks(text: str) -> Iterator[_Block]:
    fence, indent, language = "", 0, ""
    inside: list[str] = []
    for line in (line.removesuffix("\r") for line in text.split("\n")):  # a lone U+2028 or form feed ends no line of code
        if not fence:
            if opened := _OPENER.fullmatch(line):
                fence, indent, language, inside = opened["fence"], len(opened["indent"]), _language(opened["label"]), []
            elif label := _label_after_words(line):
                fence, indent, language, inside = "```", 0, _language(label), []
        elif _closes(line, fence, indent):
            yield _Block(language, "\n".join(inside))
            fence = ""
        else:
            inside.append(line[min(indent, len(line) - len(line.lstrip(" \t"))) :])
    if fence:
        yield _last_block(language, "\n".join(inside), fence)


def _language(label: str) -> str:
    found = _LANGUAGE.match(label)
    return found[1].lower() if found else ""


def _label_after_words(line: str) -> str:
    """The label of a fence that follows words on its line, which is let through where it says that Python follows."""
    words, _, label = line.rpartition("```")
    return label if words.strip() and "`" not in words and label.strip().lower() in _PYTHON else ""


def _closes(line: str, fence: str, indent: int) -> bool:
    bare = line.lstrip(" \t")
    after = bare.lstrip(fence[0])
    depth = len(line) - len(bare)
    return len(bare) - len(after) >= len(fence) and _ends(after) and depth <= indent + _CLOSER_INDENT


def _ends(after: str) -> bool:
    """Whether a fence before such text is an end: models go on talking there, and end their turn with a mark like <|end|>."""
    return after[:1] in ("", " ", "\t", "<")


def _last_block(language: str, content: str, fence: str) -> _Block:
    """The block that the text ends in; its end may follow the last line of code, where none can stand for anything else."""
    lines, newline, last = content.rstrip().rpartition("\n")
    code, end, after = last.rpartition(fence)
    if not end or after[:1] not in ("", "<"):
        return _Block(language, content, complete=False)
    code = code.rstrip(fence[0])
    return _Block(language, lines + newline + code if code.strip() else lines)
