"""Exports of conversations. No peer can be asked here: the files follow the form of the exports as their users get them."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mnemic
from tests.moving.importing import take_in


def node(id: str, parent: str | None, role: str, text: str, at: float | None = 1_767_261_600.5, **content: Any) -> Any:
    parts = {"content_type": "text", "parts": [text]} | content
    message = {"id": id, "author": {"role": role}, "create_time": at, "content": parts, "metadata": {}}
    return {"id": id, "message": message, "parent": parent, "children": []}


CHATGPT = [
    {
        "title": "Trip\nto Lisbon", "create_time": 1_767_261_000, "conversation_id": "c1", "current_node": "d",
        "mapping": {
            "root": {"id": "root", "message": None, "parent": None, "children": ["a"]},
            "a": node("a", "root", "user", "When does the ferry to Almada leave?"),
            "b": node("b", "a", "assistant", "At eight."),
            "c": node("c", "a", "assistant", "At nine."),
            "d": node("d", "c", "user", "", None,
                      parts=[{"content_type": "image_asset_pointer"}, "What is in the picture?"]),
        },
    },
]  # fmt: skip
CLAUDE = [
    {
        "uuid": "u1", "name": "Ferries", "created_at": "2026-01-01T10:00:00Z", "updated_at": "2026-01-01T10:05:00Z",
        "chat_messages": [
            {"uuid": "m1", "sender": "human", "text": "When does it leave?", "created_at": "2026-01-01T10:00:01.5Z",
             "attachments": [{"file_name": "plan.txt", "extracted_content": "The harbour plan says ten."}], "files": []},
            {"uuid": "m2", "sender": "assistant", "text": "", "created_at": "2026-01-01T10:00:02Z",
             "content": [{"type": "tool_use", "name": "search"}, {"type": "text", "text": "At ten, says the plan."}]},
            {"uuid": "m3", "sender": "human", "text": "", "created_at": "2026-01-01T10:00:03Z",
             "files": [{"file_name": "a.png"}]},
        ],
    },
]  # fmt: skip


async def test_a_chatgpt_export_comes_in_as_the_conversations_ended(tmp_path: Path) -> None:
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("chat.html", "<p>not read</p>")
        file.writestr("conversations.json", json.dumps(CHATGPT))
    async with mnemic.open_memory(tmp_path / "home", chroma="off") as memory:
        plan = await memory.imports.plan(archive, format="chatgpt")
        await memory.imports.run(plan)
        records = await memory.records()
    assert [(one.role, one.text) for one in records] == [
        ("user", "When does the ferry to Almada leave?"), ("assistant", "At nine."), ("user", "What is in the picture?")
    ]  # fmt: skip
    assert {one.session for one in records} == {"c1"} and {one.tags for one in records} == {("Trip to Lisbon",)}
    assert records[0].occurred_at == datetime(2026, 1, 1, 10, 0, 0, 500_000, tzinfo=UTC)
    assert records[2].occurred_at == datetime.fromtimestamp(1_767_261_000, UTC)
    assert plan.left_out == {"messages on branches that a conversation was led away from": 1}


async def test_a_chatgpt_conversation_that_goes_in_a_circle_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    broken = [
        {
            **CHATGPT[0],
            "current_node": "x",
            "mapping": {"x": node("x", "y", "user", "1"), "y": node("y", "x", "user", "2")},
        }
    ]
    path.write_text(json.dumps([*broken, {**CHATGPT[0], "current_node": "nowhere"}, 7, *CHATGPT]))
    async with mnemic.open_memory(tmp_path / "home", chroma="off") as memory:
        plan = await memory.imports.plan(path, format="chatgpt")
    assert [one.place for one in plan.damaged] == [f"conversations.json, conversation {at}" for at in (1, 2, 3)]
    assert len(plan.records) == 3


async def test_a_claude_export_comes_in_with_the_texts_of_attachments(tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps(CLAUDE))
    async with mnemic.open_memory(tmp_path / "home", chroma="off") as memory:
        plan = await memory.imports.plan(path, format="claude")
        await memory.imports.run(plan)
        records = await memory.records()
        assert (await take_in(memory, path, "claude")).present == 3
    assert [(one.role, one.text) for one in records] == [
        ("user", "When does it leave?"), ("user", "The harbour plan says ten."), ("assistant", "At ten, says the plan.")
    ]  # fmt: skip
    assert records[1].tags == ("Ferries", "plan.txt")
    assert records[0].occurred_at == datetime(2026, 1, 1, 10, 0, 1, 500_000, tzinfo=UTC)
    assert plan.left_out == {
        "tool calls, pictures and files of messages": 2, "messages without text (pictures, files, empty)": 1
    }  # fmt: skip
