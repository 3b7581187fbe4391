"""Who may see the pages: the person who was given the link, in the browser that opened it, on this machine.

Pages hold whatever strangers wrote into a memory, and other pages in the same browser can reach loopback addresses. So the
host is checked (a name that was rebound to 127.0.0.1 is not ours), the link works once and becomes a cookie, every change
needs an origin and a secret of the page besides, and nothing may be run, loaded or framed but what this package brings.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Mapping
from typing import cast
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FORM = "mnemic.form"
"""Under this key of the ASGI scope stand the fields of a form that was let through."""

MAX_FORM_BYTES = 65_536
_OPEN = "/open"
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_NO_COOKIE = "These pages belong to whoever started `mnemic inspect`. Run it again and open the link that it gives.\n"
_SPENT = "This link has been used, or was never one. Run `mnemic inspect` again for a new one.\n"


class Gate:
    """The secrets of one run. ``csrf`` goes into every form; ``cookie`` is the name under which a browser is known."""

    def __init__(self) -> None:
        self.csrf = secrets.token_urlsafe(32)
        self.cookie = f"mnemic_{secrets.token_hex(4)}"
        self._session = secrets.token_urlsafe(32)
        self._link: str | None = None

    def new_link(self) -> str:
        """The path of a link that opens the pages once. The link before it opens nothing any more."""
        self._link = secrets.token_urlsafe(32)
        return f"{_OPEN}?token={self._link}"

    def spend(self, token: str) -> bool:
        """Whether ``token`` opens the pages. It does so once."""
        if self._link is None or not _same(token, self._link):
            return False
        self._link = None
        return True

    def let_in(self, response: Response) -> None:
        """Make the browser known that gets ``response``."""
        response.set_cookie(self.cookie, self._session, path="/", httponly=True, samesite="strict")

    def knows(self, cookies: Mapping[str, str]) -> bool:
        """Whether these are the cookies of the browser that was let in."""
        return _same(cookies.get(self.cookie, ""), self._session)


class Protection:
    """ASGI middleware that answers what must not reach the pages. ``hosts`` are the ``Host`` headers that are ours."""

    def __init__(self, app: ASGIApp, *, gate: Gate, hosts: Iterable[str]) -> None:
        self._app = app
        self._gate = gate
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            # The life span of the application; there are no web sockets here.
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        guarded = _with_headers(send)
        answer = await self._answer(scope, receive)
        if answer is None:
            await self._app(scope, _nothing_more if scope["method"] == "POST" else receive, guarded)
        else:
            await answer(scope, receive, guarded)

    async def _answer(self, scope: Scope, receive: Receive) -> Response | None:
        """What to answer instead of a page; None to let the request through."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or host not in self._hosts:
            return _refusal(f"{host[:80]!r} is not the address of these pages.\n", 421)
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return _refusal("Pages are read with GET; forms are sent with POST.\n", 405)
        if scope["path"] == _OPEN:
            return self._open(scope)
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return _refusal("Another site asked for this page.\n", 403)
        if not self._gate.knows(_cookies(headers)):
            return _refusal(_NO_COOKIE, 403)
        if scope["method"] == "POST":
            return await self._check_form(scope, receive, headers, host)
        return None

    def _open(self, scope: Scope) -> Response:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])
        if scope["method"] != "GET" or len(given) != 1 or not self._gate.spend(given[0]):
            return _refusal(_SPENT, 403)
        response = RedirectResponse("/", status_code=303)
        self._gate.let_in(response)
        return response

    async def _check_form(self, scope: Scope, receive: Receive, headers: Headers, host: str) -> Response | None:
        origin = headers.get("origin")
        # A page without referrers sends its own forms with the origin "null"; the browser itself says whose they are.
        ours = origin == f"http://{host}" or (origin == "null" and headers.get("sec-fetch-site") == "same-origin")
        if not ours:
            return _refusal("This form was not sent from these pages.\n", 403)
        body = await _body(receive)
        if body is None:
            return _refusal(f"A form holds at most {MAX_FORM_BYTES:,} bytes.\n", 413)
        try:
            fields = parse_qs(body.decode("utf-8"), max_num_fields=50, keep_blank_values=True, errors="strict")
        except ValueError:
            return _refusal("This is not a form.\n", 400)
        form = {name: values[-1] for name, values in fields.items()}
        if not _same(form.pop("csrf", ""), self._gate.csrf):
            return _refusal("This form is from another run. Load the page again and repeat what you did.\n", 403)
        scope[FORM] = form
        return None


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())


def _cookies(headers: Headers) -> dict[str, str]:
    return {name: value for line in headers.getlist("cookie") for name, value in cookie_parser(line).items()}


def _refusal(text: str, status: int) -> Response:
    return PlainTextResponse(text, status_code=status)


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_HEADERS)
        await send(message)

    return send_with_headers


async def _body(receive: Receive) -> bytes | None:
    """All of a small body; None for a large one."""
    body = b""
    while True:
        message = await receive()
        body += cast(bytes, message.get("body", b""))
        if len(body) > MAX_FORM_BYTES:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return body


async def _nothing_more() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}
