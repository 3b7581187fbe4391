"""Calls of the desks of a memory, and of its sessions, with what they cannot use: each is told which argument that is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import mnemic
from mnemic import Memory
from mnemic.errors import InvalidInput

CALLS: dict[str, Callable[[Memory, Any], Awaitable[Any]]] = {
    "text": lambda memory, value: memory.fit(value, budget_tokens=500),
    "rule": lambda memory, value: memory.learning.plan(rule=value),
    "The path": lambda memory, value: memory.items.erase(value, "key"),
    "key": lambda memory, value: memory.items.erase(("users",), value),
    "path": lambda memory, value: memory.imports.plan(value, format="mem0"),
    "budget_tokens": lambda memory, value: memory.session("s").history(budget_tokens=value),
    "delete_ids|nothing was pruned": lambda memory, value: memory.session("s").prune_context("kept", value),
    "subgoal": lambda memory, value: memory.session("s").retrieve([value]),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("value", [5.5, b"bytes", ["x", ["y"]], {"a": 1}], ids=["number", "bytes", "list", "object"])
async def test_what_cannot_be_used_is_named(tmp_path: Path, name: str, value: Any) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", durable=False) as memory:
        await memory.session("s").append("Plan my trip to Porto.")
        with pytest.raises(InvalidInput, match=name):
            await CALLS[name](memory, value)


async def test_the_path_of_an_item_is_no_text_whose_letters_are_labels(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", durable=False) as memory:
        with pytest.raises(InvalidInput, match="path"):
            await memory.items.erase("users", "key")
