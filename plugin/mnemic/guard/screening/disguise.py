"""Words in disguise: letters set apart, words joined or broken, digits for letters. What they say is read like the rest.

Identifiers, slugs and part numbers look the same, so only what then speaks of the reader's instructions or answer counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mnemic.guard.screening.clauses import Clause
from mnemic.guard.screening.plain import Plain, holds_any

# Four words or more in one: IGNORE_ALL_RULES_NOW, ignoreAllRulesNow, ignore+all+rules+now, ignore%20all%20rules.
_JOINED = re.compile(
    r"(?<![\w+%-])[A-Za-z]{2,20}(?:(?:[_+/\u00b7|~-]|%20)[A-Za-z]{1,20}){3,40}"
    r"|(?<!\w)[A-Za-z][a-z]{1,20}(?:[A-Z][a-z]{1,20}){3,40}"
)
_SHORTEST_JOINED = 16
_LONG = re.compile(rf"\S{{{_SHORTEST_JOINED},}}")
_LADDER = re.compile(r"[A-Za-z]{2,20}(?:\s[/|\u00b7~]\s[A-Za-z]{1,20}){3,40}")
_RUNGS = (" / ", " | ", " \u00b7 ", " ~ ")
_JOINTS = re.compile(r"[_+/\u00b7|~\s-]+|%20|(?<=[a-z])(?=[A-Z])")
# Seven letters or more, each set apart from the next.
_APART = re.compile(
    r"(?<!\w)(?:[A-Za-z](?:[ ]{1,6}(?:[.*_\u00b7|-][ ]{0,2})?|[.*_\u00b7|-]{1,3}[ ]{0,2})){6,400}[A-Za-z](?!\w)"
)
_WIDE = re.compile(r"\s{2,}")
_BETWEEN = re.compile(r"[\s.*_\u00b7|-]+")
_BROKEN = re.compile(r"[a-z]-[a-z]")
_DIGIT_IN = re.compile(r"[a-z][013457@$][a-z]|[013457@$][a-z]{2}")
_DIGITS_IN = re.compile(r"(?<![\w])(?=\w{0,20}[a-z])(?=\w{0,20}[013457@$])[\w@$]{3,20}(?![\w])")
_DIGITS = (str.maketrans("013457@$", "oieastas"), str.maketrans("013457@$", "oleastas"))


def undisguised(plain: Plain, clauses: Sequence[Clause]) -> Iterator[Clause]:
    """What the words in disguise say, as clauses in the places where they stand. Linear."""
    longest = len(max(plain.text.split(), key=len, default=""))
    for long in _LONG.finditer(plain.text) if longest >= _SHORTEST_JOINED else ():
        for match in _JOINED.finditer(plain.text, *long.span()):
            yield _said(match.start(), match.end(), _JOINTS.sub(" ", match[0]))
    for match in _LADDER.finditer(plain.text) if holds_any(plain.text, _RUNGS) else ():
        yield _said(match.start(), match.end(), _JOINTS.sub(" ", match[0]))
    for match in _APART.finditer(plain.text):
        words = _WIDE.split(match[0]) if _WIDE.search(match[0]) else match[0].split(" ")
        yield _said(match.start(), match.end(), " ".join(_BETWEEN.sub("", word) for word in words))
    digits = _DIGIT_IN.search(plain.low) is not None
    for one in clauses:
        if one.low.count("-") > 1 and len(_BROKEN.findall(one.low)) > 1:
            yield _said(one.start, one.end, _BROKEN.sub(lambda found: found[0][0] + found[0][2], one.text))
        if digits and len(_DIGITS_IN.findall(one.low)) > 1:
            for table in _DIGITS:
                yield _said(one.start, one.end, one.text.translate(table))


def _said(start: int, end: int, text: str) -> Clause:
    return Clause(start, end, text, text.lower())
