"""Runs the demo and keeps what it shows as a picture: ``python -m tests.docs.picture docs/demo.svg``."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from rich.console import Console

from mnemic_mcp.cli.demo import run_demo
from tests.docs.svg import as_svg

if __name__ == "__main__":
    console = Console(record=True, width=112, file=io.StringIO(), force_terminal=True, highlight=False)
    run_demo(console)
    Path(sys.argv[1]).write_text(as_svg(console, title="mnemic demo"), encoding="utf-8")
