"""A host for apps: the real server process over stdio, and a page in a real browser that frames what the server gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mnemic_mcp.apps.extension import RECALL_URI, REVIEW_TOOL, REVIEW_URI
from tests.e2e.servers import INITIALIZE, INITIALIZED, RawServer
from tests.inspector.chromium import browsing, new_page

HERE = Path(__file__).parent
BRIDGE = HERE / "node_modules" / "bridge.js"
"""The official bridge for hosts, bundled (make apps-checks)."""

HOST, SANDBOX = "https://host.invalid/", "https://sandbox.invalid/"
APPS = {"io.modelcontextprotocol/ui": {"mimeTypes": ["text/html;profile=mcp-app"]}}
# What the specification has a host enforce where a server declares no domain.
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; media-src 'self' data:; connect-src 'none'; frame-src 'self'; object-src 'none'; base-uri 'self'"
)


def initialize(extensions: dict[str, Any] | None) -> dict[str, Any]:
    """A handshake with these extensions."""
    capabilities = {} if extensions is None else {"extensions": extensions}
    return {**INITIALIZE, "params": {**INITIALIZE["params"], "capabilities": capabilities}}  # type: ignore[dict-item]


class Host:
    """A page that shows apps. ``served`` holds the tool calls that apps made, ``complaints`` what the browser said."""

    def __init__(self, server: RawServer, browser: Any, *, width: int = 760, file: str = "host.html") -> None:
        self._files = {
            HOST: HERE / file, SANDBOX: HERE / "sandbox.html", f"{HOST}bridge.js": BRIDGE,
        }  # fmt: skip
        self.server = server
        self.served: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        self._last_id = 100
        self.page = new_page(browser, width=width, height=900)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._note)
        self.page.route("**/*", self._serve)
        self.page.expose_function("askServer", self._from_app)
        self.page.goto(HOST)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """A request to the server, as the host makes it; the whole message that answers."""
        self._last_id += 1
        self.server.send({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params})
        return self.server.answer(self._last_id)

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """What a tool gives."""
        result: dict[str, Any] = self.ask("tools/call", name=tool, arguments=arguments)["result"]
        return result

    def show(
        self, uri: str, result: dict[str, Any], *, arguments: dict[str, Any] | None = None, theme: str = "light",
        calls: bool = True,
    ) -> Any:  # fmt: skip
        """Frame the app at ``uri`` over a tool's result; its frame."""
        (content,) = self.ask("resources/read", uri=uri)["result"]["contents"]
        given = {
            "html": content["text"], "csp": content["_meta"]["ui"]["csp"], "args": arguments or {}, "result": result,
            "theme": theme, "calls": calls, "sandbox": SANDBOX,
        }  # fmt: skip
        self.served.clear()
        self.page.evaluate("given => window.showApp(given)", given)
        view = self.page.frame_locator("iframe").frame_locator("iframe")
        view.locator("#view[aria-busy=false]").wait_for()
        return view

    def recalled(self, query: str, *, most: int = 10, **more: Any) -> Any:
        """The recall app over at most ``most`` answers to a question; ``more`` as for `show`."""
        arguments = {"query": query, "k": most}
        return self.show(RECALL_URI, self.call("recall", **arguments), arguments=arguments, **more)

    def reviewed(self, **more: Any) -> Any:
        """The review app; ``more`` as for `show`."""
        return self.show(REVIEW_URI, self.call(REVIEW_TOOL), **more)

    def said(self) -> list[dict[str, Any]]:
        """All that the app in view has said to the host."""
        messages: list[dict[str, Any]] = self.page.evaluate("() => window.said")
        return messages

    def inner(self) -> Any:
        """The frame of the app itself, for what a locator cannot do."""
        return self.page.frames[-1]

    def _from_app(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self.served.append(params)
        answer = self.ask(method, **params)
        return {name: answer[name] for name in ("result", "error") if name in answer}

    def _serve(self, route: Any) -> None:
        url = route.request.url.split("#")[0]
        if url not in self._files:
            route.abort()
            return
        headers = {"content-security-policy": POLICY} if url == SANDBOX else {}
        kind = "text/javascript" if url.endswith(".js") else "text/html"
        body = self._files[url].read_text(encoding="utf-8")
        route.fulfill(status=200, content_type=f"{kind}; charset=utf-8", body=body, headers=headers)

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _note(self, request: Any) -> None:
        if request.url.split("#")[0] not in (*self._files, "about:srcdoc"):
            self.complaints.append(f"asked for {request.url}")


@contextmanager
def hosting(home: Path, *, width: int = 760, file: str = "host.html") -> Iterator[Host]:
    """A host over the memory at ``home``; ``file`` is its page."""
    server = RawServer(home)
    try:
        server.send(initialize(APPS), INITIALIZED)
        server.answer(1)
        with browsing() as browser:
            yield Host(server, browser, width=width, file=file)
    finally:
        server.finish()
