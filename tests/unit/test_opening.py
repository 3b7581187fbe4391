"""How a memory is opened, with which settings and embedder, and what holds once it is closed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import mnemic
from mnemic import Memory, Settings, bootstrap
from mnemic.bootstrap import OpenMemory
from mnemic.errors import InvalidInput, StoreUnavailable
from mnemic.protocols import Vectors
from mnemic.storage.sqlite.ledger import SqliteLedger
from mnemic.testing import FailingEmbedder, WordEmbedder
from tests.waiting import until


async def test_the_ledger_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        await memory.remember("private")
        for path in tmp_path.glob("ledger.sqlite3*"):
            assert path.stat().st_mode & 0o077 == 0, path


async def test_nothing_is_acknowledged_by_a_ledger_that_was_taken_away_while_it_was_in_use(tmp_path: Path) -> None:
    home, aside = tmp_path / "home", tmp_path / "aside"
    async with mnemic.open_memory(home, chroma="off", durable=False) as memory:
        await memory.remember("The stand-up is at nine.")
        home.rename(aside)
        with pytest.raises(StoreUnavailable, match="deleted, moved or replaced"):
            await memory.remember("The review is at ten.")
        async with mnemic.open_memory(home, chroma="off", durable=False) as other:
            await other.remember("The demo is at eleven.")
            for call in (memory.remember("The review is at ten."), memory.recall("When is the demo?")):
                with pytest.raises(StoreUnavailable, match="deleted, moved or replaced"):
                    await call
        home.rename(tmp_path / "theirs")
        aside.rename(home)
        await memory.remember("The review is at ten.")
        assert {one.text for one in await memory.list()} == {"The stand-up is at nine.", "The review is at ten."}


def test_a_tilde_in_the_home_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert mnemic.load_settings(home="~/memory").home == tmp_path / "memory"


async def test_a_memory_stays_where_it_was_opened_when_the_program_goes_to_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    async with mnemic.open_memory("notes", chroma="off", durable=False) as memory:
        id = (await memory.remember("The stand-up is at nine.")).id
        monkeypatch.chdir(tmp_path / "elsewhere")
        async for _ in memory.export():
            # Whoever reads while another reads opens the file once more.
            assert (await memory.get(id)).text == "The stand-up is at nine."
    assert not [*(tmp_path / "elsewhere").iterdir()]


class _FailingOtherwise(FailingEmbedder):
    """Somebody's own embedder, which knows nothing of this engine's errors."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        raise RuntimeError("out of memory")


async def test_the_house_is_kept_though_an_embedder_raises_what_nobody_expects(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", embedder=WordEmbedder()) as memory:
        await memory.remember("The stand-up is at nine.")
    embedder = _FailingOtherwise()
    embedder.id = "another"
    async with mnemic.open_memory(tmp_path, chroma="off", embedder=embedder) as memory:
        opened = memory._opened()
        assert isinstance(opened, OpenMemory)
        tried, wait = threading.Event(), opened.backends.warmth.wake.wait

        def waited(timeout: float | None = None) -> bool:
            tried.set()
            return wait(timeout)

        opened.backends.warmth.wake.wait = waited  # type: ignore[method-assign]
        await until(tried.is_set)
        assert opened._housekeeper.is_alive()


async def test_a_memory_that_cannot_be_wired_lets_go_of_its_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[SqliteLedger] = []
    open_ledger = bootstrap.open_ledger

    def noted(settings: Settings) -> Any:
        opened.append(open_ledger(settings))  # type: ignore[arg-type]
        return opened[-1]

    monkeypatch.setattr("mnemic.partitioning.open_ledger", noted)
    settings = mnemic.load_settings(home=tmp_path, chroma="off")
    memory = Memory(settings, embedder=WordEmbedder(), delivered=tmp_path / "gone" / "deliveries.sqlite3")
    with pytest.raises(StoreUnavailable, match="delivered"):
        await memory.open()
    (ledger,) = opened
    with pytest.raises(StoreUnavailable, match="closed"), ledger.snapshot():
        pass


async def test_a_failing_embedder_loses_nothing_and_stops_nothing(tmp_path: Path) -> None:
    embedder = FailingEmbedder()
    async with mnemic.open_memory(tmp_path, embedder=embedder, chroma="off") as memory:
        await memory.remember("Ben likes tea.")
        result = await memory.recall("tea")
        assert [hit.memory.text for hit in result.hits] == ["Ben likes tea."]
        assert "words only" in result.notes[0]
        embedder.failing = False
        assert not (await memory.doctor()).healthy
        assert (await memory.doctor(repair=True)).healthy
        assert (await memory.recall("tea")).hits[0].similarity is not None


async def test_vectors_of_two_embedders_never_mix(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, embedder=WordEmbedder(16, id="one"), chroma="off") as memory:
        await memory.remember("Ben likes tea.")
    async with mnemic.open_memory(tmp_path, embedder=WordEmbedder(32, id="two"), chroma="off") as memory:
        await memory.remember("Ana likes milk.")
        await memory.reindex()
        hits = (await memory.recall("likes tea", min_score=0)).hits
        assert all(hit.similarity is not None for hit in hits)
        assert len(hits) == 2
    async with mnemic.open_memory(tmp_path, embedder=WordEmbedder(16, id="one"), chroma="off") as memory:
        await memory.reindex()
        assert (await memory.doctor()).healthy


async def test_an_embeddings_object_needs_a_name(tmp_path: Path) -> None:
    class Embeddings:
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [[1.0, 0.0] for _ in texts]

        def embed_query(self, text: str) -> list[float]:
            return [1.0, 0.0]

    with pytest.raises(InvalidInput, match="embedder_id"):
        mnemic.open_memory(tmp_path, embedder=Embeddings())
    async with mnemic.open_memory(tmp_path, embedder=Embeddings(), embedder_id="unit-v1") as memory:
        await memory.remember("Ben likes tea.")
        assert (await memory.status()).embedder == "unit-v1"


def test_a_summariser_that_cannot_be_called_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="summarise is str"):
        mnemic.open_memory(tmp_path, summarise="openai:gpt-5-mini")  # type: ignore[arg-type]


@pytest.mark.parametrize("embedder", [None, "static", WordEmbedder(16, id="one")], ids=["none", "name", "own"])
def test_an_id_that_names_no_embeddings_object_is_refused(tmp_path: Path, embedder: object) -> None:
    with pytest.raises(InvalidInput, match="embedder_id"):
        mnemic.open_memory(tmp_path, embedder=embedder, embedder_id="two")


def test_an_embedder_may_be_given_with_the_id_that_it_has(tmp_path: Path) -> None:
    mnemic.open_memory(tmp_path, embedder=WordEmbedder(16, id="one"), embedder_id="one")


async def test_a_closed_memory_says_so(tmp_path: Path) -> None:
    memory = mnemic.open_memory(tmp_path)
    with pytest.raises(StoreUnavailable, match="not open"):
        await memory.recall("x")
    await memory.open()
    await memory.close()
    await memory.close()
    with pytest.raises(StoreUnavailable):
        await memory.remember("x")


_FORKING = """
import asyncio, os, sys
import mnemic
from mnemic.errors import StoreUnavailable

async def main():
    async with mnemic.open_memory(sys.argv[1], chroma="off") as memory:
        await memory.remember("Ben likes tea.")
        child = os.fork()
        if child == 0:
            memory.close_now()
            try:
                memory.run_now(print)
            except StoreUnavailable as error:
                print(error, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        await memory.remember("Ana likes milk.")
        print(len(await memory.list()))

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nobody forks here")
def test_a_process_that_was_forked_off_is_told_to_open_a_memory_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", _FORKING, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    refusal, kept = done.stdout.splitlines()
    assert (done.returncode, done.stderr, kept) == (0, "", "2")
    assert "forked off" in refusal and "open_memory in each process" in refusal


async def test_two_memories_in_one_process_share_a_folder(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path) as one, mnemic.open_memory(tmp_path) as two:
        id = (await one.remember("Ben likes tea.")).id
        assert (await two.recall("tea")).hits[0].memory.id == id
        await two.archive([id])
        assert (await one.recall("tea")).hits == ()


def test_settings_come_from_the_environment_and_arguments_go_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MNEMIC_NAMESPACE", "team/ana")
    monkeypatch.setenv("MNEMIC_DURABLE", "false")
    monkeypatch.setenv("MNEMIC_CHROMA_API_KEY", "hush")
    settings = mnemic.load_settings(durable=True)
    assert settings.namespace == ("team", "ana")
    assert settings.durable is True
    assert "hush" not in repr(settings)
    with pytest.raises(InvalidInput, match="chroma_mode"):
        mnemic.load_settings(chroma_mode="x")


async def test_a_quality_embedder_that_is_not_there_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(mnemic.MnemicError, match="mnemic models fetch minilm"):
        async with mnemic.open_memory(tmp_path, embedder="minilm"):
            pass


async def test_a_python_with_an_old_sqlite_is_told_which_one_it_takes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("mnemic.storage.sqlite.connections.sqlite3.sqlite_version_info", (3, 34, 1))
    with pytest.raises(StoreUnavailable, match=r"SQLite 3\.34\.1; mnemic needs 3\.37"):
        async with mnemic.open_memory(tmp_path):
            pass
    assert not any(tmp_path.iterdir())
