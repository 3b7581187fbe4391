"""From what a caller asks to a memory in its stored form."""

from __future__ import annotations

from datetime import datetime

from mnemic.domain.facts import Fact, make_fact
from mnemic.domain.memory import Kind, MemoryId, MemoryRecord, Namespace, NewMemory, Role
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.validation import (
    MAX_SOURCE_CHARS,
    check_choice,
    check_id,
    check_ids,
    check_label,
    check_moment,
    check_namespace,
    check_tags,
    check_text,
)
from mnemic.errors import InvalidInput

MAX_WHEN_TO_USE_CHARS = 2_000


def draft_memory(
    new: NewMemory, *, id: MemoryId, namespace: Namespace, origin: Origin, recorded_at: datetime
) -> MemoryRecord:
    """The memory that ``new`` asks for, with every field checked. ``namespace`` and ``origin`` stand in for missing ones.

    Raises `InvalidInput`.
    """
    if not isinstance(new, NewMemory):
        raise InvalidInput(f"A memory is {type(new).__name__}.", hint="Give a text or a mnemic.NewMemory.")
    role = check_choice(new.role, Role, name="role")
    speaker = check_label(new.speaker, name="speaker")
    spoken = (role is not None or speaker is not None) and new.subject is None
    occurred_at = check_moment(new.occurred_at, name="occurred_at")
    valid_from = check_moment(new.valid_from, name="valid_from")
    return MemoryRecord(
        id=id,
        namespace=namespace if new.namespace is None else check_namespace(new.namespace),
        kind=check_choice(new.kind, Kind, name="kind") or (Kind.EPISODIC if spoken else Kind.SEMANTIC),
        text=check_text(new.text),
        tags=check_tags(new.tags),
        session=check_label(new.session, name="session"),
        speaker=speaker,
        role=role,
        source=check_label(new.source, name="source", limit=MAX_SOURCE_CHARS),
        when_to_use=(
            None
            if new.when_to_use is None
            else check_text(new.when_to_use, name="when_to_use", limit=MAX_WHEN_TO_USE_CHARS)
        ),
        evidence=check_ids(new.evidence, name="evidence"),
        supersedes=None if new.supersedes is None else check_id(new.supersedes),
        origin=origin if new.origin is None else check_origin(new.origin),
        occurred_at=occurred_at,
        valid_from=valid_from or occurred_at or recorded_at,
        recorded_at=recorded_at,
    )


def draft_fact(new: NewMemory, record: MemoryRecord) -> Fact | None:
    """The fact that the caller says ``record`` is about; None when it names no subject and attribute.

    Raises `InvalidInput`.
    """
    subject = check_label(new.subject, name="subject")
    attribute = check_label(new.attribute, name="attribute")
    if subject is None and attribute is None:
        return None
    if subject is None or attribute is None:
        raise InvalidInput(
            "Only one of subject and attribute was given.",
            hint='Give both, such as subject="Ana" and attribute="home", or neither.',
        )
    if record.kind is not Kind.SEMANTIC:
        raise InvalidInput(
            f"A {record.kind} memory has a subject and an attribute.",
            hint="Only what is semantic has them.",
        )
    return make_fact(subject, attribute, record.text)


def check_origin(origin: Origin) -> Origin:
    """The same origin with every field checked. Raises `InvalidInput`."""
    if not isinstance(origin, Origin):
        raise InvalidInput(f"The origin is {type(origin).__name__}.", hint="Give a mnemic.Origin.")
    return Origin(
        channel=check_choice(origin.channel, Channel, name="origin.channel") or Channel.AGENT,
        actor=check_label(origin.actor, name="origin.actor"),
        client=check_label(origin.client, name="origin.client"),
        transport=check_label(origin.transport, name="origin.transport"),
        connection=check_label(origin.connection, name="origin.connection"),
        task=check_label(origin.task, name="origin.task"),
        claimed=bool(origin.claimed),
    )
