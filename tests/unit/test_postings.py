"""The lists of the memories that hold a word say what the ledger says, whatever was written since they were read."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic.domain.memory import Kind, RowKey
from mnemic.domain.recall import RECALLED_KINDS, MemoryFilter
from mnemic.protocols import LedgerSnapshot, SearchedText, TurnRow
from mnemic.retrieval import postings
from mnemic.retrieval.bags import Bags
from mnemic.retrieval.postings import Postings
from mnemic.storage.sqlite.ledger import SqliteLedger
from mnemic.testing.fakes import make_record
from tests.unit.changing_ledger import NOW, ChangingLedger, a_ledger

HERE = MemoryFilter(namespace=("test",), kinds=RECALLED_KINDS, now=NOW)
WORDS = ("heron", "running", "müller", "straße", "東京", "x2y", "naïve", "unheard")
FORMS = (*WORDS[:-1], "herons", "runs", "Müller", "STRASSE", "İstanbul", "don't", "ﬁn", "of")
MOST = 3

texts = st.lists(st.sampled_from(FORMS), min_size=1, max_size=4).map(" ".join)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("remember"), texts),
        st.tuples(st.just("elsewhere"), texts),
        st.tuples(st.sampled_from(["archive", "restore", "erase", "confirm", "tag"]), st.integers(0, 7)),
        st.tuples(st.just("ask"), st.sets(st.sampled_from(WORDS), min_size=1)),
    ),
    max_size=25,
)


class Few(ChangingLedger):
    """A ledger with lists over it, and what happens to both."""

    def __init__(self, ledger: SqliteLedger) -> None:
        super().__init__(ledger)
        self.bags = Bags()
        self.postings = Postings(self.bags)

    def happen(self, what: str, value: object) -> None:
        if what == "ask":
            assert isinstance(value, frozenset | set)
            self.check(sorted(value))
        elif what == "remember":
            self.remember(make_record(str(value), namespace=("test",)))
        elif what == "elsewhere":
            with self.ledger.transaction() as transaction:
                transaction.append(make_record(str(value), namespace=("other",)), embedder_id="words", vector=None)
        else:
            assert isinstance(value, int)
            self.change(what, value)

    def check(self, words: list[str]) -> None:
        with self.ledger.snapshot() as snapshot:
            expected = {word: sorted(keys) for word, keys in snapshot.postings(words, HERE, limit=MOST).items()}
            assert self.asked(snapshot, words) == expected

    def asked(self, snapshot: LedgerSnapshot, words: list[str]) -> dict[str, list[int]]:
        namespace = snapshot.namespace_key(("test",))
        assert namespace is not None
        return {word: keys.tolist() for word, keys in self.postings.holding(snapshot, HERE, namespace, words).items()}


@settings(deadline=None, max_examples=80)
@given(changes)
def test_lists_follow_whatever_is_written(happened: list[tuple[str, object]]) -> None:
    with a_ledger() as ledger, patch.object(postings, "MOST_HOLDING", MOST):
        few = Few(ledger)
        few.happen("remember", "heron naïve")
        few.check(list(WORDS[:4]))
        for what, value in happened:
            few.happen(what, value)
        few.check(list(WORDS))


def test_a_word_has_no_list_while_too_many_hold_it() -> None:
    with a_ledger() as ledger, patch.object(postings, "MOST_HOLDING", MOST):
        few = Few(ledger)
        for _ in range(MOST + 1):
            few.happen("remember", "heron")
            few.check(["heron"])
        few.happen("archive", 1)
        few.check(["heron"])


def test_a_word_that_was_asked_for_is_not_asked_of_the_ledger_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    with a_ledger() as ledger:
        few = Few(ledger)
        few.happen("remember", "the heron is running")

        def noting(snapshot: LedgerSnapshot) -> dict[str, list[int]]:
            read = snapshot.postings

            def note(words: list[str], filter: MemoryFilter, *, limit: int) -> dict[str, list[RowKey]]:
                asked.extend(words)
                return read(words, filter, limit=limit)

            monkeypatch.setattr(snapshot, "postings", note)
            return few.asked(snapshot, ["herons", "running"])

        for _ in range(3):
            with ledger.snapshot() as snapshot:
                noting(snapshot)
            few.happen("remember", "another heron")
        with ledger.snapshot() as snapshot:
            assert noting(snapshot) == {"herons": few.keys, "running": few.keys[:1]}
    assert asked == ["herons", "running"]


class OutOfOrder:
    """A snapshot to which another process adds memories whose keys it reserved long ago."""

    def __init__(self) -> None:
        self.written = [40, 60]

    def last_seq(self) -> int:
        return len(self.written)

    def stems(self, words: list[str]) -> list[str]:
        return words

    def postings(self, words: list[str], filter: MemoryFilter, *, limit: int) -> dict[str, list[int]]:
        return {word: list(self.written) for word in words}

    def turns(self, namespace_key: int, *, after: int, limit: int) -> list[TurnRow]:
        rows = enumerate(self.written, 1)
        return [TurnRow(RowKey(key), seq, None, None, None, 0, True) for seq, key in rows if seq > after][:limit]

    def searched_texts(self, keys: list[RowKey]) -> dict[RowKey, SearchedText]:
        return {key: SearchedText("", "heron", ()) for key in keys}


def test_keys_that_come_out_of_order_are_listed_in_order() -> None:
    snapshot = OutOfOrder()
    lists = Postings(Bags())
    for more in (None, 50, 10):
        snapshot.written += [more] if more else []
        found = lists.holding(snapshot, HERE, 1, ["heron"])  # type: ignore[arg-type]  # as much of one as is asked for
        assert found["heron"].tolist() == sorted(snapshot.written)


def test_lists_hold_what_recall_returns_whoever_asks_first() -> None:
    with a_ledger() as ledger:
        few = Few(ledger)
        few.happen("remember", "heron")
        with ledger.transaction() as transaction:
            transaction.append(make_record("heron", kind=Kind.LESSON), embedder_id="words", vector=None)
        with ledger.snapshot() as snapshot:
            anything = MemoryFilter(namespace=("test",), now=NOW)
            assert few.postings.holding(snapshot, anything, 1, ["heron"])["heron"].tolist() == few.keys
        few.check(["heron"])


def test_lists_of_an_older_state_are_not_kept() -> None:
    with a_ledger() as ledger:
        few = Few(ledger)
        few.happen("remember", "naïve")
        with ledger.snapshot() as old:
            few.happen("remember", "heron")
            few.check(["naïve"])
            assert few.asked(old, ["heron"]) == {"heron": []}
        few.check(["heron"])


def test_many_changes_at_once_are_read_anew() -> None:
    with a_ledger() as ledger:
        few = Few(ledger)
        few.happen("remember", "heron naïve")
        few.check(["heron"])
        with ledger.transaction() as transaction:
            for at in range(postings._MOST_CHANGES + 5):
                record = make_record(f"heron {at}" if at % 100 == 0 else f"walrus {at}")
                transaction.append(record, embedder_id="words", vector=None)
        few.check(["naïve"])
        with ledger.snapshot() as snapshot:
            assert len(few.asked(snapshot, ["heron"])["heron"]) == 4
