"""Nobody but who opened the link sees a page, and nothing but its own forms changes anything."""

from __future__ import annotations

import httpx2
import pytest

from mnemic import Memory
from mnemic_mcp.inspector.protection import MAX_FORM_BYTES
from tests.inspector.looking import BASE, HOST, Looker

PATHS = ("/", "/memory?id=m1", "/why", "/review", "/learning", "/sessions", "/session?name=x", "/static/style.css")


@pytest.mark.parametrize("path", PATHS)
async def test_without_the_link_there_is_no_page(stranger: Looker, memory: Memory, path: str) -> None:
    await memory.remember("The code word is marzipan.")
    answer = await stranger.client.get(path)
    assert answer.status_code == 403
    assert "marzipan" not in answer.text


async def test_the_link_opens_once(stranger: Looker) -> None:
    link = stranger.gate.new_link()
    assert (await stranger.client.get(link)).status_code == 303
    stranger.client.cookies.clear()
    assert (await stranger.client.get(link)).status_code == 403
    assert (await stranger.client.get("/")).status_code == 403


async def test_a_wrong_token_opens_nothing_and_spends_nothing(stranger: Looker) -> None:
    link = stranger.gate.new_link()
    for wrong in ("/open", "/open?token=", "/open?token=x", f"{link}x", "/open?token=%F0%9F%99%82", f"{link}&token=x"):
        assert (await stranger.client.get(wrong)).status_code == 403
    assert (await stranger.client.head(link)).status_code == 403
    assert (await stranger.client.get(link)).status_code == 303


async def test_the_cookie_is_for_this_site_alone_and_out_of_reach_of_scripts(stranger: Looker) -> None:
    cookie = (await stranger.client.get(stranger.gate.new_link())).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie
    assert "domain" not in cookie


async def test_a_cookie_of_another_run_is_no_cookie(looker: Looker) -> None:
    (name,) = looker.client.cookies.keys()
    looker.client.cookies.clear()
    for value in ("", "x", "é"):
        answer = await looker.client.get("/", headers=[(b"cookie", f"{name}={value}".encode("latin-1"))])
        assert answer.status_code == 403


@pytest.mark.parametrize(
    "host",
    ["attacker.example", "attacker.example:8931", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:8931.attacker.example", ""],
)
async def test_a_name_that_was_rebound_to_this_machine_gets_nothing(looker: Looker, host: str) -> None:
    for path in ("/", looker.gate.new_link()):
        answer = await looker.client.get(path, headers={"host": host})
        assert answer.status_code == 421
        assert "set-cookie" not in answer.headers


async def test_its_own_addresses_are_served(looker: Looker) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in looker.client.cookies.items())
    for host in (HOST, "localhost:8931"):
        assert (await looker.client.get("/", headers={"host": host, "cookie": cookie})).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_another_site_cannot_even_ask(looker: Looker, site: str) -> None:
    assert (await looker.client.get("/", headers={"sec-fetch-site": site})).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://attacker.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": f"https://{HOST}"},
        {"origin": "http://localhost:8931"},
        {"origin": "null"},
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {"origin": "null", "sec-fetch-site": "none"},
    ],
)
async def test_a_form_from_elsewhere_changes_nothing(looker: Looker, memory: Memory, headers: dict[str, str]) -> None:
    id = (await memory.remember("Gil is a penguin.")).id
    fields = {"csrf": looker.gate.csrf, "id": id, "act": "archive"}
    assert (await looker.client.post("/memory", data=fields, headers=headers)).status_code == 403
    assert (await memory.get(id)).status == "active"


@pytest.mark.parametrize("secret", [None, "", "x", "é🙂"])
async def test_a_form_without_its_secret_changes_nothing(looker: Looker, memory: Memory, secret: str | None) -> None:
    id = (await memory.remember("Gil is a penguin.")).id
    fields = {"id": id, "act": "archive"} | ({} if secret is None else {"csrf": secret})
    answer = await looker.client.post("/memory", data=fields, headers={"origin": BASE})
    assert answer.status_code == 403
    assert (await memory.get(id)).status == "active"


async def test_a_form_with_all_that_is_asked_for_does_what_it_says(looker: Looker, memory: Memory) -> None:
    id = (await memory.remember("Gil is a penguin.")).id
    assert (await looker.send("/memory", id=id, act="archive")).status_code == 200
    assert (await memory.get(id)).status == "archived"
    # So Chromium sends it from a page that gives no referrer.
    headers = {"origin": "null", "sec-fetch-site": "same-origin"}
    await looker.client.post("/memory", data={"csrf": looker.gate.csrf, "id": id, "act": "restore"}, headers=headers)
    assert (await memory.get(id)).status == "active"


async def test_forms_that_are_none_are_refused(looker: Looker) -> None:
    async def post(content: bytes) -> int:
        return (await looker.client.post("/memory", content=content, headers={"origin": BASE})).status_code

    assert await post(b"x=" + b"y" * MAX_FORM_BYTES) == 413
    assert await post(b"\xff\xfe") == 400
    assert await post(b"a=%ff") == 400
    assert await post(b"&".join(b"a=1" for _ in range(60))) == 400
    assert (await looker.client.put("/memory")).status_code == 405


async def test_every_answer_carries_the_headers_that_keep_it_in(looker: Looker, stranger: Looker) -> None:
    async def answers() -> list[httpx2.Response]:
        client = looker.client
        found = [
            await client.get(path) for path in ("/", "/static/style.css", "/nowhere", "/memory?id=m1", "/open?token=x")
        ]
        return [*found, await client.get("/", headers={"host": "x"}), await client.post("/memory")]

    for answer in await answers():
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';")
        assert "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"


async def test_pages_hold_no_script_style_or_address_of_elsewhere(looker: Looker) -> None:
    page = await looker.page("/")
    for forbidden in ("<style", "style=", "onclick", "onload", "https://", "javascript:", "http://"):
        assert forbidden not in page
    assert page.count("<script") == 1 and '<script src="/static/keys.js" defer></script>' in page
