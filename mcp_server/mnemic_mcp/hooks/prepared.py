"""Where hooks keep what they hand on: imports next to nothing, for a session's start waits for it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MAX_SHOWN_CHARS = 20_000


def home(environment: dict[str, str] | None = None) -> Path:
    """The memory's folder, found as `mnemic.load_settings` finds it."""
    given = (os.environ if environment is None else environment).get("MNEMIC_HOME")
    if given and given.strip():
        return Path(given).expanduser()
    from platformdirs import user_data_path

    return user_data_path("mnemic", appauthor=False)


def project_of(told: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> str:
    """The folder that a session belongs to. Its ``cwd`` will not do: that follows each `cd` of the session."""
    given = (os.environ if environment is None else environment).get("CLAUDE_PROJECT_DIR")
    return given or str(told.get("cwd") or "")


def folder(of: Path, project: str) -> Path:
    """What is kept for the project in the folder ``project``."""
    digest = hashlib.sha256(os.path.normcase(project).encode(errors="surrogatepass")).hexdigest()
    return of / "hosts" / "claude-code" / digest[:24]


def shown(of: Path, project: str) -> str:
    """What was prepared for the next session in a project; empty when nothing was."""
    try:
        with (folder(of, project) / "context.md").open(encoding="utf-8") as file:
            return file.read(MAX_SHOWN_CHARS)
    except (OSError, UnicodeDecodeError):
        return ""


def make_private(folder: Path) -> None:
    """Make a folder and those above it that are missing, for their owner alone, as the memory's own is."""
    for one in reversed([folder, *folder.parents]):
        if not one.exists():
            one.mkdir(mode=0o700, exist_ok=True)


def write(path: Path, text: str) -> None:
    """Write a file that nobody sees half of, and nobody but its owner."""
    from mnemic_mcp.private_files import replacing  # a session's start, which writes nothing, does not wait for it

    make_private(path.parent)
    with replacing(path) as file:
        file.write(text)


def read_json(path: Path) -> dict[str, Any]:
    """A file's object; an empty one where there is none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
