"""What an agent's working memory is made of, and one automatic edit of what is shown of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from mnemic.domain.working_memory.messages import NOTHING_SHOWN


class ItemKind(StrEnum):
    """Who speaks, and whether it is an act."""

    USER = "user"
    SAY = "say"
    THOUGHT = "thought"
    CALL = "call"
    OBSERVATION = "observation"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldingItem:
    """One part of a conversation. It never changes; only what is shown of it does.

    ``text`` of a call is its arguments: JSON, or a command line. ``name`` is the tool of a call or of a result; in a
    text world the verb. ``tokens`` is the size of ``text`` where the host has counted it already.
    """

    kind: ItemKind
    text: str
    name: str = ""
    is_error: bool = False
    tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """From now on item ``index`` is shown as ``shown``. ``reason`` is a sentence for people."""

    index: int
    shown: str
    reason: str


def is_json_call(item: FoldingItem) -> bool:
    """Whether a call's arguments are a JSON object, as chat providers send and demand them."""
    return item.kind is ItemKind.CALL and item.text[:64].lstrip().startswith("{")


def folded_arguments(shown: str) -> str:
    """The arguments of a folded call as a provider accepts them: always a JSON object."""
    return "{}" if shown == NOTHING_SHOWN else json.dumps({"folded": shown}, ensure_ascii=False)
