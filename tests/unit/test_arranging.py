"""One of those that say the same, and not too many of a session: what an answer shows of what was found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import mnemic
from mnemic import Channel, Memory, NewMemory, Origin, RecallResult
from mnemic.errors import InvalidInput
from mnemic.guard.paths import extract_path
from mnemic.testing import WordEmbedder
from tests.guard.stores import USER, WEB, open_guarded, policy_file

_FERRY = "The harbour ferry to Almada leaves from the eastern pier on working days"
_QUESTION = "Where does the harbour ferry to Almada leave from?"


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    async with mnemic.open_memory(tmp_path / "memory", chroma="off", embedder=WordEmbedder()) as opened:
        yield opened


async def _remember(memory: Memory, *texts: str, **fields: Any) -> list[str]:
    return [receipt.id for receipt in await memory.remember_many([NewMemory(text=text, **fields) for text in texts])]


def _ids(result: RecallResult) -> list[str]:
    return [hit.memory.id for hit in result.hits]


async def _pages(memory: Memory, query: str | None, **options: Any) -> list[RecallResult]:
    pages = [await memory.recall(query, **options)]
    while pages[-1].cursor is not None and len(pages) < 50:
        pages.append(await memory.recall(query, **options, cursor=pages[-1].cursor))
    return pages


async def test_of_those_that_say_the_same_one_is_shown_and_names_the_others(memory: Memory) -> None:
    first, second, other = await _remember(
        memory, f"{_FERRY}.", f"{_FERRY}!", "A ferry ticket costs little at the harbour.", kind="semantic"
    )
    result = await memory.recall(_QUESTION, min_score=0.0)
    assert len(result.hits) == 2
    assert {result.hits[0].memory.id, *result.hits[0].alike} == {first, second}
    assert (result.hits[1].memory.id, result.hits[1].alike) == (other, ())


async def test_the_place_that_is_freed_goes_to_the_next(memory: Memory) -> None:
    same = await _remember(memory, f"{_FERRY}.", f"{_FERRY}!", f"{_FERRY};", kind="semantic")
    (other,) = await _remember(memory, "A ferry ticket costs little at the harbour.", kind="semantic")
    result = await memory.recall(_QUESTION, k=2, min_score=0.0)
    assert {_ids(result)[0], *result.hits[0].alike} == set(same)
    assert _ids(result)[1] == other
    assert result.cursor is None


@pytest.mark.parametrize(
    "other",
    [
        "The budget meeting with the board of the harbour is in the blue room at 4 pm.",
        "The budget meeting with the board of the harbour is not in the blue room at 3 pm.",
        "The budget meeting with the board of the harbour was in the blue room at 3 pm.",
        "The budget meeting with the board of the Harbour is in the blue room at 3 pm on Monday.",
        "The budget meeting with the harbour of the board is in the blue room at 3 pm.",
        "The budget meeting with the board of the harbour is in the green room at 3 pm.",
        "The budget meeting with the board of the harbour is in the blue room at 3 pm, Ana says.",
        "Is the budget meeting with the board of the harbour in the blue room at 3 pm?",
    ],
)
async def test_another_number_name_day_word_or_denial_is_shown_by_itself(memory: Memory, other: str) -> None:
    text = "The budget meeting with the board of the harbour is in the blue room at 3 pm."
    await _remember(memory, text, other, kind="procedural")
    result = await memory.recall("Where is the budget meeting with the board of the harbour?")
    assert {hit.memory.text for hit in result.hits} == {text, other}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"speaker": "Ana", "session": "s"}, {"speaker": "Ben", "session": "s"}),
        ({"speaker": "Ana", "session": "s"}, {"speaker": "Ana", "session": "t"}),
        ({"speaker": "Ana", "occurred_at": "2026-01-01"}, {"speaker": "Ana", "occurred_at": "2026-01-02"}),
        ({"kind": "semantic", "occurred_at": "2026-01-01"}, {"kind": "semantic"}),
        ({"kind": "semantic"}, {"kind": "procedural"}),
        ({"kind": "procedural", "when_to_use": "on Mondays"}, {"kind": "procedural", "when_to_use": "in a storm"}),
    ],
)
async def test_the_same_words_on_another_occasion_are_shown_by_themselves(
    memory: Memory, one: dict[str, Any], other: dict[str, Any]
) -> None:
    await memory.remember(f"{_FERRY}.", **one)
    await memory.remember(f"{_FERRY}!", **other)
    result = await memory.recall(_QUESTION)
    assert [hit.alike for hit in result.hits] == [(), ()]


async def test_the_same_in_another_namespace_is_shown_by_itself(memory: Memory) -> None:
    await memory.remember(f"{_FERRY}.", kind="semantic", namespace="team")
    await memory.remember(f"{_FERRY}!", kind="semantic", namespace="team/ana")
    result = await memory.recall(_QUESTION, namespace="team", subtree=True)
    assert [hit.alike for hit in result.hits] == [(), ()]


@pytest.mark.parametrize(
    ("said", "denied"),
    [
        (
            "Marco può mangiare le noci e i crostacei durante le cene",
            "Marco non può mangiare le noci e i crostacei durante le cene",
        ),
        (
            "De pomp in de kelder moet elke ochtend worden gecontroleerd",
            "De pomp in de kelder moet niet elke ochtend worden gecontroleerd",
        ),
        ("Насос в подвале нужно проверять каждое утро", "Насос в подвале не нужно проверять каждое утро"),
        ("Pekka syö pähkinöitä kotona joka aamu mielellään", "Pekka ei syö pähkinöitä kotona joka aamu mielellään"),
    ],
)
async def test_what_denies_another_is_shown_beside_it_in_any_language(memory: Memory, said: str, denied: str) -> None:
    ids = await _remember(memory, said, denied, kind="semantic")
    assert set(_ids(await memory.recall(said, min_score=0.0))) == set(ids)
    assert (await memory.learning.plan(["merge"])).steps == ()


async def test_what_says_more_stands_for_what_says_less_wherever_it_comes(memory: Memory) -> None:
    (less,) = await _remember(memory, f"{_FERRY}.", kind="semantic")
    (more,) = await _remember(memory, f"{_FERRY}, whatever weather.", kind="semantic")
    result = await memory.recall(_FERRY)
    assert [(hit.memory.id, hit.alike) for hit in result.hits] == [(more, (less,))]


@pytest.mark.parametrize("k", [1, 2, 3, 7])
@pytest.mark.parametrize("query", [_QUESTION, None])
async def test_pages_show_and_name_everything_once(memory: Memory, k: int, query: str | None) -> None:
    ids = await _remember(
        memory, *(f"{_FERRY}{end}" for end in (".", "!", ";")), "A ferry ticket costs little at the harbour.",
        "The harbour ferry does not take bicycles.", "Almada is on the other side of the river from the harbour.",
        kind="semantic",
    )  # fmt: skip
    pages = await _pages(memory, query, k=k, min_score=0.0)
    named = [id for page in pages for hit in page.hits for id in (hit.memory.id, *hit.alike)]
    assert sorted(named) == sorted(ids)
    assert [len(page.hits) for page in pages[:-1]] == [k] * (len(pages) - 1)


async def test_what_the_budget_cuts_off_comes_on_the_next_page_and_what_was_named_does_not(memory: Memory) -> None:
    ids = await _remember(
        memory, f"{_FERRY}.", f"{_FERRY}!", f"The harbour ferry to Almada leaves when it is full. {'So it goes. ' * 40}",
        f"The harbour ferry to Almada leaves people behind. {'So it went. ' * 40}", kind="semantic",
    )  # fmt: skip
    pages = await _pages(memory, _QUESTION, budget_tokens=100, min_score=0.0)
    assert len(pages) > 1
    named = [id for page in pages for hit in page.hits for id in (hit.memory.id, *hit.alike)]
    assert sorted(named) == sorted(ids)


async def test_nobody_trusted_is_hidden_behind_a_stranger(tmp_path: Path) -> None:
    async with open_guarded(tmp_path) as memory:
        strange = (await memory.remember(f"{_FERRY}.", kind="semantic", origin=WEB, source="https://a.example")).id
        own = (await memory.remember(f"{_FERRY}!", kind="semantic", origin=USER)).id
        assert strange != own
        for question in (f"{_FERRY}.", f"{_FERRY}!", None):
            (hit,) = (await memory.recall(question)).hits
            assert (hit.memory.id, hit.alike) == (own, (strange,))
            assert hit.standing is not None and hit.standing.trusted


async def test_who_says_less_and_is_trusted_is_shown_beside_the_stranger_who_says_more(tmp_path: Path) -> None:
    async with open_guarded(tmp_path) as memory:
        await memory.remember(f"{_FERRY}, whatever weather.", kind="semantic", origin=WEB, source="https://a.example")
        await memory.remember(f"{_FERRY}.", kind="semantic", origin=USER)
        result = await memory.recall(_FERRY)
        assert [hit.alike for hit in result.hits] == [(), ()]


async def test_what_is_withheld_hides_nobody_and_is_named_by_nobody(tmp_path: Path) -> None:
    policy = policy_file(
        tmp_path, "rules: [{id: no-bang, phase: recall, when: {text: '!$'}, decision: withhold, reason: loud}]"
    )
    async with open_guarded(tmp_path, policy) as memory:
        quiet, loud = await _remember(memory, f"{_FERRY}.", f"{_FERRY}!", kind="semantic")
        for question in (f"{_FERRY}!", _QUESTION, None):
            result = await memory.recall(question)
            assert [(hit.memory.id, hit.alike) for hit in result.hits] == [(quiet, ())]
            assert [one.id for one in result.withheld] == [loud]


async def test_what_a_warning_is_about_is_not_hidden_behind_what_has_none(tmp_path: Path) -> None:
    policy = policy_file(
        tmp_path, "rules: [{id: bang, phase: recall, when: {text: '!$'}, decision: warn, reason: loud}]"
    )
    async with open_guarded(tmp_path, policy) as memory:
        quiet, loud = await _remember(memory, f"{_FERRY}.", f"{_FERRY}!", kind="semantic")
        result = await memory.recall(f"{_FERRY}.")
        named = {hit.memory.id: hit.alike for hit in result.hits}
        assert named in ({quiet: (), loud: ()}, {loud: (quiet,)})


async def _conversations(memory: Memory) -> dict[str, list[str]]:
    """Three sessions of different worth for a question about ferries, and a memory of none."""
    said = {
        "one": ["The ferry to Almada leaves at nine.", "I took the ferry to Almada with Ben.", "It rained."],
        "two": ["A ferry is a boat.", "Boats are fine.", "The ferry to Almada was late."],
        "three": ["We spoke of Almada alone.", "Nothing else."],
    }
    ids = {
        session: await _remember(
            memory, *texts, session=session, speaker="Ana", occurred_at=datetime(2026, 1, at, tzinfo=UTC)
        )
        for at, (session, texts) in enumerate(said.items(), 1)
    }
    ids[""] = await _remember(
        memory, "Ferries to Almada cost little.", "Ferries to Almada are yellow.", kind="semantic"
    )
    return ids


async def test_with_one_of_each_session_the_sessions_come_in_the_order_of_their_best(memory: Memory) -> None:
    ids = await _conversations(memory)
    everything = await memory.recall("ferry to Almada", k=50, min_score=0.0)
    best: dict[str, str] = {}
    for hit in everything.hits:
        best.setdefault(hit.memory.session or hit.memory.id, hit.memory.id)
    result = await memory.recall("ferry to Almada", k=50, min_score=0.0, per_session=1)
    assert _ids(result) == list(best.values())
    assert set(ids[""]) <= set(_ids(result))


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("per_session", [1, 2])
async def test_no_session_comes_more_often_however_many_pages_are_read(
    memory: Memory, k: int, per_session: int
) -> None:
    await _conversations(memory)
    whole = await memory.recall("ferry to Almada", k=50, min_score=0.0, per_session=per_session)
    pages = await _pages(memory, "ferry to Almada", k=k, min_score=0.0, per_session=per_session)
    assert [id for page in pages for id in _ids(page)] == _ids(whole)
    sessions = [hit.memory.session for hit in whole.hits if hit.memory.session]
    assert max(map(sessions.count, sessions)) == per_session


async def test_a_withheld_memory_takes_no_place_of_its_session(tmp_path: Path) -> None:
    policy = policy_file(
        tmp_path, "rules: [{id: no-nine, phase: recall, when: {text: nine}, decision: withhold, reason: nine}]"
    )
    async with open_guarded(tmp_path, policy, embedder=WordEmbedder()) as memory:
        ids = await _conversations(memory)
        result = await memory.recall("The ferry to Almada leaves at nine", per_session=1, min_score=0.0)
        assert ids["one"][1] in _ids(result)
        assert [one.id for one in result.withheld] == ids["one"][:1]


async def test_the_newest_are_bounded_by_session_as_well(memory: Memory) -> None:
    ids = await _conversations(memory)
    pages = await _pages(memory, None, k=2, per_session=1)
    newest = [ids[""][1], ids[""][0], ids["three"][-1], ids["two"][-1], ids["one"][-1]]
    assert [id for page in pages for id in _ids(page)] == newest


async def test_the_bound_of_a_session_is_a_number_and_belongs_to_the_question(memory: Memory) -> None:
    await _conversations(memory)
    for wrong in (0, -1, 101, 1.5, "2", True):
        with pytest.raises(InvalidInput, match="per_session"):
            await memory.recall("ferry", per_session=wrong)  # type: ignore[arg-type]
    cursor = (await memory.recall("ferry to Almada", k=1, min_score=0.0, per_session=1)).cursor
    with pytest.raises(InvalidInput, match="cursor"):
        await memory.recall("ferry to Almada", k=1, min_score=0.0, per_session=2, cursor=cursor)


async def test_plans_are_all_shown_because_those_that_agree_are_witnesses(memory: Memory) -> None:
    plan = (
        "To count the rows of a table:\n1. Open the table\n2. Run `count_rows(table)`\n3. Send the count to the archive"
    )
    assert extract_path(plan) is not None
    for task, end in (("one", "."), ("two", "!")):
        await memory.remember(plan + end, kind="procedural", origin=Origin(channel=Channel.AGENT, task=task))
    result = await memory.recall("how many rows does the table have?", min_score=0.0)
    assert [hit.alike for hit in result.hits] == [(), ()]
