"""Pages from templates, and what every one of them needs: the request's questions, the namespaces, the frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mnemic import Memory, __version__
from mnemic.domain.quoting import visible
from mnemic.domain.validation import MAX_LABEL_CHARS, MAX_NAMESPACE_DEPTH
from mnemic.errors import InvalidInput
from mnemic_mcp.inspector import showing
from mnemic_mcp.inspector.protection import FORM, Gate

FOLDER = Path(__file__).parent
MAX_NAMESPACES = 200
DONE = {
    "archived": "Archived: out of recall until it is restored.",
    "restored": "Brought back: recall may use it again.",
    "released": "Released: out of quarantine, as trusted as its origin.",
    "vouched": "Vouched for: it counts as your own words from now on.",
    "rejected": "Rejected: it stays out of recall until it is released.",
    "heeded": "The lesson is heeded again.",
    "appealed": "The lesson is no longer heeded.",
    "planned": "A plan was drawn up. Nothing has been changed.",
    "applied": "The plan was applied. It can be undone.",
    "undone": "What the plan did was taken back.",
    "unchanged": "Nothing had to be changed.",
}
"""What a page says after a form was sent, by the word in its address."""


class Inspector:
    """What the views share. The memory opens with the first page, if nobody has opened it before.

    ``shown`` is called with every page.
    """

    def __init__(self, memory: Memory, gate: Gate, *, shown: Callable[[], None]) -> None:
        self.memory = memory
        self.gate = gate
        self._shown = shown
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=jinja2.StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._templates.globals |= {"url": url, "version": __version__, "csrf": gate.csrf}
        self._templates.filters |= {
            "data": showing.as_data, "short": showing.short, "plain": showing.plain_short, "visible": visible,
            "when": showing.when, "day": showing.day, "combined": _combined, "told": showing.told,
        }  # fmt: skip

    def render(self, template: str, values: Mapping[str, Any], *, status: int = 200) -> Response:
        """A page as a response."""
        self._shown()
        return HTMLResponse(self._templates.get_template(template).render(values), status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request's questions. ``namespace`` is a path of labels."""

    inspector: Inspector
    request: Request
    namespace: str

    @property
    def memory(self) -> Memory:
        return self.inspector.memory

    def text(self, name: str) -> str:
        """What a field of the address says, without white space around it; empty when it is not there."""
        return self.request.query_params.get(name, "").strip()

    def given(self, name: str) -> str | None:
        """`text`, or None when it is empty."""
        return self.text(name) or None

    def count(self, name: str, *, default: int, high: int) -> int:
        """A number 0..``high`` in the address; the default for anything else."""
        given = self.text(name)
        return min(int(given), high) if given.isascii() and given.isdigit() and len(given) < 10 else default

    def form(self, name: str) -> str:
        """What a field of a form that was sent says; empty when it is not there."""
        fields = cast("dict[str, str]", self.request.scope.get(FORM, {}))
        return fields.get(name, "").strip()

    def form_or_none(self, name: str) -> str | None:
        """`form`, or None when it is empty."""
        return self.form(name) or None

    async def page(self, template: str, *, view: str, title: str, **values: Any) -> Response:
        """A page in its frame. ``view`` is its place in the navigation."""
        namespaces = [("/".join(path), count) for path, count in (await self.memory.status()).namespaces]
        known = dict(namespaces)
        shown = namespaces[:MAX_NAMESPACES]
        if self.namespace not in dict(shown):
            shown.append((self.namespace, known.get(self.namespace, 0)))
        frame = {
            "view": view, "title": title, "ns": self.namespace, "namespaces": shown,
            "in_namespace": known.get(self.namespace, 0), "done": DONE.get(self.text("done")),
        }  # fmt: skip
        return self.inspector.render(template, frame | values)


async def asked(request: Request) -> Asked:
    """A request's questions, with the memory open.

    Raises `MnemicError` when it cannot be opened, `InvalidInput` when no memory could have its namespace.
    """
    inspector = cast(Inspector, request.app.state.inspector)
    await inspector.memory.open()
    fields = cast("dict[str, str]", request.scope.get(FORM, {}))
    default = "/".join(inspector.memory.settings.namespace)
    given = fields.get("ns", "") if request.method == "POST" else request.query_params.get("ns", "")
    # It stands in every link of a page.
    if len(given) > MAX_NAMESPACE_DEPTH * (MAX_LABEL_CHARS + 1):
        raise InvalidInput(
            f"The namespace in the address has {len(given):,} characters; no memory has one so long.",
            hint="Start from the list of memories.",
        )
    return Asked(inspector=inspector, request=request, namespace=given.strip() or default)


def url(path: str, **fields: Any) -> str:
    """An address on these pages, without the fields that are empty."""
    given = {name: value for name, value in fields.items() if value not in (None, "", False, 0)}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path


def back(path: str, *, at: str = "", **fields: Any) -> Response:
    """To a page, and to the place ``at`` of it, after a form was sent."""
    return RedirectResponse(url(path, **fields) + (f"#{at}" if at else ""), status_code=303)


def back_to_review(page: Asked, *, done: str, at: str = "") -> Response:
    """To the very page of the review from which a form was sent."""
    places = {name: page.form(name) for name in ("waiting", "lesson", "before")}
    return back("/review", at=at, ns=page.namespace, **places, done=done)


def _combined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    return {**first, **second}
