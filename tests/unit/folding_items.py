"""Items of a conversation, made for the tests of folding."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from mnemic.domain.folding import PRESETS, Decision, Folder, FoldingItem, ItemKind
from mnemic.storage.token_counters import HeuristicTokenCounter

count = HeuristicTokenCounter().count


def user(text: str) -> FoldingItem:
    return FoldingItem(kind=ItemKind.USER, text=text)


def say(text: str) -> FoldingItem:
    return FoldingItem(kind=ItemKind.SAY, text=text)


def call(name: str, **arguments: Any) -> FoldingItem:
    return FoldingItem(kind=ItemKind.CALL, text=json.dumps(arguments), name=name)


def result(name: str, text: str, *, is_error: bool = False) -> FoldingItem:
    return FoldingItem(kind=ItemKind.OBSERVATION, text=text, name=name, is_error=is_error)


def folder(preset: str = "lean", **options: Any) -> Folder:
    return Folder(dataclasses.replace(PRESETS[preset], **options), count_tokens=count)


def feed(into: Folder, *items: FoldingItem) -> list[Decision]:
    """Append the items, folding before each call of the model as a host does."""
    made: list[Decision] = []
    for item in items:
        if item.kind in (ItemKind.SAY, ItemKind.THOUGHT, ItemKind.CALL):
            made += into.fold()
        made += into.append(item)
    return made + into.fold()


def reservation(cabin: str, name: str = "R1X9") -> str:
    flights = [{"number": "HAT001", "price": 120}, {"number": "HAT002", "price": 95}]
    return json.dumps({"reservation_id": name, "cabin": cabin, "flights": flights})
