"""Writing items: each is kept as it was given, and what it says is a memory with an origin besides.

An item's key says what takes whose place, so its memories are neither counted as repetitions of others nor read for facts:
two keys may hold the same text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mnemic.domain.drafting import draft_memory
from mnemic.domain.item_values import (
    as_text,
    decode_value,
    encode_value,
    indexed_texts,
    storable,
    strings_in,
    with_strings,
)
from mnemic.domain.items import Item, ItemKey, ItemLink, ItemPath, PutItem, memory_namespace
from mnemic.domain.memory import Action, Kind, MemoryId, MemoryRecord, Namespace, NewMemory, RowKey, Status
from mnemic.domain.provenance import Origin
from mnemic.domain.text import normalise
from mnemic.domain.validation import MAX_TEXT_CHARS
from mnemic.errors import InvalidInput
from mnemic.guard.policy import Policy
from mnemic.protocols import LedgerTransaction
from mnemic.services.admission import Candidate, admit, examine, read_resembling, record_admission, status_of
from mnemic.services.backends import Backends, embed_records
from mnemic.services.passages import Cut, cut_records, keep_cut

_Look = Callable[[str], Candidate]
_GUARD_PLACE = "guard"
_GONE = "its item was deleted"
_EXPIRED = "its item expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A text of an item on its way in."""

    place: str
    searched: bool
    candidate: Candidate
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
    records = [wording.candidate.record for draft in drafts for wording in draft.wordings]
    ready = iter(
        zip(embed_records(backends.embedder, records), cut_records(backends.embedder, records), strict=True)
        if records
        else ()
    )
    return [
        replace(
            draft,
            wordings=tuple(
                replace(wording, vector=vector, cut=cut)
                for wording, (vector, cut) in zip(draft.wordings, ready, strict=False)
            ),
        )
        if draft.wordings
        else draft
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
    look = _onlooker(backends, policy, memory_namespace(root, put.path), origin, now)
    value = _without_secrets(look, decode_value(encode_value(put.value)))
    texts = indexed_texts(value, put.index, fields=fields)
    wordings = [
        # Each memory is one of its own, though two fields may say the same.
        Wording(place=place, searched=True, candidate=_again(backends, look(text)))
        for place, text in texts.items()
    ]
    if not any(status_of(one.candidate) is Status.QUARANTINED for one in wordings):
        wordings += _withheld(backends, look, value)
    return Draft(put=put, value=value, wordings=tuple(wordings))


def _onlooker(backends: Backends, policy: Policy, where: Namespace, origin: Origin, now: datetime) -> _Look:
    """Says what the rules say of a text; of the same text it is asked once."""
    seen: dict[str, Candidate] = {}

    def look(text: str) -> Candidate:
        if text not in seen:
            new = NewMemory(text=text, kind=Kind.SEMANTIC, namespace=where)
            record = draft_memory(new, id=backends.new_id(), namespace=where, origin=origin, recorded_at=now)
            (seen[text],) = examine(backends, policy, [record])
        return seen[text]

    return look


def _without_secrets(look: _Look, value: dict[str, Any]) -> dict[str, Any]:
    """What a memory would not keep of a text is not kept beside it either."""
    if not any(look(text).redacted for text in _whole_texts(value)):
        return value
    clean: dict[str, Any] = with_strings(value, lambda name, text: _cleaned(look, name, text))
    return clean


def _withheld(backends: Backends, look: _Look, value: dict[str, Any]) -> list[Wording]:
    """What nobody is to find by its words comes out with the item all the same: what of it is to be withheld."""
    withheld = [one for one in map(look, _whole_texts(value)) if status_of(one) is Status.QUARANTINED]
    return [
        Wording(place=f"{_GUARD_PLACE}.{at}", searched=False, candidate=_again(backends, one))
        for at, one in enumerate(withheld)
    ]


def clean_item(backends: Backends, policy: Policy, item: Item) -> Item:
    """An item of an import without what is not kept here."""
    look = _onlooker(backends, policy, memory_namespace(item.root, item.path), item.origin, item.updated_at)
    return replace(item, value=_without_secrets(look, item.value))


def guard_value(transaction: LedgerTransaction, backends: Backends, policy: Policy, key: ItemKey, item: Item) -> None:
    """Have an item that came by another way than a put withheld if its value is, though none of its memories is."""
    links = transaction.item_links([key]).get(key, ())
    records = [record for _, record in transaction.find([link.memory for link in links]).values()]
    # A person may have decided about a memory that is there for the guard alone.
    if any(record.status is Status.QUARANTINED for record in records) or not all(link.searched for link in links):
        return
    look = _onlooker(backends, policy, memory_namespace(item.root, item.path), item.origin, item.updated_at)
    added = [
        ItemLink(place=one.place, memory=_store(transaction, backends, policy, one, None), searched=False)
        for one in _withheld(backends, look, item.value)
    ]
    if added:
        transaction.set_item_links(key, [*links, *added])


def _whole_texts(value: dict[str, Any]) -> list[str]:
    """All that a value says, twice: with the names, which tell a password, and without, which break no sentence."""
    bare = "\n".join(text for _, text in strings_in(value))
    if not bare.strip():
        return []
    parts = [
        text[start : start + MAX_TEXT_CHARS]
        for text in map(storable, (as_text(value), bare))
        for start in range(0, len(text), MAX_TEXT_CHARS)
    ]
    return [part for part in dict.fromkeys(parts) if normalise(part)]


def _cleaned(look: _Look, name: str, text: str) -> str:
    """A string without what is to be redacted, whether it or its name gives that away."""
    for before in (f"{name}: ", "") if name else ("",):
        if not normalise(text) or len(before) + len(text) > MAX_TEXT_CHARS:
            continue
        found = look(storable(before + text))
        if found.redacted:
            clean = found.record.text
            text = clean.removeprefix(before) if clean.startswith(before) else clean
    return text


def _again(backends: Backends, candidate: Candidate) -> Candidate:
    return replace(candidate, record=replace(candidate.record, id=backends.new_id()))


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
        link = links.pop(wording.place, None)
        old = None if link is None else before.get(link.memory)
        if link is not None and old is not None and _says_the_same(link, old[1], wording):
            kept.append(link)
            continue
        id = _store(transaction, backends, policy, wording, old)
        kept.append(ItemLink(place=wording.place, memory=id, searched=wording.searched))
    for link in links.values():
        _archive(transaction, before.get(link.memory), reason="its item says otherwise", origin=origin, now=now)
    transaction.set_item_links(key, kept)


def _end(now: datetime, put: PutItem) -> datetime | None:
    try:
        return None if put.ttl is None else now + put.ttl
    except OverflowError:
        raise InvalidInput(f"The item would live for {put.ttl}.", hint="Leave ttl out for one that stays.") from None


def _says_the_same(link: ItemLink, record: MemoryRecord, wording: Wording) -> bool:
    new = wording.candidate.record
    return (
        record.status in (Status.ACTIVE, Status.QUARANTINED)
        and link.searched is wording.searched
        and (record.text, record.origin, record.namespace) == (new.text, new.origin, new.namespace)
    )


def _store(
    transaction: LedgerTransaction, backends: Backends, policy: Policy, wording: Wording,
    old: tuple[RowKey, MemoryRecord] | None,
) -> MemoryId:  # fmt: skip
    """Store a text of an item as a memory of its own, in the place of an older version if there is one."""
    replaced = old if old is not None and old[1].status is Status.ACTIVE else None
    draft = replace(wording.candidate.record, supersedes=None if replaced is None else replaced[1].id)
    neighbours = read_resembling(transaction, policy, draft)
    candidate = admit(transaction, backends, policy, replace(wording.candidate, record=draft), neighbours)
    status = status_of(candidate)
    withheld = status is Status.QUARANTINED
    key = transaction.append(
        replace(draft, status=status), embedder_id=backends.embedder.id, vector=wording.vector,
        screened=candidate.marks.screened,
    )  # fmt: skip
    if wording.cut is not None:
        keep_cut(transaction, backends.embedder, key, wording.cut)
    record_admission(transaction, key, candidate, at=draft.recorded_at)
    if replaced is not None and withheld:
        # The item says something else now, but what is withheld takes nobody's place.
        reason = "its item says what is withheld"
        _archive(transaction, replaced, reason=reason, origin=draft.origin, now=draft.recorded_at)
    elif replaced is not None:
        valid_to = max(replaced[1].valid_from, draft.valid_from)
        transaction.supersede(replaced[0], by=draft.id, at=draft.recorded_at, valid_to=valid_to, origin=draft.origin)
    return draft.id


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
    if entry is not None and entry[1].status is Status.ACTIVE:
        transaction.set_status(
            entry[0], Status.ARCHIVED, action=Action.ARCHIVED, at=now, origin=origin, detail={"reason": reason}
        )


def companions(transaction: LedgerTransaction, ids: Sequence[MemoryId]) -> list[MemoryId]:
    """The other memories of the items that ``ids`` belong to: they and the value may hold the same words."""
    keys = [key for key, _ in transaction.find(ids).values()]
    items = list(dict.fromkeys(item for item, _ in transaction.items_of(keys).values()))
    return [link.memory for links in transaction.item_links(items).values() for link in links]


def check_path(path: object) -> ItemPath:
    """Labels of an item's path. Raises `InvalidInput`."""
    if not isinstance(path, tuple | list) or not all(isinstance(label, str) and label for label in path):
        raise InvalidInput(f"The path is {path!r}.", hint='Give labels that are not empty, such as ("users", "1").')
    return tuple(path)
