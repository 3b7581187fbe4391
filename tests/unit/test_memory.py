"""The public API, one promise a test, on a real ledger."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

import mnemic
from mnemic import Channel, Kind, Memory, NewMemory, Origin, Status
from mnemic.domain.memory import Outcome, Relation
from mnemic.errors import InvalidInput, UnknownMemory


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    async with mnemic.open_memory(tmp_path / "memory", chroma="off") as opened:
        yield opened


async def texts(memory: Memory, query: str, **options: Any) -> list[str]:
    return [hit.memory.text for hit in (await memory.recall(query, **options)).hits]


async def test_five_lines_are_enough(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path / "notes") as memory:
        await memory.remember("Ana moved to Lisbon in May.")
        result = await memory.recall("Where does Ana live?")
    assert result.hits[0].memory.text == "Ana moved to Lisbon in May."


async def test_a_memory_is_found_by_a_new_tag_in_the_very_next_answer(memory: Memory) -> None:
    await memory.remember_many([f"The note number {n} speaks of tea and of lamps, shelf {n * 7}." for n in range(400)])
    receipt = await memory.remember("The kettle stands on the second floor.")
    assert await texts(memory, "Where is the kettle?"), "its words have been read"
    await memory.remember("The kettle stands on the second floor.", tags=["zanzibar"])
    (hit,) = (await memory.recall("zanzibar")).hits
    assert hit.memory.id == receipt.id


async def test_the_same_text_is_confirmed_and_counted_with_its_origin(memory: Memory) -> None:
    first = await memory.remember("Ben likes tea.", origin=Origin(channel=Channel.USER, actor="Ben"))
    again = await memory.remember("  Ben   likes tea. ", tags=["drinks"], origin=Origin(channel=Channel.WEB))
    assert (again.id, again.outcome, again.confirmations) == (first.id, Outcome.CONFIRMED, 1)
    assert (await memory.get(first.id)).origin.channel is Channel.USER
    (event,) = (await memory.history(first.id)).events
    assert event.origin.channel is Channel.WEB
    assert event.detail == {"tags": ["drinks"], "text": "  Ben   likes tea. "}


async def test_another_kind_or_namespace_is_another_memory(memory: Memory) -> None:
    ids = {
        (await memory.remember("Ben likes tea.", kind=kind, namespace=namespace)).id
        for kind in ("semantic", "procedural")
        for namespace in ("one", "one/two")
    }
    assert len(ids) == 4


async def test_the_same_words_on_another_occasion_are_another_episode(memory: Memory) -> None:
    said = [
        NewMemory(text="Yes!", speaker=speaker, session=session, occurred_at=when)
        for speaker, session, when in (
            ("Ana", "1", "2026-01-01"),
            ("Ben", "1", "2026-01-01"),
            ("Ana", "2", "2026-01-02"),
        )
    ]
    receipts = await memory.remember_many([*said, said[0]])
    assert len({receipt.id for receipt in receipts}) == 3
    assert receipts[3].outcome is Outcome.CONFIRMED


async def test_a_near_duplicate_is_stored_and_linked_and_never_dropped(memory: Memory) -> None:
    first = await memory.remember("The meeting is at 3 pm on Friday.")
    second = await memory.remember("The meeting is at 4 pm on Friday.")
    assert second.outcome is Outcome.STORED
    assert [near.id for near in second.near_duplicates] == [first.id]
    (link,) = (await memory.history(second.id)).links
    assert (link.source, link.target, link.relation) == (second.id, first.id, "near_duplicate")
    unlike = await memory.remember("The aquarium opens on Sunday.")
    assert unlike.near_duplicates == ()


async def test_one_bad_memory_stores_none_of_its_batch(memory: Memory) -> None:
    with pytest.raises(InvalidInput):
        await memory.remember_many([NewMemory(text="good"), NewMemory(text="")])
    with pytest.raises(UnknownMemory):
        await memory.remember_many([NewMemory(text="good"), NewMemory(text="bad", evidence=["m" + "0" * 15])])
    assert (await memory.status()).memories == 0


async def test_who_said_it_makes_it_an_episode(memory: Memory) -> None:
    assert (await memory.get((await memory.remember("a fact here")).id)).kind is Kind.SEMANTIC
    assert (await memory.get((await memory.remember("a word here", speaker="Ana")).id)).kind is Kind.EPISODIC
    assert (await memory.get((await memory.remember("a turn here", role="user")).id)).kind is Kind.EPISODIC


async def test_a_superseded_fact_is_answered_only_as_of_its_time(memory: Memory) -> None:
    old = await memory.remember("The stand-up is at 9:30.", valid_from="2026-01-12", tags=["team"])
    new = await memory.supersede(old.id, "The stand-up is at 10:15.", valid_from="2026-10-01")
    assert await texts(memory, "When is the stand-up?") == ["The stand-up is at 10:15."]
    assert await texts(memory, "When is the stand-up?", as_of="2026-03-01") == ["The stand-up is at 9:30."]
    assert await texts(memory, "When is the stand-up?", as_of="2025-03-01") == []
    assert (await memory.get(new.id)).tags == ("team",)
    history = await memory.history(old.id)
    assert [version.status for version in history.versions] == [Status.SUPERSEDED, Status.ACTIVE]
    assert history.versions[0].valid_to == datetime(2026, 10, 1, tzinfo=UTC)
    with pytest.raises(InvalidInput, match=f"Supersede {new.id} instead"):
        await memory.supersede(old.id, "The stand-up is at noon.")


async def test_a_change_announced_for_later_does_not_replace_what_is_true_today(memory: Memory) -> None:
    today = await memory.remember("The rent is 900 euros.")
    await memory.supersede(today.id, "The rent is 950 euros.", valid_from="2999-01-01")
    found = {hit.memory.text: hit.memory for hit in (await memory.recall("What is the rent?")).hits}
    assert found.keys() == {"The rent is 900 euros.", "The rent is 950 euros."}
    assert found["The rent is 900 euros."].valid_to == datetime(2999, 1, 1, tzinfo=UTC)
    assert await texts(memory, "What is the rent?", as_of=datetime.now(UTC)) == ["The rent is 900 euros."]
    assert await texts(memory, "What is the rent?", as_of="2999-06-01") == ["The rent is 950 euros."]


@pytest.mark.parametrize("rank", ["relevance", "value", "retention"])
async def test_what_is_true_now_comes_before_what_was_announced_to_take_its_place(memory: Memory, rank: Any) -> None:
    today = await memory.remember("The office is in Lisbon, in Rua Augusta.", kind="semantic")
    soon = await memory.supersede(today.id, "The office is in Porto, by the river.", valid_from="2998-01-01")
    await memory.supersede(soon.id, "The office is in Faro.", valid_from="2999-01-01")
    await memory.remember("The office of the notary is in Braga.", kind="semantic")
    in_turn = [
        "The office is in Lisbon, in Rua Augusta.",
        "The office is in Porto, by the river.",
        "The office is in Faro.",
    ]
    assert (await texts(memory, "Where is the office?", rank=rank))[:3] == in_turn
    found, cursor = [], None
    for _ in in_turn:
        page = await memory.recall("Where is the office?", k=1, cursor=cursor, rank=rank)
        found += [hit.memory.text for hit in page.hits]
        cursor = page.cursor
    assert found == in_turn


async def test_a_question_about_a_later_day_keeps_the_order_of_what_was_announced(memory: Memory) -> None:
    today = await memory.remember("The office is in Lisbon, in Rua Augusta.", kind="semantic")
    await memory.supersede(today.id, "The office is in Porto from May 2090 on.", valid_from="2090-05-01")
    found = await texts(memory, "Where is the office in May 2090?", min_score=0.0)
    assert found == ["The office is in Porto from May 2090 on.", "The office is in Lisbon, in Rua Augusta."]


@pytest.mark.parametrize("ahead", ["when it was written", "when it was superseded", "both"])
async def test_what_was_superseded_by_a_clock_that_was_ahead_is_no_answer_today(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, ahead: str
) -> None:
    clock = memory._opened().backends.clock
    later = datetime(2999, 1, 1, tzinfo=UTC)

    def wrong_clock(is_ahead: bool) -> None:
        monkeypatch.setattr(type(clock), "now", lambda _: later if is_ahead else datetime.now(UTC))

    wrong_clock(ahead != "when it was superseded")
    old = await memory.remember("The spare key lies under the mat.")
    wrong_clock(ahead != "when it was written")
    await memory.supersede(old.id, "The spare key lies behind the shed.")
    wrong_clock(False)
    assert await texts(memory, "Where is the spare key?") == ["The spare key lies behind the shed."]


async def test_what_the_ledger_knew_then_can_be_asked(memory: Memory) -> None:
    old = await memory.remember("The code is 1234.")
    before = datetime.now(UTC)
    await memory.supersede(old.id, "The code is 9876.")
    assert await texts(memory, "the code", known_at=before) == ["The code is 1234."]


async def test_archived_memories_come_back_when_restored(memory: Memory) -> None:
    id = (await memory.remember("Ben likes tea.")).id
    assert await memory.archive([id], reason="wrong") == (id,)
    assert await memory.archive([id]) == ()
    assert await texts(memory, "What does Ben like?") == []
    assert [record.id for record in await memory.list(statuses=["archived"])] == [id]
    assert await memory.restore([id]) == (id,)
    assert await texts(memory, "What does Ben like?") == ["Ben likes tea."]
    assert [event.action for event in (await memory.history(id)).events] == ["archived", "restored"]


async def test_forgetting_archives_and_erases_only_on_demand(memory: Memory) -> None:
    id = (await memory.remember("Ben likes tea.")).id
    assert await memory.forget([id]) == (id,)
    assert (await memory.get(id)).status is Status.ARCHIVED
    assert await memory.forget([id], erase=True) == (id,)
    with pytest.raises(UnknownMemory):
        await memory.get(id)


async def test_an_erased_memory_leaves_a_receipt_and_names_what_was_drawn_from_it(memory: Memory) -> None:
    seen = (await memory.remember("Ben ordered tea three times.")).id
    drawn = (await memory.remember("Ben likes tea.", evidence=[seen])).id
    receipt = await memory.erase([seen])
    assert (receipt.erased, receipt.derived) == ((seen,), (drawn,))
    with pytest.raises(UnknownMemory):
        await memory.get(seen)
    assert (await memory.get(drawn)).evidence == (seen,)


async def test_changed_facts_are_reported_as_near_duplicates(memory: Memory) -> None:
    # What may hold of both is left to the caller; of what has one value, the new one takes the place (test_facts.py).
    first = await memory.remember("Ana likes tea in Porto.")
    second = await memory.remember("Ana likes tea in Lisbon.")
    assert [near.id for near in second.near_duplicates] == [first.id]
    peanuts = await memory.remember("Ben is allergic to peanuts.")
    peanut = await memory.remember("Ben is allergic to peanut.")
    assert [near.id for near in peanut.near_duplicates] == [peanuts.id]


async def test_tags_of_a_repetition_can_be_filtered_by(memory: Memory) -> None:
    id = (await memory.remember("Ben likes tea.", tags=["drinks"])).id
    await memory.remember("Ben likes tea.", tags=["habits"])
    assert (await memory.get(id)).tags == ("drinks", "habits")
    assert await texts(memory, "tea", tags=["habits"]) == ["Ben likes tea."]
    assert (await memory.doctor()).healthy


async def test_repeating_a_supersede_is_a_confirmation(memory: Memory) -> None:
    old = await memory.remember("The code is 1234.")
    new = await memory.supersede(old.id, "The code is 9876.")
    again = await memory.supersede(old.id, "The code is 9876.")
    assert (again.id, again.outcome) == (new.id, Outcome.CONFIRMED)


@pytest.mark.parametrize("origin", [Origin(channel="slack"), Origin(actor="\ud800"), Origin(client="a\nb"), "user"])  # type: ignore[arg-type]
async def test_an_origin_that_could_not_be_read_again_is_refused(tmp_path: Path, origin: Any) -> None:
    async with mnemic.open_memory(tmp_path, origin=origin, chroma="off") as memory:
        with pytest.raises(InvalidInput):
            await memory.remember("x")
        id = (await memory.remember_many(["y"], origin=Origin()))[0].id
        with pytest.raises(InvalidInput):
            await memory.archive([id], origin=origin)
        with pytest.raises(InvalidInput):
            await memory.recall()
        assert len((await memory.recall(origin=Origin())).hits) == 1


async def test_an_erasure_that_was_held_up_is_finished_later(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    import sqlite3

    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        id = (await memory.remember("The passphrase is xylophonecanary.")).id
        reader = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM memories").fetchone()
        receipt = await memory.erase([id])
        assert receipt.erased == (id,)
        assert not receipt.scrubbed
        reader.execute("COMMIT")
        reader.close()
        request.getfixturevalue("patient_erasing")
        assert (await memory.erase([id])).scrubbed
    for path in tmp_path.iterdir():
        if path.is_file():
            assert b"xylophonecanar" not in path.read_bytes()


async def test_an_erasure_that_waits_does_not_rewrite_the_file_again_and_again(tmp_path: Path) -> None:
    import sqlite3

    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        receipts = await memory.remember_many([f"note {at} " + "word " * 50 for at in range(2_000)])
        reader = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM memories").fetchone()
        await memory.erase([receipts[0].id])
        log = tmp_path / "ledger.sqlite3-wal"
        before = log.stat().st_size
        for _ in range(3):
            assert not (await memory.erase([receipts[0].id])).scrubbed
        assert log.stat().st_size < before * 1.1
        reader.close()


async def test_a_memory_with_too_many_tags_by_repetition_can_still_be_exported(memory: Memory, tmp_path: Path) -> None:
    for part in range(3):
        await memory.remember("the same text", tags=[f"tag {part} {at}" for at in range(40)])
    lines = [line async for line in memory.export()]
    async with mnemic.open_memory(tmp_path / "other", chroma="off") as other:
        await other.import_(lines)
        assert len((await other.list())[0].tags) == 64


async def test_texts_and_dates_may_be_given_plainly(memory: Memory) -> None:
    from datetime import date

    receipts = await memory.remember_many(
        ["one plain text", NewMemory(text="a dated one", occurred_at=date(2026, 5, 8))]
    )
    assert (await memory.get(receipts[1].id)).occurred_at == datetime(2026, 5, 8, tzinfo=UTC)


async def test_many_calls_at_once_are_all_done(memory: Memory) -> None:
    async def work(at: int) -> None:
        await memory.remember(f"Task {at} belongs to column {at % 5}.")
        assert (await memory.recall(f"task {at}", k=1)).hits

    async with anyio.create_task_group() as tasks:
        for at in range(60):
            tasks.start_soon(work, at)
    assert (await memory.status()).memories == 60


async def test_a_memory_that_is_repeated_with_itself_as_evidence_does_not_rest_on_itself(memory: Memory) -> None:
    other = (await memory.remember("Ben likes tea.")).id
    id = (await memory.remember("Ben drinks something hot at four.")).id
    again = await memory.remember("Ben drinks something hot at four.", evidence=[id, other])
    assert again.id == id
    links = (await memory.history(id)).links
    assert {(link.source, link.target) for link in links if link.relation is Relation.EVIDENCE} == {(id, other)}


async def test_two_that_would_take_one_place_are_refused_before_anything_is_stored(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        old = (await memory.remember("The door code is 4711.")).id
        rivals = [NewMemory(text=f"The door code is {code}.", supersedes=old) for code in (1, 2)]
        with pytest.raises(InvalidInput, match=f"take the place of {old}") as refused:
            await memory.remember_many(rivals)
        assert "on their own" in (refused.value.hint or "")
        assert not re.search(r"\bm[0-9a-z]{15}\b", refused.value.hint or ""), (
            "no memory of the batch is there that could be named"
        )
        (kept,) = await memory.list()
        assert kept.id == old


async def test_a_repetition_that_names_what_it_repeats_does_not_keep_another_from_taking_its_place(
    tmp_path: Path,
) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        old = (await memory.remember("The door code is 4711.")).id
        texts = ("The door code is 4711.", "The door code is 0815.")
        same, new = await memory.remember_many([NewMemory(text=text, supersedes=old) for text in texts])
        assert same.id == old
        assert (await memory.get(old)).superseded_by == new.id


async def test_programs_that_differ_in_their_indentation_are_two_memories(tmp_path: Path) -> None:
    one, other = "if a:\n    b()\nc()", "if a:\n    b()\n    c()"
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        assert [(await memory.remember(text)).outcome for text in (one, other)] == [Outcome.STORED] * 2
        for again in (f"\n{one}\n", "    if a:\n        b()\n    c()", "if a:\n\tb()\nc()".expandtabs(4)):
            assert (await memory.remember(again)).outcome is Outcome.CONFIRMED
        prose = "The tide table hangs in the kitchen beside the door."
        await memory.remember(prose)
        assert (await memory.remember(prose.replace(" hangs", "\nhangs"))).outcome is Outcome.CONFIRMED
