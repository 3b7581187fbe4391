"""Several callers of one server, over the wire: everybody is kept to their own, and turned away when they should be."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import anyio
import httpx
import psutil
import pytest
from mcp.shared.exceptions import MCPError

from mnemic_mcp.http.app import HttpOptions, HttpServer
from mnemic_mcp.http.tokens import TokenFile
from tests.e2e.servers import SERVE, served
from tests.serving.providers import AUDIENCE, provider
from tests.serving.teams import ERAS, call, client_of, make_tokens, post, team
from tests.waiting import until


@ERAS
async def test_each_caller_has_their_own_memory_and_no_way_to_another(tmp_path: Path, era: str) -> None:
    async with team(tmp_path) as served_team:
        tokens = served_team.tokens
        async with client_of(served_team.url, tokens["bob"], era) as bob:
            done, text, told = await call(bob, "remember", text="The vault opens with heliotrope.")
            assert done, text
            id = told["results"][0]["id"]
            await call(bob, "remember", text="We meet on Mondays at nine.", namespace="team/shared")
            await call(bob, "sculpt_context", action="append", text="heliotrope it is", role="user")
        async with client_of(served_team.url, tokens["ana"], era) as ana:
            attempts: list[tuple[str, dict[str, Any]]] = [
                ("recall", {"query": "How does the vault open?"}),
                ("recall", {"query": "vault", "namespace": "team/bob"}),
                ("recall", {"query": "vault", "namespace": "team"}),
                ("recall", {"history_of": id}),
                ("recall", {}),
                ("remember", {"text": "A lie.", "namespace": "team/bob"}),
                ("remember", {"text": "A lie.", "supersedes": id}),
                ("remember", {"text": "A lie.", "more": [{"text": "Another.", "namespace": "team/bob"}]}),
                ("forget", {"ids": [id]}),
                ("forget", {"ids": [id], "action": "erase", "confirm": True}),
                ("reflect", {"mode": "outcome", "task": "x", "reward": 1, "used": [id]}),
                ("reflect", {"mode": "prepare", "task": "vault", "namespace": "team/bob"}),
                ("sculpt_context", {"action": "view"}),
                ("sculpt_context", {"action": "compose", "text": "open the vault"}),
            ]
            for tool, arguments in attempts:
                _, text, told = await call(ana, tool, **arguments)
                assert "heliotrope" not in text + json.dumps(told), (tool, arguments)
            for uri in (f"memory://memories/{id}", f"memory://memories/{id}/history", "memory://sessions/default"):
                with pytest.raises(Exception, match=r"There is no|not found|no session"):
                    await ana.read_resource(uri)
            listed = await ana.read_resource("memory://status")
            assert "bob" not in str(listed)
        async with client_of(served_team.url, tokens["bob"], era) as bob:
            _, text, told = await call(bob, "recall", query="How does the vault open?")
            assert [hit["text"] for hit in told["memories"]] == ["The vault opens with heliotrope."]


async def test_rights_hold_for_every_tool(tmp_path: Path) -> None:
    async with team(tmp_path) as served_team:
        tokens = served_team.tokens
        async with client_of(served_team.url, tokens["ana"]) as ana:
            _, _, told = await call(ana, "remember", text="Ana keeps bees.")
            id = told["results"][0]["id"]
            done, text, _ = await call(ana, "forget", ids=[id], action="erase", confirm=True)
            assert not done
            assert "admin" in text
        async with client_of(served_team.url, tokens["reader"]) as reader:
            done, _, told = await call(reader, "recall", query="Who keeps bees?", namespace="team/ana")
            assert done
            assert told["memories"]
            for tool, arguments in (
                ("remember", {"text": "A lie.", "namespace": "team/ana"}),
                ("forget", {"ids": [id]}),
                ("reflect", {"mode": "outcome", "task": "x", "reward": 1.0}),
                ("sculpt_context", {"action": "append", "text": "hello"}),
            ):
                done, text, _ = await call(reader, tool, **arguments)
                assert not done, tool
                assert "AccessDenied" in text
            with pytest.raises(Exception, match="quarantine"):
                await reader.read_resource("memory://guard")
        async with client_of(served_team.url, tokens["reviewer"]) as reviewer:
            await reviewer.read_resource("memory://guard")
        async with client_of(served_team.url, tokens["admin"]) as admin:
            done, text, _ = await call(admin, "forget", ids=[id], action="erase", confirm=True)
            assert done, text


async def test_whoever_has_no_token_is_told_so_and_nothing_else(tmp_path: Path) -> None:
    async with team(tmp_path) as served_team:
        ana = served_team.tokens["ana"]
        for header in (None, "", "Bearer", "Basic YTpi", f"Token {ana}", "Bearer wrong", f"Bearer {ana}x"):
            answer = await post(served_team.url, **({} if header is None else {"authorization": header}))
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert "server" not in answer.headers
        for path in ("/metrics", "/docs", "/mcp/../tokens.json", "/tokens.json", "/%2e%2e/tokens.json"):
            async with httpx.AsyncClient(trust_env=False, timeout=60) as web:
                assert (await web.get(served_team.base + path)).status_code == 401
        TokenFile(tmp_path / "tokens.json").revoke("ana")
        assert (await post(served_team.url, authorization=f"Bearer {ana}")).status_code == 401


async def test_nobody_goes_on_with_the_session_of_another(tmp_path: Path) -> None:
    async with team(tmp_path) as served_team:
        tokens = served_team.tokens
        begun = await post(served_team.url, authorization=f"Bearer {tokens['bob']}")
        session = begun.headers["mcp-session-id"]
        listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
        own = await post(
            served_team.url, listing, authorization=f"Bearer {tokens['bob']}", **{"mcp-session-id": session}
        )
        assert own.status_code == 200
        stolen = await post(
            served_team.url, listing, authorization=f"Bearer {tokens['ana']}", **{"mcp-session-id": session}
        )
        assert stolen.status_code in (401, 403, 404)


async def test_the_first_token_closes_a_server_that_was_open(tmp_path: Path) -> None:
    async with served(tmp_path) as url:
        assert (await post(url)).status_code == 200
        make_tokens(tmp_path)
        assert (await post(url)).status_code == 401


async def test_a_server_that_was_closed_stays_so_when_the_file_of_tokens_is_taken_away(tmp_path: Path) -> None:
    async with team(tmp_path) as served_team, httpx.AsyncClient(trust_env=False, timeout=60) as web:
        (tmp_path / "tokens.json").unlink()
        for header in ({}, {"authorization": f"Bearer {served_team.tokens['ana']}"}):
            assert (await post(served_team.url, **header)).status_code == 401
        assert (await web.get(served_team.base + "/metrics")).status_code == 401


def test_a_process_that_takes_the_place_of_another_is_as_closed_as_that_was(tmp_path: Path) -> None:
    from mnemic.bootstrap import load_settings

    settings = load_settings(home=tmp_path)
    assert HttpServer(settings, HttpOptions(closed=True)).closed
    assert not HttpServer(settings, HttpOptions()).closed


@ERAS
async def test_while_the_tokens_cannot_be_read_nobody_is_told_that_theirs_is_wrong(tmp_path: Path, era: str) -> None:
    async with team(tmp_path) as served_team, httpx.AsyncClient(trust_env=False, timeout=60) as web:
        ana = served_team.tokens["ana"]
        held = (tmp_path / "tokens.json").read_text()
        async with client_of(served_team.url, ana, era) as client:
            (tmp_path / "tokens.json").write_text(held + "}")
            with pytest.raises(MCPError, match="cannot be told at present whose token this is"):
                await client.call_tool("recall", {"query": "anything"})
        answer = await post(served_team.url, authorization=f"Bearer {ana}")
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        assert (await post(served_team.url)).status_code == 401
        ready = await web.get(served_team.base + "/readyz")
        assert (ready.status_code, ready.json()["reason"]) == (503, "tokens")
        (tmp_path / "tokens.json").write_text(held)
        assert (await post(served_team.url, authorization=f"Bearer {ana}")).status_code == 200
        assert (await web.get(served_team.base + "/readyz")).status_code == 200


async def test_every_process_of_a_server_logs_its_requests_and_those_it_turned_away(tmp_path: Path) -> None:
    tokens = make_tokens(tmp_path)
    log = tmp_path / "log"

    def said(what: str) -> bool:
        return re.search(rf"event=http\.request {what} milliseconds=", log.read_text()) is not None

    async with served(tmp_path, "--workers", "2", "--rate", "1/hour", log=str(log)) as url:
        await post(url, authorization=f"Bearer {tokens['ana']}")
        await until(lambda: said("caller=ana method=POST path=/mcp status=200"))
        await post(url, authorization="Bearer wrong")
        await until(lambda: said("caller=- method=POST path=/mcp status=401"))
        while (await post(url, authorization=f"Bearer {tokens['ana']}")).status_code != 429:
            pass  # each process counts by itself
        await until(lambda: said("caller=ana method=POST path=/mcp status=429"))
    assert tokens["ana"] not in log.read_text()


async def test_health_is_open_and_metrics_are_for_admins_and_hold_no_text(tmp_path: Path) -> None:
    async with team(tmp_path) as served_team, httpx.AsyncClient(trust_env=False, timeout=60) as web:
        assert (await web.get(served_team.base + "/healthz")).status_code == 200
        assert (await web.get(served_team.base + "/readyz")).json() == {"ready": True}
        tokens = served_team.tokens
        async with client_of(served_team.url, tokens["admin"]) as admin:
            await call(admin, "remember", text="The vault opens with heliotrope.", namespace="team/admin")
            await call(admin, "recall", query="heliotrope", namespace="team/admin")
            await call(admin, "recall", query="heliotrope", namespace="elsewhere")
        refused = await web.get(served_team.base + "/metrics", headers={"authorization": f"Bearer {tokens['ana']}"})
        assert refused.status_code == 403
        shown = await web.get(served_team.base + "/metrics", headers={"authorization": f"Bearer {tokens['admin']}"})
        assert shown.status_code == 200
        assert re.search(r'mnemic_calls_total\{outcome="ok",use_case="remember"\} 1\.0', shown.text)
        assert re.search(r'mnemic_calls_total\{outcome="AccessDenied",use_case="recall"\} 1\.0', shown.text)
        assert re.search(r'mnemic_call_seconds_count\{use_case="recall"\} [1-9]', shown.text)
        assert "heliotrope" not in shown.text
        assert "team" not in shown.text


async def test_tokens_of_a_provider_open_their_owners_namespace_and_the_server_says_whom_to_ask(tmp_path: Path) -> None:
    with provider() as held:
        options = ["--oidc-issuer", held.issuer, "--oidc-audience", AUDIENCE, "--public-url", AUDIENCE]
        async with served(tmp_path, *options) as url:
            refused = await post(url)
            assert refused.status_code == 401
            metadata = re.search(r'resource_metadata="([^"]+)"', refused.headers["www-authenticate"])
            assert metadata is not None
            base = url.removesuffix("/mcp")
            async with httpx.AsyncClient(trust_env=False, timeout=60) as web:
                described = await web.get(base + httpx.URL(metadata[1]).path)
            assert described.json()["authorization_servers"] == [held.issuer]
            assert described.json()["resource"] == AUDIENCE
            async with client_of(url, held.token(scope="mnemic:read mnemic:write")) as ana:
                assert (await call(ana, "remember", text="Ana keeps bees."))[0]
            async with client_of(url, held.token(sub="bob")) as bob:
                _, _, told = await call(bob, "recall", query="Who keeps bees?")
                assert told["memories"] == []
                assert not (await call(bob, "remember", text="A lie."))[0]
            assert (await post(url, authorization=f"Bearer {held.token(aud='other')}")).status_code == 401


@pytest.mark.skipif(os.name != "posix", reason="kills a process by a signal")
async def test_several_processes_serve_one_memory_and_one_that_is_killed_is_replaced(tmp_path: Path) -> None:
    async with team(tmp_path, "--workers", "2") as served_team:
        tokens = served_team.tokens
        (server,) = [
            process for process in psutil.process_iter(["cmdline"])
            if str(tmp_path) in (process.info["cmdline"] or []) and process.ppid() == os.getpid()
        ]  # fmt: skip

        def serving() -> set[int]:
            """Those that listen: one that is being started serves nobody yet."""
            found = set()
            for child in server.children():
                with contextlib.suppress(psutil.Error):  # one that has just ended
                    if any(one.status == psutil.CONN_LISTEN for one in child.net_connections("tcp")):
                        found.add(child.pid)
            return found

        await until(lambda: len(serving()) == 2)
        kept = []
        for number in range(6):
            async with client_of(served_team.url, tokens["ana"]) as ana:
                done, _, told = await call(ana, "remember", text=f"Box {number} holds {number * 7} coins.")
                assert done
                kept.append(told["results"][0]["id"])
        before = serving()
        psutil.Process(min(before)).kill()
        await until(lambda: len(serving()) == 2 and min(before) not in serving())
        async with client_of(served_team.url, tokens["ana"], "legacy") as ana:
            _, _, told = await call(ana, "recall", k=20)
            assert {hit["id"] for hit in told["memories"]} == set(kept)
        async with httpx.AsyncClient(trust_env=False, timeout=60) as web:
            header = {"authorization": f"Bearer {tokens['admin']}"}
            shown = await web.get(served_team.base + "/metrics", headers=header)
        assert re.search(r'mnemic_calls_total\{outcome="ok",use_case="remember"\} 6\.0', shown.text)


async def test_a_server_that_is_told_to_end_says_so_and_still_answers(tmp_path: Path) -> None:
    async with team(tmp_path, "--drain", "600") as served_team, httpx.AsyncClient(trust_env=False, timeout=60) as web:
        assert (await web.get(served_team.base + "/readyz")).status_code == 200
        (server,) = [
            process for process in psutil.process_iter(["cmdline"])
            if str(tmp_path) in (process.info["cmdline"] or []) and process.ppid() == os.getpid()
        ]  # fmt: skip
        server.terminate()
        with anyio.fail_after(60):
            while (await web.get(served_team.base + "/readyz")).status_code != 503:  # noqa: ASYNC110  # over the wire
                await anyio.sleep(0.02)
        header = {"authorization": f"Bearer {served_team.tokens['ana']}"}
        assert (await post(served_team.url, **header)).status_code == 200


@pytest.mark.parametrize(
    "option", [["--port", "9000"], ["--workers", "2"], ["--oidc-issuer", "https://id.example.org"]]
)
def test_what_is_for_http_alone_is_not_silently_left_out_on_stdio(tmp_path: Path, option: list[str]) -> None:
    done = subprocess.run(
        [*SERVE, "--home", str(tmp_path), *option],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 1
    assert option[0] in done.stderr and "--http" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--rate", "quick"], "no rate"),
        (["--oidc-issuer", "https://id.example.org"], "audience"),
        (["--oidc-issuer", "https://id.example.org", "--oidc-audience", "x", "--oidc-rights", "root"], "read, write"),
        (["--oidc-issuer", "http://id.example.org", "--oidc-audience", "x"], "not https"),
        (["--oidc-namespace", "teams/{org}"], "needs an issuer"),
        (["--oidc-rights", "read"], "needs an issuer"),
        *(
            (["--oidc-issuer", "https://id.example.org", "--oidc-audience", "x", "--oidc-namespace", wrong], told)
            for wrong, told in (("teams/{org", "no claim"), ("teams/{org-id}", "no claim"), ("teams//{sub}", "label"))
        ),
    ],
)
def test_options_that_are_wrong_are_told_before_anything_is_served(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    done = subprocess.run(
        [*SERVE, "--http", "--home", str(tmp_path), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
