"""docs/langgraph.md as a notebook: ``python -m tests.docs.langgraph_page`` runs it and writes outputs and pictures."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import re
import tempfile
from typing import Any

from tests.conftest import ROOT
from tests.docs.context_pictures import LONG_HORIZON, SUBGOAL, long_horizon_picture, subgoal_picture

PAGE = ROOT / "docs" / "langgraph.md"
# A cell, and the block of what it prints, if one follows.
_CELL = re.compile(r"^```python\n(.*?)^```\n(?:\n```(text|mermaid)\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)


async def run_page(text: str) -> tuple[str, dict[str, Any]]:
    """The page with what its cells print now, and the names they leave behind. The cells write to the current folder."""
    session: dict[str, Any] = {"__name__": "page"}
    page, end = [], 0
    for number, cell in enumerate(_CELL.finditer(text), 1):
        printed = await _run_cell(cell[1], session, f"cell {number}")
        if bool(printed) != bool(cell[2]):
            raise AssertionError(f"Cell {number} prints {printed!r}, and the page says it prints {cell[3]!r}.")
        page.append(text[end : cell.start()] + f"```python\n{cell[1]}```\n")
        page.append(f"\n```{cell[2]}\n{printed.rstrip()}\n```\n" if printed else "")
        end = cell.end()
    return "".join(page) + text[end:], session


async def _run_cell(code: str, session: dict[str, Any], name: str) -> str:
    compiled = compile(code, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        running = eval(compiled, session)  # top-level await is a coroutine, which exec would lose
        if inspect.isawaitable(running):
            await running
    return printed.getvalue()


def _write() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        text, session = asyncio.run(run_page(PAGE.read_text(encoding="utf-8")))
    PAGE.write_text(text, encoding="utf-8")
    (ROOT / "docs" / SUBGOAL).write_text(subgoal_picture(session), encoding="utf-8")
    (ROOT / "docs" / LONG_HORIZON).write_text(long_horizon_picture(), encoding="utf-8")


if __name__ == "__main__":
    _write()
