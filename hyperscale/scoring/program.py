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
    """A complete fenced block and what its fence says it is, in lower case."""

    language: str
    code: str


def extract_program(text: str, finish_reason: FinishReason = FinishReason.STOP) -> Program:
    """The last complete fenced block after the reasoning, of those that say they are Python if there are any.

    Otherwise the last block without a word on its language, otherwise the last of any. Blank blocks do not count, nor does one
    whose end is missing; a chain that did not stop by itself has no program at all. Halves of surrogate pairs, which no source
    file can hold, become U+FFFD.
    """
    if finish_reason is not FinishReason.STOP:
        return Program(None, Verdict.NO_CODE, f"the chain was cut off ({finish_reason})")
    blocks = [block for block in _blocks(after_reasoning(text)) if block.code.strip()]
    if not blocks:
        return Program(None, Verdict.NO_CODE, "no complete block of code after the reasoning")
    code = max(enumerate(blocks), key=lambda item: (_rank(item[1]), item[0]))[1].code
    content = code.encode("utf-8", "surrogatepass")
    if len(content) > MOST_BYTES:
        return Program(None, Verdict.LIMIT, f"the program has {len(content)} bytes; at most {MOST_BYTES} are run")
    return Program(re.sub("[\ud800-\udfff]", "\ufffd", code))


def with_setup(code: str, setup: str, function: str) -> str:
    """A program for tests of the style `CHECK`: it stands after `setup`, whose imports and helper functions the check needs.

    Where `code` does not define the function at the top of the file, it is taken for what comes after its head, which `setup`
    ends with; what is not indented is then indented. Nothing is compiled here: the code is untrusted.
    """
    joined = setup if setup.endswith("\n") else setup + "\n"
    name = re.escape(function)
    if re.search(rf"^(?:async[ \t]+)?def[ \t]+{name}\b|^{name}[ \t]*(?::[^=\n]*)?=", code, re.MULTILINE):
        return f"{joined}\n{code}"
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


def _language(label: str) -> str:
    found = _LANGUAGE.match(label)
    return found[1].lower() if found else ""


def _label_after_words(line: str) -> str:
    """The label of a fence that follows words on its line, which is let through where it says that Python follows."""
    words, _, label = line.rpartition("```")
    return label if words.strip() and "`" not in words and label.strip().lower() in _PYTHON else ""


def _closes(line: str, fence: str, indent: int) -> bool:
    bare = line.strip(" \t")
    depth = len(line) - len(line.lstrip(" \t"))
    return len(bare) >= len(fence) and bare == fence[0] * len(bare) and depth <= indent + _CLOSER_INDENT
