"""A divided memory: where a namespace lies, which part a call is for, and which parts are open."""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mnemic
from mnemic import NewMemory
from mnemic.domain.partitions import MOST_PARTITIONS, partition_of
from mnemic.errors import InvalidInput, SeveralPartitions, StoreUnavailable
from mnemic.partitioning import Parts
from mnemic.services import browse
from mnemic.services.health import probe, shared_secret
from mnemic.services.places import ANYWHERE, EVERYWHERE, NAMING, read_call
from mnemic.services.recalling import recall
from mnemic.services.reviewing import checking
from mnemic.services.rights import name_of
from mnemic.services.storing import remember
from mnemic.services.transferring import transfer
from tests.unit.test_access import use_cases

LABELS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1), min_size=1, max_size=4
).map(tuple)


def test_where_a_namespace_lies_never_changes() -> None:
    """What is stored lies where this said when it was stored: another answer would lose it."""
    labels = ("default", "team", "users", "ana", "bob", "Zoë", "用户", "a b", "x" * 200)
    assert [partition_of((label,), 64) for label in labels] == [61, 45, 6, 10, 26, 16, 55, 18, 0]
    assert [partition_of((label,), 3) for label in labels] == [1, 0, 0, 1, 2, 2, 1, 0, 2]


@given(namespace=LABELS, below=LABELS, count=st.integers(1, MOST_PARTITIONS))
def test_what_is_below_a_namespace_lies_where_it_does(
    namespace: tuple[str, ...], below: tuple[str, ...], count: int
) -> None:
    assert partition_of(namespace, count) == partition_of(namespace + below, count)
    assert 0 <= partition_of(namespace, count) < count


def test_tenants_are_spread_over_all_parts() -> None:
    found = [partition_of((f"tenant-{number}",), 8) for number in range(4_000)]
    assert all(400 < found.count(part) < 600 for part in range(8))


def run_by_the_public_classes() -> list[Callable[..., Any]]:
    sources = [*Path(mnemic.__file__).parent.glob("*.py")]
    named = re.findall(r"from mnemic\.services\S* import ([\w, ]+)", "\n".join(path.read_text() for path in sources))
    run = {name for names in named for name in names.split(", ")}
    return [function for function in use_cases() if function.__name__ in run]


def test_every_use_case_that_is_run_says_where_it_belongs() -> None:
    """One that names no namespace and no memory would be refused on a divided memory for ever."""
    found = run_by_the_public_classes()
    assert len(found) > 50
    # Of the database and of no part; and what a part's housekeeper does.
    own = {probe, shared_secret}
    homeless = {
        name_of(use_case)
        for use_case in found
        if use_case not in own
        and name_of(use_case) not in (*ANYWHERE, *EVERYWHERE)
        and not NAMING & inspect.signature(use_case).parameters.keys()
    }
    assert homeless == {
        "guarding.aftermath.forget_exposures",
        "health.scrub_if_needed",
        "reviewing.review.screen_missing",
        "upkeep.forgetting.forget_plans",
        "working_memory.sessions.drop_erased",
        "warming.warm",
    }
    for name in (*ANYWHERE, *EVERYWHERE):
        assert name in {name_of(use_case) for use_case in use_cases()}, name


def test_a_call_is_for_the_namespaces_that_it_names() -> None:
    def places(use_case: Callable[..., Any], *args: Any, **named: Any) -> set[str]:
        return {"/".join(namespace) for namespace in read_call(use_case, args, named).namespaces}

    new = NewMemory(text="x", namespace="b/c")
    assert places(browse.get, "id", namespace=("a", "b")) == {"a/b"}
    assert places(remember.remember, ["x"], namespace=("a",), origin=None) == {"a"}
    assert places(remember.remember, [new], namespace=("a",), origin=None) == {"b/c"}
    assert places(remember.remember, ["x", new], namespace=("a",), origin=None) == {"a", "b/c"}
    assert places(remember.remember, [], namespace=("a",), origin=None) == {"a"}
    query = SimpleNamespace(filter=SimpleNamespace(namespace=("a", "b")))
    assert places(recall.recall, query, render=None) == {"a/b"}
    lines = ['{"type": "header"}', '{"type": "memory", "namespace": ["a", "b"]}', "no JSON", '{"root": ["c"]}', "[1]"]
    assert places(transfer.import_lines, lines) == {"a", "c"}
    with pytest.raises(InvalidInput):
        read_call(remember.remember, ([NewMemory(text="x", namespace="a//b")],), {"namespace": ("a",), "origin": None})


def test_a_call_without_a_namespace_is_for_the_memories_that_it_names() -> None:
    def given() -> Iterator[str]:
        yield from ("one", "two")

    call = read_call(browse.show_memories, (given(),), {"namespace": None})
    assert call.ids == ("one", "two")
    assert call.args == (("one", "two"),), "what can be read once is there for the use case as well"
    assert read_call(browse.get, ("one",), {}).ids == ("one",)
    assert read_call(checking.check_memories, (["one"],), {"task": "t"}).ids == ("one",)
    for no_ids in (7, None, "one"):
        assert read_call(browse.show_memories, (no_ids,), {}).ids == (), "the use case says what is wrong with it"


def test_a_call_that_names_nothing_is_refused() -> None:
    for use_case in (browse.all_records, transfer.export_lines, lambda backends: backends):
        with pytest.raises(SeveralPartitions, match="Name a namespace"):
            read_call(use_case, (), {})


class Ledger:
    """Stands for an open part."""

    def __init__(self, number: int, open_now: dict[int, int]) -> None:
        self.number, self._open_now, self.closed = number, open_now, 0
        open_now[number] = open_now.get(number, 0) + 1

    def close(self) -> None:
        self.closed += 1
        self._open_now[self.number] -= 1


def parts(most: int) -> tuple[Parts, dict[int, int], list[int]]:
    open_now: dict[int, int] = {}
    opened: list[int] = []

    def open_part(number: int) -> Any:
        opened.append(number)
        if number == 13:
            raise StoreUnavailable("This one is damaged.")
        return Ledger(number, open_now)

    return Parts(open_part, most=most), open_now, opened


def now_open(found: dict[int, int]) -> set[int]:
    return {number for number, count in found.items() if count}


def test_the_part_that_was_not_used_for_longest_makes_room() -> None:
    shelf, open_now, opened = parts(2)
    for number in (1, 2, 1, 3):
        with shelf.use(number):
            assert number in now_open(open_now)
    assert opened == [1, 2, 3]
    assert now_open(open_now) == {1, 3}


def test_a_part_that_is_in_use_makes_room_for_none() -> None:
    shelf, open_now, _ = parts(1)
    released, waiting = threading.Event(), threading.Event()
    held = threading.Event()

    def hold() -> None:
        with shelf.use(1):
            held.set()
            assert released.wait(60)
            assert now_open(open_now) == {1}

    def want() -> set[int]:
        assert held.wait(60)
        waiting.set()
        with shelf.use(2):
            return now_open(open_now)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(hold), pool.submit(want)
        assert waiting.wait(60)
        assert not second.done()
        released.set()
        first.result(60)
        assert second.result(60) == {2}


def test_a_look_at_a_part_drives_out_none_and_leaves_none_open() -> None:
    shelf, open_now, _ = parts(2)
    with shelf.use(1), shelf.use(2):
        pass
    with shelf.look_into(3):
        assert now_open(open_now) == {1, 2, 3}
    with shelf.look_into(1):
        assert now_open(open_now) == {1, 2}
    assert now_open(open_now) == {1, 2}


def test_a_part_that_cannot_be_opened_takes_no_place() -> None:
    shelf, open_now, opened = parts(1)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="damaged"), shelf.use(13):
            pass
    assert opened == [13, 13]
    with shelf.use(1):
        assert now_open(open_now) == {1}


def test_many_threads_open_a_part_once_and_no_more_parts_than_there_is_room_for() -> None:
    shelf, open_now, _ = parts(3)

    def work(number: int) -> bool:
        with shelf.use(number % 5) as part:
            found: Any = part
            return found.closed == 0 and open_now[number % 5] >= 1

    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(work, range(600)))
    assert len(now_open(open_now)) <= 3
    assert set(open_now.values()) <= {0, 1}
    shelf.close()
    assert now_open(open_now) == set()
    with pytest.raises(StoreUnavailable, match="closed"), shelf.use(1):
        pass
    with pytest.raises(StoreUnavailable, match="closed"), shelf.look_into(1):
        pass
