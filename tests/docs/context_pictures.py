"""Pictures of prompts: a row for every message, and a bar for how much of it the model is shown."""

from __future__ import annotations

import importlib.util
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.messages.utils import count_tokens_approximately as tokens
from rich.bar import Bar
from rich.console import Console
from rich.table import Table

from mnemic_langgraph import SculptorMiddleware, SubgoalMiddleware
from tests.conftest import ROOT
from tests.docs.svg import as_svg

SUBGOAL = "langgraph-subgoal.svg"
LONG_HORIZON = "langgraph-long-horizon.svg"
EXAMPLE = ROOT / "integrations" / "examples" / "long_horizon_tools.py"
PROMPT = 17
"""The last prompt of the example before the agent files what it has read."""
_COLOURS = {"system": "magenta", "human": "green", "ai": "yellow", "tool": "cyan"}


def subgoal_picture(session: dict[str, Any]) -> str:
    """The page's first cell: the prompts that it has left in the session."""
    names = ("at_work", "closed", "restored")
    prompts = {name.replace("_", " "): session[name] for name in names}
    return _picture(prompts, title="Subgoal 1 at work, closed, and restored", width=112)


def long_horizon_picture() -> str:
    """The example's long prompt, as the state holds it and as the model is shown it."""
    spec = importlib.util.spec_from_file_location("long_horizon_tools", EXAMPLE)
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    _, requests = example.run([SubgoalMiddleware(), SculptorMiddleware()])
    request = requests[PROMPT - 1]
    prompts = {
        "in the state": [request.system_message, *request.state["messages"]],
        "shown to the model": [request.system_message, *request.messages],
    }
    return _picture(prompts, title=f"long_horizon_tools.py, prompt {PROMPT}", width=100)


def words_of(svg: str) -> str:
    """What a picture says, bars included, without colours and places, which may differ from one rich to the next."""
    return "\n".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg))


def _picture(prompts: Mapping[str, Sequence[BaseMessage]], *, title: str, width: int) -> str:
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, highlight=False)
    columns = list(prompts.values())
    longest = max(len(column) for column in columns)
    most = max(tokens([message]) for column in columns for message in column)
    table = Table(box=None, padding=(0, 1), expand=True)
    table.add_column("message", no_wrap=True)
    for name in prompts:
        table.add_column(name, ratio=1)
        table.add_column("tokens", justify="right")
    for row in range(longest):
        message = next(column[row] for column in columns if row < len(column))
        colour = _COLOURS[message.type]
        cells: list[Any] = [f"[{colour}]{_name(message)}[/]"]
        for column in columns:
            if row < len(column):
                found = tokens([column[row]])
                cells += [Bar(most, 0, found, color=colour), f"{found:,}"]
            else:
                cells += ["", ""]
        table.add_row(*cells)
    table.add_row()
    table.add_row("[bold]all", *(cell for column in columns for cell in ("", f"[bold]{tokens(column):,}")))
    console.print(table)
    return as_svg(console, title=title)


def _name(message: BaseMessage) -> str:
    calls = [call["name"] for call in getattr(message, "tool_calls", [])]
    return " ".join([{"human": "user", "ai": "model"}.get(message.type, message.type), *calls, message.name or ""])
