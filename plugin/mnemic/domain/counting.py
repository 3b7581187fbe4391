"""Numbers with what they count, as a person reads them."""

from __future__ import annotations


def counted(number: int, what: str) -> str:
    """``1 memory``, ``2,000 memories``. ``what`` is one of them: an English noun with a regular plural."""
    if number == 1:
        return f"1 {what}"
    regular = not what.endswith("y") or what[-2:-1] in "aeiou"
    return f"{number:,} {what}s" if regular else f"{number:,} {what[:-1]}ies"
