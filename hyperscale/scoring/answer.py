"""Finding the final answer in a completion."""

import re
from dataclasses import dataclass

from hyperscale.store.records import FinishReason
from hyperscale.tasks.task_card import Fallback

_TOKEN = re.compile(
    r"""(?P<box>\\+(?:boxed|fbox)(?![A-Za-z])\s*\{)
      | \\+(?:boxed|fbox)(?![A-Za-z])[ \t]*(?P<bare>-?\d[\d.,/]*|\\[A-Za-z]+(?:\{[^{}]*\})*|[A-Za-z]\b)
      | (?P<escape>\\.)
      | (?P<open>\{)
      | (?P<close>\})""",
    re.VERBOSE | re.DOTALL,
)
_NUMBER = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Extraction:
    """An answer as written, or None, and whether only the fallback found it."""

    answer: str | None
    by_fallback: bool = False


def extract(text: str, finish_reason: FinishReason = FinishReason.STOP, fallback: Fallback = Fallback.NONE) -> Extraction:
    """Find the answer of a chain; a chain that did not stop by itself has none."""
    if finish_reason is not FinishReason.STOP:
        return Extraction(None)
    boxed = extract_boxed(text)
    if boxed is not None or fallback is Fallback.NONE:
        return Extraction(boxed)
    number = last_number(text)
    return Extraction(number, by_fallback=number is not None)


def extract_boxed(text: str) -> str | None:
    r"""The content of the last balanced, non-empty ``\boxed`` (or ``\fbox``) after the reasoning, or None.

    Of nested boxes the outer one is taken and unwrapped. One pass, linear in the text: degenerate chains repeat a box opener
    thousands of times.
    """
    reply = after_reasoning(text)
    found: str | None = None
    opened: list[int | None] = []  # where the content of an open box starts; None for a plain brace
    for token in _TOKEN.finditer(reply):
        if token["box"]:
            opened.append(token.end())
        elif token["bare"]:
            found = token["bare"].rstrip(".,") or found
        elif token["open"]:
            opened.append(None)
        elif token["close"] and opened:
            start = opened.pop()
            if start is not None:
                found = reply[start : token.start()].strip() or found
    return _unwrapped(found)


def _unwrapped(content: str | None) -> str | None:
    for _ in range(8):
        if content is None or not (box := _TOKEN.match(content)) or not box["box"] or not content.endswith("}"):
            return content
        content = content[box.end() : -1].strip()
    return content


def last_number(text: str) -> str | None:
    """The last number written after the reasoning, or None."""
    numbers = _NUMBER.findall(after_reasoning(text))
    return numbers[-1] if numbers else None


def after_reasoning(text: str) -> str:
    """What follows the last ``</think>``; the opening tag may have been part of the prompt."""
    return text.rpartition("</think>")[2]
