"""Whoever reaches a served memory over the network: what the tests of tests/serving do not say already."""

from __future__ import annotations

import ast
import inspect
import json
import logging
import os
import socket
import textwrap
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from mnemic.errors import InvalidInput
from mnemic.logs import get_logger
from mnemic_mcp.http.observing import Observing
from mnemic_mcp.http.tokens import TokenFile
from tests.e2e.servers import INITIALIZE, served

ACCEPT = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


def _token(home: Path) -> str:
    return TokenFile(home / "tokens.json").create("ana", namespaces=["team/ana"], rights=["read", "write"])[1]


def _raw(url: str, data: bytes) -> bytes:
    """What a server sends to these bytes until it closes, or has sent a whole head."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=60) as wire:
        wire.sendall(data)
        got = b""
        while b"\r\n\r\n" not in got and (part := wire.recv(65_536)):
            got += part
        return got


async def test_a_token_in_the_query_opens_nothing(tmp_path: Path) -> None:
    token = _token(tmp_path)
    async with served(tmp_path) as url, httpx.AsyncClient(trust_env=False, timeout=60) as web:
        for query in (f"token={token}", f"access_token={token}", f"authorization=Bearer {token}"):
            answer = await web.post(f"{url}?{query}", headers=ACCEPT, content=json.dumps(INITIALIZE))
            assert answer.status_code == 401
        cookie = await web.post(url, headers={**ACCEPT, "cookie": f"authorization=Bearer {token}"}, content="{}")
        assert cookie.status_code == 401


async def test_a_request_of_two_lengths_is_refused_and_others_are_served_beside_a_half_open_one(tmp_path: Path) -> None:
    async with served(tmp_path) as url, httpx.AsyncClient(trust_env=False, timeout=60) as web:
        place = urlsplit(url)
        head = f"POST /mcp HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n".encode()
        for lengths in (
            b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
            b"Content-Length: 4\r\nContent-Length: 60\r\n\r\nabcd",
            b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            b"Content-Length: -1\r\n\r\n",
            b"X: " + b"y" * 200_000 + b"\r\n\r\n",
        ):
            got = _raw(url, head + lengths)
            assert got.startswith(b"HTTP/1.1 4"), lengths[:60]
            assert got.count(b"HTTP/1.1") == 1
        with socket.create_connection((place.hostname or "", place.port or 0), timeout=60) as half:
            half.sendall(head + b"Content-Length: 100\r\n\r\n{")
            answer = await web.post(url, headers=ACCEPT, content=json.dumps(INITIALIZE))
            assert answer.status_code == 200


def test_the_secret_is_compared_by_its_digest_in_constant_time_whether_or_not_the_id_exists() -> None:
    tree = ast.parse(textwrap.dedent(inspect.getsource(TokenFile.caller)))
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert calls.count("hmac.compare_digest") == 1
    assert "_digest" in calls
    compared = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
    ]
    assert all("secret" not in one and "digest" not in one for one in compared)
    returns = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Return)]
    compares = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and "compare_digest" in ast.unparse(node.func)
    ]
    assert min(returns) > max(compares)


@pytest.mark.parametrize(
    "namespace",
    ["..", "team/..", "team/ana/../bob", "team//bob", "/team/bob", "team/ana/", "team\\bob", "Team/ana", "team/аna",
     "team/ana\u200b", "team/anа", "team/ana\u0000", "TEAM", "team/ana%2f..%2fbob", "team／bob"],
)  # fmt: skip
async def test_no_spelling_of_a_namespace_leads_to_another(tmp_path: Path, namespace: str) -> None:
    import mnemic
    from mnemic.domain.access import make_access
    from mnemic.errors import AccessDenied

    async with mnemic.open_memory(tmp_path, chroma="off") as whole:
        await whole.remember("The vault opens with heliotrope.", namespace="team/bob")
        ana = whole.within(make_access("ana", namespaces=["team/ana"], rights=["read", "write"]))
        with pytest.raises((AccessDenied, InvalidInput)):
            await ana.recall("How does the vault open?", namespace=namespace)
        with pytest.raises((AccessDenied, InvalidInput)):
            await ana.remember("A lie.", namespace=namespace)


def test_a_line_break_in_a_value_makes_no_second_line_of_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="forging")
    get_logger("forging").info(
        "http.request", caller='x"\nevent=http.request caller=admin', path="/a\r\nb\x1b[2J\u2028c"
    )
    (record,) = caplog.records
    assert len(record.getMessage().splitlines()) == 1
    assert "\x1b" not in record.getMessage()


def test_a_label_of_metrics_cannot_write_another_metric() -> None:
    seen = Observing()
    seen.refused('x"} 1\nmnemic_forged 7\n#')
    assert not any(line.startswith(b"mnemic_forged") for line in seen.metrics().splitlines())


@pytest.mark.skipif(os.name != "posix", reason="Windows makes links only for administrators")
def test_making_a_token_writes_through_no_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text('{"version": 1, "tokens": []}')
    (tmp_path / "home").mkdir()
    file = tmp_path / "home" / "tokens.json"
    file.symlink_to(victim)
    TokenFile(file).create("ana", namespaces=["a"], rights=["read"])
    assert victim.read_text() == '{"version": 1, "tokens": []}'
    assert not file.is_symlink()
    assert file.stat().st_mode & 0o077 == 0
