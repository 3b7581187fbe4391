"""Counting what was injected and what came of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_SHOWN = 5


@dataclass(slots=True)
class Tally:
    """One kind of fault. ``acknowledged`` counts memories, over all injections, that had to be there afterwards."""

    kind: str
    injected: int = 0
    recovered: int = 0
    acknowledged: int = 0
    lost: int = 0
    wrong: int = 0
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0
    figures: dict[str, float] = field(default_factory=dict)

    def add(self, results: Iterable[dict[str, Any]]) -> Tally:
        """Results of single injections, as `mnemic`'s verifier gives them; what did not fire is not counted."""
        for result in results:
            if not result.get("fired", True):
                continue
            self.injected += int(result.get("injected", 1))
            self.recovered += int(result.get("injected", 1)) if result["recovered"] else 0
            self.acknowledged += result["acknowledged"]
            self.lost += result["lost"]
            self.wrong += result["wrong"]
            self.problems += [f"{result.get('case', '')}: {problem}" for problem in result["problems"]]
        return self

    @property
    def ok(self) -> bool:
        return self.injected == self.recovered and not self.lost and not self.wrong and not self.problems

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "problems": self.problems[:_SHOWN], "seconds": round(self.seconds, 1)}


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder of its own in memory, where there is one: the cost of a real disk's fsync is no part of what is asked."""
    shared = Path("/dev/shm")
    where = shared if shared.is_dir() and os.access(shared, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="mnemic-soak-", dir=where))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
