"""Whole exports of ChatGPT and Claude in the forms of six times: what comes in is what was said in them, as said."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mnemic
from mnemic import MemoryRecord
from mnemic.domain.memory import Kind
from mnemic.domain.moving.chatgpt import read_chatgpt
from mnemic.domain.moving.claude import read_claude
from mnemic.domain.moving.records import Found, LeftOut
from mnemic.errors import InvalidInput
from mnemic.services.moving.taking_over import take_over
from tests.moving.importing import PEERS, content_of, reported, take_in
from tests.moving.peers.writers.drawn_exports import main as draw

EXPORTS = [
    "chatgpt/2023-04", "chatgpt/2025-12", "chatgpt/2026-08", "claude/2024-09", "claude/2026-03", "claude/2026-08"
]  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def format_of(export: str) -> str:
    return export.partition("/")[0]


def conversations_in(export: str) -> list[Any]:
    files = sorted((PEERS / export).glob("conversations*.json"))
    return [conversation for path in files for conversation in json.loads(path.read_text(encoding="utf-8"))]


def packed(export: str, archive: Path, folder: str = "") -> Path:
    """The archive as the service sends it: all its files, of which most are not read."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted((PEERS / export).iterdir()):
            if path.name != "reported.json":
                file.write(path, folder + path.name)
        file.writestr(f"{folder}chat.html", "<p>not read</p>")
        file.writestr(f"{folder}file_00000000425c71fa87c65d9af686f1a3.dat", b"\x89PNG")
    return archive


def walked(export: str) -> Iterator[tuple[str, str, datetime, str | None]]:
    """Conversation, role, moment and title of every message that an export shows, found from its roots downwards."""
    for one in conversations_in(export):
        if format_of(export) == "claude":
            for message in _shown_by_claude(one):
                blocks = message.get("content", [{"type": "text", "text": message["text"]}])
                if any(block["type"] == "text" and block["text"].strip() for block in blocks):
                    role = "user" if message["sender"] == "human" else "assistant"
                    yield one["uuid"], role, datetime.fromisoformat(message["created_at"]), one["name"]
        else:
            for message in _shown_by_chatgpt(one):
                yield (
                    one["id"], message["author"]["role"], EPOCH + timedelta(seconds=message["create_time"]), one["title"]
                )  # fmt: skip


def _shown_by_chatgpt(conversation: Any) -> Iterator[Any]:
    mapping = conversation["mapping"]
    below: dict[str | None, list[str]] = {}
    for id, node in mapping.items():
        below.setdefault(node["parent"], []).append(id)
        if "children" in node:
            assert node["children"] == [other for other in node["children"] if mapping[other]["parent"] == id]
    paths = [[root] for root in below[None]]
    while paths:
        path = paths.pop()
        if path[-1] == conversation["current_node"]:
            break
        paths += [[*path, child] for child in below.get(path[-1], [])]
    for id in path:
        message = mapping[id]["message"]
        if (
            message
            and message["author"]["role"] in ("user", "assistant")
            and message.get("recipient", "all") in ("all", "bio")
            and not message.get("metadata", {}).get("is_visually_hidden_from_conversation")
            and any(part != "" for part in message["content"].get("parts", []))
        ):
            yield message


def _shown_by_claude(conversation: Any) -> list[Any]:
    messages = conversation["chat_messages"]
    if not messages or "parent_message_uuid" not in messages[0]:
        return list(messages)
    shown: list[Any] = []
    # Backwards: what is not the parent of what is shown is not shown.
    wanted = messages[-1]["uuid"]
    for message in reversed(messages):
        if message["uuid"] == wanted:
            shown.insert(0, message)
            wanted = message["parent_message_uuid"]
    return shown


def told(records: tuple[MemoryRecord, ...]) -> list[tuple[Any, ...]]:
    return [(one.session, one.role, one.occurred_at, one.text, one.kind, one.tags) for one in records]


@pytest.mark.parametrize("export", EXPORTS)
async def test_an_export_comes_in_as_it_was_said(tmp_path: Path, export: str) -> None:
    report = reported(f"{export}/reported.json")
    titles: dict[str, str | None] = report["conversations"]
    archive = packed(export, tmp_path / "export.zip")
    async with mnemic.open_memory(tmp_path / "home", chroma="off", facts="off") as memory:
        plan = await memory.imports.plan(archive, format=format_of(export))
        assert plan.damaged == ()
        outcome = await memory.imports.run(plan)
        records = await memory.records()
    expected: list[tuple[Any, ...]] = []
    for session, _, role, at, text, part in report["said"]:
        if session is None:  # what Claude keeps, by its sections
            expected.append((None, None, None, text, Kind.SEMANTIC, (text.split("\n")[0],)))
            continue
        tags = ((titles[session],) if titles[session] else ()) + (("tides.md",) if "9:12" in text else ())
        tags += ("plan.txt",) if part == "attachment" and "harbour plan" in text else ()
        kind = Kind.SEMANTIC if part == "memory" else Kind.EPISODIC
        expected.append((session, role, datetime.fromisoformat(at), text, kind, tags))
    assert sorted(told(records), key=str) == sorted(expected, key=str)
    assert outcome.stored == len(expected) and outcome.refused == ()
    # And as another way of walking through the file finds it; attachments and what Claude keeps stand beside the messages.
    messages = [one for one in plan.records if one.record.session and one.record.part != "attachment"]
    assert [(one.record.session, one.record.role, one.record.occurred_at) for one in messages] == [
        (session, role, at) for session, role, at, _ in walked(export)
    ]
    assert {id: title for id, _, _, title in walked(export)}.items() <= titles.items()
    assert len(conversations_in(export)) == len(titles)


@pytest.mark.parametrize("export", EXPORTS)
async def test_everything_of_an_export_is_taken_or_counted(tmp_path: Path, export: str) -> None:
    """Every message is a record, or is among what is left out."""
    async with mnemic.open_memory(tmp_path / "home", chroma="off", durable=False) as memory:
        plan = await memory.imports.plan(PEERS / export, format=format_of(export))
    messages = 0
    for one in conversations_in(export):
        held = [node["message"] for node in one["mapping"].values()] if "mapping" in one else one["chat_messages"]
        messages += sum(message is not None for message in held)
    beside = {"pictures, sounds and files of messages"}
    if format_of(export) == "claude":
        beside |= {
            "thoughts of the model",
            "calls and results of tools",
            "messages that the conversation does not show",
        }
    counted = sum(count for reason, count in plan.left_out.items() if reason not in beside)
    taken = sum(one.record.session is not None and one.record.part != "attachment" for one in plan.records)
    assert taken + counted == messages


@pytest.mark.parametrize("export", EXPORTS)
async def test_an_archive_its_folder_and_its_files_are_the_same_export(tmp_path: Path, export: str) -> None:
    format = format_of(export)
    inside = packed(export, tmp_path / "inside.zip", "User Online Activity/")
    async with mnemic.open_memory(tmp_path / "home", chroma="off", durable=False) as memory:
        first = await take_in(memory, packed(export, tmp_path / "export.zip"), format)
        taken = first.stored + first.confirmed
        for path in (inside, PEERS / export):
            again = await take_in(memory, path, format)
            assert (again.present, again.stored, again.confirmed, again.left_out) == (taken, 0, 0, first.left_out)
        for path in (*(PEERS / export).glob("conversations*.json"), *(PEERS / export).glob("memories.json")):
            assert (await take_in(memory, path, format)).stored == 0
        assert len(await memory.records()) == first.stored


async def _interrupted(export: str, after: int | None) -> Any:
    class Interrupted(BaseException):
        pass

    def advance(done: int) -> None:
        if after is not None and done >= after:
            raise Interrupted

    with tempfile.TemporaryDirectory() as folder:
        async with mnemic.open_memory(Path(folder), chroma="off", durable=False) as memory:
            plan = await memory.imports.plan(PEERS / export, format=format_of(export))
            with contextlib.suppress(Interrupted):
                await memory.run(take_over, plan, batch=1, advance=advance)
            outcome = await memory.imports.run(plan)
            assert outcome.present >= (len(plan.records) if after is None else after)
            assert (await memory.imports.run(plan)).present == len(plan.records)
            return await content_of(memory)


@pytest.mark.parametrize("export", EXPORTS)
def test_an_export_that_was_interrupted_and_begun_again_is_the_same(export: str) -> None:
    whole = asyncio.run(_interrupted(export, None))
    for after in (1, 3):
        assert asyncio.run(_interrupted(export, after)) == whole


def _last_message(conversation: Any) -> Any:
    if "mapping" in conversation:
        return conversation["mapping"][conversation["current_node"]]["message"]
    return conversation["chat_messages"][-1]


def _break_moment(conversation: Any) -> None:
    message = _last_message(conversation)
    message["create_time" if "mapping" in conversation else "created_at"] = "yesterday"


def _break_content(conversation: Any) -> None:
    _last_message(conversation)["content"] = 7


def _break_messages(conversation: Any) -> None:
    conversation["mapping" if "mapping" in conversation else "chat_messages"] = "gone"


@pytest.mark.parametrize("export", ["chatgpt/2023-04", "chatgpt/2026-08", "claude/2026-03", "claude/2026-08"])
@pytest.mark.parametrize("break_it", [_break_moment, _break_content, _break_messages])
async def test_damage_within_an_export_is_told_with_its_place_and_the_rest_comes_in_when_asked(
    tmp_path: Path, export: str, break_it: Any
) -> None:
    whole = sorted((PEERS / export).glob("conversations*.json"))[-1]
    conversations = json.loads(whole.read_text(encoding="utf-8"))
    sound = json.loads(whole.read_text(encoding="utf-8"))[0]
    break_it(conversations[0])
    path = tmp_path / whole.name
    path.write_text(json.dumps([*conversations, sound]))
    async with mnemic.open_memory(tmp_path / "home", chroma="off", durable=False) as memory:
        plan = await memory.imports.plan(path, format=format_of(export))
        (damage,) = plan.damaged
        assert damage.place.startswith(f"{whole.name}, conversation 1")
        assert ("message" in damage.place) is (break_it is not _break_messages)
        with pytest.raises(InvalidInput, match="Nothing was imported"):
            await memory.imports.run(plan)
        assert await memory.records() == ()
        await memory.imports.run(plan, on_error="skip")
        whole_plan = await memory.imports.plan(whole, format=format_of(export))
        assert {one.token for one in whole_plan.records} <= {one.token for one in plan.records}


async def test_a_member_of_an_archive_without_a_name_is_none(tmp_path: Path) -> None:
    """A name is cut off at a NUL."""
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(PEERS / "chatgpt" / "2023-04" / "conversations.json", "conversations.json")
        archive.writestr("unnamed", "")
    path.write_bytes(path.read_bytes().replace(b"unnamed", b"\0named!"))
    async with mnemic.open_memory(tmp_path / "home", chroma="off", durable=False) as memory:
        plan = await memory.imports.plan(path, format="chatgpt")
        assert plan.records and not plan.damaged


ODD: list[Any] = [None, True, -1.5, "", "odd", "\ud800", [], {}, [None], {"text": 7}, [[["deep"]]], -(10**20), 1e300]


def _places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*above, key)
        yield from _places(one, (*above, key))


@settings(max_examples=150, deadline=None)
@given(export=st.sampled_from(EXPORTS), data=st.data())
def test_an_odd_value_anywhere_in_an_export_is_damage_or_left_out_or_taken(export: str, data: st.DataObject) -> None:
    read = {"chatgpt": read_chatgpt, "claude": read_claude}[format_of(export)]
    conversations = conversations_in(export)
    before = list(read(json.dumps(conversations), "conversations.json"))
    place = data.draw(st.sampled_from(list(_places(conversations))))
    holder: Any = conversations
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
    found = list(read(json.dumps(conversations), "conversations.json"))
    # The other conversations come in as they did.
    mine = f"conversations.json, conversation {place[0] + 1}"
    assert [one for one in found if not _at(one, mine)] == [one for one in before if not _at(one, mine)]


def _at(one: Found, place: str) -> bool:
    """Whether it is of that conversation; what is left out says of none."""
    return isinstance(one, LeftOut) or (one.place + ",").startswith(place + ",")


@pytest.mark.parametrize("export", EXPORTS)
async def test_an_export_that_breaks_off_is_told_and_nothing_comes_in(tmp_path: Path, export: str) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    for file in sorted((PEERS / export).glob("conversations*.json")):
        raw = file.read_bytes()
        (folder / file.name).write_bytes(raw[: len(raw) - 400])
    last = file.name
    async with mnemic.open_memory(tmp_path / "home", chroma="off", durable=False) as memory:
        plan = await memory.imports.plan(folder, format=format_of(export))
        assert plan.damaged[-1].place == last and "it is not JSON" in plan.damaged[-1].message
        with pytest.raises(InvalidInput, match="Nothing was imported"):
            await memory.imports.run(plan)


async def test_what_was_said_in_an_export_is_found_with_its_conversation(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path / "home", chroma="off") as memory:
        await take_in(memory, PEERS / "chatgpt" / "2025-12", "chatgpt")
        best = (await memory.recall("What is the user allergic to?", min_score=0)).hits[0].memory
        assert best.text == "User is allergic to peanuts." and best.tags == ("Kitchen tiles",)


def test_the_exports_are_as_they_are_drawn(tmp_path: Path) -> None:
    draw(tmp_path)
    drawn = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert drawn == {path: (PEERS / path).read_bytes() for path in drawn}
    assert {path.parent.as_posix() for path in drawn} == set(EXPORTS)
