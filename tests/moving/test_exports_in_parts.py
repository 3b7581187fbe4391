"""Exports of conversations as people hold them: in several archives, unpacked by halves, with what is empty or missing."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import mnemic
from mnemic.domain.memory import Kind
from mnemic.domain.moving.chatgpt import read_chatgpt
from mnemic.domain.moving.claude import read_claude
from mnemic.domain.moving.records import Damage, LeftOut, SourceRecord
from mnemic.errors import InvalidInput
from mnemic.storage import foreign_exports
from tests.moving.importing import take_in

ACCOUNT = "5d0c8a51-0000-4000-8000-000000000001"


def claude_chat(id: str, *texts: str) -> dict[str, Any]:
    messages = [
        {
            "uuid": f"{id}-{number}", "text": text, "content": [{"type": "text", "text": text}],
            "sender": ("human", "assistant")[number % 2], "created_at": f"2026-08-30T09:00:{number:02}.000000Z",
            "attachments": [], "files": [],
            "parent_message_uuid": f"{id}-{number - 1}" if number else "00000000-0000-4000-8000-000000000000",
        }
        for number, text in enumerate(texts)
    ]  # fmt: skip
    return {"uuid": id, "name": "Ferries", "created_at": "2026-08-30T09:00:00Z", "chat_messages": messages}


KEPT = {
    "conversations_memory": "**Work context**\n\nKeeps the harbour's plan.",
    "project_memories": {"p1": "**Purpose**\n\nA new pier."},
    "memory_files": [
        {"path": "/profile.md", "content": "- [stated] Lives in Almada\n", "updated_at": "2026-08-02T03:04:05.000000Z"},
        {"path": "/people/ben.md", "content": "", "updated_at": "2026-08-02T03:04:05.000000Z"},
    ],
    "account_uuid": ACCOUNT,
}
# Each archive of an export of Claude since August 2026, and what is in it.
CLAUDE: dict[str, dict[str, Any]] = {
    "conversations-000.zip": {"conversations.json": [claude_chat("c1", "When does it leave?", "At ten.")]},
    "conversations-001.zip": {"conversations.json": [claude_chat("c2", "And back?", "At six.")]},
    "memories-000.zip": {f"memories/{ACCOUNT}.json": KEPT},
    "projects-000.zip": {"projects/p1.json": {"uuid": "p1", "name": "Pier", "docs": []}},
    "design_chats-000.zip": {"design_chats/d1.json": {"uuid": "d1", "title": "Logo", "messages": []}},
    "light_metadata-000.zip": {"users.json": [{"uuid": ACCOUNT}], "login_history.json": {"login_events": []}},
}
MANIFEST = {
    "version": "1.0",
    "total_files": 6,
    "data_files": [{"category": "memories", "filename": "memories-000.zip"}],
}
SAID = {"When does it leave?", "At ten.", "And back?", "At six."}
KEPT_TEXTS = {
    "Work context\n\nKeeps the harbour's plan.",
    "Purpose\n\nA new pier.",
    "- [stated] Lives in Almada",
}


def zipped(contents: dict[str, Any], folder: str = "") -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in contents.items():
            archive.writestr(folder + name, value if isinstance(value, bytes) else json.dumps(value))
    return held.getvalue()


def write_as_downloaded(folder: Path) -> None:
    (folder / "manifest-5d0c8a51.json").write_text(json.dumps(MANIFEST))
    for name, contents in CLAUDE.items():
        (folder / name).write_bytes(zipped(contents))
    # A browser numbers what is fetched a second time.
    (folder / "conversations-000 (1).zip").write_bytes(zipped(CLAUDE["conversations-000.zip"]))


def write_unpacked_each_by_itself(folder: Path) -> None:
    for name, contents in CLAUDE.items():
        for file, value in contents.items():
            path = folder / name.removesuffix(".zip") / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value))


def write_unpacked_together(folder: Path) -> None:
    """The second file of conversations is numbered, as another one of that name was there."""
    for number, (_, contents) in enumerate(CLAUDE.items()):
        for file, value in contents.items():
            path = folder / (file if number != 1 else "conversations-001.json")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value))


def write_packed_once_more(folder: Path) -> None:
    archives = {name: zipped(contents) for name, contents in CLAUDE.items()}
    (folder / "all.zip").write_bytes(zipped({"manifest.json": MANIFEST, **archives}, "Claude export/"))


@pytest.mark.parametrize(
    "write", [write_as_downloaded, write_unpacked_each_by_itself, write_unpacked_together, write_packed_once_more]
)
async def test_an_export_of_claude_in_several_archives_comes_in_whole_however_it_is_kept(
    tmp_path: Path, write: Any
) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    write(folder)
    whole = folder / "all.zip" if write is write_packed_once_more else folder
    async with mnemic.open_memory(tmp_path / "home", chroma="off", durable=False) as memory:
        outcome = await take_in(memory, whole, "claude")
        records = await memory.records()
        assert {one.text for one in records} == SAID | KEPT_TEXTS
        assert outcome.stored == len(SAID | KEPT_TEXTS)
        assert (await take_in(memory, whole, "claude")).stored == 0


async def test_each_archive_of_an_export_of_claude_can_be_given_by_itself(tmp_path: Path) -> None:
    write_as_downloaded(tmp_path)
    async with mnemic.open_memory(tmp_path / "home", chroma="off", durable=False) as memory:
        assert (await take_in(memory, tmp_path / "memories-000.zip", "claude")).stored == 3
        assert (await take_in(memory, tmp_path / "conversations-001.zip", "claude")).stored == 2
        with pytest.raises(
            InvalidInput, match=r"projects-000\.zip holds 0 files conversations\.json or memories\.json"
        ):
            await memory.imports.plan(tmp_path / "projects-000.zip", format="claude")
        # The same memory, in the one file for all accounts of earlier exports.
        (tmp_path / "memories.json").write_text(json.dumps([KEPT]))
        assert (await take_in(memory, tmp_path / "memories.json", "claude")).stored == 0


def test_files_of_claudes_memory_are_memories_since_they_were_written_last() -> None:
    found = [one for one in read_claude(json.dumps(KEPT), "a.json") if isinstance(one, SourceRecord)]
    (file,) = (one for one in found if "/file/" in one.key)
    assert (file.text, file.tags, file.kind) == ("- [stated] Lives in Almada", ("profile",), Kind.SEMANTIC)
    assert file.valid_from == datetime(2026, 8, 2, 3, 4, 5, tzinfo=UTC)
    broken = {"memory_files": [None, {"path": "/a.md", "content": 7}, {"path": "/b.md", "content": "b"}]}
    first, second, sound = read_claude(json.dumps(broken), "a.json")
    assert [str(first), str(second)] == [
        "a.json, file 1: it is null, not an object", "a.json, file 2: content is a number, not a string"
    ]  # fmt: skip
    assert isinstance(sound, SourceRecord) and sound.text == "b"


def chatgpt_chat(id: str, text: str) -> dict[str, Any]:
    message = {"id": "m", "author": {"role": "user"}, "content": {"content_type": "text", "parts": [text]}}
    return {
        "conversation_id": id, "create_time": 1_786_000_000, "current_node": "m",
        "mapping": {"r": {"id": "r", "message": None, "parent": None}, "m": {"id": "m", "message": message, "parent": "r"}},
    }  # fmt: skip


async def test_conversations_are_read_out_of_the_archive_of_all_that_the_service_has(tmp_path: Path) -> None:
    inner = zipped({"conversations-000.json": [chatgpt_chat("c1", "Hello.")], "file-1.dat": b"\x89PNG"})
    charges = b"2026-08-01,20.00"
    archive = tmp_path / "privacy.zip"
    parts = {
        "Conversations__0f3a-chatgpt-0001.zip": inner,
        "Files__0f3a-0001.zip": b"no archive",
        "Emails.csv": charges,
    }
    archive.write_bytes(zipped(parts, "User Online Activity/"))
    async with mnemic.open_memory(tmp_path / "home", chroma="off", durable=False) as memory:
        plan = await memory.imports.plan(archive, format="chatgpt")
        place = "Conversations__0f3a-chatgpt-0001.zip, conversations-000.json, conversation 1, message m"
        assert [(one.record.text, one.record.place) for one in plan.records] == [("Hello.", place)]


async def test_an_archive_in_an_archive_that_is_none_or_unfolds_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "export.zip"

    async def refused(inner: bytes, why: str) -> None:
        path.write_bytes(zipped({"conversations-000.zip": inner}))
        with pytest.raises(InvalidInput, match=why):
            await memory.imports.plan(path, format="chatgpt")

    async with mnemic.open_memory(tmp_path / "home", chroma="off", durable=False) as memory:
        await refused(b"PK", r"conversations-000\.zip in .*export\.zip is no zip archive")
        await refused(b"\0" * 5_000_000, "would unfold")
        await refused(zipped({"conversations.json": b" " * 50_000_000}), "would unfold")
        # One level, and no further: the innermost is not opened.
        await refused(zipped({"conversations-001.zip": zipped({"conversations.json": []})}), "holds 0 files")
        monkeypatch.setattr(foreign_exports, "MAX_PART_BYTES", 10)
        await refused(
            zipped({"conversations.json": []}), r"unpack .*export\.zip and give conversations-000\.zip|unfold"
        )


async def test_a_folder_is_searched_below_only_where_it_holds_nothing_itself(tmp_path: Path) -> None:
    for depth in ("", "other/", "other/older/", "other/older/far/", "other/older/far/away/", ".hidden/"):
        (tmp_path / "downloads" / depth).mkdir(exist_ok=True, parents=True)
        chat = chatgpt_chat(f"c{depth}", f"In {depth or 'itself'}.")
        (tmp_path / "downloads" / depth / "conversations.json").write_text(json.dumps([chat]))
    async with mnemic.open_memory(tmp_path / "home", chroma="off", durable=False) as memory:
        plan = await memory.imports.plan(tmp_path / "downloads", format="chatgpt")
        assert [one.record.text for one in plan.records] == ["In itself."]
        (tmp_path / "downloads" / "conversations.json").unlink()
        plan = await memory.imports.plan(tmp_path / "downloads", format="chatgpt")
        assert [one.record.text for one in plan.records] == ["In other/.", "In other/older/.", "In other/older/far/."]


def in_chatgpt(*conversations: Any) -> list[Any]:
    return [
        one.text if isinstance(one, SourceRecord) else (one.reason, one.count) if isinstance(one, LeftOut) else one
        for one in read_chatgpt(json.dumps(conversations), "conversations.json")
    ]


@pytest.mark.parametrize("shell", [{}, {"mapping": None}, {"mapping": {}}, {"mapping": None, "current_node": "gone"}])
def test_a_conversation_without_messages_is_no_damage(shell: Any) -> None:
    assert in_chatgpt({"id": "c0", "title": "New chat", **shell}, chatgpt_chat("c1", "Hi.")) == [
        ("conversations without messages", 1), "Hi."
    ]  # fmt: skip


def branched() -> dict[str, Any]:
    """A question with two answers; the first was given last."""

    def node(id: str, parent: str, role: str, at: float | None) -> dict[str, Any]:
        content = {"content_type": "text", "parts": [f"{id} by {role}"]}
        return {
            "id": id,
            "message": {"author": {"role": role}, "create_time": at, "content": content},
            "parent": parent,
        }

    mapping = {
        "a": node("a", "q", "assistant", 30.0),
        "b": node("b", "q", "assistant", 20.0),
        "q": node("q", "r", "user", 10),
    }
    return {"id": "c1", "mapping": {**mapping, "r": {"id": "r", "parent": None, "message": None}}}


@pytest.mark.parametrize("end", [{}, {"current_node": None}])
def test_a_conversation_that_does_not_say_where_it_ended_ends_with_its_newest_message(end: Any) -> None:
    away = ("messages on branches that a conversation was led away from", 1)
    assert in_chatgpt(branched() | end) == [away, "q by user", "a by assistant"]
    (damage,) = in_chatgpt(branched() | {"current_node": "nowhere"})
    assert isinstance(damage, Damage)


def test_messages_without_content_are_empty_and_a_list_may_be_named() -> None:
    chat = chatgpt_chat("c1", "Hi.")
    chat["mapping"]["m"]["message"]["content"] = None
    assert in_chatgpt(chat) == [("messages without text (pictures, files, empty)", 1)]
    (found,) = read_chatgpt(json.dumps({"conversations": [chatgpt_chat("c1", "Hi.")]}), "a.json")
    assert isinstance(found, SourceRecord) and found.text == "Hi."


def test_messages_without_moments_are_dated_as_what_was_said_before_them() -> None:
    chat = branched() | {"create_time": 5.0, "current_node": "a"}
    for id, at in (("q", None), ("a", 30.0)):
        chat["mapping"][id]["message"]["create_time"] = at
    chat["mapping"]["e"] = {"parent": "a", "message": chat["mapping"]["q"]["message"]}
    found = [
        one for one in read_chatgpt(json.dumps([chat | {"current_node": "e"}]), "") if isinstance(one, SourceRecord)
    ]
    seconds = [one.occurred_at.timestamp() if one.occurred_at else None for one in found]
    assert seconds == [5.0, 30.0, 30.0]


def test_what_is_kept_by_a_call_with_code_is_kept_too() -> None:
    chat = chatgpt_chat("c1", "")
    content = {"content_type": "code", "language": "unknown", "text": "Ana keeps bees."}
    chat["mapping"]["m"]["message"] |= {"author": {"role": "assistant"}, "recipient": "bio", "content": content}
    assert in_chatgpt(chat) == ["Ana keeps bees."]


def in_claude(conversation: Any) -> list[Any]:
    return [
        one.text if isinstance(one, SourceRecord) else (one.reason, one.count) if isinstance(one, LeftOut) else one
        for one in read_claude(json.dumps([conversation]), "conversations.json")
    ]


AWAY = ("messages on branches that a conversation was led away from", 1)


def test_the_branch_of_claude_that_is_shown_ends_with_the_newest_message_or_with_the_one_that_is_named() -> None:
    chat = claude_chat("c1", "Question", "Second answer", "First answer")
    messages = chat["chat_messages"]
    messages[2] |= {"parent_message_uuid": "c1-0", "created_at": "2026-08-30T09:00:00.500000Z"}
    assert in_claude(chat) == [AWAY, "Question", "Second answer"]
    assert in_claude(chat | {"current_leaf_message_uuid": "c1-2"}) == [AWAY, "Question", "First answer"]
    assert in_claude(chat | {"current_leaf_message_uuid": None}) == [AWAY, "Question", "Second answer"]
    # Copies of the page write null where exports have a parent that is not there.
    messages[0]["parent_message_uuid"] = None
    assert in_claude(chat) == [AWAY, "Question", "Second answer"]


@pytest.mark.parametrize("block", [{"title": "A note", "text": "Ten it is."}, {"transcript": "Ten it is."}])
def test_what_was_spoken_to_claude_or_by_it_was_said(block: Any) -> None:
    chat = claude_chat("c1", "")
    chat["chat_messages"][0]["content"] = [{"type": "text", "text": "So:"}, {"type": "voice_note", **block}]
    assert in_claude(chat) == ["So:\nTen it is."]
