"""Ids, moments and JSON of drawn exports."""

from __future__ import annotations

import json
import random
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

Json = dict[str, Any]


class Drawn:
    """Ids and moments of one fixture, the same ones at every drawing."""

    def __init__(self, seed: str, start: datetime) -> None:
        self._random = random.Random(seed)
        self.now = start
        self.said: list[list[Any]] = []

    def id(self) -> str:
        return str(uuid.UUID(self.digits(32), version=4))

    def later_id(self) -> str:
        """An id of the kind that Claude gives messages since 2026."""
        groups = (f"019{self.digits(5)}", self.digits(4), f"7{self.digits(3)}", f"8{self.digits(3)}", self.digits(12))
        return "-".join(groups)

    def digits(self, length: int) -> str:
        # `random()` alone gives the same numbers in every version of Python.
        return "".join("0123456789abcdef"[int(self._random.random() * 16)] for _ in range(length))

    def tick(self, seconds: int = 7) -> datetime:
        self.now += timedelta(seconds=seconds, microseconds=1 + int(self._random.random() * 999_982))
        return self.now

    def say(self, conversation: str, message: str, role: str, at: datetime, text: str, part: str = "message") -> None:
        self.said.append([conversation, message, role, at.isoformat(), text, part])


def write(folder: Path, name: str, value: Any, *, indent: int | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # The services escape all that is not ASCII and write no line end after the last bracket.
    text = json.dumps(value, indent=indent, sort_keys=indent is not None)
    (folder / name).write_text(text, encoding="ascii", newline="")


def report(folder: Path, drawn: Drawn, titles: Json) -> None:
    told = {"conversations": titles, "said": drawn.said}
    (folder / "reported.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
