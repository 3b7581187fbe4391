"""The hooks on sessions that Claude Code itself wrote and on what it told them then; see recorded/README.md."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mnemic import open_memory
from mnemic.domain.memory import Role
from mnemic.domain.working_memory.transcripts import (
    Transcript,
    TranscriptFormat,
    read_transcript,
    spoken_text,
    write_anthropic,
)
from mnemic.testing import check_anthropic
from mnemic_mcp.hooks.prepared import folder
from mnemic_mcp.hooks.taking_in import take_in
from tests.hosts import session_script as said
from tests.hosts.claude_code import PLUGIN

RECORDED = Path(__file__).parent / "recorded"
SESSIONS = ("first", "second", "fork", "editor", "interrupted", "killed", "refused")
PROJECT = "/home/ana/shop"
TURNS = {
    "first": [("user", said.HERON), ("assistant", "Noted: heron, on port 6543.")],
    "second": [
        ("user", said.ASKED), ("assistant", "It has port 6543."),
        ("user", said.NOTES), ("assistant", "I write it first."),
        ("assistant", "It says that a deploy needs two approvals."),
        ("user", said.ANA), ("assistant", "I have noted who owns billing."),
        ("user", said.HELPER), ("assistant", "The helper is looking at the notes."),
        ("user", said.TUESDAYS), ("assistant", "Noted: deploys on Tuesdays only."),
    ],
    "fork": [
        ("user", said.MOVED), ("assistant", "Noted: heron moves to port 7000."),
        ("user", said.PATH), ("assistant", "Noted where the logs are."),
    ],
    "editor": [
        ("user", said.EDITED), ("assistant", "Then I shall read them again."),
        ("user", said.HERON), ("assistant", "Noted: heron, on port 6543."),
    ],
    "interrupted": [
        ("user", said.LONG), ("assistant", "It will take a while."),
        ("user", said.AGAIN), ("assistant", "Then I leave it alone."),
    ],
    "killed": [
        ("user", said.LONG), ("assistant", "It will take a while."),
        ("user", said.AGAIN), ("assistant", "Then I leave it alone."),
    ],
    "refused": [("user", said.REFUSED)],
}  # fmt: skip


def recorded(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RECORDED / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def session(name: str) -> Transcript:
    return read_transcript((RECORDED / f"{name}.jsonl").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A memory after the hooks were told all that was recorded, in its order, with the transcripts as far as they were."""
    root = tmp_path_factory.mktemp("replayed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNEMIC_HOME", str(root / "memory"))
        for heard in recorded("hooks"):
            if heard["told"]["hook_event_name"] != "SessionStart":
                lines = (RECORDED / f"{heard['session']}.jsonl").read_text(encoding="utf-8").splitlines()
                transcript = root / f"{heard['session']}.jsonl"
                transcript.write_text("".join(f"{line}\n" for line in lines[: heard["lines"]]), encoding="utf-8")
                patch.setenv("CLAUDE_PROJECT_DIR", heard["project"])
                take_in({**heard["told"], "transcript_path": str(transcript)})
    return root / "memory"


async def test_what_was_said_in_recorded_sessions_is_remembered_once_in_its_order_and_nothing_else(
    replayed: Path,
) -> None:
    names = {heard["told"]["session_id"]: heard["session"] for heard in recorded("hooks")}
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in SESSIONS}
    async with open_memory(replayed, chroma="off") as memory:
        for record in reversed(await memory.list(limit=100)):
            assert record.session is not None
            found[names[record.session]].append((record.role or "", record.text))
            assert (record.tags, record.origin.channel.value) == (
                ("project:shop",),
                "user" if record.role == "user" else "agent",
            )
    assert found == TURNS


def test_a_recorded_session_that_went_into_a_folder_below_still_belongs_to_its_project(replayed: Path) -> None:
    assert {heard["told"]["cwd"] for heard in recorded("hooks")} == {PROJECT, f"{PROJECT}/sub"}
    assert [path.name for path in (replayed / "hosts/claude-code").iterdir()] == [folder(replayed, PROJECT).name]


def test_the_next_start_is_shown_what_was_asked_last_without_a_word_of_the_host(replayed: Path) -> None:
    shown = (folder(replayed, PROJECT) / "context.md").read_text(encoding="utf-8")
    assert said.REFUSED in shown.partition("## Memories")[0]
    for event in recorded("hooks"):
        assert "<" not in event["answered"], event
    assert "<" not in shown


@pytest.mark.skipif(not PLUGIN.is_dir(), reason="the sources with integrations/hosts are not here")
def test_each_event_the_plugin_asks_for_was_heard_and_answered_well() -> None:
    asked = json.loads((PLUGIN / "hooks/hooks.json").read_text())["hooks"]
    heard = recorded("hooks")
    assert {one["told"]["hook_event_name"] for one in heard} == set(asked)
    assert {one["told"].get("source") for one in heard} >= {"startup", "resume", "compact", "fork"}
    assert {(one["exit"], one["stderr"]) for one in heard} == {(0, "")}


def test_what_a_recorded_start_was_shown_stands_in_the_transcript_as_the_model_reads_it() -> None:
    context = next(
        line["attachment"]["content"] for line in recorded("second") if "content" in line.get("attachment", {})
    )
    start = next(one for one in recorded("hooks") if one["session"] == "second")
    assert context == [json.loads(start["answered"])["hookSpecificOutput"]["additionalContext"]]
    assert said.HERON in context[0]


@pytest.mark.parametrize("name", SESSIONS)
def test_a_recorded_session_is_read_in_order_and_may_be_sent_to_the_api(name: str) -> None:
    found = session(name)
    assert found.format is TranscriptFormat.CLAUDE_CODE
    assert check_anthropic(write_anthropic(found.messages)[1]) == []
    spoken = [(message.role.value, spoken_text(message)) for message in found.messages if message.role is not Role.TOOL]
    copied = TURNS["first"] if name == "fork" else []
    assert [turn for turn in spoken if len(turn[1]) > 11] == copied + TURNS[name]


def test_the_tools_of_the_recorded_session_are_paired_with_their_results() -> None:
    messages = session("second").messages
    calls = [call for message in messages for call in message.calls]
    answers = Counter(message.answers for message in messages if message.role is Role.TOOL)
    assert [call.name.rpartition("__")[2] for call in calls] == [
        "Write", "Bash", "Read", "ToolSearch", "remember", "recall", "Agent",
    ]  # fmt: skip
    assert answers == dict.fromkeys((call.id for call in calls), 1)


def test_a_recorded_session_can_be_replayed_by_the_command_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mnemic_mcp.main", "context", "replay", str(RECORDED / "second.jsonl")],
        capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "MNEMIC_HOME": str(tmp_path), "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {line.split("\t")[0] for line in done.stdout.splitlines()} >= {"none", "lossless", "lean"}
