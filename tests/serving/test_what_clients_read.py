"""Where a memory is kept is for those who run a server, and not for those who use it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from typer.testing import CliRunner

import mnemic
from mnemic import Settings, load_settings
from mnemic.storage.migrating.source import Source
from mnemic.storage.sqlite.moved import Moving
from mnemic_mcp.cli.app import app
from mnemic_mcp.holder import MemoryHolder
from mnemic_mcp.server import create_server

MACHINE, USER = "db7.internal", "heliotrope"
ADDRESS = f"postgresql://{USER}@{MACHINE}:5432/notes"


async def move(home: Path, *, finished: bool = True) -> None:
    """Leave the folder as a memory leaves it that has moved to a database."""
    async with mnemic.open_memory(home, chroma="off") as memory:
        await memory.remember("Ana moved to Lisbon.")
    source = Source(home / "ledger.sqlite3")
    source.begin(Moving(token="t", address=ADDRESS, schema="mnemic", phase="copying"))
    source.close_ledger()
    if finished:
        source.finish()
    source.close()


@asynccontextmanager
async def client_of(settings: Settings) -> AsyncIterator[Client]:
    holder = MemoryHolder(settings, transport="http")
    try:
        async with Client(create_server(holder)) as client:
            yield client
    finally:
        holder.close_now()


async def read_by(client: Client) -> list[str]:
    """What a tool and two kinds of resources say of their failure."""
    result = await client.call_tool("recall", {"query": "Where does Ana live?"})
    assert result.is_error
    texts = [result.content[0].text]  # type: ignore[union-attr]
    for resource in ("memory://status", "memory://memories/m000000000000000"):
        with pytest.raises(MCPError) as caught:
            await client.read_resource(resource)
        texts.append(str(caught.value))
    return texts


@pytest.mark.parametrize(("finished", "kind"), [(True, "LedgerMoved"), (False, "StoreUnavailable")])
async def test_a_client_learns_that_the_memory_has_moved_and_only_the_log_says_where(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, finished: bool, kind: str
) -> None:
    await move(tmp_path, finished=finished)
    async with client_of(load_settings(home=tmp_path, chroma="off")) as client:
        texts = await read_by(client)
    assert kind in texts[0] and "another place" in texts[0]
    for text in texts:
        assert MACHINE not in text and USER not in text and str(tmp_path) not in text
    assert ADDRESS in caplog.text


async def test_a_client_learns_of_a_database_out_of_reach_and_not_where_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load_settings(home=tmp_path, chroma="off", database=f"postgresql://{USER}@127.0.0.1:1/notes")
    async with client_of(settings) as client:
        texts = await read_by(client)
    assert "The database of this memory is out of reach" in texts[0]
    for text in texts:
        assert "127.0.0.1" not in text and USER not in text and "notes" not in text
    assert "127.0.0.1:1/notes" in caplog.text


async def test_a_client_learns_what_is_wrong_with_the_memory_and_not_in_which_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home, policies = tmp_path / "home", tmp_path / "policies"
    policies.mkdir()
    policy = policies / "ours.yaml"
    policy.write_text("name: ours\nextends: nobody\n", "utf-8")
    async with client_of(load_settings(home=home, chroma="off", policy=str(policy))) as client:
        texts = await read_by(client)
    async with client_of(load_settings(home=home, chroma="off", durable=False)) as client:
        await client.call_tool("remember", {"text": "Ana lives in Lisbon."})
        (home / "ledger.sqlite3").rename(tmp_path / "aside")
        texts += await read_by(client)
    assert "ours.yaml" in texts[0] and "deleted, moved or replaced" in texts[3]
    assert not any(str(tmp_path) in text for text in texts)
    assert str(policy) in caplog.text and str(home) in caplog.text


async def test_the_host_that_started_a_server_reads_where_its_memory_is(tmp_path: Path) -> None:
    holder = MemoryHolder(
        load_settings(home=tmp_path, chroma="off", policy=str(tmp_path / "none.yaml")), transport="stdio"
    )
    async with Client(create_server(holder)) as client:
        assert str(tmp_path) in (await read_by(client))[0]


def test_the_command_line_says_where_the_memory_went(tmp_path: Path) -> None:
    anyio.run(move, tmp_path)
    done = CliRunner().invoke(app, ["status", "--home", str(tmp_path)])
    assert done.exit_code == 1
    assert f"MNEMIC_DATABASE='{ADDRESS}'" in done.stderr
