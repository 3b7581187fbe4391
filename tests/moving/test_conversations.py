"""Exports of conversations: what of a message is kept. `test_drawn_exports` has whole exports in the forms of six times."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import mnemic
from mnemic.domain.memory import Kind
from mnemic.domain.moving.chatgpt import read_chatgpt, without_marks
from mnemic.domain.moving.claude import read_claude
from mnemic.domain.moving.records import Damage, LeftOut, SourceRecord
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
    # Without a moment of its own it was said after the one before it, not when the conversation began.
    assert records[2].occurred_at == records[1].occurred_at
    assert plan.left_out == {
        "messages on branches that a conversation was led away from": 1, "pictures, sounds and files of messages": 1
    }  # fmt: skip


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
        "calls and results of tools": 1, "pictures, sounds and files of messages": 1,
        "messages without text (pictures, files, empty)": 1,
    }  # fmt: skip


def chatgpt(*messages: Any, **more: Any) -> Any:
    """A conversation in which each message follows the one before it."""
    mapping: dict[str, Any] = {"root": {"id": "root", "message": None, "parent": None}}
    at = "root"
    for number, message in enumerate(messages):
        id = f"m{number}"
        mapping[id] = {"id": id, "message": {"id": id, "create_time": 1_767_261_600 + number, **message}, "parent": at}
        at = id
    return {"conversation_id": "c1", "current_node": at, "mapping": mapping, "title": "Tea", **more}


def said(role: str, *parts: Any, kind: str = "text", **more: Any) -> Any:
    return {"author": {"role": role}, "content": {"content_type": kind, "parts": list(parts)}, **more}


def found(conversation: Any) -> tuple[list[tuple[str | None, str]], dict[str, int]]:
    """Roles and texts of the records, and what is left out."""
    records, others = [], Counter[str]()
    for one in read_chatgpt(json.dumps([conversation]), "conversations.json"):
        assert not isinstance(one, Damage), one
        if isinstance(one, LeftOut):
            others[one.reason] += one.count
        else:
            records.append((one.role, one.text))
    return records, dict(others)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (said("tool", "Paris is sunny.", author={"role": "tool", "name": "web"}), "calls and results of tools"),
        (said("assistant", '{"city": "Paris"}', recipient="web.run"), "calls and results of tools"),
        (
            said("assistant") | {"content": {"content_type": "code", "language": "python", "text": "1 + 1"}},
            "calls and results of tools",
        ),
        (
            said("user") | {"content": {"content_type": "user_editable_context", "user_profile": "Ana", "text": "Ana"}},
            "custom instructions and context that every conversation repeats",
        ),
        (
            said("system", "Be brief.", metadata={"is_user_system_message": True, "user_context_message_data": {}}),
            "custom instructions and context that every conversation repeats",
        ),
        (said("system", "The date is today."), "messages that the conversation does not show"),
        (
            said("user", "A hint.", metadata={"is_visually_hidden_from_conversation": True}),
            "messages that the conversation does not show",
        ),
        (
            said("assistant") | {"content": {"content_type": "thoughts", "thoughts": [{"content": "Hm"}]}},
            "thoughts of the model",
        ),
        (
            said("assistant") | {"content": {"content_type": "reasoning_recap", "content": "Thought for 5s"}},
            "thoughts of the model",
        ),
        (said("assistant", ""), "messages without text (pictures, files, empty)"),
        (said("user", {"content_type": "image_asset_pointer"}), "messages without text (pictures, files, empty)"),
    ],
)  # fmt: skip
def test_what_the_two_did_not_say_to_each_other_is_left_out_and_why(message: Any, reason: str) -> None:
    assert found(chatgpt(said("user", "Hello."), message)) == ([("user", "Hello.")], {reason: 1})


def test_what_is_of_a_kind_that_is_not_known_comes_in_by_its_words() -> None:
    poll = {"author": {"role": "user"}, "content": {"content_type": "poll", "text": "Tea or coffee?"}}
    assert found(chatgpt(poll)) == ([("user", "Tea or coffee?")], {})


@pytest.mark.parametrize(
    ("marked", "read"),
    [
        ("It rains. \ue200cite\ue202turn0search3\ue202turn0search4\ue201 Stay.", "It rains. Stay."),
        ('See \ue200entity\ue202["city","Porto","in Portugal"]\ue201!', "See Porto!"),
        ('\ue200entity\ue202["people","Ana \\"Fog\\" Marsh",0]\ue201 wrote.', 'Ana "Fog" Marsh wrote.'),
        ("Go \ue200entity\ue202[broken\ue201 on.", "Go on."),
        ("At \ue200url\ue202the pier\ue202https://pier.example/a\ue201.", "At the pier (https://pier.example/a)."),
        ("At \ue200url\ue202the pier\ue202turn0search1\ue201.", "At the pier."),
        ("\ue203Nine o'clock.\ue204 \ue200filecite\ue202turn0file0\ue201", "Nine o'clock."),
        ('Look:\n\ue200image_group\ue202{"query":["tea"]}\ue201\nTea.', "Look:\n\nTea."),
        ("Twelve euros 【8†offer.md†L1-L10】, says it 【11†source】.", "Twelve euros, says it."),
        ("An open \ue200cite\ue202turn0 stays as words.", "An open citeturn0 stays as words."),
        ("【a heading】 and 1†2 stay.", "【a heading】 and 1†2 stay."),
    ],
)  # fmt: skip
def test_the_marks_of_sources_and_names_are_read_as_the_page_shows_them(marked: str, read: str) -> None:
    assert without_marks(marked) == read
    assert found(chatgpt(said("assistant", marked), said("user", marked)))[0] == [("assistant", read), ("user", marked)]


@pytest.mark.parametrize(
    ("piece", "left"),
    [
        (" ", " "),
        ("【", "【"),
        ("【†", "【†"),
        ("\ue200", ""),
        ("\ue200a\ue202", "a"),
        ("\ue200entity\ue202[\ue201", ""),
    ],
)
def test_any_number_of_marks_is_read_to_its_end(piece: str, left: str) -> None:
    assert without_marks(piece * 50_000) == left * 50_000


def test_what_chatgpt_kept_in_its_own_memory_is_a_memory_here() -> None:
    kept = said("assistant", "User is allergic to peanuts.", recipient="bio")
    (record,) = read_chatgpt(json.dumps([chatgpt(kept)]), "conversations.json")
    assert isinstance(record, SourceRecord)
    assert (record.part, record.kind, record.text) == ("memory", Kind.SEMANTIC, "User is allergic to peanuts.")


def test_spoken_and_written_parts_keep_their_order() -> None:
    spoken = {"content_type": "audio_transcription", "direction": "in", "text": "Listen:"}
    sound = {"content_type": "audio_asset_pointer", "asset_pointer": "sediment://file_0"}
    message = said("user", spoken, sound, "a bell", kind="multimodal_text")
    assert found(chatgpt(message)) == ([("user", "Listen:\na bell")], {"pictures, sounds and files of messages": 1})


@pytest.mark.parametrize(("format", "other", "export"), [("chatgpt", "claude", CLAUDE), ("claude", "chatgpt", CHATGPT)])
async def test_the_other_export_is_told_by_its_name(tmp_path: Path, format: str, other: str, export: Any) -> None:
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps(export))
    async with mnemic.open_memory(tmp_path / "home", chroma="off") as memory:
        plan = await memory.imports.plan(path, format=format)
    assert [str(one) for one in plan.damaged] == [
        f"conversations.json, conversation 1: it is a conversation of the format {other}"
    ]


async def test_several_files_of_an_export_come_in_by_their_numbers(tmp_path: Path) -> None:
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for number in (10, 2, 1_000):
            one = chatgpt(said("user", f"This is number {number}."), conversation_id=f"c{number}")
            file.writestr(f"User Online Activity/conversations-{number:03}.json", json.dumps([one]))
        file.writestr("__MACOSX/._conversations-002.json", "no JSON")
        file.writestr("shared_conversations.json", "no JSON")
    async with mnemic.open_memory(tmp_path / "home", chroma="off") as memory:
        plan = await memory.imports.plan(archive, format="chatgpt")
    assert [one.record.place.partition(",")[0] for one in plan.records] == [
        "conversations-002.json", "conversations-010.json", "conversations-1000.json"
    ]  # fmt: skip
    assert [one.record.session for one in plan.records] == ["c2", "c10", "c1000"]


def claude(*messages: Any) -> list[Any]:
    return read({"uuid": "u1", "name": "Tea", "created_at": "2026-01-01T10:00:00Z", "chat_messages": messages})


def read(entry: Any) -> list[Any]:
    text = json.dumps([entry])
    return [
        one.text if isinstance(one, SourceRecord) else (one.reason, one.count) if isinstance(one, LeftOut) else one
        for one in read_claude(text, "conversations.json")
    ]


def turn(uuid: str, text: str, parent: str | None = None, **more: Any) -> Any:
    message = {"uuid": uuid, "sender": "human", "text": "", "content": [{"type": "text", "text": text}], **more}
    return message if parent is None else message | {"parent_message_uuid": parent}


def test_the_rendering_of_thoughts_and_calls_is_nobodys_words() -> None:
    blocks = [{"type": "thinking", "thinking": "Hm"}, {"type": "tool_use"}, {"type": "token_budget"}]
    rendering = "Hm\nThis block is not supported on your current device yet."
    rendered = {"uuid": "m1", "sender": "assistant", "text": rendering, "content": blocks}
    assert claude(rendered) == [
        ("messages without text (pictures, files, empty)", 1), ("thoughts of the model", 1),
        ("calls and results of tools", 1),
    ]  # fmt: skip


def test_a_parent_that_is_not_there_is_the_root_and_a_circle_is_damage() -> None:
    away = ("messages on branches that a conversation was led away from", 1)
    assert claude(turn("a", "Old", "root"), turn("b", "New", "nowhere"), turn("c", "Yes", "b")) == [away, "New", "Yes"]
    (damage,) = claude(turn("a", "1", "b"), turn("b", "2", "a"))
    assert isinstance(damage, Damage) and "circle" in damage.message


def test_messages_of_which_some_name_no_parent_all_come_in() -> None:
    assert claude(turn("a", "1", "root"), turn("b", "2"), turn("c", "3", "root")) == ["1", "2", "3"]


def test_a_file_is_counted_once_when_its_text_is_taken() -> None:
    attached = {"file_name": "plan.md", "extracted_content": "Ten."}
    files = [{"file_name": "plan.md"}, {"file_name": "table.png"}, {"file_name": None}]
    assert claude(turn("a", "Look", attachments=[attached], files=files)) == [
        "Look", "Ten.", ("pictures, sounds and files of messages", 2)
    ]  # fmt: skip


def test_what_claude_keeps_comes_in_by_its_sections() -> None:
    kept = {
        "account_uuid": "a1",
        "conversations_memory": "First.\n\n**Work**\n\nKeeps **bees**.\n\n---\n\n**Empty**\n\n**Home**\n\n- a\n- b",
        "project_memories": {"p1": "**Work**\n\nPaints.", "p2": None},
    }  # fmt: skip
    assert read(kept) == ["First.", "Work\n\nKeeps **bees**.", "Home\n\n- a\n- b", "Work\n\nPaints."]
    found = [one for one in read_claude(json.dumps([kept]), "memories.json") if isinstance(one, SourceRecord)]
    assert [one.tags for one in found] == [(), ("Work",), ("Home",), ("Work", "project:p1")]
    assert {(one.kind, one.part, one.session, one.role) for one in found} == {(Kind.SEMANTIC, "memory", None, None)}
    assert len({one.key for one in found}) == 4


def test_what_claude_keeps_of_nothing_is_nothing_and_what_is_broken_is_damage() -> None:
    assert read({"account_uuid": "a1"}) == []
    (damage,) = read({"account_uuid": "a1", "conversations_memory": 7})
    assert str(damage) == "conversations.json, conversation 1: conversations_memory is a number, not a string"


@pytest.mark.parametrize(("format", "list_of_one"), [("chatgpt", CHATGPT), ("claude", CLAUDE)])
async def test_a_file_of_one_conversation_alone_comes_in_like_a_list_of_it(
    tmp_path: Path, format: str, list_of_one: list[Any]
) -> None:
    file = tmp_path / "trip.json"
    file.write_text(json.dumps(list_of_one[0]), encoding="utf-8")
    async with mnemic.open_memory(tmp_path / "home", chroma="off") as memory:
        alone = await memory.imports.plan(file, format=format)
        assert len(alone.records) == 3 and not alone.damaged
        await take_in(memory, file, format)
        file.write_text(json.dumps(list_of_one), encoding="utf-8")
        assert (await take_in(memory, file, format)).present == 3


def test_a_file_of_neither_is_refused_and_one_of_the_other_service_is_named() -> None:
    (damage,) = read_chatgpt(json.dumps({"title": "Tea"}), "tea.json")
    assert isinstance(damage, Damage) and "a list of conversations, or one" in damage.message
    (damage,) = read_chatgpt(json.dumps(CLAUDE[0]), "tea.json")
    assert isinstance(damage, Damage) and "of the format claude" in damage.message
