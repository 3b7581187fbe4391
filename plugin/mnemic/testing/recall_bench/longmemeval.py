"""LongMemEval: conversations of a user with an assistant, one question for each history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mnemic.domain.memory import NewMemory
from mnemic.storage.packed_text import read_packed_text
from mnemic.testing.recall_bench.cases import Case, Question, not_in_format

_Session = tuple[str, str, list[dict[str, Any]]]
"""Its id, its date as the file writes it, and its messages."""


def load_longmemeval(path: Path, *, assistant: bool = False) -> list[Case]:
    """One case for each history, one turn for each message of the user, and of the assistant if asked for.

    Reads the published JSON list and JSON Lines of cases with ``sessions`` and ``queries``. A question's gold are the stored
    messages that are marked to hold its answer. Cases without any, and those that ask for what was never said (``_abs``),
    are left out. Raises `InvalidInput`.
    """
    text = read_packed_text(path)
    try:
        if text.lstrip().startswith("["):
            cases = [_published(item, assistant=assistant) for item in json.loads(text)]
        else:
            cases = [_line(json.loads(line), assistant=assistant) for line in text.split("\n") if line.strip()]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise not_in_format(path, "longmemeval", error) from error
    return [case for case in cases if case.questions]


def _line(data: dict[str, Any], *, assistant: bool) -> Case:
    sessions = [(one["session_id"], one["metadata"]["date"], one["messages"]) for one in data["sessions"]]
    (query,) = data["queries"]
    about = query["metadata"]
    return _case(
        data["case_id"],
        sessions,
        query["question"],
        about["question_type"],
        about["question_date"],
        assistant=assistant,
    )


def _published(item: dict[str, Any], *, assistant: bool) -> Case:
    sessions = list(zip(item["haystack_session_ids"], item["haystack_dates"], item["haystack_sessions"], strict=True))
    return _case(
        item["question_id"],
        sessions,
        item["question"],
        item["question_type"],
        item["question_date"],
        assistant=assistant,
    )


def _case(name: str, sessions: list[_Session], question: str, category: str, asked_at: str, *, assistant: bool) -> Case:
    turns: list[tuple[str, NewMemory]] = []
    gold = set()
    for session, date, message in _messages(sessions):
        if message["content"].strip() and (assistant or message["role"] == "user"):
            id = str(len(turns))
            if message.get("has_answer"):
                gold.add(id)
            new = NewMemory(
                text=message["content"],
                namespace=name,
                session=session,
                role=message["role"],
                occurred_at=_moment(date),
            )
            turns.append((id, new))
    asked = (
        [Question(text=question, gold=frozenset(gold), category=category, asked_at=_moment(asked_at))]
        if gold and not name.endswith("_abs")
        else []
    )
    return Case(name=name, turns=tuple(turns), questions=tuple(asked))


def _messages(sessions: list[_Session]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for session, date, messages in sessions:
        for message in messages:
            yield session, message.get("created_at") or date, message


def _moment(text: str) -> datetime:
    """ISO 8601, or as the published files write it: ``2023/05/30 (Tue) 23:40``."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return datetime.strptime(text, "%Y/%m/%d (%a) %H:%M").replace(tzinfo=UTC)
