"""The real Claude Code with our plugin and server, against a faked model. `make check-claude-code` brings the program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mnemic import open_memory
from tests.hosts import session_script as said
from tests.hosts.claude_code import PLUGIN, ClaudeCode, find_claude
from tests.hosts.scripted_api import ScriptedApi, texts_of
from tests.hosts.test_recorded import TURNS

COMMAND = find_claude()
pytestmark = [
    pytest.mark.skipif(COMMAND is None, reason="there is no claude here; `make check-claude-code` brings one"),
    pytest.mark.skipif(os.name == "nt", reason="the recorder of the hooks is a POSIX script"),
    pytest.mark.skipif(not PLUGIN.is_dir(), reason="the sources with integrations/hosts are not here"),
]


@dataclass
class Played:
    claude: ClaudeCode
    api: ScriptedApi
    sessions: said.Sessions


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    root = tmp_path_factory.mktemp("claude-code")
    with ScriptedApi(said.script(root / "shop")) as api:
        claude = ClaudeCode(COMMAND or [], root, api.url)
        yield Played(claude, api, said.play(claude))


async def test_what_is_said_to_the_real_program_is_remembered_once_and_what_it_stored_itself(played: Played) -> None:
    ids = {getattr(played.sessions, name): name for name in TURNS}
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in TURNS}
    stored = []
    async with open_memory(played.claude.memory, chroma="off") as memory:
        for record in reversed(await memory.list(limit=100)):
            if record.origin.transport == "hook":
                found[ids[record.session or ""]].append((record.role or "", record.text))
            else:
                stored.append((record.text, record.origin.client, record.origin.transport))
    assert found == TURNS
    assert stored == [("Ana owns the billing service.", "claude-code", "stdio")]


def test_the_real_program_tells_the_hooks_of_each_event_and_they_answer_well(played: Played) -> None:
    heard = played.claude.heard()
    assert {one["told"]["hook_event_name"] for one in heard} == {"SessionStart", "PreCompact", "Stop", "SessionEnd"}
    sources = {one["told"]["source"] for one in heard if one["told"]["hook_event_name"] == "SessionStart"}
    assert sources >= {"startup", "resume", "compact", "fork"}
    assert {(one["exit"], one["stderr"], one["project"]) for one in heard} == {(0, "", str(played.claude.project))}
    assert f"{played.claude.project}/sub" in {one["told"]["cwd"] for one in heard}


def test_what_an_earlier_session_said_reaches_the_model_of_the_next(played: Played) -> None:
    """The very request: the second session was told nothing of the first but by us."""
    asked = next(
        request["messages"] for request in played.api.requests
        if any(text.strip() == said.ASKED for message in request["messages"] for text in texts_of(message))
    )  # fmt: skip
    shown = [text for message in asked for text in texts_of(message) if "What mnemic remembers" in text]
    assert len(shown) == 1
    assert said.HERON in shown[0]


def test_what_the_server_recalled_reaches_the_model_of_the_same_session(played: Played) -> None:
    results = [
        str(block["content"]) for request in played.api.requests for message in request["messages"]
        if isinstance(message["content"], list) for block in message["content"] if block["type"] == "tool_result"
    ]  # fmt: skip
    assert any("Ana owns the billing service." in result and "memories" in result for result in results)
    assert not [result for result in results if "Error executing tool" in result]


def test_the_real_program_reaches_the_server_that_install_told_it_of(tmp_path: Path) -> None:
    claude = ClaudeCode(COMMAND or [], tmp_path, "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-m", "mnemic_mcp.main", "install", "claude-code"],
        capture_output=True, text=True, env=claude.environment, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    listed = [line for line in claude.run("mcp", "list").splitlines() if line.startswith("mnemic:")]
    assert len(listed) == 1
    assert "Connected" in listed[0]


def test_a_session_goes_on_without_the_hooks_where_they_are_not_installed(tmp_path: Path) -> None:
    with ScriptedApi(said.script(tmp_path / "shop")) as api:
        claude = ClaudeCode(COMMAND or [], tmp_path, api.url)
        (tmp_path / "bin" / "mnemic-hook").unlink()
        (tmp_path / "bin" / "mnemic").unlink()
        assert claude.ask(said.HERON)["result"] == "Noted: heron, on port 6543."
