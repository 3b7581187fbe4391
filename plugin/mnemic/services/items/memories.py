"""Writing items: each is kept as it was given, and what it says is a memory with an origin besides.

An item's key says what takes whose place, so its memories are neither counted as repetitions of others nor read for facts:
two keys may hold the same text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from mnemic.domain.drafting import draft_memory
from mnemic.domain.item_values import (
    as_text,
    cut_text,
    decode_value,
    encode_value,
    indexed_texts,
    storable,
    strings_in,
    with_strings,
)
from mnemic.domain.items import Item, ItemKey, ItemLink, ItemPath, PutItem, memory_namespace
from mnemic.domain.marks import Review
from mnemic.domain.memory import Action, Kind, MemoryId, MemoryRecord, Namespace, NewMemory, RowKey, Status
from mnemic.domain.provenance import Origin
from mnemic.domain.text import normalise
from mnemic.domain.validation import MAX_TEXT_CHARS
from mnemic.errors import InvalidInput
from mnemic.guard.policy import Policy
from mnemic.protocols import LedgerTransaction
from mnemic.services.backends import Backends, embed_records
from mnemic.services.guarding.admission import (
    Arrival,
    admit,
    examine,
    read_resembling,
    record_admission,
    status_of,
    without_secrets,
)
from mnemic.services.guarding.standing import standing, vetted_as
from mnemic.services.storing.curate import FROM_QUARANTINE
from mnemic.services.storing.passages import Cut, cut_records, keep_cut

_OVERLAP = 1_000
_GUARD_PLACE = "$guard"
_OTHERWISE = "its item says otherwise"
_GONE = "its item was deleted"
_EXPIRED = "its item expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A text of an item on its way in."""

    place: str
    searched: bool
    arrival: Arrival
    vector: bytes | None = None
    cut: Cut | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An item on its way in, and what is to be a memory of it. ``value`` None: what is there is to go."""

    put: PutItem
    value: dict[str, Any] | None
    wordings: tuple[Wording, ...] = ()


def draft_items(
    backends: Backends, policy: Policy, puts: Iterable[PutItem], *, root: Namespace, fields: tuple[str, ...], origin: Origin,
    now: datetime,
) -> list[Draft]:  # fmt: skip
    """Everything about ``puts`` that needs no lock: checked, looked at by the rules, embedded.

    Raises `InvalidInput`, `GuardRefused`.
    """
    drafts = [_drafted(backends, policy, put, root, fields, origin, now) for put in puts]
    records = [one.arrival.record for draft in drafts for one in draft.wordings if one.searched]
    vectors = iter(embed_records(backends.embedder, records))
    cuts = iter(cut_records(backends.embedder, records) if records else ())
    return [
        replace(
            draft,
            wordings=tuple(
                replace(one, vector=next(vectors), cut=next(cuts)) if one.searched else one for one in draft.wordings
            ),
        )
        for draft in drafts
    ]


def _drafted(
    backends: Backends,
    policy: Policy,
    put: PutItem,
    root: Namespace,
    fields: tuple[str, ...],
    origin: Origin,
    now: datetime,
) -> Draft:
    if put.value is None:
        return Draft(put=put, value=None)
    look = _Look(
        backends=backends, policy=policy, where=memory_namespace(root, put.path), origin=origin, now=now
    )  # fmt: skip
    value = _without_secrets(look, decode_value(encode_value(put.value)))
    texts = indexed_texts(value, put.index, fields=fields, longest=look.longest)
    wordings = [
        # Each memory is one of its own, though two fields may say the same.
        Wording(place=place, searched=True, arrival=look.again(text))
        for place, text in texts.items()
    ]
    return Draft(put=put, value=value, wordings=(*wordings, *_unsearched(look, value, but=texts.values())))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """Asks what the rules say of texts, of the same text once."""

    backends: Backends
    policy: Policy
    where: Namespace
    origin: Origin
    now: datetime
    seen: dict[str, Arrival] = field(default_factory=dict)

    def __call__(self, text: str) -> Arrival:
        if text not in self.seen:
            new = NewMemory(text=text, kind=Kind.SEMANTIC, namespace=self.where)
            record = draft_memory(
                new, id=self.backends.new_id(), namespace=self.where, origin=self.origin, recorded_at=self.now
            )
            (self.seen[text],) = examine(self.backends, self.policy, [record])
        return self.seen[text]

    def again(self, text: str) -> Arrival:
        """The same with an id of its own."""
        arrival = self(text)
        return replace(arrival, record=replace(arrival.record, id=self.backends.new_id()))

    @property
    def longest(self) -> int:
        """A program's value may be of any length: in parts of this length no part is too long for the policy."""
        return max(min(MAX_TEXT_CHARS, self.policy.write.max_chars), 2 * _OVERLAP)


def _without_secrets(look: _Look, value: dict[str, Any]) -> dict[str, Any]:
    """What a memory would not keep of a text is not kept beside it either."""
    # With the names, which tell a password; and without, which break no sentence.
    texts = [*_parts(as_text(value), look.longest), *_parts(_bare(value), look.longest)]
    if not any(look(text).redacted for text in texts):
        return value
    clean: dict[str, Any] = with_strings(value, lambda name, text: _cleaned(look, name, text))
    return clean


def _unsearched(look: _Look, value: dict[str, Any], *, but: Iterable[str]) -> list[Wording]:
    """What nobody is to find by its words comes out with the item all the same, so the guard looks at it."""
    known = set(but)
    texts = [text for text in _parts(_bare(value), look.longest) if text not in known]
    return [
        Wording(place=f"{_GUARD_PLACE}.{at}", searched=False, arrival=look.again(text)) for at, text in enumerate(texts)
    ]


def _look_at(backends: Backends, policy: Policy, item: Item) -> _Look:
    where = memory_namespace(item.root, item.path)
    return _Look(backends=backends, policy=policy, where=where, origin=item.origin, now=item.updated_at)


def clean_item(backends: Backends, policy: Policy, item: Item) -> Item:
    """An item of an import without what is not kept here."""
    look = _look_at(backends, policy, item)
    return replace(item, value=_without_secrets(look, item.value))


def guard_value(transaction: LedgerTransaction, backends: Backends, policy: Policy, key: ItemKey, item: Item) -> None:
    """Have an item that came by another way than a put withheld if its value is, though none of its memories is."""
    links = transaction.item_links([key]).get(key, ())
    # A person may have decided about a memory that is there for the guard alone.
    if not all(link.searched for link in links):
        return
    known = [record.text for _, record in transaction.find([link.memory for link in links]).values()]
    added = []
    for wording in _unsearched(_look_at(backends, policy, item), item.value, but=known):
        id = _store(transaction, backends, policy, wording, None)
        added += [] if id is None else [ItemLink(place=wording.place, memory=id, searched=False)]
    if added:
        transaction.set_item_links(key, [*links, *added])


def _bare(value: dict[str, Any]) -> str:
    """All that a value says, without the names it stands under."""
    return "\n".join(text for _, text in strings_in(value))


def _parts(text: str, longest: int) -> list[str]:
    """A text in parts that overlap: what is cut in two is whole in the next."""
    text, before = storable(text), ""
    parts: list[str] = []
    for part in cut_text(text, longest=longest - _OVERLAP if len(text) > longest else longest):
        parts.append(before + part)
        before = part[-_OVERLAP:]
    return [part for part in parts if normalise(part)]


def _cleaned(look: _Look, name: str, text: str) -> str:
    """A string without what is to be redacted, whether it or its name gives that away.

    What is too long for the rules is read in parts. A credential may be longer than any overlap, so it is taken out of the
    whole before; whatever else the first cuts part stands whole between the second.
    """
    longest = look.longest - _OVERLAP
    before = f"{name[:_OVERLAP]}: " if name else ""
    if len(text) <= longest:
        return _cleaned_part(look, before, text)
    text = without_secrets(look.policy, text, limit=None)
    for first in (longest, longest // 2):
        parts = [*cut_text(text[:first], longest=longest), *cut_text(text[first:], longest=longest)]
        text = "".join(_cleaned_part(look, before, part) for part in parts)
    return text


def _cleaned_part(look: _Look, name: str, text: str) -> str:
    for before in dict.fromkeys((storable(name), "")):
        if not normalise(text):
            break
        found = look(before + storable(text))
        if found.redacted:
            clean = found.record.text
            text = clean.removeprefix(before) if clean.startswith(before) else clean
    return text


def write_item(
    transaction: LedgerTransaction, backends: Backends, policy: Policy, draft: Draft, *, root: Namespace, origin: Origin,
    now: datetime,
) -> None:  # fmt: skip
    """Put an item in the place of what is under its key, or take that away. Raises `GuardRefused`."""
    put = draft.put
    found = transaction.find_item(root, put.path, put.key)
    if draft.value is None:
        if found is not None:
            drop_item(transaction, found[0], origin=origin, now=now)
        return
    created = now if found is None else found[1].created_at
    key = transaction.put_item(
        Item(
            root=root, path=put.path, key=put.key, value=draft.value, created_at=created, updated_at=now, origin=origin,
            ttl=put.ttl, expires_at=_end(now, put),
        )
    )  # fmt: skip
    links = {link.place: link for link in transaction.item_links([key]).get(key, ())}
    before = transaction.find([link.memory for link in links.values()])
    kept: list[ItemLink] = []
    for wording in draft.wordings:
        link = links.get(wording.place)
        old = None if link is None else before.get(link.memory)
        if link is not None and old is not None and _says_the_same(link, old[1], wording):
            kept.append(links.pop(wording.place))
            continue
        id = _store(transaction, backends, policy, wording, old)
        if id is not None:
            links.pop(wording.place, None)
            if old is not None and old[1].status is Status.QUARANTINED:
                # It is not superseded: what is withheld is nobody's older version.
                _archive(transaction, old, reason=_OTHERWISE, origin=origin, now=now)
            kept.append(ItemLink(place=wording.place, memory=id, searched=wording.searched))
    for link in links.values():
        _archive(transaction, before.get(link.memory), reason=_OTHERWISE, origin=origin, now=now)
    transaction.set_item_links(key, kept)


def _end(now: datetime, put: PutItem) -> datetime | None:
    try:
        return None if put.ttl is None else now + put.ttl
    except OverflowError:
        raise InvalidInput(f"The item would live for {put.ttl}.", hint="Leave ttl out for one that stays.") from None


def _says_the_same(link: ItemLink, record: MemoryRecord, wording: Wording) -> bool:
    new = wording.arrival.record
    return (
        record.status in (Status.ACTIVE, Status.QUARANTINED)
        and link.searched is wording.searched
        and (record.text, record.origin, record.namespace) == (new.text, new.origin, new.namespace)
    )


def _store(
    transaction: LedgerTransaction, backends: Backends, policy: Policy, wording: Wording,
    old: tuple[RowKey, MemoryRecord] | None,
) -> MemoryId | None:  # fmt: skip
    """Store a text of an item as a memory of its own, in the place of an older version if there is one.

    What nobody is to find is stored only if it is to be kept back, and then in quarantine, for a person to decide.
    """
    replaced = old if old is not None and old[1].status is Status.ACTIVE and not old[1].confirmations else None
    draft = replace(wording.arrival.record, supersedes=None if replaced is None else replaced[1].id)
    neighbours = read_resembling(transaction, policy, draft)
    arrival = admit(transaction, backends, policy, replace(wording.arrival, record=draft), neighbours)
    status = status_of(arrival)
    if not wording.searched:
        if status is not Status.QUARANTINED and not _is_masked(backends, policy, arrival):
            return None
        status = Status.QUARANTINED
    withheld = status is Status.QUARANTINED
    key = transaction.append(
        replace(draft, status=status), embedder_id=backends.embedder.id, vector=wording.vector,
        screened=arrival.marks.screened,
    )  # fmt: skip
    if wording.cut is not None:
        keep_cut(transaction, backends.embedder, key, wording.cut)
    record_admission(transaction, key, arrival, at=draft.recorded_at)
    if replaced is not None and withheld:
        # The item says something else now, but what is withheld takes nobody's place.
        reason = "its item says what is withheld"
        _archive(transaction, replaced, reason=reason, origin=draft.origin, now=draft.recorded_at)
    elif replaced is not None:
        valid_to = max(replaced[1].valid_from, draft.valid_from)
        transaction.supersede(replaced[0], by=draft.id, at=draft.recorded_at, valid_to=valid_to, origin=draft.origin)
    return draft.id


def _is_masked(backends: Backends, policy: Policy, arrival: Arrival) -> bool:
    """Whether recall would not show all of a text."""
    one = vetted_as(backends.guard, policy, RowKey(0), arrival.record, arrival.marks)
    return standing(policy, one).masked_text is not None


def drop_item(
    transaction: LedgerTransaction, key: ItemKey, *, origin: Origin, now: datetime, expired: bool = False
) -> None:
    """Take an item away. Its value is gone; what it said is archived."""
    reason = _EXPIRED if expired else _GONE
    for entry in transaction.find([link.memory for link in transaction.item_links([key]).get(key, ())]).values():
        _archive(transaction, entry, reason=reason, origin=origin, now=now)
    transaction.delete_item(key)


def _archive(
    transaction: LedgerTransaction,
    entry: tuple[RowKey, MemoryRecord] | None,
    *,
    reason: str,
    origin: Origin,
    now: datetime,
) -> None:
    # What others have said again is theirs as well.
    if entry is None or entry[1].confirmations or entry[1].status not in (Status.ACTIVE, Status.QUARANTINED):
        return
    key, record = entry
    detail: dict[str, Any] = {"reason": reason}
    if record.status is Status.QUARANTINED:
        detail[FROM_QUARANTINE] = True
    # What a person has rejected stays rejected, and should that be undone, it is archived.
    rejected = transaction.marks([key])[key].review is Review.REJECTED
    status = Status.QUARANTINED if rejected else Status.ARCHIVED
    transaction.set_status(key, status, action=Action.ARCHIVED, at=now, origin=origin, detail=detail)


def check_path(path: object) -> ItemPath:
    """Labels of an item's path. Raises `InvalidInput`."""
    if not isinstance(path, tuple | list) or not all(isinstance(label, str) and label for label in path):
        raise InvalidInput(f"The path is {path!r}.", hint='Give labels that are not empty, such as ("users", "1").')
    return tuple(path)
