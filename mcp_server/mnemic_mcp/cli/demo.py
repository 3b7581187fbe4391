"""The demonstration: two real server processes, spoken to as an MCP client speaks to them."""

from __future__ import annotations

import sys
import tempfile
import time
from typing import Any

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from mnemic_mcp.cli.common import console

_FACTS: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "Ana moved from Porto to Lisbon in May 2026 because of her new job at the aquarium.",
        {"occurred_at": "2026-05-08"},
    ),
    ("The staging database is restored from last night's backup every morning at six.", {}),
    ("Ben is allergic to peanuts and carries an adrenaline pen.", {"channel": "user"}),
    (
        "Release 4.2 was rolled back: the migration locked the orders table for eleven minutes.",
        {"occurred_at": "2026-09-14"},
    ),
    ("The team's stand-up is at 9:30 in the small meeting room.", {"occurred_at": "2026-01-12"}),
)
_QUESTIONS = ("Which city does Ana live in?", "What must Ben not eat?", "What went wrong with the last release?")


def run_demo(out: Console | None = None) -> None:
    """Run it. Ends in an error when a server does not do what it should."""
    out = out or console()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="mnemic-demo-") as folder:
        anyio.run(_demo, folder, out)
    out.print(f"\n[green]Done in {time.perf_counter() - started:.1f} s.[/] The folder has been removed again.")


async def _demo(folder: str, out: Console) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "mnemic_mcp.main", "serve", "--home", folder],
        env={"MNEMIC_NAMESPACE": "demo", "MNEMIC_DATABASE": ""},
    )
    async with Client(server) as first:
        tools = ", ".join(tool.name for tool in (await first.list_tools()).tools)
        out.print(Panel.fit(f"A server process is running and offers: [bold]{tools}[/]", title="mnemic demo"))

        _title(out, "1. Remember five things")
        ids = []
        for text, fields in _FACTS:
            receipt = (await _call(first, "remember", text=text, **fields))["results"][0]
            out.print(f"  [dim]{receipt['id']}[/] {escape(text)}")
            ids.append(receipt["id"])

        _title(out, "2. Recall by meaning")
        for question in _QUESTIONS:
            await _ask(out, first, question)
        await _ask(out, first, "How do volcanoes erupt?")

        _title(out, "3. Facts change: supersede, and ask for then and now")
        await _call(
            first, "remember", text="The team's stand-up is at 10:15 in the kitchen.", supersedes=ids[-1],
            occurred_at="2026-10-01",
        )  # fmt: skip
        await _ask(out, first, "When is the stand-up?")
        await _ask(out, first, "When is the stand-up?", as_of="2026-03-01")

        _title(out, "4. A second process shares the same memory at once")
        async with Client(server) as second:
            await _call(second, "remember", text="Cleo waters the office plants on Fridays.")
            await _ask(out, first, "Who looks after the plants?")
            await _ask(out, second, "Which city does Ana live in?")


def _title(out: Console, text: str) -> None:
    out.print(f"\n[bold cyan]{text}[/]")


async def _ask(out: Console, client: Client, question: str, **arguments: Any) -> None:
    started = time.perf_counter()
    found = await _call(client, "recall", query=question, k=1, **arguments)
    milliseconds = (time.perf_counter() - started) * 1e3
    extra = "".join(f" [magenta]{name} {value}[/]" for name, value in arguments.items())
    out.print(f"  [yellow]?[/] {escape(question)}{extra} [dim]({milliseconds:.0f} ms)[/]")
    if found["memories"]:
        best = found["memories"][0]
        out.print(f"    → {escape(best['text'])} [dim]({best['when']}, score {best['score']})[/]")
    else:
        out.print(f"    → [dim]{escape(found['reason'])}[/]")


async def _call(client: Client, tool: str, **arguments: Any) -> Any:
    result = await client.call_tool(tool, arguments)
    if result.is_error:
        raise SystemExit(f"{tool} failed: {result.content}")
    return result.structured_content
