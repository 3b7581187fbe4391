"""The node that keeps what was said, every message once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable

from mnemic import Channel, NewMemory, Role, Status
from mnemic.domain.validation import MAX_LABEL_CHARS, MAX_TEXT_CHARS, check_choice, check_choices, check_label
from mnemic.errors import AccessDenied, GuardRefused, InvalidInput, UnknownMemory
from mnemic_langgraph.conversation import (
    answer_of_memory,
    as_text,
    message_keys,
    messages_in,
    spoken_by,
    value_in,
    words_of,
)
from mnemic_langgraph.nodes import make_node, memory_of, tell
from mnemic_langgraph.places import NamespaceLike, namespace_of, session_name, writer
from mnemic_langgraph.states import RecalledMemory

if TYPE_CHECKING:
    from mnemic import Memory
    from mnemic.domain.memory import Namespace


_CONTROL = re.compile("[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """``before`` is the memory of what the message said before it was edited."""

    key: str
    new: NewMemory
    before: str | None = None


def create_remember_node(
    *, memory: Memory | None = None, namespace: NamespaceLike = None,
    roles: Sequence[Role | str] = (Role.USER, Role.ASSISTANT, Role.TOOL),
    channel: Callable[[BaseMessage], Channel | str | None] | None = None,
    occurred_at: Callable[[BaseMessage], datetime | str | None] | None = None,
    session: Callable[[Any], str | None] | None = None, name: str = "remember",
) -> Runnable[Any, Any]:  # fmt: skip
    """A node that remembers the messages that it has not seen yet, as episodic memories of the thread's session.

    Each is kept word for word (its first 100,000 characters) with its role, its ``name`` as the speaker, and the origin of
    its role: user, agent or tool (``channel`` may say otherwise for a message, such as *web* for what a browsing tool
    read). Messages of ``roles`` alone; system messages, messages without words and the answers of the memory tools are left
    out. What an agent or a tool says counts as said with the recalled memories of the state in view, so that doubt is handed
    on.

    Writes ``remembered`` and ``remembered_words`` (`RememberState`). A message whose id stands there is not looked at
    again unless a user's or an assistant's now says something else: then its memory takes the place of the one before,
    which stays in the history and where another message says the same; where it says nothing any more, that memory is
    archived. A tool's is left alone, for what was cut out to save room was said all the same. So is what was said by a
    message that is removed, or by one that another branch of the thread goes on without: `Memory.forget` takes that out.

    Where the node runs again because its own write was lost, the memory confirms what it has and stores nothing twice. So
    do branches that run at once. Where one speaker says the very same twice in a session it is one memory, confirmed,
    unless ``occurred_at`` tells when each was said. ``session`` names it where there is no thread. Streams
    ``{"event": "remembered", "ids", "refused"}``. Raises `InvalidInput`, `StoreUnavailable`; what the guard refuses to
    store is named in the event and raises nothing.
    """
    wanted = set(check_choices(roles, Role, name="a role"))

    async def remember(state: Any) -> dict[str, Any]:
        keeps = memory_of(memory)
        messages = messages_in(state)
        known: Mapping[str, str | None] = value_in(state, "remembered", {})
        words = _Words(
            value_in(state, "remembered_words", {}), dict(zip(message_keys(messages), messages, strict=True))
        )
        where = namespace_of(namespace, state)
        occasion = session_name() if session is None else session(state)
        noted: dict[str, str | None] = {}
        said: list[_Said] = []
        emptied: dict[str, str | None] = {}
        in_view = await _still_there(keeps, in_play(state), where)
        for key, message in words.messages.items():
            if key in known and not words.edited(key):
                continue
            new = _memory_of_message(message, wanted, channel, occurred_at, occasion, where, in_view)
            if new is None:
                noted[key] = None
                if words.edited(key):
                    emptied[key] = words.replaced(key, known)
            else:
                said.append(_Said(key=key, new=new, before=words.replaced(key, known)))
        stored, refused = await _store_all(keeps, said)
        await _take_back(keeps, [id for id in emptied.values() if id is not None])
        if said:
            tell("remembered", ids=list(dict.fromkeys(stored.values())), refused=refused)
        # What was said before a refused edit is still remembered.
        kept = {**noted, **stored, **{key: known.get(key) for key in refused}}
        looked_at = {*refused, *emptied, *(key for key, id in {**known, **kept}.items() if id is not None)}
        digests = words.news(looked_at)
        return {**({"remembered": kept} if kept else {}), **({"remembered_words": digests} if digests else {})}

    return make_node(remember, name=name)


class _Words:
    """What the messages of a state say, and what they said when they were remembered.

    ``known``: a digest of the words by the message's key, as far as it was noted; ``messages`` by their keys.
    """

    def __init__(self, known: Mapping[str, str], messages: Mapping[str, BaseMessage]) -> None:
        self.messages = messages
        self._known = known
        self._now = {key: digest for key, message in messages.items() if (digest := _digest(message)) is not None}

    def edited(self, key: str) -> bool:
        """Whether a message says something else than when it was remembered, as far as that is known."""
        return key in self._now and self._known.get(key, self._now[key]) != self._now[key]

    def replaced(self, key: str, remembered: Mapping[str, str | None]) -> str | None:
        """The memory whose place an edited message takes; none where another message still says the same."""
        before = remembered.get(key)
        others = (other for other, id in remembered.items() if id == before and other != key and other in self.messages)
        return None if any(not self.edited(other) for other in others) else before

    def news(self, keys: Iterable[str]) -> dict[str, str]:
        """The digests of those messages among ``keys`` for which another or none is known."""
        return {key: self._now[key] for key in keys if key in self._now and self._known.get(key) != self._now[key]}


def _digest(message: BaseMessage) -> str | None:
    """Of the words of a user or an assistant, empty where they say nothing; None for a message of anybody else."""
    spoken, text = spoken_by(message), words_of(message)
    if spoken is None or spoken[0] is Role.TOOL:
        return None
    if not text:
        return ""
    # A checkpointer makes "?" of half a surrogate pair, which is no edit.
    return hashlib.sha256(text.replace("\ufffd", "?").encode()).hexdigest()[:16]


def in_play(state: Any) -> list[str]:
    """The ids of the memories that a state holds and that may have been seen, best first."""
    # A guard that has judged anything left verdicts; a state of pydantic has empty ones before.
    shown = value_in(state, "shown") if value_in(state, "verdicts") else value_in(state, "recalled")
    ids = with_alike(shown or [])
    return list(dict.fromkeys([*ids, *value_in(state, "guidance_ids", []), *value_in(state, "context_ids", [])]))


def with_alike(memories: Sequence[RecalledMemory]) -> list[str]:
    """The ids of memories and of those that say the same, which recall does not show beside them."""
    return [id for one in memories for id in (one["id"], *one.get("alike", []))]


def _memory_of_message(
    message: BaseMessage, wanted: set[Role], channel: Callable[[BaseMessage], Channel | str | None] | None,
    occurred_at: Callable[[BaseMessage], datetime | str | None] | None, session: str | None,
    namespace: str | Namespace | None, in_view: Sequence[str],
) -> NewMemory | None:  # fmt: skip
    spoken = spoken_by(message)
    text = words_of(message)
    if spoken is None or spoken[0] not in wanted or not text or answer_of_memory(message) is not None:
        return None
    role, by = spoken
    claimed = None if channel is None else channel(message)
    came_by = check_choice(claimed or by, Channel, name="channel") or by
    return NewMemory(
        text=text[:MAX_TEXT_CHARS], kind="episodic", namespace=namespace, session=session, role=role,
        speaker=_speaker(message.name or ""),
        occurred_at=None if occurred_at is None else occurred_at(message),
        context=() if came_by is Channel.USER else in_view, origin=writer(came_by),
    )  # fmt: skip


def _speaker(name: str) -> str | None:
    """A message's name as a label; None where nothing of it shows. It must not make every later step of its thread fail."""
    label = _CONTROL.sub(" ", as_text(name)).strip()[:MAX_LABEL_CHARS]
    with suppress(InvalidInput):
        return check_label(label, name="name")
    return None


async def _still_there(memory: Memory, ids: Sequence[str], namespace: str | Namespace | None) -> list[str]:
    """Those that were not erased since they were recalled."""
    ids = ids[:100]
    if not ids:
        return []
    try:
        return [str(hit.memory.id) for hit in await memory.show(ids, namespace=namespace)]
    except UnknownMemory:
        checked = (await memory.guard.check(ids, namespace=namespace)).memories
        return [str(one.id) for one in checked if one.origin]


async def _store_all(memory: Memory, said: Sequence[_Said]) -> tuple[dict[str, str], list[str]]:
    """`_store`, and each that was edited by itself: what it replaces may be gone by now, or in others' hands."""
    stored, refused = await _store(memory, [one for one in said if one.before is None])
    for one in said:
        if one.before is None:
            continue
        latest = await _latest(memory, one.before)
        try:
            kept, lost = await _store(memory, [replace(one, new=replace(one.new, supersedes=latest))])
        except (InvalidInput, UnknownMemory):
            kept, lost = await _store(memory, [one])
        stored |= kept
        refused += lost
    return stored, refused


async def _take_back(memory: Memory, ids: Sequence[str]) -> None:
    """Archive the memories of what is not said any more. What is gone by now is left, and what is not ours to archive."""
    for id in ids:
        latest = await _latest(memory, id)
        if latest is not None:
            with suppress(AccessDenied, InvalidInput, UnknownMemory):
                await memory.archive([latest], reason="its message was emptied")


async def _latest(memory: Memory, id: str) -> str | None:
    """The version of a memory that holds now; None where it was erased, archived or is withheld."""
    try:
        versions = {str(one.id): one for one in (await memory.history(id)).versions}
    except UnknownMemory:
        return None
    except AccessDenied:  # whoever may only write names what was written
        return id
    found = versions.pop(id, None)
    while found is not None and found.superseded_by is not None:
        found = versions.pop(found.superseded_by, None)
    return str(found.id) if found is not None and found.status is Status.ACTIVE else None


async def _store(memory: Memory, said: Sequence[_Said]) -> tuple[dict[str, str], list[str]]:
    """The ids of the memories by the keys of the messages, and the keys of those that the guard refused."""
    if not said:
        return {}, []
    try:
        receipts = await memory.remember_many([one.new for one in said])
        return {one.key: str(receipt.id) for one, receipt in zip(said, receipts, strict=True)}, []
    except GuardRefused:
        if len(said) == 1:
            return {}, [said[0].key]
    # One that is refused must not take the others with it.
    stored: dict[str, str] = {}
    refused: list[str] = []
    for one in said:
        kept, lost = await _store(memory, [one])
        stored |= kept
        refused += lost
    return stored, refused
