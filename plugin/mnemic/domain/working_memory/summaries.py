"""Summaries without a model: the lines that carry outcomes, errors, values and what one asked for."""

from __future__ import annotations

import re
from collections.abc import Callable

from mnemic.domain.text import search_words

_SPLIT = re.compile(r"\n+|(?<=[.!?])\s+(?=[^\s])")
_WORD = re.compile(r"\w")
_LOOKED_AT_CHARS = 1_000
_MIN_LINE_TOKENS = 12
_ERROR = re.compile(r"\b(error|exception|fail(?:ed|ure|s)?|denied|invalid|not found|cannot|refused|traceback)\b", re.I)
_OUTCOME = re.compile(
    r"\b(result|total|done|success\w*|complete\w*|therefore|conclu\w*|decid\w*|final\w*|status)\b", re.I
)
_VALUE = re.compile(r"\d|[\w.-]+[/\\][\w./\\-]+|\b\w+_\w+\b|\b[A-Z]{2,}\b|[\w.]+@[\w.]+|`[^`]+`")


def extract(text: str, *, focus: str, count_tokens: Callable[[str], int], max_tokens: int) -> str:
    """The telling lines of ``text`` in their order, at most ``max_tokens`` and never longer than ``text`` itself.

    A line counts for words of ``focus``, errors, outcomes and values (numbers, paths, identifiers), and for being the
    first or the last. Never empty for a text that is not.
    """
    lines = list(dict.fromkeys(line.strip() for line in _SPLIT.split(text) if _WORD.search(line)))
    if not lines:
        return shorten(text.strip(), count_tokens=count_tokens, max_tokens=max_tokens)
    wanted = set(search_words(focus))
    scored = []
    for at, line in enumerate(lines):
        words = set(search_words(line))
        score = 3.0 * len(wanted & words) / len(wanted) if wanted else 0.0
        head = line[:_LOOKED_AT_CHARS]
        score += 2.0 * bool(_ERROR.search(head)) + 1.0 * bool(_OUTCOME.search(head))
        score += min(len(_VALUE.findall(head)), 4) / 4
        score += 0.5 * (at == 0) + 1.0 * (at == len(lines) - 1)
        scored.append((-score, at))
    chosen: dict[int, str] = {}
    left = max_tokens
    for _, at in sorted(scored):
        line = lines[at]
        cost = count_tokens(line) + 1
        if cost > left:
            if chosen and left < _MIN_LINE_TOKENS:
                continue
            line = shorten(line, count_tokens=count_tokens, max_tokens=max(left - 1, 1))
            cost = count_tokens(line) + 1
        chosen[at] = line
        left -= cost
        if left <= 1:
            break
    summary = "\n".join(chosen[at] for at in sorted(chosen))
    return summary if len(summary) <= len(text) else text


def shorten(text: str, *, count_tokens: Callable[[str], int], max_tokens: int) -> str:
    """The longest beginning of ``text`` of at most ``max_tokens``, and never less than its first character."""
    if count_tokens(text) <= max_tokens:
        return text
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if count_tokens(text[:middle] + "…") <= max_tokens:
            low = middle
        else:
            high = middle - 1
    return text[:low] + "…" if low < len(text) - 1 else text
