"""Random histories against a plain model: whatever is done in whatever order, the memory says what the model says."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from mnemic.domain.memory import MemoryId, NewMemory, Outcome, Status
from mnemic.domain.provenance import Origin
from mnemic.domain.recall import MemoryFilter
from mnemic.domain.text import normalise
from mnemic.errors import InvalidInput, UnknownMemory
from mnemic.guard.creation import create_guard
from mnemic.protocols import Ledger
from mnemic.services.backends import Backends
from mnemic.services.browse import get, history, list_memories
from mnemic.services.health import doctor
from mnemic.services.recalling.recall import RecallQuery, recall
from mnemic.services.storing.cold import cool
from mnemic.services.storing.curate import archive, erase, restore
from mnemic.services.storing.remember import remember
from mnemic.services.transferring.transfer import export_lines, import_lines
from mnemic.storage.exact_index import ExactIndex
from mnemic.storage.sqlite.ledger import SqliteLedger
from mnemic.storage.system import new_memory_id
from mnemic.storage.token_counters import HeuristicTokenCounter
from mnemic.testing import SetClock, WordEmbedder

NAMESPACES = (("a",), ("a", "b"), ("c",))
WORDS = ("red", "green", "blue", "seven", "eight", "cat", "dogs", "running", "3", "4", "Zürich", "東京")
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
namespaces = st.sampled_from(NAMESPACES)


@dataclass
class Expected:
    """What the model knows about one memory."""

    text: str
    namespace: tuple[str, ...]
    status: Status = Status.ACTIVE
    confirmations: int = 0
    supersedes: MemoryId | None = None
    superseded_by: MemoryId | None = None


@dataclass
class Model:
    memories: dict[MemoryId, Expected] = field(default_factory=dict)
    erased: set[MemoryId] = field(default_factory=set)

    def twin(self, text: str, namespace: tuple[str, ...]) -> MemoryId | None:
        wanted = (normalise(text), namespace, Status.ACTIVE)
        for id, memory in self.memories.items():
            if (normalise(memory.text), memory.namespace, memory.status) == wanted:
                return id
        return None

    def chain(self, id: MemoryId) -> set[MemoryId]:
        found = {id}
        while True:
            more = {
                other
                for other, memory in self.memories.items()
                if memory.supersedes in found or memory.superseded_by in found
            } - found
            if not more:
                return found
            found |= more


def open_backends(folder: Path, clock: SetClock) -> Backends:
    return backends_over(SqliteLedger(folder / "ledger.sqlite3", durable=False), clock)


def backends_over(ledger: Ledger, clock: SetClock) -> Backends:
    embedder = WordEmbedder(32)
    ledger.register_embedder(embedder.id, embedder.dimensions)
    return Backends(
        ledger=ledger, index=ExactIndex(embedder.id, embedder.dimensions), embedder=embedder,
        token_counter=HeuristicTokenCounter(), clock=clock, new_id=new_memory_id,
        guard=create_guard("default"),
    )  # fmt: skip


class MemoryMachine(RuleBasedStateMachine):
    """Two processes' worth of backends on one ledger; each operation goes to either."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = SetClock()
        self.sides = [self.open_side(self.folder) for _ in range(2)]
        self.model = Model()

    def open_side(self, folder: Path) -> Backends:
        return open_backends(folder, self.clock)

    def teardown(self) -> None:
        for side in self.sides:
            assert doctor(side).healthy
            side.ledger.close()
        shutil.rmtree(self.folder)

    def side(self, number: int) -> Backends:
        self.clock.advance(seconds=1)
        return self.sides[number]

    @rule(target=ids, text=texts, namespace=namespaces, side=st.integers(0, 1))
    def remember(self, text: str, namespace: tuple[str, ...], side: int) -> Any:
        (receipt,) = remember(self.side(side), [NewMemory(text=text)], namespace=namespace, origin=Origin())
        twin = self.model.twin(text, namespace)
        if twin is not None:
            assert (receipt.id, receipt.outcome) == (twin, Outcome.CONFIRMED)
            self.model.memories[twin].confirmations += 1
            assert receipt.confirmations == self.model.memories[twin].confirmations
            return multiple()
        assert receipt.outcome is Outcome.STORED
        self.model.memories[receipt.id] = Expected(text=text, namespace=namespace)
        return receipt.id

    @rule(target=ids, old=ids, text=texts, side=st.integers(0, 1))
    def supersede(self, old: MemoryId, text: str, side: int) -> Any:
        known = self.model.memories.get(old)
        new = [NewMemory(text=text, namespace=NAMESPACES[0] if known is None else known.namespace, supersedes=old)]
        backends = self.side(side)
        if known is None:
            with pytest.raises(UnknownMemory):
                remember(backends, new, namespace=("a",), origin=Origin())
            return multiple()
        same = known.status is Status.ACTIVE and normalise(known.text) == normalise(text)
        for other, memory in self.model.memories.items():
            is_retry = memory.supersedes == old and memory.status is Status.ACTIVE
            if is_retry and normalise(memory.text) == normalise(text):
                (receipt,) = remember(backends, new, namespace=("a",), origin=Origin())
                assert (receipt.id, receipt.outcome) == (other, Outcome.CONFIRMED)
                memory.confirmations += 1
                return multiple()
        if known.status is not Status.ACTIVE:
            with pytest.raises(InvalidInput):
                remember(backends, new, namespace=("a",), origin=Origin())
            return multiple()
        (receipt,) = remember(backends, new, namespace=("a",), origin=Origin())
        if same:
            assert receipt.id == old
            known.confirmations += 1
            return multiple()
        self.model.memories[receipt.id] = Expected(text=text, namespace=known.namespace, supersedes=old)
        known.status, known.superseded_by = Status.SUPERSEDED, receipt.id
        return receipt.id

    @rule(id=ids, archived=st.booleans(), side=st.integers(0, 1))
    def archive_or_restore(self, id: MemoryId, archived: bool, side: int) -> None:
        known = self.model.memories.get(id)
        act = archive if archived else restore
        if known is None:
            with pytest.raises(UnknownMemory):
                act(self.side(side), [id], origin=Origin())
            return
        changed = act(self.side(side), [id], origin=Origin())
        assert changed == ((id,) if (known.status is Status.ARCHIVED) is not archived else ())
        if archived:
            known.status = Status.ARCHIVED
        elif known.status is Status.ARCHIVED:
            known.status = Status.ACTIVE if known.superseded_by is None else Status.SUPERSEDED

    @rule(side=st.integers(0, 1))
    def cool(self, side: int) -> None:
        backends = self.side(side)
        lines = list(export_lines(backends))
        archived = sum(known.status is Status.ARCHIVED for known in self.model.memories.values())
        assert cool(backends, days=0) <= archived
        assert cool(backends, days=0) == 0
        with backends.ledger.snapshot() as snapshot:
            assert snapshot.count_cold() == archived
        assert list(export_lines(backends)) == lines

    @rule(id=consumes(ids), side=st.integers(0, 1))
    def erase(self, id: MemoryId, side: int) -> None:
        if id not in self.model.memories:
            # Erased with another version: repeating an erasure is safe.
            assert erase(self.side(side), [id]).erased == (id,)
            return
        doomed = self.model.chain(id)
        assert set(erase(self.side(side), [id]).erased) == doomed
        for gone in doomed:
            del self.model.memories[gone]
        self.model.erased |= doomed

    @rule(query=texts, namespace=namespaces, side=st.integers(0, 1))
    def recall_only_what_is_there(self, query: str, namespace: tuple[str, ...], side: int) -> None:
        question = RecallQuery(text=query, filter=MemoryFilter(namespace=namespace), k=50, min_score=0)
        found = recall(self.side(side), question)
        for hit in found.hits:
            known = self.model.memories[hit.memory.id]
            assert (known.status, known.namespace) == (Status.ACTIVE, namespace)
            assert hit.memory.text == known.text
        twin = self.model.twin(query, namespace)
        if twin is not None:
            assert twin in {hit.memory.id for hit in found.hits}

    @rule(id=ids)
    def history_holds_every_version(self, id: MemoryId) -> None:
        if id in self.model.memories:
            assert {version.id for version in history(self.side(0), id).versions} == self.model.chain(id)

    @rule()
    def an_export_can_be_imported_exactly(self) -> None:
        lines = list(export_lines(self.side(0)))
        with tempfile.TemporaryDirectory() as folder:
            other = self.open_side(Path(folder))
            import_lines(other, lines)
            assert list(export_lines(other)) == lines
            assert import_lines(other, lines).imported == 0
            assert doctor(other).healthy
            other.ledger.close()

    @invariant()
    def every_memory_is_as_the_model_has_it(self) -> None:
        for number, side in enumerate(self.sides):
            for id, known in self.model.memories.items():
                record = get(side, id)
                assert (record.text, record.namespace, record.status, record.confirmations) == (
                    known.text, known.namespace, known.status, known.confirmations,
                ), number  # fmt: skip
            for namespace in NAMESPACES:
                listed = {record.id for record in list_memories(side, MemoryFilter(namespace=namespace), limit=1_000)}
                assert listed == {
                    id
                    for id, known in self.model.memories.items()
                    if (known.namespace, known.status) == (namespace, Status.ACTIVE)
                }


TestMemoryMachine = MemoryMachine.TestCase
TestMemoryMachine.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
