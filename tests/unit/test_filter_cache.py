"""What is remembered of a filter says what the ledger says, whatever was written since it was asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mnemic
from mnemic.domain.memory import Kind
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.recall import RECALLED_KINDS, MemoryFilter
from mnemic.protocols import LedgerSnapshot
from mnemic.retrieval import filter_cache
from mnemic.retrieval.filter_cache import FilterCache
from mnemic.storage.sqlite.ledger import SqliteLedger
from mnemic.testing.fakes import make_record
from tests.unit.changing_ledger import NOW, ChangingLedger, a_ledger

MIDDLE = datetime(2026, 3, 1, tzinfo=UTC)
TAGS = ("heron", "walrus", "MÜLLER")
FILTERS: tuple[dict[str, Any], ...] = (
    {"tags": ("heron",)},
    {"tags": ("heron", "walrus")},
    {"kinds": (Kind.SEMANTIC,)},
    {"since": MIDDLE},
    {"until": MIDDLE, "tags": ("müller",)},
    {"session": "one"},
    {"channels": (Channel.WEB,)},
)

memories = st.fixed_dictionaries(
    {
        "tags": st.sets(st.sampled_from(TAGS)).map(lambda tags: tuple(sorted(tags))),
        "kind": st.sampled_from([Kind.SEMANTIC, Kind.EPISODIC, Kind.LESSON]),
        "session": st.sampled_from([None, "one", "two"]),
        "occurred_at": st.sampled_from([None, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)]),
        "origin": st.sampled_from([Origin(), Origin(channel=Channel.WEB)]),
        "namespace": st.sampled_from([("test",), ("test",), ("other",)]),
    }
)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("remember"), memories),
        st.tuples(st.sampled_from(["archive", "restore", "erase", "confirm", "tag", "untag"]), st.integers(0, 7)),
        st.tuples(st.just("ask"), st.integers(0, len(FILTERS) - 1)),
    ),
    max_size=25,
)


class Few(ChangingLedger):
    """A ledger with a cache over it, and what happens to both."""

    def __init__(self, ledger: SqliteLedger) -> None:
        super().__init__(ledger)
        self.cache = FilterCache()

    def happen(self, what: str, value: Any) -> None:
        if what == "ask":
            self.check(FILTERS[value])
        elif what == "remember":
            self.remember(make_record("text", **value))
        else:
            self.change(what, value)

    def check(self, conditions: dict[str, Any]) -> None:
        with self.ledger.snapshot() as snapshot:
            filter = MemoryFilter(**{"namespace": ("test",), "kinds": RECALLED_KINDS, "now": NOW, **conditions})
            assert self.asked(snapshot, filter) == snapshot.matching_keys(filter).tolist()

    def asked(self, snapshot: LedgerSnapshot, filter: MemoryFilter) -> list[int]:
        namespace = snapshot.namespace_key(filter.namespace)
        return [] if namespace is None else self.cache.matching(snapshot, filter, namespace).tolist()


@settings(deadline=None, max_examples=80)
@given(changes)
def test_what_passes_is_known_whatever_is_written(happened: list[tuple[str, object]]) -> None:
    with a_ledger() as ledger:
        few = Few(ledger)
        for tags in (("heron",), ("heron", "walrus"), ()):
            few.happen("remember", {"tags": tags})
        for conditions in FILTERS:
            few.check(conditions)
        for what, value in happened:
            few.happen(what, value)
        for conditions in FILTERS:
            few.check(conditions)


def test_the_filter_that_was_not_used_for_the_longest_time_is_forgotten() -> None:
    with a_ledger() as ledger, patch.object(filter_cache, "_MOST_FILTERS", 2):
        few = Few(ledger)
        few.happen("remember", {"tags": ("heron",)})
        for number in (0, 1, 0, 2):
            few.check(FILTERS[number])
        shelf = few.cache._shelves.get(1)
        assert shelf is not None and [list(one.tags) for one in shelf.lists] == [["heron"], []]


def test_only_what_changed_is_asked_of_the_ledger_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int] | None] = []
    filter = MemoryFilter(namespace=("test",), tags=("heron",), now=NOW)
    with a_ledger() as ledger:
        few = Few(ledger)
        for tags in (("heron",), (), ("heron",)):
            few.happen("remember", {"tags": tags})
            for _ in range(2):
                with ledger.snapshot() as snapshot:
                    read = snapshot.matching_keys

                    def note(filter: MemoryFilter, *, among: Any = None, read: Any = read) -> Any:
                        asked.append(among)
                        return read(filter, among=among)

                    monkeypatch.setattr(snapshot, "matching_keys", note)
                    found = few.asked(snapshot, filter)
        assert found == [few.keys[0], few.keys[2]]
        assert asked == [None, [few.keys[1]], [few.keys[2]]]


def test_a_snapshot_older_than_what_is_known_is_answered_from_itself() -> None:
    filter = MemoryFilter(namespace=("test",), tags=("heron",), now=NOW)
    with a_ledger() as ledger:
        few = Few(ledger)
        few.happen("remember", {"tags": ("heron",)})
        with ledger.snapshot() as old:
            few.happen("remember", {"tags": ("heron",)})
            with ledger.snapshot() as new:
                assert few.asked(new, filter) == few.keys
            assert few.asked(old, filter) == few.keys[:1]


def test_many_changes_at_once_are_read_anew() -> None:
    with a_ledger() as ledger:
        few = Few(ledger)
        few.happen("remember", {"tags": ("heron",)})
        few.check({"tags": ("heron",)})
        for _ in range(filter_cache._MOST_CHANGES + 5):
            few.happen("remember", {"tags": ("heron",)})
        few.check({"tags": ("heron",)})


async def test_what_is_announced_passes_a_filter_only_until_its_successor_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        monkeypatch.setattr(type(memory._opened().backends.clock), "now", lambda _: moment)

        async def told() -> set[str]:
            found = await memory.recall("When is the stand-up?", tags=["team"])
            return {hit.memory.text for hit in found.hits}

        old = await memory.remember("The stand-up is at 9:30.", tags=["team"])
        assert await told() == {"The stand-up is at 9:30."}
        await memory.supersede(old.id, "The stand-up is at 10:15.", tags=["team"], valid_from="2026-12-01")
        assert await told() == {"The stand-up is at 9:30.", "The stand-up is at 10:15."}
        moment = datetime(2026, 12, 2, tzinfo=UTC)
        assert await told() == {"The stand-up is at 10:15."}
        await memory.remember("The stand-up is in room 4.", tags=["team"])
        assert await told() == {"The stand-up is at 10:15.", "The stand-up is in room 4."}
