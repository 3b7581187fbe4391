"""Statements that are put together: psycopg's types ask for literals, so that no caller's text becomes SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import LiteralString


def ours(statement: str) -> LiteralString:
    """A statement of which every part is ours: names of tables and schemas, which are checked, and words of SQL.

    What comes from a caller is a parameter.
    """
    return statement  # pyright: ignore[reportReturnType]
