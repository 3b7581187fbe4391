"""LoCoMo: long dialogues of two people in sessions, and questions with the turns that answer them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mnemic.domain.memory import NewMemory
from mnemic.storage.packed_text import read_packed_text
from mnemic.testing.recall_bench.cases import Case, Question, not_in_format

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}
"""The fifth category asks for what was never said, so nothing can be found for it; it is left out, as is usual."""

_TURN_ID = re.compile(r"D:?(\d+):(\d+)")
_SESSION = re.compile(r"session_(\d+)")


def load_locomo(path: Path) -> list[Case]:
    """One case for each conversation, one turn for each that was said. Raises `InvalidInput`.

    A shared picture's caption is part of the turn's text. Questions of the categories 1 to 4 are asked, as far as a turn
    that answers them is named and exists.
    """
    try:
        return [_case(sample) for sample in json.loads(read_packed_text(path))]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise not_in_format(path, "locomo", error) from error


def count_locomo(path: Path) -> tuple[int, int]:
    """How many conversations and questions of any category a LoCoMo file has. Raises `InvalidInput`."""
    try:
        samples = json.loads(read_packed_text(path))
        return len(samples), sum(len(sample["qa"]) for sample in samples)
    except (ValueError, KeyError, TypeError) as error:
        raise not_in_format(path, "locomo", error) from error


def _case(sample: dict[str, Any]) -> Case:
    name, conversation = sample["sample_id"], sample["conversation"]
    sessions = sorted((int(found[1]), key) for key in conversation if (found := _SESSION.fullmatch(key)))
    turns = []
    for number, key in sessions:
        said_at = datetime.strptime(conversation[f"{key}_date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
        for turn in conversation[key]:
            text = turn["text"] + (f" [picture: {turn['blip_caption']}]" if turn.get("blip_caption") else "")
            new = NewMemory(
                text=text or "[picture]", namespace=name, session=f"session {number}", speaker=turn["speaker"],
                occurred_at=said_at, source=turn["dia_id"],
            )  # fmt: skip
            turns.append((turn["dia_id"], new))
    known = {id for id, _ in turns}
    questions = []
    for qa in sample["qa"]:
        # Some ids are written with a leading zero or a colon too many.
        named = {f"D{int(a)}:{int(b)}" for evidence in qa.get("evidence", ()) for a, b in _TURN_ID.findall(evidence)}
        if qa["category"] in CATEGORIES and named & known:
            gold = frozenset(named & known)
            questions.append(Question(text=qa["question"], gold=gold, category=CATEGORIES[qa["category"]]))
    return Case(name=name, turns=tuple(turns), questions=tuple(questions))
