"""Stored text as a quotation: data, with nothing hidden in it."""

from __future__ import annotations

import unicodedata

# Letters that show nothing, and joiners without which emoji and some scripts fall apart.
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"
_KEPT = "\n\t\u200c\u200d"


def quote(text: str) -> str:
    """Text as a quotation in which nothing is hidden: each line behind ``> ``."""
    return "\n".join("> " + line for line in visible(text).split("\n"))


def visible(text: str) -> str:
    """Everything that hides, reorders or cannot be seen is written out as an escape; joiners of emoji and scripts stay."""
    if text.isprintable():
        return text if not any(letter in text for letter in _BLANK_LETTERS) else "".join(map(_escaped, text))
    return "".join(map(_escaped, text))


def _escaped(char: str) -> str:
    seen = char.isprintable() or char in _KEPT or unicodedata.category(char) == "Zs"
    if seen and char not in _BLANK_LETTERS:
        return char
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
