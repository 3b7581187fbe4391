"""A simple format for data of one's own: JSON Lines of memories and questions (docs/recall-bench.md describes it)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mnemic.domain.drafting import draft_fact, draft_memory
from mnemic.domain.memory import MemoryId, NewMemory
from mnemic.domain.provenance import Origin
from mnemic.domain.validation import MAX_QUERY_CHARS, check_label, check_moment, check_namespace, check_text
from mnemic.errors import InvalidInput
from mnemic.storage.packed_text import read_packed_text
from mnemic.testing.recall_bench.cases import Case, Question

MEMORY_FIELDS = (
    "text", "kind", "tags", "session", "speaker", "role", "occurred_at", "valid_from", "source", "when_to_use", "subject",
    "attribute",
)  # fmt: skip
"""The fields of `NewMemory` that a line may give. Those that name other memories by their ids in a store are left out."""

EXAMPLE = '{"memory": {"id": "m1", "text": "…"}} or {"question": "…", "gold": ["m1"]}'
_ANY_ID = MemoryId("m" + "0" * 15)
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass
class _Namespace:
    turns: dict[str, NewMemory] = field(default_factory=dict)
    questions: list[tuple[int, Question]] = field(default_factory=list)


def load_jsonl(path: Path) -> list[Case]:
    """One case for each namespace, in the order of the file. Raises `InvalidInput`, which names the line that is wrong."""
    found: dict[str, _Namespace] = {}
    # Not splitlines(): a text may hold other line separators than the one that ends a JSON line.
    for number, line in enumerate(read_packed_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            _take(json.loads(line), number, found)
        except (ValueError, RecursionError) as error:
            why = error if isinstance(error, json.JSONDecodeError) else "nested too deeply"
            raise _wrong(path, number, f"this is not JSON ({why}).", f"Write one object a line: {EXAMPLE}.") from error
        except InvalidInput as error:
            raise _wrong(path, number, error.message, error.hint) from error
    for namespace, place in found.items():
        for number, question in place.questions:
            unknown = sorted(question.gold - place.turns.keys())
            if unknown:
                raise _wrong(
                    path, number, f"gold names {unknown[0]!r}, which is no memory of the namespace {namespace!r}.",
                    "Give the id of a memory of the same namespace.",
                )  # fmt: skip
    named = any(question.category for place in found.values() for _, question in place.questions)
    rest = "without a category" if named else "all questions"
    cases = [
        Case(
            name=name,
            turns=tuple(place.turns.items()),
            questions=tuple(replace(question, category=question.category or rest) for _, question in place.questions),
        )
        for name, place in found.items()
    ]
    if not any(case.questions for case in cases):
        raise InvalidInput(f"{path} asks nothing.", hint=f"Add lines such as {EXAMPLE}.")
    return cases


def _take(value: Any, number: int, found: dict[str, _Namespace]) -> None:
    if not isinstance(value, dict) or ("memory" in value) == ("question" in value):
        raise InvalidInput(f"this is neither a memory nor a question: {_shown(value)}.", hint=f"Write {EXAMPLE}.")
    namespace = "/".join(check_namespace(value.get("namespace", "default")))
    place = found.setdefault(namespace, _Namespace())
    if "question" in value:
        place.questions.append((number, _question(value)))
        return
    _refuse_unknown(value, ("memory", "namespace"), "a memory's line")
    id, new = _memory(value["memory"], namespace)
    if id in place.turns:
        raise InvalidInput(f"the id {id!r} is taken.", hint="Every memory of a namespace has an id of its own.")
    place.turns[id] = new


def _memory(value: Any, namespace: str) -> tuple[str, NewMemory]:
    if not isinstance(value, dict):
        raise InvalidInput(f"memory is {_shown(value)}, not an object.", hint=f"Write {EXAMPLE}.")
    _refuse_unknown(value, ("id", *MEMORY_FIELDS), "a memory")
    id = _label(value.get("id"), "id")
    if "text" not in value:
        raise InvalidInput(f"the memory {id!r} has no text.", hint=f"Write {EXAMPLE}.")
    new = NewMemory(**{name: value[name] for name in MEMORY_FIELDS if name in value}, namespace=namespace)
    # Checked now, because remembering would not know the line.
    record = draft_memory(new, id=_ANY_ID, namespace=("default",), origin=Origin(), recorded_at=_ANY_TIME)
    draft_fact(new, record)
    return id, new


def _question(value: dict[str, Any]) -> Question:
    _refuse_unknown(value, ("question", "gold", "category", "asked_at", "namespace"), "a question's line")
    gold = value.get("gold")
    if not isinstance(gold, list) or not gold:
        raise InvalidInput(
            f"gold is {_shown(gold)}.", hint='List the ids of what answers the question: "gold": ["m1"].'
        )
    return Question(
        text=check_text(value["question"], name="question", limit=MAX_QUERY_CHARS),
        gold=frozenset(_label(id, "gold") for id in gold),
        category=_label(value["category"], "category") if "category" in value else "",
        asked_at=check_moment(value.get("asked_at"), name="asked_at"),
    )


def _label(value: Any, name: str) -> str:
    label = check_label(value, name=name)
    if label is None:
        raise InvalidInput(f"{name} is missing.", hint=f"Write {EXAMPLE}.")
    return label


def _refuse_unknown(value: dict[str, Any], known: tuple[str, ...], what: str) -> None:
    unknown = sorted(value.keys() - set(known))
    if unknown:
        raise InvalidInput(f"{what} has no field {unknown[0]!r}.", hint=f"The fields are: {', '.join(known)}.")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"


def _wrong(path: Path, number: int, message: str, hint: str) -> InvalidInput:
    return InvalidInput(f"{path}, line {number}: {message}", hint=hint)
