"""Experiences: the scenario index, and pools that lose nothing."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import mnemic
from mnemic import Channel, Memory, NewMemory, Origin
from mnemic.domain.learning.facets import SCENARIO_INDEX, Facets, NewExperience
from mnemic.domain.memory import Kind, MemoryId
from mnemic.errors import InvalidInput, UnknownMemory
from mnemic.services.backends import Backends
from mnemic.testing import FailingEmbedder

USER = Origin(channel=Channel.USER)
REFUND = NewExperience(
    when_to_use="When a traveller wants money back for a cancelled flight",
    content="Look up the reservation, check the fare rules, then issue a certificate.",
    keywords=("refund",),
    facets=Facets(generalized_query="Refund a cancelled booking", tools=("get_reservation",), confidence=0.8),
)


def open_here(folder: Path) -> Memory:
    return mnemic.open_memory(folder, chroma="off", durable=False, origin=USER)


def vectors(backends: Backends, id: str) -> dict[str, bytes]:
    with backends.ledger.snapshot() as snapshot:
        key, _ = snapshot.find([MemoryId(id)])[MemoryId(id)]
        return snapshot.facet_vectors(backends.embedder.id, [key])[key]


async def test_r3_each_facet_has_a_vector_of_its_own(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        other_content = replace(REFUND, content="Escalate it to a human at once.")
        other_scenario = replace(REFUND, when_to_use="When somebody lost a suitcase")
        receipts = await memory.learning.store([REFUND, other_content, other_scenario])
        first, content, scenario = [await memory.run(vectors, receipt.id) for receipt in receipts]
        assert set(first) == set(SCENARIO_INDEX)
        assert content["when_to_use"] == first["when_to_use"] and content["content"] != first["content"]
        assert scenario["content"] == first["content"] and scenario["when_to_use"] != first["when_to_use"]


async def test_an_experience_is_found_by_its_generalised_task(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        await memory.learning.store([REFUND])
        (hit,) = (await memory.recall("booking")).hits
        assert hit.memory.kind is Kind.PROCEDURAL
        (view,) = await memory.learning.experiences()
        assert view.facets == REFUND.facets


async def test_what_another_embedder_wrote_gets_its_facets_embedded(tmp_path: Path) -> None:
    from mnemic.testing import WordEmbedder

    async with mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder()) as memory:
        (receipt,) = await memory.learning.store([REFUND])
    async with open_here(tmp_path) as memory:
        await memory.doctor(repair=True)
        await memory.reindex()
        assert set(await memory.run(vectors, receipt.id)) == set(SCENARIO_INDEX)


async def test_what_is_learnt_while_the_embedder_is_out_of_reach_is_stored_and_embedded_later(tmp_path: Path) -> None:
    embedder = FailingEmbedder()
    async with mnemic.open_memory(tmp_path, chroma="off", embedder=embedder) as memory:
        told = "The build failed, and clearing the cache mended the build."
        episode = await memory.remember(told, kind="episodic")
        learnt = {
            "when_to_use": "the build fails", "content": "Clearing the cache mended the build.", "evidence": [episode.id],
        }  # fmt: skip
        (receipt,) = (await memory.learning.commit([learnt])).stored
        embedder.failing = False
        await memory.reindex()
        assert await memory.run(vectors, receipt.id)
        (again,) = (await memory.learning.commit([learnt])).confirmed
        assert again.by == receipt.id


def pools(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            found[json.loads(line)["pool"]].append(line)
    return dict(found)


async def recall_at_5(memory: Memory, namespace: str, gold: dict[str, set[str]]) -> float:
    shares = []
    for query, wanted in gold.items():
        hits = (await memory.recall(query, k=5, min_score=0.0, namespace=namespace)).hits
        shares.append(len({hit.memory.text.strip() for hit in hits} & wanted) / min(len(wanted), 5))
    return 100 * sum(shares) / len(shares)


@pytest.mark.slow
async def test_r3_the_scenario_index_beats_the_usage_scenario_alone_on_every_recorded_pool(
    shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    for name, lines in pools(shared_data("reme_pools_dev.jsonl.gz")).items():
        records = [json.loads(line) for line in lines]
        contents: dict[str, set[str]] = defaultdict(set)
        scenarios: dict[str, set[str]] = defaultdict(set)
        for record in records:
            contents[record["metadata"]["task_query"]].add(record["content"].strip())
            scenarios[record["metadata"]["task_query"]].add(record["when_to_use"].strip())
        async with open_here(tmp_path / name) as memory:
            await memory.learning.import_pool(lines, namespace="pool")
            alone = [NewMemory(text=record["when_to_use"], kind="procedural") for record in records]
            await memory.remember_many([replace(one, namespace="alone") for one in alone])
            fused = await recall_at_5(memory, "pool", contents)
            assert fused == await recall_at_5(memory, "pool", contents), "the same twice"
            assert fused >= await recall_at_5(memory, "alone", scenarios) + 5, name


async def test_r4_importing_a_pool_loses_nothing_and_twice_adds_nothing(
    shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    for name, lines in pools(shared_data("reme_pools_dev.jsonl.gz")).items():
        async with open_here(tmp_path / name) as memory:
            first = await memory.learning.import_pool(lines)
            again = await memory.learning.import_pool(lines)
            assert (len(first.stored) + len(first.quarantined), first.merged) == (len(lines), ())
            assert (again.stored, again.quarantined, len(again.merged)) == ((), (), len(lines))
            assert "was there before" in again.merged[0].reason
            kept = {view.hit.memory.text for view in await memory.learning.experiences(limit=1_000)}
            assert {json.loads(line)["content"].strip() for line in lines} <= {text.strip() for text in kept}


async def test_a_large_pool_from_a_stranger_is_no_flood(tmp_path: Path) -> None:
    topics = [f"When the {word} number {at} is stuck" for at in range(150) for word in ("door", "valve")]
    lines = [json.dumps({"when_to_use": topic, "content": f"Turn it twice: {topic[9:-9]}."}) for topic in topics]
    async with open_here(tmp_path) as memory:
        origin = Origin(channel=Channel.IMPORT, actor="pool")
        report = await memory.learning.import_pool(lines, origin=origin)
        assert len(report.stored) == 300 and not report.quarantined


async def test_r4_the_same_words_in_one_pool_are_merged_and_told(tmp_path: Path) -> None:
    line = json.dumps({"when_to_use": "When it rains", "content": "Take an umbrella."})
    other = json.dumps({"when_to_use": "When it snows", "content": "Take an umbrella."})
    async with open_here(tmp_path) as memory:
        report = await memory.learning.import_pool([line, other, "", line])
        assert (report.read, len(report.stored)) == (3, 2)
        assert [(merged.line, merged.into, merged.reason) for merged in report.merged] == [
            (4, report.stored[0], "the same words as line 1")
        ]


async def test_a_broken_pool_tells_all_problems_and_stores_nothing(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        with pytest.raises(InvalidInput, match=r"line 1: not JSON.*line 2: content: Field required"):
            await memory.learning.import_pool(["{", "{}", '{"content": "fine"}'])
        assert (await memory.status()).memories == 0


async def test_experiences_are_read_page_by_page_each_after_the_last_of_the_one_before(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        many = [replace(REFUND, content=f"Ask for paper number {at} before the refund.") for at in range(7)]
        stored = [receipt.id for receipt in await memory.learning.store(many)]
        read: list[str] = []
        while page := await memory.learning.experiences(limit=3, after=read[-1] if read else None):
            read += [view.hit.memory.id for view in page]
            await memory.forget([read[-1]])  # whatever becomes of it
        assert read == stored
        with pytest.raises(UnknownMemory):
            await memory.learning.experiences(after="m000000000000000")
