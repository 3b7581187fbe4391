"""Runs the demo and keeps what it shows as a picture: ``python -m tests.docs.picture docs/demo.svg``."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from mnemic_mcp.cli.demo import run_demo

if __name__ == "__main__":
    console = Console(record=True, width=112, file=io.StringIO(), force_terminal=True, highlight=False)
    run_demo(console)
    # A picture must not fetch anything: without the web fonts, browsers take their own monospaced one.
    svg = re.sub(r"@font-face \{.*?\}\n", "", console.export_svg(title="mnemic demo", theme=MONOKAI), flags=re.DOTALL)
    Path(sys.argv[1]).write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")
