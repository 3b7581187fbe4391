"""What a memory answers: which memories, in which order, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import mnemic
from mnemic import Memory
from mnemic.errors import InvalidInput
from mnemic.services.recalling.relevance import UNKNOWN_EMBEDDER


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    async with mnemic.open_memory(tmp_path / "memory", chroma="off") as opened:
        yield opened


async def texts(memory: Memory, query: str, **options: Any) -> list[str]:
    return [hit.memory.text for hit in (await memory.recall(query, **options)).hits]


async def test_lessons_come_only_when_they_are_asked_for(memory: Memory) -> None:
    await memory.remember("Never deploy on a Friday.", kind="lesson")
    assert await texts(memory, "deploy on Friday") == []
    assert await texts(memory, "deploy on Friday", kinds=["lesson"]) == ["Never deploy on a Friday."]


async def test_filters_restrict_words_and_vectors_alike(memory: Memory) -> None:
    await memory.remember("Ana paints boats.", tags=["art"], session="s1", occurred_at="2026-01-01")
    await memory.remember("Ana paints houses.", tags=["work"], session="s2", occurred_at="2026-02-01")
    assert await texts(memory, "What does Ana paint?", tags=["art"]) == ["Ana paints boats."]
    assert await texts(memory, "What does Ana paint?", session="s2") == ["Ana paints houses."]
    assert await texts(memory, "What does Ana paint?", since="2026-01-15") == ["Ana paints houses."]
    assert await texts(memory, "What does Ana paint?", until="2026-01-15") == ["Ana paints boats."]
    assert await texts(memory, "What does Ana paint?", channels=["web"]) == []
    with pytest.raises(InvalidInput, match="until after since"):
        await memory.recall("x", since="2026-02-01", until="2026-01-01")


async def test_a_subtree_takes_in_the_namespaces_below(memory: Memory) -> None:
    for namespace in ("team", "team/ana", "teamwork"):
        await memory.remember(f"The budget of {namespace} is final.", namespace=namespace)
    assert len(await texts(memory, "budget", namespace="team")) == 1
    assert len(await texts(memory, "budget", namespace="team", subtree=True)) == 2


async def test_a_name_in_the_question_prefers_what_that_person_said(memory: Memory) -> None:
    await memory.remember("Hi Ana! I bought a red bicycle yesterday.", speaker="Ben")
    await memory.remember("I bought a red kayak yesterday.", speaker="Ana")
    assert (await texts(memory, "What did Ana buy?"))[0] == "I bought a red kayak yesterday."
    assert (await texts(memory, "What did ben buy yesterday?"))[0] == "Hi Ana! I bought a red bicycle yesterday."


async def test_whoever_has_just_begun_to_speak_is_known_by_name_in_the_very_next_answer(memory: Memory) -> None:
    await memory.remember("Hi Ana! I bought a red bicycle yesterday.", speaker="Ben")
    assert len(await texts(memory, "What did Ana buy?")) == 1
    await memory.remember("I bought a red kayak yesterday.", speaker="Ana")
    assert (await texts(memory, "What did Ana buy?"))[0] == "I bought a red kayak yesterday."


async def test_a_word_that_was_sought_before_it_existed_counts_once_it_does(memory: Memory) -> None:
    await memory.remember_many([f"filler note {at} about shelf {at % 13}" for at in range(6_000)])
    assert (await memory.recall("zyxomma quorble flimbers")).hits == ()
    await memory.remember("the zyxomma quorble is behind the shelf")
    (hit, *_) = (await memory.recall("zyxomma quorble")).hits
    assert hit.lexical is not None
    assert hit.lexical > 0.2


async def test_a_long_text_is_found_by_the_few_words_that_it_says_once(memory: Memory) -> None:
    filler = "The meeting went on about the budget and the schedule of the quarter. " * 60
    await memory.remember_many([f"note {at} on the harbour" for at in range(100)])
    await memory.remember("Emma's cat is called Zeppelin. " + filler)
    for question in ("What is Emma's cat called?", "Emma Zeppelin", "Zeppelin"):
        assert (await texts(memory, question))[0].startswith("Emma's cat")


async def test_without_a_question_the_newest_come_first_and_page(memory: Memory) -> None:
    ids = [(await memory.remember(f"number {at} of the list", session="s")).id for at in range(7)]
    first = await memory.recall(k=4, session="s")
    second = await memory.recall(k=4, session="s", cursor=first.cursor)
    assert [hit.memory.id for hit in (*first.hits, *second.hits)] == ids[::-1]
    assert second.cursor is None


async def test_paging_loses_nothing_when_an_index_proposes_what_may_not_leave(memory: Memory) -> None:
    ids = [(await memory.remember(f"dog number {at}")).id for at in range(12)]
    await memory.recall("dog")  # the index has seen them all
    exact = memory._opened().backends.index._exact  # type: ignore[attr-defined]
    await memory.archive(ids[2:5])
    (shelf,) = exact._shelves
    await memory.recall("dog")
    shelf.recallable[:] = True  # as an index that has fallen behind
    for k in range(1, 13):
        seen: list[str] = []
        cursor = None
        for _ in range(13):
            page = await memory.recall("dog", k=k, min_score=0.0, cursor=cursor)
            seen += [hit.memory.id for hit in page.hits]
            cursor = page.cursor
            if cursor is None:
                break
        assert sorted(seen) == sorted(ids[:2] + ids[5:]), k


async def test_filters_that_do_not_exist_and_odd_input_are_typed_errors(memory: Memory) -> None:
    for call in (
        lambda: memory.recall("x", limit=3),  # type: ignore[call-arg]
        lambda: memory.recall("x", k=10**5000),
        lambda: memory.recall("x", cursor=5),  # type: ignore[arg-type]
        lambda: memory.recall("x", cursor="W1tb" * 50_000),
        lambda: memory.recall(5),  # type: ignore[arg-type]
        lambda: memory.remember_many([{"text": "x"}]),  # type: ignore[list-item]
        lambda: memory.import_([5]),  # type: ignore[list-item]
        lambda: memory.list(limit=0),
    ):
        with pytest.raises(InvalidInput):
            await call()


async def test_nothing_relevant_is_an_answer(memory: Memory) -> None:
    assert (await memory.recall("anything")).reason
    await memory.remember("Ben is allergic to peanuts.")
    nothing = await memory.recall("How do volcanoes erupt?")
    assert nothing.hits == ()
    assert nothing.reason is not None
    assert "Nothing relevant" in nothing.reason
    assert await texts(memory, "Ben peanuts", min_score=1.0) == []


async def test_an_answer_in_other_words_is_shown_though_it_scores_little(memory: Memory) -> None:
    for text in ("Ben plays the piano in a quartet.", "Lena came late on Monday.", "Carla likes violin concerts."):
        await memory.remember(text)
    hits = (await memory.recall("Who makes music?")).hits
    assert {hit.memory.text for hit in hits} == {"Ben plays the piano in a quartet.", "Carla likes violin concerts."}
    assert max(hit.score or 0 for hit in hits) < UNKNOWN_EMBEDDER
    assert "Ben plays the piano in a quartet." in await texts(memory, "What instrument does he practise?")
    assert await texts(memory, "How tall is the Eiffel tower?") == []


async def test_listing_pages_from_new_to_old(memory: Memory) -> None:
    ids = [(await memory.remember(f"number {at} of the list")).id for at in range(7)]
    first = await memory.list(limit=4)
    second = await memory.list(limit=4, before=first[-1].id)
    assert [record.id for record in (*first, *second)] == ids[::-1]


async def test_a_hit_explains_itself_when_asked_to(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        at = datetime(2026, 3, 1, tzinfo=UTC)
        for speaker, text in (("Ana", "How is the cello?"), ("Ben", "It broke."), ("Ana", "Oh no, and your bees?")):
            await memory.remember(text, speaker=speaker, session="s", occurred_at=at)
        assert (await memory.recall("Did the cello break?")).hits[0].explanation is None
        hits = (await memory.recall("What happened to Ben's cello?", explain=True, min_score=0)).hits
    said = {hit.memory.text: hit for hit in hits}
    asked, answer = said["How is the cello?"].explanation, said["It broke."].explanation
    assert asked is not None
    assert answer is not None
    assert (answer.rank, asked.rank) == (1, 2)
    assert (asked.channels["words"], "words" in answer.channels) == (1, False)
    assert asked.parts["words"] > 0
    assert answer.parts["words_around"] > 0
    assert answer.parts["occasion"] > 0
    assert list(asked.parts.values()) == sorted(asked.parts.values(), reverse=True)
    assert said["It broke."].score == pytest.approx(sum(answer.parts.values()), abs=1e-3)


async def test_numbers_of_thousands_of_digits_are_typed_errors_wherever_they_come(memory: Memory) -> None:
    huge: Any = 10**5000
    for call in (
        lambda: memory.recall("x", min_score=huge),
        lambda: memory.recall("x", rank=huge),
        lambda: memory.recall("x", kinds=[huge]),
        lambda: memory.remember("x", namespace=(huge,)),
        lambda: memory.get(huge),
        lambda: memory.learning.outcome("x", huge),
        lambda: memory.guard.audit(before=huge),
        lambda: memory.session("s").append("x", role=huge),
        lambda: memory.session("s").append("x", nudge_at_tokens=[huge, huge]),
        lambda: memory.session("s").append("x", nudge_at_tokens=huge),
    ):
        with pytest.raises(InvalidInput):
            await call()
