"""A call of several rounds belongs to the caller who began it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from mcp import Client
from mcp.client import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitRequestParams, ElicitResult

from mnemic.errors import AccessDenied
from mnemic_mcp.http.callers import CALLER, Caller
from mnemic_mcp.http.replicas import SharedKey
from mnemic_mcp.http.tokens import TokenFile
from tests.serving.teams import ACCEPT, call, team


class _Keeping(httpx.AsyncHTTPTransport):
    """Keeps what was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        return await super().handle_async_request(request)


async def _agree(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    return ElicitResult(action="accept", content={"erase": True})


async def test_nobody_goes_on_with_the_sealed_round_of_another_caller(tmp_path: Path) -> None:
    async with team(tmp_path) as served:
        # With the same rights in the same place, so that only whose round it is makes the difference.
        lead = TokenFile(tmp_path / "tokens.json").create(
            "lead", namespaces=["team"], rights=["read", "write", "admin"]
        )[1]
        mine, transport = served.tokens["admin"], _Keeping()
        async with (
            httpx.AsyncClient(headers={"authorization": f"Bearer {mine}"}, transport=transport, timeout=60) as web,
            Client(
                streamable_http_client(served.url, http_client=web),  # type: ignore[arg-type]
                elicitation_callback=_agree,
            ) as client,
        ):
            _, _, told = await call(client, "remember", text="The PIN is 4711.", namespace="team/admin")
            assert (await call(client, "forget", ids=[told["results"][0]["id"]], action="erase"))[0]
        second = transport.sent[-1]
        assert "requestState" in second.content.decode()
        headers = ACCEPT | {name: value for name, value in second.headers.items() if name.startswith("mcp-")}
        async with httpx.AsyncClient(trust_env=False, timeout=60) as web:
            for token, refused in ((lead, True), (served.tokens["ana"], True), (mine, False)):
                answer = await web.post(
                    served.url, headers={**headers, "authorization": f"Bearer {token}"}, content=second.content
                )
                assert ("error" in answer.json()) is refused, answer.text
                assert ("requestState" in answer.text) is refused, answer.text


def test_callers_are_told_apart_by_who_vouches_for_them_and_nobody_is_no_caller() -> None:
    bind = SharedKey(b"k" * 32).security().bind_principal
    assert bind is not None
    with pytest.raises(AccessDenied):
        bind(cast("Any", None))
    named = set()
    for name, issuer in (("ana", "mnemic"), ("ana", "https://id.example"), ("bob", "mnemic")):
        token = CALLER.set(Caller(name=name, issuer=issuer, access=None))
        try:
            named.add(bind(cast("ClientRequestContext", None)))  # type: ignore[arg-type]
        finally:
            CALLER.reset(token)
    assert len(named) == 3
