"""Saying a result by what it shares with an earlier one that is still in view."""

from __future__ import annotations

from collections import Counter
from difflib import SequenceMatcher

# Comparing lines costs the product of what differs; beyond this the whole text is shown.
_MAX_CHANGED_LINES = 200


def same_as(place: str) -> str:
    """Stands for a result that is identical to the one at ``place``."""
    return f"[same as {place}]"


def changes(place: str, base: str, text: str) -> str | None:
    """What turns the lines of ``base`` into those of ``text``; None when too much differs to compare.

    Each group of lines is ``-`` lines followed by ``+`` lines. Where the first ``-`` line does not tell the position, or
    would seem to belong to the group before, ``@n`` stands first: the number of the line in ``base``, from 1.
    `apply_changes` is the inverse.
    """
    old, new = base.split("\n"), text.split("\n")
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    left, right = old[start : len(old) - end], new[start : len(new) - end]
    if max(len(left), len(right)) > _MAX_CHANGED_LINES:
        return None
    lines = [f"[{place} with changes]"]
    times = Counter(old)
    after_removal = False
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        if i1 == i2 or times[left[i1]] > 1 or after_removal:
            lines.append(f"@{start + i1 + 1}")
        after_removal = j1 == j2
        lines.extend(f"-{line}" for line in left[i1:i2])
        lines.extend(f"+{line}" for line in right[j1:j2])
    return "\n".join(lines)


def changed_lines(shown: str) -> int:
    """How many lines the text of `changes` removes or adds, whichever are more."""
    lines = shown.split("\n")[1:]
    return max(sum(line[:1] == "-" for line in lines), sum(line[:1] == "+" for line in lines))


def apply_changes(base: str, shown: str) -> str:
    """The text behind what `changes` gave for ``base``."""
    old = base.split("\n")
    new: list[str] = []
    at = 0
    placed = added = False
    for line in shown.split("\n")[1:]:
        mark, rest = line[:1], line[1:]
        if mark == "+":
            new.append(rest)
            added = True
            continue
        if mark == "@" or added or not placed:
            target = int(rest) - 1 if mark == "@" else old.index(rest)
            new.extend(old[at:target])
            at, placed, added = target, True, False
        at += mark == "-"
    return "\n".join(new + old[at:])
