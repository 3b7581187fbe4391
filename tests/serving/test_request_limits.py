"""How large and how many requests may be."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from limits import parse
from mcp.shared.exceptions import MCPError
from starlette.responses import PlainTextResponse

from mnemic_mcp.http.callers import Caller
from mnemic_mcp.http.gate import Gate
from tests.e2e.servers import INITIALIZE, served
from tests.serving.teams import ERAS, client_of, post, team


@ERAS
async def test_a_client_is_told_that_what_it_sent_is_too_large(tmp_path: Path, era: str) -> None:
    async with (
        team(tmp_path, "--max-body", "20000") as served_team,
        client_of(served_team.url, served_team.tokens["ana"], era) as client,
    ):
        with pytest.raises(MCPError, match="larger than 20,000 bytes"):
            await client.call_tool("remember", {"text": "x" * 30_000})


async def test_too_many_and_too_large_requests_are_turned_away(tmp_path: Path) -> None:
    async with team(tmp_path, "--rate", "3/day", "--max-body", "20000") as served_team:
        tokens = served_team.tokens
        large = {**INITIALIZE, "padding": "x" * 30_000}
        assert (await post(served_team.url, large, authorization=f"Bearer {tokens['ana']}")).status_code == 413
        answers = [await post(served_team.url, authorization=f"Bearer {tokens['ana']}") for _ in range(7)]
        assert [answer.status_code for answer in answers][-1] == 429
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 86_401
        assert (await post(served_team.url, authorization=f"Bearer {tokens['bob']}")).status_code == 200


@ERAS
async def test_a_client_is_told_that_it_asked_too_much_and_when_to_come_back(tmp_path: Path, era: str) -> None:
    async with (
        team(tmp_path, "--rate", "6/hour") as served_team,
        client_of(served_team.url, served_team.tokens["ana"], era) as client,
    ):
        with pytest.raises(MCPError, match=r"one caller may make 6 per 1 hour\. Try again in \d+ s"):
            for _ in range(13):  # more than the hours before and after a full hour allow together
                await client.call_tool("recall", {"query": "anything", "namespace": "team/ana"})


async def test_on_an_open_server_many_clients_are_not_held_to_what_one_caller_may_ask(tmp_path: Path) -> None:
    async with served(tmp_path, "--rate", "3/hour") as url:
        assert [(await post(url)).status_code for _ in range(6)] == [200] * 6


async def test_a_caller_may_ask_as_often_as_the_rate_says_and_not_once_more() -> None:
    class Knows:
        async def caller(self, token: str) -> Caller | None:
            return Caller(name=token, access=None)

    gate = Gate(PlainTextResponse("hello"), [Knows()], closed=lambda: True, rate=parse("2/day"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://here") as web:
        callers = ["ana", "ana", "ana", "bob", "ana"]
        asked = [await web.get("/mcp", headers={"authorization": f"Bearer {name}"}) for name in callers]
    assert [answer.status_code for answer in asked] == [200, 200, 429, 200, 429]
