"""What a ledger has to keep for items."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mnemic.domain.items import Item, ItemLink, ItemPath
from mnemic.domain.memory import RowKey
from mnemic.domain.provenance import Channel, Origin
from mnemic.protocols import Ledger
from mnemic.testing.fakes import make_record

_ROOT = ("test",)
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


class ItemContract:
    """Tests for any `mnemic.protocols.Ledger`. Subclass it and implement `make_ledger`; pytest runs the rest."""

    def make_ledger(self, folder: Path) -> Ledger:
        """A new ledger in an empty folder."""
        raise NotImplementedError

    def test_an_item_comes_back_exactly_as_it_was_put(self, tmp_path: Path) -> None:
        ledger = self.make_ledger(tmp_path)
        item = replace(
            _item(("a/b", '"', "\ud800"), "\x00 é"), ttl=_MINUTE, expires_at=_NOW + _MINUTE,
            value={"none": None, "list": [{}, [], 1.5, "\x00\ud800"], "": {"z": 1, "a": False}},
            origin=Origin(channel=Channel.WEB, actor="x", claimed=True),
        )  # fmt: skip
        with ledger.transaction() as transaction:
            key = transaction.put_item(item)
            assert transaction.find_item(_ROOT, item.path, item.key) == (key, item)
        with ledger.snapshot() as snapshot:
            assert snapshot.items([key]) == {key: item}
            assert list(snapshot.iterate_items(_ROOT)) == [(key, item)]
            assert snapshot.find_item(_ROOT, item.path, "other") is None
            assert snapshot.find_item(("other",), item.path, item.key) is None
            assert snapshot.item_roots() == [_ROOT]
        ledger.close()

    def test_putting_again_changes_the_item_and_not_its_place(self, tmp_path: Path) -> None:
        ledger = self.make_ledger(tmp_path)
        with ledger.transaction() as transaction:
            first = transaction.put_item(_item(("b",), "1"))
            transaction.put_item(_item(("a",), "1"))
            transaction.put_item(_item(("b",), "2"))
            later = replace(_item(("b",), "1"), value={"new": 1}, updated_at=_NOW + _MINUTE)
            assert transaction.put_item(later) == first
        with ledger.snapshot() as snapshot:
            found = [(item.path[0], item.key) for _, item in snapshot.iterate_items(_ROOT)]
            assert found == [("b", "1"), ("b", "2"), ("a", "1")]
            assert snapshot.items([first]) == {first: later}
            assert snapshot.item_paths(_ROOT) == [("b",), ("a",)]
        ledger.close()

    def test_a_prefix_takes_whole_labels_and_what_is_below(self, tmp_path: Path) -> None:
        paths: list[ItemPath] = [(), ("a",), ("a", "b"), ("ab",), ("a^",), ('a"',), ("a", "b", "c"), ("\U0010ffff",)]
        ledger = self.make_ledger(tmp_path)
        with ledger.transaction() as transaction:
            for path in paths:
                transaction.put_item(_item(path, "k"))
            transaction.put_item(replace(_item(("a",), "k"), root=("test", "a")))
        with ledger.snapshot() as snapshot:
            for prefix in (*paths, ("nowhere",)):
                wanted = [path for path in paths if path[: len(prefix)] == prefix]
                assert snapshot.item_paths(_ROOT, prefix) == wanted
                assert [item.path for _, item in snapshot.iterate_items(_ROOT, prefix)] == wanted
        ledger.close()

    def test_more_items_than_are_read_at_once_come_each_once_and_in_order(self, tmp_path: Path) -> None:
        ledger = self.make_ledger(tmp_path)
        with ledger.transaction() as transaction:
            for number in range(2_500):
                transaction.put_item(_item((str(number % 3),), str(number)))
        with ledger.snapshot() as snapshot:
            found = [item.key for _, item in snapshot.iterate_items(_ROOT)]
        assert found == [str(number) for space in range(3) for number in range(space, 2_500, 3)]
        ledger.close()

    def test_links_are_replaced_and_go_with_the_item(self, tmp_path: Path) -> None:
        ledger, keys = self._with_memories(tmp_path, "one", "two")
        with ledger.transaction() as transaction:
            item = transaction.put_item(_item(("a",), "k"))
            records = transaction.records(keys)
            links = tuple(
                ItemLink(place=place, memory=records[key].id, searched=searched)
                for place, key, searched in zip(("$", "text"), keys, (True, False), strict=True)
            )
            transaction.set_item_links(item, links)
        with ledger.snapshot() as snapshot:
            assert snapshot.item_links([item]) == {item: links}
            assert snapshot.items_of(keys) == {keys[0]: (item, True), keys[1]: (item, False)}
            assert snapshot.searched_memories(_ROOT) == [(item, keys[0])]
        with ledger.transaction() as transaction:
            transaction.set_item_links(item, links[:1])
            assert transaction.items_of(keys) == {keys[0]: (item, True)}
            transaction.delete_item(item)
            assert not transaction.items_of(keys)
            assert not transaction.items([item])
            assert not transaction.item_links([item])
            assert len(transaction.records(keys)) == 2
        ledger.close()

    def test_what_items_are_found_by_is_told_by_prefix_and_by_who_is_alive(self, tmp_path: Path) -> None:
        ledger, keys = self._with_memories(tmp_path, "one", "two", "three")
        paths: list[ItemPath] = [("a",), ("a", "b"), ("ab",)]
        with ledger.transaction() as transaction:
            records = transaction.records(keys)
            items = [
                transaction.put_item(replace(_item(path, "k"), expires_at=_NOW if path == ("a", "b") else None))
                for path in paths
            ]
            for item, key in zip(items, keys, strict=True):
                transaction.set_item_links(item, [ItemLink(place="$", memory=records[key].id)])
        pairs = list(zip(items, keys, strict=True))
        with ledger.snapshot() as snapshot:
            assert sorted(snapshot.searched_memories(_ROOT)) == pairs
            assert sorted(snapshot.searched_memories(_ROOT, ("a",))) == pairs[:2]
            assert snapshot.searched_memories(_ROOT, ("a",), alive_at=_NOW) == pairs[:1]
            assert snapshot.searched_memories(("nowhere",)) == []
        ledger.close()

    def test_erasing_a_memory_destroys_the_item_that_it_belongs_to(self, tmp_path: Path) -> None:
        ledger, (key, other) = self._with_memories(tmp_path, "one", "two")
        with ledger.transaction() as transaction:
            record, beside = (transaction.records([key, other])[one] for one in (key, other))
            item = transaction.put_item(_item(("a",), "k"))
            stays = transaction.put_item(_item(("a",), "other"))
            transaction.set_item_links(item, [ItemLink(place="$", memory=record.id)])
            transaction.set_item_links(stays, [ItemLink(place="$", memory=beside.id)])
        with ledger.transaction() as transaction:
            transaction.erase([record.id], at=_NOW)
        with ledger.snapshot() as snapshot:
            assert list(snapshot.items([item, stays])) == [stays]
            assert snapshot.is_unscrubbed()
        assert all(check.ok for check in ledger.diagnose("none") if check.check == "orphans")
        ledger.close()

    def test_a_life_never_ends_after_the_last_moment_that_there_is(self, tmp_path: Path) -> None:
        ledger = self.make_ledger(tmp_path)
        last = datetime.max.replace(tzinfo=UTC)
        with ledger.transaction() as transaction:
            key = transaction.put_item(replace(_item(("a",), "k"), ttl=last - _NOW, expires_at=last))
            transaction.refresh_items([key], at=_NOW + timedelta(days=1))
            assert transaction.items([key])[key].expires_at == last
        ledger.close()

    def test_lives_end_and_begin_anew(self, tmp_path: Path) -> None:
        ledger = self.make_ledger(tmp_path)
        with ledger.transaction() as transaction:
            stays = transaction.put_item(_item(("a",), "stays"))
            ends = transaction.put_item(
                replace(_item(("b",), "ends"), ttl=_MINUTE, expires_at=_NOW + _MINUTE),
            )
            elsewhere = replace(_item(("b",), "ends"), root=("other",), ttl=_MINUTE, expires_at=_NOW)
            transaction.put_item(elsewhere)
        with ledger.transaction() as transaction:
            assert transaction.expired_items(_ROOT, at=_NOW, limit=9) == []
            assert transaction.expired_items(_ROOT, at=_NOW + _MINUTE, limit=9) == [ends]
            assert transaction.item_paths(_ROOT, alive_at=_NOW + _MINUTE) == [("a",)]
            transaction.refresh_items([stays, ends], at=_NOW + _MINUTE)
            assert transaction.expired_items(_ROOT, at=_NOW + _MINUTE, limit=9) == []
            found = transaction.items([stays, ends])
            assert (found[stays].expires_at, found[ends].expires_at) == (None, _NOW + 2 * _MINUTE)
        ledger.close()

    def _with_memories(self, folder: Path, *texts: str) -> tuple[Ledger, list[RowKey]]:
        ledger = self.make_ledger(folder)
        ledger.register_embedder("none", 2)
        with ledger.transaction() as transaction:
            keys = [transaction.append(make_record(text), embedder_id="none", vector=None) for text in texts]
        return ledger, keys


def _item(path: ItemPath, key: str) -> Item:
    return Item(root=_ROOT, path=path, key=key, value={"n": 1}, created_at=_NOW, updated_at=_NOW, origin=Origin())
