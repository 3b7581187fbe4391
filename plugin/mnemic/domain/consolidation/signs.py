"""What of a text is compared letter by letter: where a sign or a capital may be all that two texts differ in.

``+5`` and ``-5``, C++ and C#, blood group A+ and A-, ``x < 5`` and ``x > 5``, 16 GB and 16 Gb, gate A and gate B, 👍 and 👎
have the same words. To keep two texts that say the same costs little; to put one in the place of the other that says
otherwise loses what it said, so whatever is not plain prose counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_BETWEEN = re.compile(r"[\s\u2013\u2014\u2026]+")
# Punctuation of sentences, and what sets words apart by type.
_AROUND = ".,;:!?\"'()[]{}\u201c\u201d\u2018\u00ab\u00bb*_`~"
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_NUMBER = re.compile(r"\d[\d.,:]*")
_ENDS = ".!?:"
_NOON = frozenset(("am", "pm"))


def signs_of(text: str) -> tuple[str, ...]:
    """Words with a sign, with digits among letters or with a capital inside, units with a capital, single capitals and
    signs by themselves, in the order of the text. Dashes and what stands around words count for nothing.
    """
    return tuple(_signs(_BETWEEN.split(text.replace("\u2019", "'"))))


def _signs(chunks: list[str]) -> Iterator[str]:
    counted = False
    opens = True
    for chunk in chunks:
        core = chunk.strip(_AROUND)
        number = _NUMBER.match(core)
        rest = core[number.end() :] if number else core
        if _WORD.fullmatch(rest):
            if _is_told_by_capitals(rest, unit=counted or number is not None, opens=opens):
                yield rest
        elif rest.strip("-"):
            yield core
        counted = number is not None and not rest
        opens = chunk.endswith(tuple(_ENDS)) or (opens and not core)


def _is_told_by_capitals(word: str, *, unit: bool, opens: bool) -> bool:
    if len(word) == 1:
        return word.isupper() and word != "I" and not (word == "A" and opens)
    if unit and word.casefold() not in _NOON and not word.islower():
        return True
    return not (word.islower() or word.isupper() or word.istitle())
