"""A divided memory on the command line and behind servers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
from mcp import Client
from mcp.client.context import ClientRequestContext
from mcp.client.stdio import stdio_client
from mcp_types import ElicitRequestParams, ElicitResult

from mnemic_mcp.http.tokens import TokenFile
from tests.e2e.servers import parameters, served
from tests.postgres.divided import COUNT, ONE_IN_EACH, command, divided, environment, texts_in
from tests.postgres.servers import PostgresServer
from tests.serving.teams import call, client_of


def test_commands_find_their_part_by_the_namespace_or_the_id(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    env = {**environment(postgres, schema), "MNEMIC_HOME": str(tmp_path)}
    ids = []
    for label in ONE_IN_EACH:
        told = command(["remember", f"{label} keeps bees.", "--namespace", label, "--json"], env)
        ids.append(json.loads(told)[0]["id"] if told.lstrip().startswith("[") else json.loads(told)["id"])
        assert f"{label} keeps bees." in command(["recall", "bees", "--namespace", label], env)
    for id, label in zip(ids, ONE_IN_EACH, strict=True):
        assert f"{label} keeps bees." in command(["show", id], env)
    status = command(["status"], env)
    assert f"{COUNT} of {COUNT} hold something" in status
    assert all(label in status for label in ONE_IN_EACH)
    assert json.loads(command(["status", "--json"], env))["memories"] == COUNT
    assert "partition 3" in command(["doctor"], env)
    wrong = command(["status"], {**env, "MNEMIC_DATABASE_PARTITIONS": "2"}, code=1)
    assert "WrongPartitions" in wrong
    assert f"MNEMIC_DATABASE_PARTITIONS={COUNT}" in wrong


async def test_a_server_on_stdio_serves_the_part_of_its_namespace(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    for number, label in enumerate(ONE_IN_EACH[:2]):
        server = parameters(tmp_path, **environment(postgres, schema), MNEMIC_NAMESPACE=f"{label}/desk")
        async with Client(stdio_client(server)) as client:
            assert (await call(client, "remember", text=f"{label} keeps bees."))[0]
            assert len((await call(client, "recall", query="bees"))[2]["memories"]) == 1
        assert texts_in(postgres, f"{schema}_p{number}") == [f"{label} keeps bees."]


def make_tokens(folder: Path) -> dict[str, str]:
    file = TokenFile(folder / "tokens.json")
    full = ["read", "write", "review", "admin"]
    grants: dict[str, list[str]] = {
        "tenant": [f"{ONE_IN_EACH[1]}/ana"], "neighbour": [ONE_IN_EACH[2]], "admin": ONE_IN_EACH,
    }  # fmt: skip
    return {name: file.create(name, namespaces=where, rights=full)[1] for name, where in grants.items()}


async def test_every_tool_serves_a_tenant_over_http_as_if_the_memory_were_one(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    tokens = make_tokens(tmp_path)
    async with served(tmp_path, **environment(postgres, schema)) as url, client_of(url, tokens["tenant"]) as client:
        used: set[str] = set()

        async def done(tool: str, **arguments: Any) -> Any:
            used.add(tool)
            ok, text, told = await call(client, tool, **arguments)
            assert ok, text
            return told

        id = (await done("remember", text="The hives stand on the roof."))["results"][0]["id"]
        other = (await done("remember", text="Queens are marked blue in 2025.", more=["Honey is cut in July."]))[
            "results"
        ]
        assert len(other) == 2
        found = await done("recall", query="Where are the hives?")
        assert found["memories"][0]["id"] == id
        assert len((await done("recall", history_of=id))["memories"]) == 1
        await done("sculpt_context", action="append", text="step one is done", role="user")
        await done("sculpt_context", action="view")
        await done("reflect", mode="outcome", task="Find the hives", reward=1.0, used=[id])
        await done("reflect", mode="prepare", task="hives")
        learnt = {"when_to_use": "Looking for the hives", "content": "The hives stand on the roof.", "evidence": [id]}
        await done("reflect", mode="commit", experiences=[learnt])
        plan = await done("reflect", mode="maintain")
        await done("reflect", mode="maintain", plan=plan["plan"])
        await done("forget", ids=[id])
        await done("forget", ids=[id], action="restore")
        await done("forget", ids=[id], action="erase", confirm=True)
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert used == tools
        for uri in ("memory://status", "memory://guard", "memory://sessions", f"memory://memories/{other[0]['id']}"):
            assert (await client.read_resource(uri)).contents
        status = json.loads((await client.read_resource("memory://status")).contents[0].text)  # type: ignore[union-attr]
        assert set(status["namespaces"]) == {f"{ONE_IN_EACH[1]}/ana"}
        for where in (ONE_IN_EACH[1], ONE_IN_EACH[2], f"{ONE_IN_EACH[1]}/bob"):
            ok, text, _ = await call(client, "recall", query="hives", namespace=where)
            assert not ok
            assert "AccessDenied" in text
    assert len(texts_in(postgres, f"{schema}_p1")) == 2
    assert texts_in(postgres, f"{schema}_p2") == []


async def test_an_administrator_over_http_is_led_to_each_part_and_sees_the_state_of_all(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    tokens = make_tokens(tmp_path)
    env = environment(postgres, schema)
    async with served(tmp_path, **env) as url, client_of(url, tokens["admin"]) as admin:
        base = url.removesuffix("/mcp")
        ids = []
        for label in ONE_IN_EACH:
            ok, text, told = await call(admin, "remember", text=f"{label} keeps bees.", namespace=label)
            assert ok, text
            ids.append(told["results"][0]["id"])
            found = (await call(admin, "recall", query="bees", namespace=label))[2]["memories"]
            assert [hit["id"] for hit in found] == ids[-1:]
        for id in ids:
            assert (await call(admin, "forget", ids=[id]))[0]
            assert (await call(admin, "forget", ids=[id], action="restore"))[0]
            assert len((await call(admin, "recall", history_of=id))[2]["memories"]) == 1
        ok, text, _ = await call(admin, "forget", ids=ids)
        assert not ok
        assert "SeveralPartitions" in text
        assert "each first label" in text
        status = json.loads((await admin.read_resource("memory://status")).contents[0].text)  # type: ignore[union-attr]
        assert status["namespaces"] == dict.fromkeys(ONE_IN_EACH, 1)
        async with httpx.AsyncClient(trust_env=False, timeout=60) as web:
            assert (await web.get(base + "/readyz")).json() == {"ready": True}
            header = {"authorization": f"Bearer {tokens['admin']}"}
            metrics = (await web.get(base + "/metrics", headers=header)).text
            assert 'mnemic_calls_total{outcome="SeveralPartitions",use_case="archive"} 1.0' in metrics


async def test_a_server_that_is_set_to_another_number_is_never_ready(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    async with divided(tmp_path, postgres, schema):
        pass
    async with (
        served(tmp_path, **environment(postgres, schema, 8)) as url,
        httpx.AsyncClient(trust_env=False, timeout=60) as web,
    ):
        answer = await web.get(url.removesuffix("/mcp") + "/readyz")
        assert (answer.status_code, answer.json()["reason"]) == (503, "WrongPartitions")
        async with Client(url) as client:
            ok, text, _ = await call(client, "recall", query="bees")
        assert not ok
        assert f"MNEMIC_DATABASE_PARTITIONS={COUNT}" in text


async def test_what_one_server_asks_another_is_answered_though_both_have_other_parts_open(
    tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    """The key that seals a call's rounds belongs to the whole: it does not depend on which part was opened first."""
    tokens = make_tokens(tmp_path)
    env = environment(postgres, schema)
    file = ["--tokens", str(tmp_path / "tokens.json")]

    async def ask(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        return ElicitResult(action="accept", content={"erase": True})

    async with (
        served(tmp_path / "one", *file, **env, MNEMIC_NAMESPACE=ONE_IN_EACH[0]) as one,
        served(tmp_path / "two", *file, **env, MNEMIC_NAMESPACE=ONE_IN_EACH[3]) as two,
    ):
        from tests.postgres.test_replicas import Pair, between

        servers = Pair((one, two), tokens, TokenFile(tmp_path / "tokens.json"), postgres.url, schema)
        async with between(servers, tokens["tenant"], elicitation_callback=ask) as (client, transport):
            _, _, told = await call(client, "remember", text="The PIN is 4711.")
            before = len(transport.sent)
            ok, text, _ = await call(client, "forget", ids=[told["results"][0]["id"]], action="erase")
            assert ok, text
            assert any("requestState" in body for _, body in transport.sent[before:])
    assert texts_in(postgres, f"{schema}_p1") == []
