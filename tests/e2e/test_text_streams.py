"""Text goes in and out as UTF-8 whatever the machine's code page is, for which ``PYTHONIOENCODING`` stands in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mnemic_mcp.hooks.prepared import folder, write

SAID = "Ana likes ☕ in 中文, naïvely"


def run(home: Path, *arguments: str, code_page: str, stdin: bytes = b"", module: str = "mnemic_mcp.main") -> bytes:
    environment = {**os.environ, "MNEMIC_HOME": str(home), "PYTHONIOENCODING": code_page}
    environment.pop("CLAUDE_PROJECT_DIR", None)
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], input=stdin, capture_output=True, check=False, env=environment,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("code_page", ["cp1252", "cp437"])
def test_what_is_piped_is_utf8_on_every_code_page(tmp_path: Path, code_page: str) -> None:
    run(tmp_path / "a", "remember", "-", code_page=code_page, stdin=SAID.encode())
    assert SAID in run(tmp_path / "a", "list", code_page=code_page).decode()
    assert (
        json.loads(run(tmp_path / "a", "recall", "Ana", "--json", code_page=code_page))["hits"][0]["memory"]["text"]
        == SAID
    )
    exported = run(tmp_path / "a", "export", "-", code_page=code_page)
    run(tmp_path / "b", "import", "-", code_page=code_page, stdin=exported)
    assert SAID in run(tmp_path / "b", "export", "-", "--format", "markdown", code_page=code_page).decode()


@pytest.mark.parametrize("code_page", ["cp1252", "cp437"])
def test_a_hook_finds_a_project_whatever_letters_its_folder_has(tmp_path: Path, code_page: str) -> None:
    project = str(tmp_path / "größe 中")
    write(folder(tmp_path / "a", project) / "context.md", SAID)
    told = json.dumps({"hook_event_name": "SessionStart", "cwd": project}, ensure_ascii=False).encode()
    answer = json.loads(run(tmp_path / "a", code_page=code_page, stdin=told, module="mnemic_mcp.hooks.main"))
    assert answer["hookSpecificOutput"]["additionalContext"] == SAID
