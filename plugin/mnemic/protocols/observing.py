"""Whoever measures what a memory does."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol


class Observer(Protocol):
    """Entered around every call of a memory, in the task that awaits it. It must not fail, and never sees a text."""

    def __call__(self, use_case: str) -> AbstractContextManager[object]:
        """``use_case`` is a name of `mnemic.services` such as ``recall``."""
        ...
