"""Imports that do not fit are refused whole, with what is wrong; nothing crafted can cross namespaces or never end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import mnemic
from mnemic import Memory
from mnemic.domain.items import GetItem, Item, PutItem
from mnemic.errors import InvalidInput

Line = dict[str, Any]


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    async with mnemic.open_memory(tmp_path / "to", chroma="off") as opened:
        yield opened


async def export(memory: Memory) -> list[Line]:
    return [json.loads(line) async for line in memory.export()]


async def take_in(memory: Memory, lines: list[Line]) -> Any:
    return await memory.import_([json.dumps(line) for line in lines])


@pytest.fixture
async def exported(tmp_path: Path) -> list[Line]:
    """Porto superseded by Lisbon, one confirmed fact drawn from both."""
    async with mnemic.open_memory(tmp_path / "from", chroma="off") as source:
        porto = await source.remember("Ana lives in Porto.")
        lisbon = await source.supersede(porto.id, "Ana lives in Lisbon.")
        await source.remember("Ana has moved once.", evidence=[porto.id, lisbon.id])
        await source.remember("Ana has moved once.")
        return await export(source)


async def test_an_export_comes_back_exactly(memory: Memory, exported: list[Line]) -> None:
    report = await take_in(memory, exported)
    assert (report.imported, report.present) == (3, 0)
    assert await export(memory) == exported
    report = await take_in(memory, exported)
    assert (report.imported, report.present) == (0, 3)
    assert await export(memory) == exported, "what happened to them is not told twice"
    assert (await memory.doctor()).healthy


def _line(lines: list[Line], text: str) -> Line:
    (line,) = [line for line in lines if line.get("text") == text]
    return line


def _cycle(lines: list[Line]) -> None:
    porto, lisbon = _line(lines, "Ana lives in Porto."), _line(lines, "Ana lives in Lisbon.")
    porto["supersedes"], lisbon["superseded_by"] = lisbon["id"], porto["id"]


async def test_versions_that_go_round_in_circles_do_not_go_round_for_ever(memory: Memory, exported: list[Line]) -> None:
    _cycle(exported)
    await take_in(memory, exported)
    history = await memory.history(_line(exported, "Ana lives in Porto.")["id"])
    assert len(history.versions) == 2
    assert len((await memory.erase([history.versions[0].id])).erased) == 2


DAMAGES: dict[str, tuple[Callable[[list[Line]], Any], str]] = {
    "the same memory twice": (lambda lines: lines.insert(2, dict(lines[1])), "occurs twice"),
    "a second header": (lambda lines: lines.insert(3, lines[0]), "second header"),
    "no header": (lambda lines: lines.pop(0), "not a mnemic export"),
    "another version": (lambda lines: lines[0].update(version=99), "Update mnemic"),
    "a link to nowhere": (
        lambda lines: lines.append(
            {"type": "link", "source": lines[1]["id"], "target": "m" + "0" * 15, "relation": "evidence"}
        ),
        "which is nowhere",
    ),
    "superseded by nobody": (
        lambda lines: _line(lines, "Ana lives in Porto.").pop("superseded_by"),
        "superseded_by is not given",
    ),
    "a version of itself": (
        lambda lines: _line(lines, "Ana lives in Lisbon.").update(
            supersedes=_line(lines, "Ana lives in Lisbon.")["id"]
        ),
        "supersedes itself",
    ),
    "versions across namespaces": (
        lambda lines: _line(lines, "Ana lives in Lisbon.").update(namespace=["elsewhere"]),
        "different namespaces",
    ),
    "too large a number": (lambda lines: lines[1].update(confirmations=2**70), "confirmations"),
    "an unknown field": (lambda lines: lines[1].update(colour="red"), "colour"),
    "a date out of range": (lambda lines: lines[1].update(recorded_at="0001-01-01T00:00:00+23:00"), "line 2"),
    "an odd origin": (lambda lines: lines[1]["origin"].update(actor="a\nb"), "line 2"),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_file_that_is_wrong_is_refused_whole(memory: Memory, exported: list[Line], damage: str) -> None:
    spoil, complaint = DAMAGES[damage]
    spoil(exported)
    with pytest.raises(InvalidInput, match=complaint):
        await take_in(memory, exported)
    assert (await memory.status()).memories == 0


async def test_a_memory_that_is_here_in_another_state_stops_the_import(memory: Memory, exported: list[Line]) -> None:
    await take_in(memory, exported)
    lisbon = _line(exported, "Ana lives in Lisbon.")["id"]
    await memory.archive([lisbon])
    with pytest.raises(InvalidInput, match=f"{lisbon} is here in another state: status"):
        await take_in(memory, exported)


async def test_what_was_erased_on_either_side_does_not_come_back_or_stay_unnoticed(
    memory: Memory, exported: list[Line]
) -> None:
    await take_in(memory, exported)
    moved = _line(exported, "Ana has moved once.")["id"]
    await memory.erase([moved])
    with pytest.raises(InvalidInput, match=f"{moved} was erased here"):
        await take_in(memory, exported)
    here = (await memory.remember("A note of its own.")).id
    receipt = {"type": "erasure", "memory_id": here, "namespace": ["default"], "erased_at": "2026-01-01T00:00:00+00:00"}
    with pytest.raises(InvalidInput, match=f"{here} was erased there and is here"):
        await take_in(memory, [exported[0], receipt])


async def test_the_history_of_one_namespace_never_shows_another(memory: Memory) -> None:
    secret = await memory.remember("the vault code", namespace="secret")
    mine = await memory.remember("mine", namespace="mine")
    lines = await export(memory)
    _line(lines, "mine")["supersedes"] = secret.id
    async with mnemic.open_memory(memory.settings.home / "other", chroma="off") as other:
        await other.import_([json.dumps(line) for line in lines if line.get("id") != mine.id])
        with pytest.raises(InvalidInput, match="different namespaces"):
            await other.import_([json.dumps(line) for line in lines if line.get("id") != secret.id])


KEYS = ("smile \ud83d", "smile \ud83c", "\udfff", "smile \U0001f600", "smile")


async def test_keys_and_labels_with_half_a_surrogate_pair_come_back_exactly(memory: Memory, tmp_path: Path) -> None:
    plain, named = ("users", "1"), ("users", "\ud800")
    async with mnemic.open_memory(tmp_path / "from", chroma="off") as source:
        await source.remember("Ana lives in Porto.")
        before = [line async for line in source.export()]
        values = {"\udfff": "a name that is no text", "text": "half \ud83d of one"}
        puts = [
            PutItem(path=path, key=key, value={"t": ascii(key), **values}) for path in (plain, named) for key in KEYS
        ]
        await source.items.run(puts)
        await source.items.run([PutItem(path=plain, key="indexed", value=values, index=("\udfff",))])
        lines = [line async for line in source.export()]
    assert lines[: len(before)] == before
    whole = ("smile", "indexed", "smile \U0001f600")
    readable = [line for line in lines if '"type":"item"' in line and json.loads(line)["key"] in whole]
    assert sum("\U0001f600" in line and "\\ud83d\\ude00" not in line for line in readable) == 1, "escaped for nothing"
    file = tmp_path / "export.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    await memory.import_(file.read_text(encoding="utf-8").splitlines())
    assert [line async for line in memory.export()] == lines
    found = await memory.items.run([GetItem(path=path, key=key) for path in (plain, named) for key in KEYS])
    assert [item.value["t"] for item in found if isinstance(item, Item)] == [ascii(key) for key in KEYS] * 2
    assert (await memory.doctor()).healthy


@pytest.mark.parametrize(
    "damage",
    [
        {"root": ["\ud800"]}, {"origin": {"channel": "agent", "actor": "\ud800"}}, {"value": "\ud800"}, {"type": "\ud800"},
        {"key": ["\ud800"]}, {"memories": [{"place": "\ud800", "memory": "\ud800"}]}, {"other": "\ud800"},
        {"created_at": "\ud800"},
    ],
)  # fmt: skip
async def test_half_a_surrogate_pair_elsewhere_in_an_item_is_refused(memory: Memory, damage: Line) -> None:
    await memory.items.run([PutItem(path=("a",), key="k", value={"t": "x"})])
    lines = await export(memory)
    with pytest.raises(InvalidInput, match="line 3"):
        await take_in(memory, [*lines[:2], {**lines[2], **damage}])


@pytest.mark.parametrize("value", ["", "{", "[]", "[" * 100_000])
async def test_an_item_whose_value_is_no_json_object_is_named(memory: Memory, value: str) -> None:
    await memory.items.run([PutItem(path=("a",), key="k", value={"t": "x"})])
    lines = await export(memory)
    with pytest.raises(InvalidInput, match="line 3"):
        await take_in(memory, [*lines[:2], {**lines[2], "value": value}])


async def test_half_a_surrogate_pair_in_a_memory_is_refused(memory: Memory, exported: list[Line]) -> None:
    with pytest.raises(InvalidInput, match="line 2"):
        await take_in(memory, [exported[0], {**exported[1], "text": "half \ud800"}])
