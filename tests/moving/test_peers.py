"""Files that the real peers wrote: counts, texts, times and links are those that the peers themselves report."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import mnemic
from mnemic import Channel, Memory, MemoryRecord
from mnemic.domain.memory import Relation
from mnemic.errors import InvalidInput
from tests.moving.importing import PEERS, peer_file, reported, take_in

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    async with mnemic.open_memory(tmp_path / "home", chroma="off", facts="off") as opened:
        yield opened


async def links_of(memory: Memory) -> set[tuple[str, str]]:
    """Pairs of the texts that imported links join."""
    texts = {record.id: record.text for record in await memory.records()}
    found = set()
    for id in texts:
        for link in (await memory.history(id)).links:
            if link.relation is Relation.RELATED:
                found.add((texts[link.source], texts[link.target]))
    return found


async def test_the_graph_of_the_official_server_comes_in_whole(memory: Memory) -> None:
    graph = reported("server-memory/reported.json")
    outcome = await take_in(memory, PEERS / "server-memory" / "memory.jsonl", "server-memory")
    records = await memory.records()
    entities = {f"{one['name']} ({one['entityType']})": one for one in graph["entities"]}
    observations = {f"{one['name']}: {said}": head for head, one in entities.items() for said in one["observations"]}
    relations = {f"{one['from']} {one['relationType']} {one['to']}": one for one in graph["relations"]}
    assert Counter(record.text for record in records) == Counter([*entities, *observations, *relations])
    heads = {one["name"]: head for head, one in entities.items()}
    expected = set(observations.items())
    for text, one in relations.items():
        expected |= {(text, heads[one["from"]]), (text, heads[one["to"]])}
    assert len(expected) >= 8
    assert await links_of(memory) == expected
    assert outcome.links == len(expected)


async def test_the_graph_as_the_server_answers_it_is_the_same_as_its_file(memory: Memory, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in (PEERS / "server-memory" / "memory.jsonl").read_text().splitlines()]
    graph: dict[str, list[Any]] = {"entities": [], "relations": []}
    for line in lines:
        graph[{"entity": "entities", "relation": "relations"}[line.pop("type")]].append(line)
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(graph, indent=2))
    first = await take_in(memory, PEERS / "server-memory" / "memory.jsonl", "server-memory")
    again = await take_in(memory, path, "server-memory")
    assert (again.present, again.stored) == (first.stored + first.confirmed, 0)
    graph["relations"] = [7]
    path.write_text(
        json.dumps(graph | {"entities": [{"name": "Ana", "entityType": "x", "observations": [" ", "swims"]}]})
    )
    plan = await memory.imports.plan(path, format="server-memory")
    assert [one.record.text for one in plan.records] == ["Ana (x)", "Ana: swims"]
    assert plan.left_out == {"observations without words": 1}
    assert [str(one) for one in plan.damaged] == ["graph.json, relation 1: it is a number, not an object"]


@pytest.mark.parametrize("form", ["get_all", "chroma", "history"])
async def test_mem0_comes_in_from_its_answer_its_collection_and_its_history(
    memory: Memory, tmp_path: Path, form: str
) -> None:
    held = {one["memory"]: one for one in reported("mem0/get_all.json")["results"]}
    path = {
        "get_all": PEERS / "mem0" / "get_all.json", "chroma": tmp_path / "chroma", "history": tmp_path / "history.db"
    }[form]  # fmt: skip
    if form == "chroma":
        path.mkdir()
        shutil.move(peer_file("mem0/chroma.sqlite3", tmp_path), path)
    elif form == "history":
        peer_file("mem0/history.db", tmp_path)
    await take_in(memory, path, "mem0")
    records = {record.text: record for record in await memory.records()}
    assert records.keys() == held.keys() and len(held) == 5
    for text, one in held.items():
        record = records[text]
        assert record.occurred_at == datetime.fromisoformat(one["created_at"])
        assert record.valid_from == datetime.fromisoformat(one["updated_at"])
        assert record.role == one["role"]
        if form != "history":
            assert record.session == one.get("run_id")
            assert f"user:{one['user_id']}" in record.tags
            assert record.origin.actor == one["user_id"]
    if form != "history":
        assert {"category:health", "weight:3"} <= set(records["Ana is allergic to peanuts."].tags)
    # Another form of the same memories adds nothing.
    again = await take_in(memory, PEERS / "mem0" / "get_all.json", "mem0")
    assert (again.present, again.stored, again.confirmed) == (5, 0, 0)


async def test_what_stands_in_chromas_log_alone_is_taken_from_it(memory: Memory, tmp_path: Path) -> None:
    """Chroma writes its log first. Here its tables are as they were before, and the log has everything."""
    import sqlite3

    path = peer_file("mem0/chroma.sqlite3", tmp_path)
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "DELETE FROM embedding_metadata WHERE id > 2; DELETE FROM embeddings WHERE id > 2;"
            "UPDATE embedding_metadata SET string_value = 'Ana lives in Lisbon.' "
            "WHERE key = 'data' AND string_value = 'Ana lives in Porto.';"
            "UPDATE max_seq_id SET seq_id = 2;"
        )
    connection.close()
    await take_in(memory, path, "mem0")
    assert {record.text for record in await memory.records()} == {
        one["memory"] for one in reported("mem0/get_all.json")["results"]
    }


async def test_mcp_memory_service_comes_in_with_its_associations(memory: Memory, tmp_path: Path) -> None:
    told = reported("mcp-memory-service/reported.json")
    held = {one["content"]: one for one in told["memories"]}
    await take_in(memory, peer_file("mcp-memory-service/memory.db", tmp_path), "mcp-memory-service")
    records = {record.text: record for record in await memory.records()}
    assert records.keys() == held.keys() and len(held) == 3
    for text, one in held.items():
        assert records[text].occurred_at == EPOCH + timedelta(seconds=one["created_at"])
        assert set(records[text].tags) == {*one["tags"], f"type:{one['memory_type']}"}
        assert records[text].origin.actor == one["metadata"].get("author")
    texts = {one["content_hash"]: one["content"] for one in told["memories"]}
    pairs = {frozenset((texts[a], texts[b])) for a, found in told["connected"].items() for b, _ in found}
    assert len(pairs) == 1
    assert {frozenset(pair) for pair in await links_of(memory)} == pairs


async def test_basic_memorys_notes_come_in_with_observations_and_relations(memory: Memory) -> None:
    told = reported("basic-memory/reported.json")
    plan = await memory.imports.plan(PEERS / "basic-memory" / "notes", format="basic-memory")
    assert plan.parts == {"note": 3, "observation": 3, "relation": 4}
    await memory.imports.run(plan)
    records = {record.text: record for record in await memory.records()}
    notes = {
        one["title"]: next(text for text in records if text.split("\n")[0] == one["title"]) for one in told["notes"]
    }
    assert len(notes) == len(told["notes"])
    for one in told["notes"]:
        assert set(one["frontmatter"].get("tags", ())) == set(records[notes[one["title"]]].tags)
    expected = set()
    for one in told["observations"]:
        text = f"{one['title']}: {one['content']}" + (f" ({one['context']})" if one["context"] else "")
        assert f"category:{one['category']}" in records[text].tags
        expected.add((text, notes[one["title"]]))
    for one in told["relations"]:
        text = f"{one['title']} {one['relation_type']} {one['to_name']}"
        assert text in records
        expected |= {(text, notes[end]) for end in (one["title"], one["to_name"]) if end in notes}
    assert await links_of(memory) == expected
    assert len(records) == len(told["notes"]) + len(told["observations"]) + len(told["relations"])
    assert plan.left_out == {
        "ends of relations to notes that nobody has written (their names stay in the text)": 1
    }  # Kitchen
    assert "für Ana" in notes["Coffee Brewing"] and "An ordinary line of a list" in notes["Coffee Brewing"]


@pytest.mark.parametrize("name", ["items.jsonl", "store.db"])
async def test_a_langgraph_store_comes_in_from_its_file_and_from_its_items(
    memory: Memory, tmp_path: Path, name: str
) -> None:
    import json

    lines = (PEERS / "langgraph" / "items.jsonl").read_text(encoding="utf-8").splitlines()
    items = [json.loads(line) for line in lines]
    await take_in(memory, peer_file(f"langgraph/{name}", tmp_path), "langgraph")
    records = await memory.records()
    assert len(records) == len(items) == 3
    for item in items:
        value = item["value"]
        (record,) = [
            one for one in records
            if one.text in (value.get("content"), value.get("text"), json.dumps(value, ensure_ascii=False))
        ]  # fmt: skip
        assert record.valid_from == datetime.fromisoformat(item["updated_at"]).replace(tzinfo=UTC)
        assert set(record.tags) == set(item["namespace"])


def every_file(folder: Path) -> list[tuple[Path, str]]:
    (folder / "packed").mkdir()
    return [
        (PEERS / "server-memory" / "memory.jsonl", "server-memory"),
        (PEERS / "mem0" / "get_all.json", "mem0"),
        (peer_file("mem0/chroma.sqlite3", folder / "packed"), "mem0"),
        (peer_file("mem0/history.db", folder / "packed"), "mem0"),
        (peer_file("mcp-memory-service/memory.db", folder / "packed"), "mcp-memory-service"),
        (PEERS / "basic-memory" / "notes", "basic-memory"),
        (peer_file("langgraph/store.db", folder / "packed"), "langgraph"),
        (PEERS / "langgraph" / "items.jsonl", "langgraph"),
        *((path, path.parent.name) for name in ("chatgpt", "claude") for path in sorted((PEERS / name).iterdir())),
    ]


async def test_the_same_import_twice_adds_nothing_and_origins_are_the_import(tmp_path: Path) -> None:
    for number, (path, format) in enumerate(every_file(tmp_path)):
        async with mnemic.open_memory(tmp_path / str(number), chroma="off") as memory:
            first = await take_in(memory, path, format)
            lines = [line async for line in memory.export()]
            again = await take_in(memory, path, format)
            assert first.stored > 0 and first.refused == ()
            assert (again.stored, again.confirmed, again.quarantined, again.links) == (0, 0, 0, 0)
            assert again.present == first.stored + first.confirmed + first.quarantined
            assert [line async for line in memory.export()] == lines
            for record in await memory.records():
                assert record.origin.channel is Channel.IMPORT and record.origin.transport == "import"
                assert record.source is not None and record.source.startswith(f"{format}:")


async def test_a_dry_run_writes_nothing_and_originals_are_left_alone(memory: Memory, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in PEERS.rglob("*") if path.is_file()}
    for path, format in every_file(tmp_path):
        plan = await memory.imports.plan(path, format=format)
        assert plan.records and not plan.damaged
    assert await memory.records() == ()
    assert {
        path: path.read_bytes() for path in PEERS.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    } == {path: raw for path, raw in before.items() if "__pycache__" not in path.parts}


async def test_all_records_of_one_file_are_one_witness(memory: Memory) -> None:
    """Whoever writes a file can write any number of records: that makes nobody else believe them."""
    from mnemic.guard.policy.loading import load_policy
    from mnemic.guard.policy.origins import origin_key

    await take_in(memory, PEERS / "server-memory" / "memory.jsonl", "server-memory")
    records: tuple[MemoryRecord, ...] = await memory.records()
    assert len({record.source for record in records}) == len(records)
    assert len({origin_key(load_policy("default"), record) for record in records}) == 1


async def test_another_format_is_refused_with_what_to_do(memory: Memory, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no table memories"):
        await memory.imports.plan(peer_file("langgraph/store.db", tmp_path), format="mcp-memory-service")
    with pytest.raises(InvalidInput, match="There is no format"):
        await memory.imports.plan(tmp_path, format="letters")
    with pytest.raises(InvalidInput, match="has no collection"):
        await memory.imports.plan(tmp_path, format="markdown", collection="a")
    with pytest.raises(InvalidInput, match="has the collections mem0"):
        await memory.imports.plan(peer_file("mem0/chroma.sqlite3", tmp_path), format="mem0", collection="a")
