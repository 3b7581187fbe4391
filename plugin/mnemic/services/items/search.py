"""Finding items: by their words, by what their values hold, and only as far as the guard lets them out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice, takewhile

from mnemic.domain.item_values import storable
from mnemic.domain.items import FindItems, FoundItem, Item, ItemKey, memory_namespace, passes
from mnemic.domain.memory import MemoryId, Namespace, RowKey, Status
from mnemic.domain.provenance import Origin
from mnemic.domain.recall import RECALLED_KINDS, MemoryFilter
from mnemic.domain.text import normalise
from mnemic.domain.validation import MAX_QUERY_CHARS
from mnemic.guard.policy import Policy
from mnemic.protocols import LedgerSnapshot
from mnemic.retrieval.fusion import Candidate, give_room
from mnemic.services.asking import Asked, as_it_is, understand
from mnemic.services.backends import Backends, log
from mnemic.services.guarding.aftermath import note_vetting
from mnemic.services.guarding.standing import Vetted, standing
from mnemic.services.guarding.vetting import Vetting, vet
from mnemic.services.recalling.candidates import find_candidates
from mnemic.services.recalling.channels import PER_CHANNEL

# Always so many are judged together, from the first on, so that every page comes from the same order.
_JUDGED_AT_ONCE = 16


@dataclass(slots=True, kw_only=True)
class ItemGate:
    """What may come out of items in one snapshot, and what there is to note about it afterwards."""

    backends: Backends
    snapshot: LedgerSnapshot
    policy: Policy
    question: str
    now: datetime
    open: bool = False
    vettings: list[Vetting] = field(default_factory=list)
    _known: dict[MemoryId, Vetted] = field(default_factory=dict)
    _memories: dict[ItemKey, tuple[MemoryId, ...]] = field(default_factory=dict)

    def let_out(self, keys: Sequence[ItemKey], *, searched: bool) -> set[ItemKey]:
        """Those of ``keys`` of which nothing is kept back; with ``searched``, nothing is out of recall either.

        What recall would show in part, with its directives masked, is kept back as a whole: a value is given as it is.
        """
        links = self.snapshot.item_links(keys)
        self._memories |= {key: tuple(link.memory for link in found) for key, found in links.items()}
        ids = [link.memory for found in links.values() for link in found]
        found = self.snapshot.find(ids)
        memories = [found[id] for id in ids if id in found]
        vetting = vet(self.snapshot, self.backends.guard, self.policy, self.question, memories, now=self.now)
        self.vettings.append(vetting)
        self._known |= {one.record.id: one for one in vetting.vetted}
        if self.open:
            return set(keys)
        kept_back = {one.record.id for one in vetting.vetted if self._kept_back(one, searched=searched)}
        return {key for key in keys if kept_back.isdisjoint(self._memories.get(key, ()))}

    def _kept_back(self, one: Vetted, *, searched: bool) -> bool:
        if one.record.status is not Status.ACTIVE and (searched or one.record.status is Status.QUARANTINED):
            return True
        shown = standing(self.policy, one)
        return one.withheld or shown.masked_text is not None or bool(shown.hidden_labels)

    def delivered(self, keys: Iterable[ItemKey]) -> list[Vetted]:
        """The memories of items that are given out."""
        return [self._known[id] for key in keys for id in self._memories.get(key, ()) if id in self._known]

    def note(self, keys: Iterable[ItemKey], *, origin: Origin) -> None:
        """Keep what has to be known later of what was given to whoever asked."""
        note_vetting(
            self.backends, self.policy, self.vettings, delivered=self.delivered(keys), question=self.question,
            session=None, origin=origin, now=self.now,
        )  # fmt: skip


def find_items(
    backends: Backends, root: Namespace, asked: FindItems, *, origin: Origin, now: datetime, omit_expired: bool,
    include_withheld: bool,
) -> list[tuple[ItemKey, FoundItem]]:  # fmt: skip
    """The items that ``asked`` asks for: those that its words find, best first, then the others in the order of writing.

    The order does not depend on limit and offset. What is kept back takes no place in it.
    """
    policy = backends.guard.policy
    text = storable(asked.query or "")[:MAX_QUERY_CHARS]
    question = text if normalise(text) else ""
    with backends.ledger.snapshot() as snapshot:
        paths = snapshot.item_paths(root, asked.prefix)
    if not paths:
        return []
    filter = _filter_for(list(dict.fromkeys(memory_namespace(root, path) for path in paths)), now)
    notes: list[str] = []
    understood = understand(backends, question, filter, notes) if question else None
    for note in notes:
        log.warning("items.searched", note=note)

    def wanted(item: Item) -> bool:
        alive = not omit_expired or item.expires_at is None or item.expires_at > now
        return (
            item.root == root
            and alive
            and item.path[: len(asked.prefix)] == asked.prefix
            and passes(item.value, asked.filter)
        )

    with backends.ledger.snapshot() as snapshot:
        gate = ItemGate(
            backends=backends, snapshot=snapshot, policy=policy, question=question, now=now, open=include_withheld
        )
        scores: dict[ItemKey, float] = {}
        if understood is not None:
            understood = as_it_is(backends, snapshot, question, filter, understood, notes)
            search = _Search(backends=backends, snapshot=snapshot, filter=filter, asked=understood)
            scores = _scores(search, root, asked, wanted, alive_at=now if omit_expired else None)
        ranked = _in_order(snapshot, root, asked, scores)
        candidates = ((key, item) for key, item in ranked if wanted(item))
        found = list(islice(_let_out(gate, candidates), *_page(asked)))
    gate.note([key for key, _ in found], origin=origin)
    return [(key, FoundItem(item=item, score=scores.get(key))) for key, item in found]


def _page(asked: FindItems) -> tuple[int, int]:
    """From where to where. No more items can be counted than ``sys.maxsize``, whatever was asked for."""
    return min(asked.offset, sys.maxsize), min(asked.offset + asked.limit, sys.maxsize)


def _filter_for(namespaces: Sequence[Namespace], now: datetime) -> MemoryFilter:
    """The narrowest filter that all of ``namespaces`` pass; a single one is searched through its index."""
    common = namespaces[0]
    for other in namespaces:
        alike = takewhile(lambda pair: pair[0] == pair[1], zip(common, other, strict=False))
        common = tuple(label for label, _ in alike)
    return MemoryFilter(namespace=common, subtree=len(namespaces) > 1, kinds=RECALLED_KINDS, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """A question to items in one snapshot."""

    backends: Backends
    snapshot: LedgerSnapshot
    filter: MemoryFilter
    asked: Asked

    def candidates(self, only: Sequence[RowKey] | None = None) -> list[Candidate]:
        """What any channel of recall proposes, or proposes of ``only`` these, best first."""
        found = find_candidates(
            self.backends, self.snapshot, self.filter, self.asked.question, self.asked.vector, only=only
        ).candidates
        if self.snapshot.has_untrusted():
            found = give_room(found, self.snapshot.tainted([entry.key for entry in found]))
        return found


def _scores(
    search: _Search, root: Namespace, asked: FindItems, wanted: Callable[[Item], bool], *, alive_at: datetime | None
) -> dict[ItemKey, float]:
    """The best score of each item that any channel of recall proposes, best first.

    The channels propose only so many. Where others than those that are wanted may have filled them, they are asked again
    for those that are wanted alone.
    """
    candidates = search.candidates()
    owners = search.snapshot.items_of([entry.key for entry in candidates])
    if len(candidates) >= PER_CHANNEL and not _all_wanted(search.snapshot, candidates, owners, wanted):
        only = _memories_of_wanted(search.snapshot, root, asked, wanted, alive_at=alive_at)
        candidates = search.candidates(only)
        owners = search.snapshot.items_of([entry.key for entry in candidates])
    scores: dict[ItemKey, float] = {}
    for entry in candidates:
        item, searched = owners.get(entry.key, (None, False))
        if item is not None and searched:
            scores.setdefault(item, round(float(entry.score), 4))
    return scores


def _all_wanted(
    snapshot: LedgerSnapshot, candidates: Sequence[Candidate], owners: Mapping[RowKey, tuple[ItemKey, bool]],
    wanted: Callable[[Item], bool],
) -> bool:  # fmt: skip
    if any(entry.key not in owners for entry in candidates):
        return False
    return all(wanted(item) for item in snapshot.items(list({item for item, _ in owners.values()})).values())


def _memories_of_wanted(
    snapshot: LedgerSnapshot, root: Namespace, asked: FindItems, wanted: Callable[[Item], bool], *,
    alive_at: datetime | None,
) -> list[RowKey]:  # fmt: skip
    """The memories by which those items are found that are wanted. Values are read only where a filter asks for them."""
    pairs = snapshot.searched_memories(root, asked.prefix, alive_at=alive_at)
    if asked.filter:
        passing = {key for key, item in snapshot.iterate_items(root, asked.prefix) if wanted(item)}
        pairs = [pair for pair in pairs if pair[0] in passing]
    return [memory for _, memory in pairs]


def _in_order(
    snapshot: LedgerSnapshot, root: Namespace, asked: FindItems, scores: dict[ItemKey, float]
) -> Iterator[tuple[ItemKey, Item]]:
    scored = iter(scores)
    while keys := list(islice(scored, _JUDGED_AT_ONCE)):
        found = snapshot.items(keys)
        yield from ((key, found[key]) for key in keys if key in found)
    yield from (
        (key, item) for key, item in snapshot.iterate_items(root, asked.prefix) if key not in scores
    )  # fmt: skip


def _let_out(gate: ItemGate, candidates: Iterator[tuple[ItemKey, Item]]) -> Iterator[tuple[ItemKey, Item]]:
    while batch := list(islice(candidates, _JUDGED_AT_ONCE)):
        out = gate.let_out([key for key, _ in batch], searched=True)
        yield from (entry for entry in batch if entry[0] in out)
