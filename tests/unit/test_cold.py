"""Archived memories become cold and come back."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import mnemic
from mnemic.backup import back_up_memory, restore_memory
from mnemic.domain.learning.facets import NewExperience
from mnemic.domain.memory import MemoryId, NewMemory, Status
from mnemic.domain.provenance import Origin
from mnemic.domain.recall import MemoryFilter
from mnemic.errors import InvalidInput
from mnemic.services.backends import Backends
from mnemic.services.browse import list_memories
from mnemic.services.health import doctor, embed_missing
from mnemic.services.recalling.recall import RecallQuery, recall
from mnemic.services.storing.cold import cool
from mnemic.services.storing.curate import archive, restore
from mnemic.services.storing.remember import remember
from mnemic.storage.exact_index import ExactIndex
from mnemic.storage.sqlite.ledger import SqliteLedger
from mnemic.testing import FailingEmbedder, SetClock, WordEmbedder
from tests.property.test_ledger_model import open_backends

HERE = ("cold",)
LONG = " ".join(f"In chapter {at} the keeper counts {at * 31} lamps and writes them down." for at in range(60))


def side(folder: Path, clock: SetClock, embedder: WordEmbedder | None = None) -> Backends:
    """One process with the ledger of ``folder``."""
    found = open_backends(folder, clock)
    if embedder is not None:
        found.ledger.register_embedder(embedder.id, embedder.dimensions)
        object.__setattr__(found, "embedder", embedder)
        object.__setattr__(found, "index", ExactIndex(embedder.id, embedder.dimensions))
        found.__post_init__()
    return found


def put_away(backends: Backends, clock: SetClock, *texts: str) -> list[MemoryId]:
    """Memories that are cold."""
    receipts = remember(backends, [NewMemory(text=text) for text in texts], namespace=HERE, origin=Origin())
    ids = [receipt.id for receipt in receipts]
    archive(backends, ids, origin=Origin())
    clock.advance(seconds=1)
    assert cool(backends, days=0) == len(ids)
    return ids


def found(backends: Backends, text: str, *statuses: Status) -> list[MemoryId]:
    filter = MemoryFilter(namespace=HERE, statuses=statuses or (Status.ACTIVE,))
    return [hit.memory.id for hit in recall(backends, RecallQuery(text=text, filter=filter, k=10, min_score=0)).hits]


def vectors(backends: Backends, *embedders: str) -> list[int]:
    """How many there are of each embedder."""
    with backends.ledger.snapshot() as snapshot:
        keys = [key for key, _ in snapshot.iterate()]
        return [len(snapshot.vectors(id, keys)) for id in embedders]


def test_days_count_from_the_last_thing_that_happened_to_a_memory(tmp_path: Path) -> None:
    clock = SetClock()
    backends = side(tmp_path, clock)
    (receipt,) = remember(backends, ["a kettle of tin"], namespace=HERE, origin=Origin())
    clock.advance(days=400)
    archive(backends, [receipt.id], origin=Origin())
    clock.advance(days=89)
    assert cool(backends, days=90) == 0
    clock.advance(days=2)
    assert cool(backends, days=90) == 1
    backends.ledger.close()


def test_one_that_comes_back_is_complete_before_anybody_keeps_house(tmp_path: Path) -> None:
    clock = SetClock()
    backends = side(tmp_path, clock)
    ids = put_away(backends, clock, "a kettle of tin", f"the violin. {LONG}")
    assert vectors(backends, backends.embedder.id) == [0]
    assert found(backends, "kettle") == []
    restore(backends, ids, origin=Origin())
    assert found(backends, "kettle")[0] == ids[0]
    assert vectors(backends, backends.embedder.id) == [2]
    with backends.ledger.snapshot() as snapshot:
        assert snapshot.without_passages(backends.embedder.id, limit=9) == []
    assert doctor(backends).healthy
    backends.ledger.close()


def test_an_experience_that_comes_back_has_its_facets(tmp_path: Path) -> None:
    from mnemic.services.learning.experience import store_experiences

    clock = SetClock()
    backends = side(tmp_path, clock)
    (receipt,) = store_experiences(
        backends,
        [NewExperience(when_to_use="a lamp is out", content="Change the fuse first")],
        namespace=HERE,
        origin=Origin(),
    )
    with backends.ledger.snapshot() as snapshot:
        ((key, _),) = snapshot.find([receipt.id]).values()
        before = snapshot.facet_vectors(backends.embedder.id, [key])
    archive(backends, [receipt.id], origin=Origin())
    clock.advance(seconds=1)
    assert cool(backends, days=0) == 1
    restore(backends, [receipt.id], origin=Origin())
    with backends.ledger.snapshot() as snapshot:
        assert snapshot.facet_vectors(backends.embedder.id, [key]) == before != {}
    backends.ledger.close()


def test_when_the_embedder_fails_words_find_what_came_back_and_it_is_embedded_later(tmp_path: Path) -> None:
    clock = SetClock()
    embedder = FailingEmbedder(id="failing")
    embedder.failing = False
    backends = side(tmp_path, clock, embedder)
    ids = put_away(backends, clock, "a kettle of tin", f"the violin. {LONG}")
    # The housekeeper has seen that nothing lacks a vector, and does not look at old memories again.
    remember(backends, ["something newer"], namespace=HERE, origin=Origin())
    assert embed_missing(backends, only_new=True) == 0
    embedder.failing = True
    restore(backends, ids, origin=Origin())
    assert set(found(backends, "violin kettle")) == set(ids)
    embedder.failing = False
    assert embed_missing(backends, only_new=True) == 2
    assert embed_missing(backends, only_new=True) == 0
    assert doctor(backends).healthy
    backends.ledger.close()


def test_the_housekeeper_of_another_embedder_embeds_what_came_back(tmp_path: Path) -> None:
    clock = SetClock()
    one, other = side(tmp_path, clock), side(tmp_path, clock, WordEmbedder(16, id="another"))
    (receipt,) = remember(one, ["a kettle of tin"], namespace=HERE, origin=Origin())
    remember(one, ["something newer"], namespace=HERE, origin=Origin())
    assert embed_missing(other, only_new=True) == 2
    assert embed_missing(other, only_new=True) == 0
    archive(one, [receipt.id], origin=Origin())
    clock.advance(seconds=1)
    assert cool(one, days=0) == 1
    assert vectors(one, one.embedder.id, "another") == [1, 1]
    assert embed_missing(one) == embed_missing(other, only_new=True) == 0
    restore(one, [receipt.id], origin=Origin())
    assert vectors(one, one.embedder.id, "another") == [2, 1]
    assert embed_missing(other, only_new=True) == 1
    assert vectors(one, "another") == [2]
    one.ledger.close()
    other.ledger.close()


def test_a_cold_memory_is_listed_and_not_recalled_whatever_status_is_asked_for(tmp_path: Path) -> None:
    clock = SetClock()
    one, other = side(tmp_path, clock), side(tmp_path, clock)
    remember(one, ["a kettle of copper"], namespace=HERE, origin=Origin())
    (receipt,) = remember(one, ["a kettle of tin"], namespace=HERE, origin=Origin())
    archive(one, [receipt.id], origin=Origin())
    for backends in (one, other):
        assert found(backends, "kettle tin", Status.ARCHIVED) == [receipt.id]
    clock.advance(seconds=1)
    cool(one, days=0)
    for backends in (one, other, side(tmp_path, clock)):
        assert found(backends, "kettle tin", Status.ARCHIVED) == []
        archived = MemoryFilter(namespace=HERE, statuses=(Status.ARCHIVED,))
        assert [record.id for record in list_memories(backends, archived, limit=9)] == [receipt.id]
        backends.ledger.close()


def test_what_is_superseded_is_not_cooled_and_goes_on_answering_for_its_time(tmp_path: Path) -> None:
    clock = SetClock()
    backends = side(tmp_path, clock)
    (old,) = remember(backends, ["the kettle is made of tin"], namespace=HERE, origin=Origin())
    then = clock.now()
    clock.advance(days=400)
    remember(
        backends, [NewMemory(text="the kettle is made of copper", supersedes=old.id)], namespace=HERE, origin=Origin()
    )
    clock.advance(days=400)
    assert cool(backends, days=1) == 0
    filter = MemoryFilter(namespace=HERE, known_at=then)
    hits = recall(backends, RecallQuery(text="kettle", filter=filter, k=9, min_score=0)).hits
    assert [hit.memory.id for hit in hits] == [old.id]
    backends.ledger.close()


def test_cooling_that_is_stopped_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mnemic.services.storing import cold

    monkeypatch.setattr(cold, "_BATCH", 2)
    clock = SetClock()
    backends = side(tmp_path, clock)
    ids = [receipt.id for receipt in remember(backends, list("abcde"), namespace=HERE, origin=Origin())]
    archive(backends, ids, origin=Origin())
    clock.advance(seconds=1)
    told: list[int] = []
    assert cool(backends, days=0, progress=told.append, stopped=lambda: bool(told)) == 2
    assert vectors(backends, backends.embedder.id) == [3]
    assert doctor(backends).healthy
    assert cool(backends, days=0) == 3
    assert cool(backends, days=0) == 0
    assert doctor(backends).healthy
    backends.ledger.close()


def test_the_same_text_again_is_a_new_memory_whether_the_old_one_is_archived_or_cold(tmp_path: Path) -> None:
    clock = SetClock()
    backends = side(tmp_path, clock)
    (cold,) = put_away(backends, clock, "a kettle of tin that stands in the attic")
    (again,) = remember(backends, ["a kettle of tin that stands in the attic"], namespace=HERE, origin=Origin())
    assert (again.id != cold, again.outcome.value, again.near_duplicates) == (True, "stored", ())
    backends.ledger.close()


async def old_store(home: Path, **settings: Any) -> str:
    """A memory that was archived a year ago, taken in from an export."""
    clock = SetClock(datetime.now(UTC) - timedelta(days=365))
    backends = side(home / "before", clock)
    (receipt,) = remember(backends, ["a kettle of tin"], namespace=HERE, origin=Origin())
    archive(backends, [receipt.id], origin=Origin())
    from mnemic.services.transferring.transfer import export_lines

    lines = list(export_lines(backends))
    backends.ledger.close()
    async with mnemic.open_memory(home / "home", chroma="off", namespace=HERE, **settings) as memory:
        await memory.import_(lines)
    return receipt.id


@pytest.mark.parametrize(("days", "expected"), [(90, 1), (400, 0), (0, 0)])
async def test_the_housekeeper_makes_cold_what_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, expected: int
) -> None:
    from mnemic import bootstrap, housekeeping

    await old_store(tmp_path)
    backends = open_backends(tmp_path / "home", SetClock(datetime.now(UTC)))
    settings = bootstrap.load_settings(home=tmp_path / "home", chroma="off", cold_after_days=days)
    # One round of it, at a moment when it is due.
    monkeypatch.setattr(housekeeping, "_TIDYING_SECONDS", 0.0)
    monkeypatch.setattr(housekeeping, "_read_ahead", lambda _, stopping, seconds: stopping.set())
    housekeeping.keep_house(backends, settings, threading.Event())
    with backends.ledger.snapshot() as snapshot:
        assert snapshot.count_cold() == expected
    backends.ledger.close()


async def test_the_public_api_cools_as_the_settings_say_or_as_it_is_told(tmp_path: Path) -> None:
    id = await old_store(tmp_path, cold_after_days=400)
    async with mnemic.open_memory(tmp_path / "home", chroma="off", namespace=HERE, cold_after_days=400) as memory:
        assert await memory.cool() == 0
        assert await memory.cool(days=90) == 1
        assert (await memory.doctor()).healthy
        assert await memory.restore([id]) == (id,)
        assert [hit.memory.id for hit in (await memory.recall("kettle")).hits] == [id]
    async with mnemic.open_memory(tmp_path / "home", chroma="off", cold_after_days=0) as memory:
        with pytest.raises(InvalidInput, match="settings make nothing cold"):
            await memory.cool()
        for days in (-1, 10**9, True):
            with pytest.raises(InvalidInput, match="days is"):
                await memory.cool(days=days)


@pytest.mark.usefixtures("patient_erasing")
async def test_a_backup_holds_cold_memories_and_an_import_brings_them_in_warm(tmp_path: Path) -> None:
    id = await old_store(tmp_path)
    async with mnemic.open_memory(tmp_path / "home", chroma="off", namespace=HERE) as memory:
        assert await memory.cool() == 1
        lines = [line async for line in memory.export()]
    back_up_memory(tmp_path / "backup", home=tmp_path / "home")
    restore_memory(tmp_path / "backup", home=tmp_path / "again")
    async with mnemic.open_memory(tmp_path / "again", chroma="off", namespace=HERE) as memory:
        assert [line async for line in memory.export()] == lines
        assert await memory.cool(days=0) == 0
        assert (await memory.get(id)).text == "a kettle of tin"
        assert (await memory.erase([id])).erased == (id,)
        assert (await memory.doctor()).healthy
    async with mnemic.open_memory(tmp_path / "imported", chroma="off", namespace=HERE) as memory:
        await memory.import_(lines)
        assert [line async for line in memory.export()] == lines
        assert (await memory.doctor()).healthy
        assert await memory.cool() == 1


async def test_a_plan_that_is_taken_back_leaves_no_trace_although_its_memories_were_cold(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", namespace=HERE) as memory:
        await memory.remember("The office in Porto opens at 9 on weekdays.", session="a")
        await memory.remember("The office in Porto opens at 9 on weekdays as usual.", session="b")
        exported = [line async for line in memory.export()]
        plan = await memory.learning.plan(["merge"])
        assert (await memory.learning.apply(plan.id)).done
        assert await memory.cool(days=0) == 1
        await memory.learning.undo(plan.id)
        assert [line async for line in memory.export()] == exported
        assert (await memory.doctor()).healthy


async def test_the_command_line_cools_and_brings_back(tmp_path: Path) -> None:
    from mnemic_mcp.cli.app import app

    id = await old_store(tmp_path)

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, [*arguments, "--home", str(tmp_path / "home")])
        assert done.exit_code == 0, done.output
        return done.output

    import anyio

    out = await anyio.to_thread.run_sync(run, "cool")
    assert out.startswith("1 memories are cold")
    assert json.loads(await anyio.to_thread.run_sync(run, "cool", "--days", "0", "--json"))["cooled"] == 0
    out = await anyio.to_thread.run_sync(run, "forget", id, "--restore")
    assert f"restored {id}" in out
    assert "kettle of tin" in await anyio.to_thread.run_sync(run, "recall", "kettle", "--namespace", "cold")


def test_doctor_finds_and_mends_vectors_that_cold_memories_still_have(tmp_path: Path) -> None:
    clock = SetClock()
    backends = side(tmp_path, clock)
    (id,) = put_away(backends, clock, "a kettle of tin")
    with backends.ledger.transaction() as transaction:
        ((key, _),) = transaction.find([id]).values()
        assert isinstance(backends.ledger, SqliteLedger)
        transaction._connection.execute("INSERT INTO vectors_1 VALUES (?, ?)", (key, b"\0" * 128))  # type: ignore[attr-defined]
    diagnosis = doctor(backends)
    assert [finding.check for finding in diagnosis.findings if not finding.ok] == ["cold"]
    assert doctor(backends, repair=True).healthy
    assert vectors(backends, backends.embedder.id) == [0]
    backends.ledger.close()
