"""Working memory that lives in the ledger: one turn of one session at a time, over all processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from mnemic.domain.memory import Namespace, Role
from mnemic.domain.validation import check_label, check_unicode, shown
from mnemic.domain.working_memory.journal import Cell, Edit
from mnemic.domain.working_memory.messages import Message, MessageId
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.domain.working_memory.transcripts import read_transcript
from mnemic.errors import InvalidInput
from mnemic.services.live_sessions import LiveSession
from mnemic.services.storing.spelling import check_spellings
from mnemic.services.working_memory.session_secrets import kept_as, text_kept_as, without_secrets

if TYPE_CHECKING:
    from mnemic.protocols import LedgerTransaction, SessionInfo, SessionReader
    from mnemic.services.backends import Backends

_T = TypeVar("_T")
MAX_SESSION_CHARS = 200
MAX_MESSAGES_AT_ONCE = 20_000
MAX_MESSAGE_CHARS = 2_000_000


def check_session(name: object) -> str:
    """A session's name."""
    label = check_label(name, name="session", limit=MAX_SESSION_CHARS)
    if label is None:
        raise InvalidInput("No session was named.", hint="Name the conversation, such as the host's id of it.")
    return label


def read_session(backends: Backends, namespace: Namespace, name: str, look: Callable[[WorkingMemory], _T]) -> _T:
    """What ``look`` finds in a session as it is now. It must not edit. Raises `InvalidInput` when there is none."""
    where = (namespace, check_session(name))
    with backends.sessions.turn(where), backends.ledger.snapshot() as snapshot:
        session = _open(backends, snapshot, where)
        if session is None:
            raise _unknown(where)
        return look(session.memory)


def edit_session(
    backends: Backends, namespace: Namespace, name: str, act: Callable[[WorkingMemory], _T], *, create: bool = False
) -> _T:
    """Let ``act`` append and edit, then fold by the session's policy; all of it is durable when this returns.

    When ``act`` raises, nothing has happened. With ``create`` a session that is not there is begun.
    """
    where = (namespace, check_session(name))
    with backends.sessions.turn(where), _turn(backends, where) as transaction:
        session = _open(backends, transaction, where)
        if session is None:
            if not create:
                raise _unknown(where)
            check_spellings(transaction, [namespace])
            key = transaction.create_session(namespace, where[1], at=backends.clock.now())
            session = LiveSession(WorkingMemory(where[1], count_tokens=backends.token_counter.count), key)
            backends.sessions.keep(where, session)
        memory = session.memory
        policy = backends.guard.policy
        memory.kept_as, memory.kept_text = kept_as(policy), text_kept_as(policy)
        result = act(memory)
        session.fold()
        _store(backends, transaction, session)
        return result


def append_messages(
    backends: Backends, namespace: Namespace, name: str, messages: Sequence[Message], *, options: dict[str, Any]
) -> tuple[str, ...]:
    """Add messages to a session, which is begun if it is not there; ``options`` are set first. The ids of the messages.

    A message without an id gets one: ``msg`` and its place, counted from 1.
    """
    checked = [_checked(message) for message in _bounded(messages)]

    def act(memory: WorkingMemory) -> tuple[str, ...]:
        set_options(memory, options)
        named = [
            message if message.id else replace(message, id=free_id(memory, at))
            for at, message in enumerate(checked, len(memory.messages) + 1)
        ]
        memory.append(named)
        return tuple(message.id for message in named)

    return edit_session(backends, namespace, name, act, create=True)


def append_transcript(
    backends: Backends, namespace: Namespace, name: str, text: str, *, format: str | None, options: dict[str, Any],
    whole: bool = False,
) -> tuple[str, ...]:  # fmt: skip
    """Add the messages of a transcript, which may go on from what the session holds. The ids of the messages.

    ``whole``: it is the conversation from its beginning; where the session begins alike, only what is new is added.
    """
    where = (namespace, check_session(name))
    with backends.sessions.turn(where), backends.ledger.snapshot() as snapshot:
        session = _open(backends, snapshot, where)
        earlier = [] if session is None else list(session.memory.messages)
    told = _transcript(text, format, ()) if whole else []

    def new_after(known: Sequence[Message]) -> list[Message]:
        if told and all(map(_says_the_same, known, told)):
            return told[len(known) :]
        return _transcript(text, format, known)

    # Reading may take long: it is done before anything is locked, and again in the rare case that somebody was faster.
    messages = new_after(earlier)

    def act(memory: WorkingMemory) -> tuple[str, ...]:
        set_options(memory, options)
        fresh = messages if len(memory.messages) == len(earlier) else new_after(memory.messages)
        memory.append(fresh)
        return tuple(message.id for message in fresh)

    return edit_session(backends, namespace, name, act, create=True)


def _transcript(text: str, format: str | None, after: Sequence[Message]) -> list[Message]:
    return [_checked(message) for message in _bounded(read_transcript(text, format=format, after=after).messages)]


def _says_the_same(kept: Message, told: Message) -> bool:
    """Whether two messages are one, whatever each is called, and though a policy may have taken secrets out of one."""
    kept, told = replace(kept, id=told.id, opaque={}), replace(told, opaque={})
    return kept == told or without_secrets(kept) == without_secrets(told)


def set_options(memory: WorkingMemory, options: dict[str, Any]) -> Edit | None:
    """Set options that differ from what they are; None when none does."""
    changes = [memory.change(Cell.OPTION, option, value) for option, value in options.items()]
    if all(change.before == change.after for change in changes):
        return None
    return memory.record("set_options", changes, arguments=dict(options))


def list_sessions(backends: Backends, namespace: Namespace) -> tuple[SessionInfo, ...]:
    """All sessions of a namespace, by name."""
    with backends.ledger.snapshot() as snapshot:
        return tuple(snapshot.sessions(namespace))


def session_exists(backends: Backends, namespace: Namespace, name: str) -> bool:
    """Whether there is such a session."""
    with backends.ledger.snapshot() as snapshot:
        return snapshot.session_key(namespace, check_session(name)) is not None


def drop_erased(backends: Backends) -> None:
    """Let go of sessions that another process has erased."""
    known = backends.sessions.known()
    if not known:
        return
    with backends.ledger.snapshot() as snapshot:
        gone = [where for where, key in known if snapshot.session_key(*where) != key]
    for where in gone:
        backends.sessions.forget(where)


def erase_session(backends: Backends, namespace: Namespace, name: str) -> None:
    """Destroy a session for good, with everything that was said in it. Raises `InvalidInput` when there is none."""
    from mnemic.services.storing.curate import scrub_after  # brings numpy, which sessions do without

    where = (namespace, check_session(name))
    with backends.sessions.turn(where):
        with backends.ledger.transaction() as transaction:
            key = transaction.session_key(*where)
            if key is None:
                raise _unknown(where)
            transaction.erase_session(key)
        backends.sessions.forget(where)
    scrub_after(backends)


@contextmanager
def _turn(backends: Backends, where: tuple[Namespace, str]) -> Iterator[LedgerTransaction]:
    """A transaction; if it does not commit, this process forgets what it thought of the session, unless nothing changed."""
    try:
        with backends.ledger.transaction() as transaction:
            yield transaction
        backends.sessions.note_durable(where)
    except BaseException:
        backends.sessions.forget_unless_durable(where)
        raise


def _open(backends: Backends, reader: SessionReader, where: tuple[Namespace, str]) -> LiveSession | None:
    """The session with everything that any process has added to it."""
    key = reader.session_key(*where)
    session = backends.sessions.get(where)
    if session is not None and session.key != key:
        backends.sessions.forget(where)
        session = None
    if key is None:
        return None
    if session is None:
        session = LiveSession(WorkingMemory(where[1], count_tokens=backends.token_counter.count), key)
    memory = session.memory
    stored = reader.session_messages(key, after=len(memory.messages))
    counter = backends.token_counter.name
    memory.append(
        [entry.message for entry in stored],
        tokens=[e.tokens if e.counter == counter else memory.count_parts(e.message) for e in stored],
        trusted=True,
    )
    for edit in reader.session_edits(key, after=len(memory.edits)):
        memory.replay(edit)
    backends.sessions.keep(where, session)
    backends.sessions.note_durable(where)
    return session


def _store(backends: Backends, transaction: LedgerTransaction, session: LiveSession) -> None:
    from mnemic.protocols import StoredMessage  # the ports bring numpy, and sessions without a ledger need neither

    memory, counter = session.memory, backends.token_counter.name
    messages, edits = session.durable
    fresh = [
        StoredMessage(message=memory.messages[at], tokens=memory.raw_counts(at), counter=counter)
        for at in range(messages, len(memory.messages))
    ]
    if fresh:
        transaction.append_messages(session.key, messages, fresh)
    for edit in memory.edits[edits:]:
        transaction.append_edit(session.key, edit)


def _bounded(messages: Iterable[Message]) -> list[Message]:
    found = list(messages)
    if not found:
        raise InvalidInput("There are no messages to append.", hint="Give at least one.")
    if len(found) > MAX_MESSAGES_AT_ONCE:
        raise InvalidInput(
            f"There are {len(found):,} messages at once.", hint=f"Append at most {MAX_MESSAGES_AT_ONCE:,} at a time."
        )
    return found


def _checked(message: Message) -> Message:
    """A message that can be stored and shown, whoever made it. Raises `InvalidInput`."""
    if not isinstance(message, Message) or not isinstance(message.role, Role) or not isinstance(message.text, str):
        raise InvalidInput(
            f"{shown(message, 80)} is not a message.", hint="Give a Message with a Role and a text, or a transcript."
        )
    labels = [message.id, message.name, message.answers, *(part for c in message.calls for part in (c.id, c.name))]
    for label in labels:
        if label:  # a message without an id is given one
            check_label(label, name="an id or name of a message", limit=MAX_SESSION_CHARS)
    for name, text in (("text", message.text), *((f"call {call.id!r}", call.arguments) for call in message.calls)):
        if len(text) > MAX_MESSAGE_CHARS:
            raise InvalidInput(
                f"The {name} of {message.id!r} has {len(text):,} characters.",
                hint=f"At most {MAX_MESSAGE_CHARS:,} fit into one message.",
            )
        check_unicode(text, f"The {name} of {message.id!r}")
    if message.opaque:
        try:
            check_unicode(json.dumps(dict(message.opaque), ensure_ascii=False), f"opaque of {message.id!r}")
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidInput(
                f"opaque of {message.id!r} is not JSON ({error}).", hint="Give what the provider sent."
            ) from None
    return message


def free_id(memory: WorkingMemory, place: int) -> MessageId:
    """An id for the message at ``place``, counted from 1."""
    id = f"msg{place}"
    while memory.has_message(id):
        id += "+"
    return MessageId(id)


def _unknown(where: tuple[Namespace, str]) -> InvalidInput:
    return InvalidInput(
        f"There is no session {where[1]!r} in {'/'.join(where[0])}.",
        hint="Appending a message begins it; memory://sessions and `mnemic context list` name those there are.",
    )
