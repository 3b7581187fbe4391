"""Servers for callers with tokens, and calls of their tools."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mnemic_mcp.http.tokens import TokenFile
from tests.e2e.servers import INITIALIZE, served

ACCEPT = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


ERAS = pytest.mark.parametrize("era", ["auto", "legacy"])


@dataclass(frozen=True)
class Team:
    """A served memory of a team, and the tokens of its members."""

    home: Path
    url: str
    tokens: dict[str, str]

    @property
    def base(self) -> str:
        return self.url.removesuffix("/mcp")


def make_tokens(home: Path) -> dict[str, str]:
    file = TokenFile(home / "tokens.json")
    grants: dict[str, tuple[list[str], list[str]]] = {
        "ana": (["team/ana"], ["read", "write"]),
        "bob": (["team/bob", "team/shared"], ["read", "write"]),
        "reader": (["team"], ["read"]),
        "reviewer": (["team"], ["read", "review"]),
        "admin": (["team"], ["read", "write", "admin"]),
    }
    return {name: file.create(name, namespaces=where, rights=what)[1] for name, (where, what) in grants.items()}


@asynccontextmanager
async def team(home: Path, *arguments: str, **env: str) -> AsyncIterator[Team]:
    tokens = make_tokens(home)
    async with served(home, *arguments, **env) as url:
        yield Team(home, url, tokens)


@asynccontextmanager
async def client_of(url: str, token: str, era: str = "auto") -> AsyncIterator[Client]:
    async with (
        httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}, trust_env=False, timeout=60) as web,
        Client(streamable_http_client(url, http_client=web), mode=era) as client,  # type: ignore[arg-type]
    ):
        yield client


async def call(client: Client, tool: str, **arguments: Any) -> tuple[bool, str, Any]:
    result = await client.call_tool(tool, arguments)
    return (
        not result.is_error,
        " ".join(getattr(part, "text", "") for part in result.content),
        result.structured_content,
    )


async def post(url: str, body: Any = INITIALIZE, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as web:
        return await web.post(url, headers={**ACCEPT, **headers}, content=json.dumps(body))
