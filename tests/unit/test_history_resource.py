"""A long history as a resource."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mcp import Client

import mnemic
from mnemic_mcp.holder import MemoryHolder
from mnemic_mcp.server import create_server


async def test_a_history_of_more_versions_than_are_shown_at_once_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnemic.services.browse.MAX_LISTED", 2)
    monkeypatch.setattr("mnemic_mcp.server._SHOWN_AT_ONCE", 2)
    holder = MemoryHolder(mnemic.load_settings(home=tmp_path, chroma="off"), transport="stdio")
    memory = await holder.get()
    ids = [(await memory.remember("The plan has 0 parts.")).id]
    for number in range(1, 5):
        ids.append((await memory.supersede(ids[-1], f"The plan has {number} parts.")).id)
    async with Client(create_server(holder)) as client:
        told = (await client.read_resource(f"memory://memories/{ids[0]}/history")).contents[0].text  # type: ignore[union-attr]
    assert [version["id"] for version in json.loads(told)["versions"]] == ids
    await memory.close()


@pytest.mark.parametrize("versions", [3, 4])
async def test_a_recall_of_a_history_shows_the_latest_versions_and_says_where_the_others_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, versions: int
) -> None:
    monkeypatch.setattr("mnemic_mcp.tools._VERSIONS_SHOWN", 3)
    holder = MemoryHolder(mnemic.load_settings(home=tmp_path, chroma="off"), transport="stdio")
    memory = await holder.get()
    ids = [(await memory.remember("The plan has 0 parts.")).id]
    for number in range(1, versions):
        ids.append((await memory.supersede(ids[-1], f"The plan has {number} parts.")).id)
    async with Client(create_server(holder)) as client:
        told = (await client.call_tool("recall", {"history_of": ids[0]})).structured_content
    assert told is not None
    assert [one["id"] for one in told["memories"]] == ids[-3:]
    place = f"memory://memories/{ids[-1]}/history"
    assert told.get("notes", []) == (
        [f"The latest 3 of 4 versions; all of them are at {place}."] if versions > 3 else []
    )
    await memory.close()
