"""Which turns were said beside which, and who took part in which session."""

from __future__ import annotations

import random

import numpy as np
import pytest

import mnemic.retrieval.turns as turn_index
from mnemic.domain.memory import RowKey
from mnemic.protocols import TurnRow
from mnemic.retrieval.turns import NONE, TurnIndex, Turns
from tests.unit.snapshots import snapshot_of


class _Feed:
    """A snapshot of turns."""

    def __init__(self) -> None:
        self.rows: dict[int, TurnRow] = {}
        self.seq = 0

    def put(self, key: int, session: str | None, speaker: str | None = None, role: str | None = None, *, at: int = 0,
            present: bool = True) -> None:  # fmt: skip
        self.seq += 1
        self.rows[key] = TurnRow(RowKey(key), self.seq, session, speaker, role, at, present)

    def last_seq(self) -> int:
        return self.seq

    def turns(self, namespace_key: int, *, after: int, limit: int) -> list[TurnRow]:
        return sorted((row for row in self.rows.values() if row.seq > after), key=lambda row: row.seq)[:limit]


def _chain(turns: Turns) -> list[tuple[int, int, int]]:
    keys = [*turns.keys.tolist(), NONE]
    return [(keys[at], keys[turns.before[at]], keys[turns.after[at]]) for at in range(len(turns.keys))]


def test_the_turns_beside_a_candidate_are_found_in_the_order_in_which_they_were_said() -> None:
    feed = _Feed()
    for key, at in ((1, 30), (2, 10), (3, 20), (4, 20)):
        feed.put(key, "s", "Ana", at=at)
    feed.put(9, None)
    found = TurnIndex().around(snapshot_of(feed), [1], [3, 9], reach=1)
    assert _chain(found) == [(2, NONE, 3), (3, 2, 4), (4, 3, NONE), (9, NONE, NONE)]
    assert _chain(TurnIndex().around(snapshot_of(feed), [1], [3], reach=1, among=np.array([3, 4])))[1:] == [
        (4, 3, NONE)
    ]


def test_what_recall_must_not_return_is_nobodys_neighbour() -> None:
    feed = _Feed()
    for key in (1, 2, 3):
        feed.put(key, "s", "Ana")
    changed: list[int] = []
    index = TurnIndex(lambda keys, _: changed.extend(keys))
    index.around(snapshot_of(feed), [1], [1], reach=1)
    feed.put(2, "s", "Ana", present=False)
    assert _chain(index.around(snapshot_of(feed), [1], [1], reach=1)) == [(1, NONE, 3), (3, 1, NONE)]
    feed.put(2, "s", "Ana")
    assert _chain(index.around(snapshot_of(feed), [1], [1], reach=1)) == [(1, NONE, 2), (2, 1, NONE)]
    feed.put(2, None, present=False)
    assert len(index.around(snapshot_of(feed), [1], [1], reach=2).keys) == 2
    assert changed == [1, 2, 3, 2, 2, 2]


@pytest.mark.parametrize("most_steps", [3, 20_000])
@pytest.mark.parametrize("seed", range(6))
def test_turns_that_come_one_by_one_are_linked_as_those_that_come_at_once(
    seed: int, most_steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Those that are further back than so many steps are linked by sorting all of them.
    monkeypatch.setattr(turn_index, "_MOST_STEPS", most_steps)
    chance = random.Random(seed)
    feed, index = _Feed(), TurnIndex()
    for step in range(120):
        key = chance.randint(1, step + 1) if step and chance.random() < 0.3 else step + 1
        old = feed.rows.get(key)
        session = old.session if old else chance.choice("ab")
        feed.put(key, session, at=old.at if old else chance.randint(0, 9), present=chance.random() < 0.8)
        if chance.random() < 0.7:
            index.around(snapshot_of(feed), [1], [], reach=0)
    everything = sorted(feed.rows)
    grown = index.around(snapshot_of(feed), [1], everything, reach=0)
    assert _chain(grown) == _chain(TurnIndex().around(snapshot_of(feed), [1], everything, reach=0))


def test_what_is_told_late_is_linked_without_a_walk_through_all_that_was_said_since(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turn_index, "_MOST_STEPS", 10)
    sorted_anew: list[int] = []
    link_all = turn_index._Shelf._link_all

    def noted(self: turn_index._Shelf) -> None:
        sorted_anew.append(self.count)
        link_all(self)

    feed, index = _Feed(), TurnIndex()
    for key in range(1, 301):
        feed.put(key, "s", "Ana", at=key)
    index.around(snapshot_of(feed), [1], [], reach=0)
    monkeypatch.setattr(turn_index._Shelf, "_link_all", noted)
    feed.put(301, "s", "Ana", at=295)
    index.around(snapshot_of(feed), [1], [], reach=0)
    assert sorted_anew == []
    feed.put(302, "s", "Ana", at=0)
    assert _chain(index.around(snapshot_of(feed), [1], [302], reach=1)) == [(1, 302, NONE), (302, NONE, 1)]
    assert sorted_anew == [302]


def test_somebody_takes_part_in_the_sessions_where_that_person_speaks() -> None:
    feed = _Feed()
    feed.put(1, "a", "Ana")
    feed.put(2, "a", "Ben")
    feed.put(3, "b", "Ben")
    index, snapshot = TurnIndex(), snapshot_of(feed)
    turns = index.around(snapshot, [1], [1, 2, 3], reach=0)

    def takes_part(*people: str) -> list[bool]:
        found: list[bool] = index.takes_part(snapshot, [1], [(person,) for person in people], turns.session).tolist()
        return found

    assert takes_part("Ana") == [True, True, False]
    assert takes_part("Ben") == [True, True, True]
    assert takes_part("Cleo") == [False, False, False]
    assert takes_part("Ana", "Ben") == [True, True, False]
    assert takes_part("Ana", "Cleo") == [True, True, False]


def test_people_are_in_groups_where_three_speak_in_most_of_their_sessions() -> None:
    feed = _Feed()
    told = [
        "a Ana",
        "a Ben",
        "a Ana",
        "b Ana",
        "b Ben",
        "b Cleo",
        "c Ana",
        "c Ben",
        "c Dora",
        "d Eva",
        "d Eva",
        "d Eva",
    ]
    for key, (session, speaker) in enumerate(map(str.split, told), 1):
        feed.put(key, session, speaker)
    index = TurnIndex()
    groups = {
        names: index.in_groups(snapshot_of(feed), [1], [(name,) for name in names.split()])
        for names in ("Ana", "Ana Ben", "Eva", "Cleo", "Ana Cleo", "Zoe")
    }
    assert groups == {"Ana": True, "Ana Ben": True, "Eva": False, "Cleo": True, "Ana Cleo": True, "Zoe": False}


def test_the_company_of_a_person_is_left_out_where_it_is_most_of_all_or_too_much() -> None:
    feed = _Feed()
    for key, (session, speaker) in enumerate([("a", "Ana"), ("a", "Ben"), *([("b", "Cleo")] * 4)], 1):
        feed.put(key, session, speaker)
    index = TurnIndex()
    assert index.company(snapshot_of(feed), [1], [("Ana",)], limit=10).tolist() == [1, 2]
    assert index.company(snapshot_of(feed), [1], [("Cleo",)], limit=10).tolist() == []
    assert index.company(snapshot_of(feed), [1], [("Ana",)], limit=1).tolist() == []


def test_a_namespace_that_was_let_go_meanwhile_tells_what_may_have_changed_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turn_index, "_MOST_BYTES", 1)
    feeds, changed = {1: _Feed(), 2: _Feed()}, list[int]()
    for number, feed in feeds.items():
        feed.put(number, None)
    index = TurnIndex(lambda keys, _: changed.extend(keys))
    for number in (1, 2):
        index.follow(snapshot_of(feeds[number]), [number])
    feeds[1].put(1, None, present=False)
    index.follow(snapshot_of(feeds[1]), [1])
    assert changed == [1, 2, 1]
