"""Memories that are linked to what was found: walks over links, and recall that follows them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mnemic
from mnemic import Memory, NewMemory, RecallResult
from mnemic.domain.memory import Link, MemoryId, Relation
from mnemic.errors import InvalidInput
from mnemic.retrieval.bags import Bags
from mnemic.retrieval.pagerank import DAMPING, received
from mnemic.retrieval.shared_words import MOST_SHARING, joined_by_words
from mnemic.services.backends import Backends
from mnemic.testing import WordEmbedder
from tests.guard.stores import USER, WEB, open_guarded
from tests.unit.snapshots import Texts, snapshot_of


def _weights(count: int, *pairs: tuple[int, int], weight: float = 1.0) -> np.ndarray[Any, np.dtype[np.float64]]:
    found = np.zeros((count, count))
    for one, other in pairs:
        found[one, other] = found[other, one] = weight
    return found


def _received(weights: np.ndarray[Any, Any], scores: list[float], *seeds: int) -> list[float]:
    return [float(value) for value in received(weights, np.array(seeds, np.int64), np.array(scores))]


def test_a_walk_gives_its_damped_score_to_what_is_linked_and_nothing_to_its_start() -> None:
    there_and_back = 1 / (1 - DAMPING**2)
    start, linked, alone = _received(_weights(3, (0, 1)), [0.6, 0.0, 0.0], 0)
    assert linked == pytest.approx(0.6 * DAMPING * there_and_back, abs=0.005)
    assert (start, alone) == (0.0, 0.0)


def test_what_is_further_gets_less_and_many_links_share() -> None:
    _, near, far, further = _received(_weights(4, (0, 1), (1, 2), (2, 3)), [1.0, 0.0, 0.0, 0.0], 0)
    assert near > far > further > 0
    star = _received(_weights(4, (0, 1), (0, 2), (0, 3)), [1.0, 0.0, 0.0, 0.0], 0)
    assert star[1] == star[2] == star[3] < near


def test_a_weak_link_gives_less_though_it_is_the_only_one() -> None:
    strong, weak = (_received(_weights(2, (0, 1), weight=weight), [1.0, 0.0], 0)[1] for weight in (1.0, 0.25))
    assert weak < strong / 3


def test_what_is_received_adds_up_over_seeds_and_does_not_depend_on_unlinked_ones() -> None:
    weights = _weights(4, (0, 2), (1, 2))
    one, other = (_received(weights, [0.5, 0.4, 0.0, 0.9], seed)[2] for seed in (0, 1))
    assert _received(weights, [0.5, 0.4, 0.0, 0.9], 0, 1, 3)[2] == pytest.approx(one + other)


def test_without_memories_or_links_nothing_is_received() -> None:
    assert _received(np.zeros((0, 0)), []) == []
    assert _received(np.zeros((2, 2)), [0.5, 0.5], 0, 1) == [0.0, 0.0]


def _joined(*texts: str) -> list[list[float]]:
    known = Texts(*texts)
    gathered = Bags().gather(snapshot_of(known), list(known.texts), [])
    return [[round(float(weight), 3) for weight in row] for row in joined_by_words(gathered, len(texts))]


def test_memories_are_joined_by_the_rare_words_they_share_in_any_form() -> None:
    weights = _joined("the red harbour", "harbours of the north", "the budget of the north", "nothing")
    assert weights[0][1] == weights[1][0] == weights[1][2] == 0.5
    assert weights[0][2] == weights[0][3] == weights[0][0] == 0.0


def test_function_words_and_words_that_many_share_join_nothing() -> None:
    assert not any(map(any, _joined("it was the one", "it was the other")))
    assert any(map(any, _joined(*["harbour"] * MOST_SHARING)))
    assert not any(map(any, _joined(*["harbour"] * (MOST_SHARING + 1))))


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    async with mnemic.open_memory(tmp_path / "memory", chroma="off", embedder=WordEmbedder()) as opened:
        yield opened


async def _store_filler(memory: Memory, namespace: str = "default") -> None:
    """So many memories that share a word with the question that those that share none are no candidates."""
    await memory.remember_many(
        [
            NewMemory(text=f"quince {number} {chr(97 + number % 26)}{number}", namespace=namespace)
            for number in range(150)
        ]
    )


async def _link(memory: Memory, source: str, target: str, relation: Relation) -> None:
    def write(backends: Backends) -> None:
        with backends.ledger.transaction() as transaction:
            transaction.link(Link(source=MemoryId(source), target=MemoryId(target), relation=relation))

    await memory.run(write)


async def _episodes(memory: Memory, *texts: str, **fields: Any) -> list[str]:
    return [
        (await memory.remember(text, kind="episodic", session=f"s{at}", speaker="Ana", **fields)).id
        for at, text in enumerate(texts)
    ]


def _ids(result: RecallResult) -> list[str]:
    return [hit.memory.id for hit in result.hits]


_QUESTION = "When does the quince jam boil over?"
_FACT = "The quince jam will boil over after an hour."


async def _asked(memory: Memory, *, expand_links: bool = True, **options: Any) -> list[str]:
    """All that is found, page by page."""
    found: list[str] = []
    cursor = None
    while not found or cursor is not None:
        page = await memory.recall(_QUESTION, k=100, expand_links=expand_links, **options, cursor=cursor)
        found += _ids(page)
        cursor = page.cursor
        if not page.hits:
            break
    return found


async def test_the_episodes_behind_a_fact_are_found_with_it_when_asked_for(memory: Memory) -> None:
    await _store_filler(memory)
    episodes = await _episodes(memory, "Look at that mess on my stove!", "Sixty minutes were too many.")
    fact = (await memory.remember(_FACT, kind="semantic", evidence=episodes)).id
    assert not set(episodes) & set(await _asked(memory, expand_links=False))
    found = await _asked(memory)
    assert found[0] == fact
    assert set(episodes) <= set(found)


async def test_what_else_was_drawn_from_the_same_episodes_is_found(memory: Memory) -> None:
    await _store_filler(memory)
    (episode,) = await _episodes(memory, "Look at that mess on my stove!")
    fact = (await memory.remember(_FACT, kind="semantic", evidence=[episode])).id
    note = (await memory.remember("Ana cooks alone.", kind="semantic", evidence=[episode])).id
    found = await _asked(memory, min_score=0.0)
    assert found.index(fact) < found.index(episode) < found.index(note)


async def test_related_memories_gain_and_contradictions_and_contexts_are_not_followed(memory: Memory) -> None:
    fact = (await memory.remember(_FACT, kind="semantic")).id
    others = {relation: (await memory.remember(f"{relation.name} {relation.value}")).id for relation in Relation}
    for relation, id in others.items():
        await _link(memory, fact, id, relation)
    before, after = [
        {
            hit.memory.id: hit.score or 0.0
            for hit in (await memory.recall(_QUESTION, min_score=0.0, expand_links=on)).hits
        }
        for on in (False, True)
    ]
    gained = {relation: after[id] - before[id] for relation, id in others.items()}
    assert gained[Relation.CONTRADICTS] == gained[Relation.CONTEXT] == 0.0
    for resembling in (Relation.RELATED, Relation.NEAR_DUPLICATE):
        assert 0.0 < gained[resembling] < gained[Relation.EVIDENCE] / 5


@pytest.mark.parametrize(
    "filters",
    [
        {"kinds": ["semantic"]},
        {"tags": ["kitchen"]},
        {"since": "2026-03-01"},
        {"speaker": "Ben"},
        {"session": "elsewhere"},
    ],
)
async def test_what_is_added_passes_the_filter_too(memory: Memory, filters: dict[str, Any]) -> None:
    await _store_filler(memory)
    episodes = await _episodes(memory, "Look at that mess on my stove!", occurred_at="2026-02-01")
    fields: dict[str, Any] = {"tags": ["kitchen"], "occurred_at": "2026-04-01", "kind": "semantic"}
    fields |= {name: value for name, value in filters.items() if name in ("speaker", "session")}
    fact = (await memory.remember(_FACT, **fields, evidence=episodes)).id
    assert fact in await _asked(memory, **filters)
    assert not set(episodes) & set(await _asked(memory, **filters))
    assert set(episodes) <= set(await _asked(memory))


async def test_links_do_not_cross_namespaces(memory: Memory) -> None:
    await _store_filler(memory, "team")
    (episode,) = await _episodes(memory, "Look at that mess on my stove!", namespace="team/ana")
    fact = (await memory.remember(_FACT, kind="semantic", namespace="team")).id
    await _link(memory, fact, episode, Relation.EVIDENCE)
    assert episode not in await _asked(memory, namespace="team")
    assert episode not in await _asked(memory, namespace="team", subtree=True)


async def test_what_is_archived_is_neither_found_nor_a_bridge(memory: Memory) -> None:
    await _store_filler(memory)
    (episode,) = await _episodes(memory, "Look at that mess on my stove!")
    await memory.remember(_FACT, kind="semantic", evidence=[episode])
    note = (await memory.remember("Ana cooks alone.", kind="semantic", evidence=[episode])).id
    assert {note, episode} <= set(await _asked(memory, min_score=0.0))
    await memory.archive([episode])
    assert not {note, episode} & set(await _asked(memory, min_score=0.0))


async def test_a_flood_of_links_does_not_push_out_what_was_linked_before(memory: Memory) -> None:
    await _store_filler(memory)
    (episode,) = await _episodes(memory, "Look at that mess on my stove!")
    fact = (await memory.remember(_FACT, kind="semantic", evidence=[episode])).id
    for number in range(60):
        await memory.remember(f"unrelated {number * 7919}", kind="semantic", evidence=[fact])
    assert episode in await _asked(memory, min_score=0.0)


async def test_what_is_added_is_vetted_as_all_others(tmp_path: Path) -> None:
    async with open_guarded(tmp_path, embedder=WordEmbedder()) as memory:
        await _store_filler(memory)
        episode = (await memory.remember("Look at that mess on my stove!", origin=WEB, source="https://a.example")).id
        fact = (await memory.remember(_FACT, kind="semantic", origin=USER)).id
        await _link(memory, fact, episode, Relation.EVIDENCE)
        result = await memory.recall(_QUESTION, k=100, expand_links=True)
        (hit,) = [hit for hit in result.hits if hit.memory.id == episode]
        assert hit.standing is not None and not hit.standing.trusted and hit.standing.labels


async def test_scores_stay_between_0_and_1_and_do_not_fall(memory: Memory) -> None:
    episodes = await _episodes(memory, _QUESTION, "The quince jam did boil over.")
    for end in range(5):
        await memory.remember(f"{_FACT} Note {end}.", kind="semantic", evidence=episodes)
    before, after = [
        {hit.memory.id: hit.score for hit in (await memory.recall(_QUESTION, min_score=0.0, expand_links=expand)).hits}
        for expand in (False, True)
    ]
    assert before.keys() == after.keys()
    for id, score in after.items():
        assert score is not None and (before[id] or 0.0) <= score < 1.0


async def test_the_same_question_gives_the_same_answer_and_its_pages_belong_to_it(memory: Memory) -> None:
    await _store_filler(memory)
    episodes = await _episodes(memory, "Look at that mess on my stove!", "Sixty minutes were too many.")
    await memory.remember(_FACT, kind="semantic", evidence=episodes)
    whole = await _asked(memory, min_score=0.0)
    assert whole == await _asked(memory, min_score=0.0)
    seen: list[str] = []
    cursor = None
    for _ in range(60):
        page = await memory.recall(_QUESTION, k=7, min_score=0.0, expand_links=True, cursor=cursor)
        seen += _ids(page)
        cursor = page.cursor
        if cursor is None or len(seen) >= len(whole):
            break
    assert seen[: len(whole)] == whole
    with pytest.raises(InvalidInput, match="cursor"):
        first = await memory.recall(_QUESTION, k=7, min_score=0.0, expand_links=True)
        await memory.recall(_QUESTION, k=7, min_score=0.0, cursor=first.cursor)


async def test_nothing_found_or_nothing_asked_is_no_reason_to_fail(memory: Memory) -> None:
    assert await _asked(memory) == []
    await memory.remember(_FACT)
    assert len((await memory.recall(expand_links=True)).hits) == 1
