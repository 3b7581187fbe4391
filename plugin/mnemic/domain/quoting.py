"""Stored text as a quotation: data, with nothing hidden in it."""

from __future__ import annotations

import unicodedata

# Letters that show nothing, and joiners without which emoji and some scripts fall apart.
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"
# What shows nothing by itself: spaces, controls, joiners and other format characters, marks on a letter that is not there.
_SHOWS_NOTHING = frozenset(("Cc", "Cf", "Cs", "Me", "Mn", "Zl", "Zp", "Zs"))
_KEPT = "\n\t\u200c\u200d"


def quote(text: str) -> str:
    """Text as a quotation in which nothing is hidden: each line behind ``> ``."""
    return "\n".join("> " + line for line in visible(text).split("\n"))


def visible(text: str) -> str:
    """Everything that hides, reorders or cannot be seen is written out as an escape; joiners of emoji and scripts stay."""
    if text.isprintable():
        return text if not any(letter in text for letter in _BLANK_LETTERS) else "".join(map(_escaped, text))
    return "".join(map(_escaped, text))


def shows_something(text: str) -> bool:
    """Whether a reader sees anything of ``text``."""
    return any(
        unicodedata.category(char) not in _SHOWS_NOTHING and char not in _BLANK_LETTERS and char != "\u2800"
        for char in text
    )


def _escaped(char: str) -> str:
    seen = char.isprintable() or char in _KEPT or unicodedata.category(char) == "Zs"
    if seen and char not in _BLANK_LETTERS:
        return char
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
