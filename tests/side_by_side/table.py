"""The results as a table, one column a system: the terminal's and the README's are the same rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.side_by_side.quality import SHOWN, best_way

_NOTHING = "–"


def HEADS(results: dict[str, Any]) -> list[str]:  # noqa: N802
    return []


def rows(results: dict[str, Any]) -> list[list[str]]:
    return []
