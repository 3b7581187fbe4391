"""The pages without a network: the whole application, protection included, behind a client."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from starlette.types import ASGIApp

from mnemic import Memory
from mnemic_mcp.inspector.app import create_app
from mnemic_mcp.inspector.protection import Gate

HOST = "127.0.0.1:8931"
BASE = f"http://{HOST}"


class Looker:
    """A browser's part: it keeps cookies, and sends forms as a browser would."""

    def __init__(self, app: ASGIApp, gate: Gate, client: httpx2.AsyncClient) -> None:
        self.app = app
        self.gate = gate
        self.client = client

    async def open(self) -> httpx2.Response:
        """Open the link."""
        return await self.client.get(self.gate.new_link(), follow_redirects=True)

    async def page(self, path: str, *, status: int = 200, **fields: str) -> str:
        """A page as HTML."""
        answer = await self.client.get(path, params=fields or None)
        assert answer.status_code == status, answer.text[:2_000]
        return answer.text

    async def send(self, path: str, **fields: str) -> httpx2.Response:
        """Send a form with its secret, and follow where it leads."""
        return await self.client.post(
            path, data={"csrf": self.gate.csrf, **fields}, headers={"origin": BASE}, follow_redirects=True
        )


@asynccontextmanager
async def looking_into(memory: Memory) -> AsyncIterator[Looker]:
    """The pages over ``memory``; nobody has opened them yet."""
    gate = Gate()
    app = create_app(memory, gate=gate, hosts=[HOST, "localhost:8931"])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=BASE) as client:
        yield Looker(app, gate, client)


def text_of(page: str) -> str:
    """What a page shows, without its tags; entities stay as they are."""
    return re.sub(r"<[^>]*>", "", page)
