"""What a new version has of the memory whose place it takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import mnemic
from mnemic import Memory
from mnemic.domain.memory import Kind, Role, Status
from mnemic.domain.provenance import Channel, Origin

WEB = Origin(channel=Channel.WEB)


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    async with mnemic.open_memory(tmp_path, chroma="off", durable=False) as opened:
        yield opened


async def texts(memory: Memory, query: str) -> list[str]:
    return [hit.memory.text for hit in (await memory.recall(query)).hits]


async def test_a_new_version_is_about_what_the_old_one_was_and_is_found_and_replaced_as_that(memory: Memory) -> None:
    old = await memory.remember("8080", subject="gateway", attribute="port")
    new = await memory.supersede(old.id, "9090")
    assert await texts(memory, "gateway port") == ["9090"]
    third = await memory.remember("7070", subject="gateway", attribute="port")
    assert third.superseded == new.id
    assert [record.text for record in await memory.list()] == ["7070"]


async def test_a_new_version_may_be_about_something_else_or_of_another_kind(memory: Memory) -> None:
    old = await memory.remember("8080", subject="gateway", attribute="port")
    new = await memory.supersede(old.id, "9090", subject="proxy", attribute="port")
    assert (await memory.remember("7070", subject="gateway", attribute="port")).superseded is None
    event = await memory.supersede(new.id, "The proxy moved to another port", kind="episodic")
    assert (await memory.get(event.id)).kind is Kind.EPISODIC


async def test_the_correction_of_a_turn_keeps_who_said_it_where_and_when(memory: Memory) -> None:
    said: dict[str, Any] = {
        "session": "s1",
        "speaker": "Ana",
        "role": "user",
        "occurred_at": "2025-01-01T09:00:00+00:00",
    }
    old = await memory.remember("We met at the harbour", source="chat", tags=["t"], **said)
    new = await memory.get((await memory.supersede(old.id, "We met at the station")).id)
    assert (new.session, new.speaker, new.role, new.source, new.tags) == ("s1", "Ana", Role.USER, "chat", ("t",))
    before = await memory.get(old.id)
    assert (new.occurred_at, new.valid_from) == (before.occurred_at, before.valid_from)
    assert new.kind is Kind.EPISODIC and before.status is Status.SUPERSEDED
    assert [record.text for record in await memory.list(as_of="2025-06-01")] == ["We met at the station"]
    last = await memory.get(
        (await memory.supersede(new.id, "We met in May", occurred_at="2025-05-01", speaker="Bea")).id
    )
    assert (last.speaker, last.session) == ("Bea", "s1")
    assert last.valid_from == last.occurred_at and last.valid_from > new.valid_from


async def test_a_new_version_of_what_is_so_holds_from_now_on(memory: Memory) -> None:
    old = await memory.remember("The office is in Porto, by the river", occurred_at="2025-01-01", session="s1")
    new = await memory.get((await memory.supersede(old.id, "The office is in Faro")).id)
    assert (new.occurred_at, new.valid_from, new.session) == (None, new.recorded_at, "s1")
    assert [record.text for record in await memory.list(as_of="2025-06-01")] == ["The office is in Porto, by the river"]


async def test_a_strangers_labels_do_not_become_the_words_of_whoever_corrects_it(memory: Memory) -> None:
    said = {"session": "s1", "speaker": "Ana", "role": "user", "occurred_at": "2025-01-01"}
    old = await memory.remember("We met at the harbour", origin=WEB, **said)
    new = await memory.get((await memory.supersede(old.id, "We met at the station")).id)
    assert (new.session, new.speaker, new.role) == (None, None, None)
    assert new.occurred_at == (await memory.get(old.id)).occurred_at
    port = await memory.remember("8080", subject="gateway", attribute="port", origin=WEB)
    await memory.supersede(port.id, "9090")
    assert (await memory.remember("7070", subject="gateway", attribute="port")).superseded is None
