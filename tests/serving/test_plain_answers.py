"""What a server says over HTTP to what is no request, or a wrong one: plain words, and always an answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client

from tests.e2e.servers import INITIALIZE, served
from tests.fuzz.bounds import inside_told

_HEADERS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
_NO_REQUESTS = {
    "an object of another kind": b'{"hello": 1}',
    "an older version": b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}',
    "a batch": b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]',
    "a number": b"5",
    "params that are a list": b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}',
    "no JSON": b"{",
    "nothing": b"",
    "no text": b"\xff\xfe",
    "an id that is an object": b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}',
}


def _plain(answer: httpx.Response) -> str:
    """The message of an answer that turns a request away."""
    assert inside_told(answer.text) is None, answer.text
    assert "pydantic" not in answer.text and "Validation" not in answer.text
    told: dict[str, Any] = answer.json()
    assert told["jsonrpc"] == "2.0" and told["id"] is None
    assert isinstance(told["error"]["code"], int)
    return str(told["error"]["message"])


async def test_what_is_no_json_rpc_is_answered_with_a_400_that_says_what_to_send(tmp_path: Path) -> None:
    async with served(tmp_path) as url, httpx.AsyncClient(trust_env=False, headers=_HEADERS, timeout=60) as web:
        said = {}
        for what, body in _NO_REQUESTS.items():
            answer = await web.post(url, content=body)
            assert answer.status_code == 400, what
            said[what] = _plain(answer)
        for what in list(_NO_REQUESTS)[:5]:
            assert 'Send {"jsonrpc": "2.0", "id": 1, "method": "..."}' in said[what], what
        assert all(message for message in said.values())
        # The connection is as good as before.
        assert (await web.post(url, content=json.dumps(INITIALIZE))).status_code == 200


@pytest.mark.parametrize("stateless", [False, True])
async def test_a_request_with_a_last_event_id_gets_an_answer(tmp_path: Path, stateless: bool) -> None:
    more = ("--workers", "2") if stateless else ()
    async with served(tmp_path, *more) as url, httpx.AsyncClient(trust_env=False, headers=_HEADERS, timeout=60) as web:
        begun = await web.post(url, content=json.dumps(INITIALIZE))
        session = {"mcp-session-id": begun.headers["mcp-session-id"]} if not stateless else {}
        resumed = await web.get(url, headers={**session, "accept": "text/event-stream", "last-event-id": "5"})
        assert resumed.status_code in (400, 405)
        assert _plain(resumed)
        if not stateless:
            assert _plain(resumed) == (
                "Events are not kept: a stream cannot be resumed. Send the request without Last-Event-ID."
            )
        ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
        assert (await web.post(url, headers=session, content=json.dumps(ping))).status_code == 200


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_a_wrong_argument_over_http_is_named_with_what_was_probably_meant(tmp_path: Path, era: str) -> None:
    async with served(tmp_path) as url, Client(url, mode=era) as client:
        for tool, arguments, told in (
            ("recall", {"query": "tea", "limit": 3}, 'There is no argument "limit". Did you mean "k"?'),
            ("remember", {"content": "Tea is hot."}, 'There is no argument "content". Did you mean "text"?'),
            ("recall", {"query": "tea", "namespce": "a"}, 'There is no argument "namespce". Did you mean "namespace"?'),
            ("recall", {"query": 5}, "query: Input should be a valid string. It is 5."),
            ("remember", {}, "text: Field required."),
        ):
            result = await client.call_tool(tool, arguments)
            (part,) = result.content
            assert result.is_error and part.type == "text" and told in part.text, part
            assert inside_told(part.text) is None
        # Nothing was stored by what was refused, and the next call is served.
        found: Any = (await client.call_tool("recall", {"query": "tea"})).structured_content
        assert found["memories"] == []
