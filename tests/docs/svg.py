"""What a recording console shows, as a picture."""

from __future__ import annotations

import re

from rich.console import Console
from rich.terminal_theme import MONOKAI


def as_svg(console: Console, *, title: str) -> str:
    """An SVG that fetches nothing: without the web fonts, browsers take their own monospaced one."""
    svg = re.sub(r"@font-face \{.*?\}\n", "", console.export_svg(title=title, theme=MONOKAI), flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"
