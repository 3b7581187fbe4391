"""The hooks of Claude Code, run as it runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from mnemic import load_settings, open_memory
from mnemic.errors import InvalidInput
from mnemic_mcp.hooks import taking_in
from mnemic_mcp.hooks.prepared import folder, home
from mnemic_mcp.hooks.taking_in import take_in


def line(kind: str, uuid: str, parent: str | None, content: Any, **more: Any) -> str:
    message = {"role": kind, "content": content, **({"id": uuid, "type": "message"} if kind == "assistant" else {})}
    return json.dumps(
        {"type": kind, "uuid": uuid, "parentUuid": parent, "isSidechain": False, "sessionId": "s", "message": message,
         "timestamp": "2026-11-20T10:00:00Z", **more}
    )  # fmt: skip


def transcript(path: Path, turns: int = 1) -> Path:
    lines = [
        line("user", "u1", None, "Our staging database is called heron and lives on port 6543."),
        line("assistant", "a1", "u1", [{"type": "text", "text": "Noted: heron, on port 6543."}]),
        line("user", "u2", "a1", "<command-name>/clear</command-name>"),
        line("user", "u3", "u2", "<system-reminder>Be quick.</system-reminder>", isMeta=True),
    ]
    if turns > 1:
        lines.append(line("user", "u4", "u3", "The deploy of the shop needs two approvals, always."))
    path.write_text("\n".join(lines) + "\n")
    return path


def told(event: str, tmp_path: Path, turns: int = 1) -> dict[str, Any]:
    path = transcript(tmp_path / "transcript.jsonl", turns)
    return {"hook_event_name": event, "session_id": "s", "transcript_path": str(path), "cwd": str(tmp_path / "shop")}


def hook(tmp_path: Path, message: dict[str, Any] | str) -> subprocess.CompletedProcess[str]:
    text = message if isinstance(message, str) else json.dumps(message)
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "mnemic_mcp.hooks.main"], input=text, capture_output=True, text=True,
        check=False, env={**os.environ, "MNEMIC_HOME": str(tmp_path / "memory")}, timeout=60,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _no_host_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLAUDE_PROJECT_DIR", raising=False)


async def take(tmp_path: Path, lines: list[str], session: str = "s", **more: Any) -> None:
    path = tmp_path / f"{session}.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    told = {"session_id": session, "transcript_path": str(path), "cwd": str(tmp_path / "shop"), **more}
    await anyio.to_thread.run_sync(take_in, told)


async def texts(tmp_path: Path) -> list[tuple[str, str]]:
    async with open_memory(tmp_path / "memory", chroma="off") as memory:
        return [(record.role or "", record.text) for record in await memory.list()]


async def test_what_was_said_is_remembered_once_and_the_next_session_is_shown_it(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("MNEMIC_HOME", str(tmp_path / "memory"))
    assert hook(tmp_path, told("SessionStart", tmp_path)).stdout == ""
    for turns in (1, 1, 2):
        await anyio.to_thread.run_sync(take_in, told("Stop", tmp_path, turns))
    assert sorted(await texts(tmp_path)) == [
        ("assistant", "Noted: heron, on port 6543."),
        ("user", "Our staging database is called heron and lives on port 6543."),
        ("user", "The deploy of the shop needs two approvals, always."),
    ]
    async with open_memory(tmp_path / "memory", chroma="off") as memory:
        hit = (await memory.recall("Which port has the staging database?")).hits[0]
        assert (hit.memory.session, hit.memory.tags, hit.memory.origin.client) == (
            "s",
            ("project:shop",),
            "claude-code",
        )
    shown = hook(tmp_path, told("SessionStart", tmp_path))
    assert (shown.returncode, shown.stderr) == (0, "")
    answer = json.loads(shown.stdout)["hookSpecificOutput"]
    assert answer["hookEventName"] == "SessionStart"
    assert "two approvals" in answer["additionalContext"]
    elsewhere = {**told("SessionStart", tmp_path), "cwd": str(tmp_path / "other")}
    assert hook(tmp_path, elsewhere).stdout == ""


REFUSES_HERON = """name: quiet
extends: default
rules:
  - {id: heron, phase: write, when: {text: heron}, decision: block, reason: nothing of herons}
"""
SAID = [
    line("user", "u1", None, "Our staging database is called heron."),
    line("assistant", "a1", "u1", [{"type": "text", "text": "Noted: it is called heron."}]),
    line("user", "u2", "a1", "The deploy needs two approvals."),
    line("assistant", "a2", "u2", [{"type": "text", "text": "Noted: two approvals it is."}]),
]


async def remembered(tmp_path: Path) -> list[str]:
    return [text for _, text in reversed(await texts(tmp_path))]


async def test_what_is_said_after_going_back_to_an_earlier_prompt_is_remembered_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNEMIC_HOME", str(tmp_path / "memory"))
    await take(tmp_path, SAID)
    await take(tmp_path, [*SAID, line("user", "u3", None, "Our staging database is called egret.")])
    await take(tmp_path, [*SAID, line("user", "u4", "a2", "The deploy needs three approvals now.")])
    assert (await remembered(tmp_path))[4:] == [
        "Our staging database is called egret.", "The deploy needs three approvals now.",
    ]  # fmt: skip


async def test_a_forked_session_adds_only_what_was_said_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMIC_HOME", str(tmp_path / "memory"))
    await take(tmp_path, SAID[:2])
    await take(tmp_path, SAID, session="fork")
    assert [record[1] for record in await texts(tmp_path)].count("Our staging database is called heron.") == 1
    assert len(await remembered(tmp_path)) == 4


async def test_the_answer_of_a_stop_is_kept_though_the_transcript_has_it_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNEMIC_HOME", str(tmp_path / "memory"))
    for lines in (SAID[:3], SAID):
        await take(tmp_path, lines, last_assistant_message="Noted: two approvals it is.")
        assert (await remembered(tmp_path)).count("Noted: two approvals it is.") == 1
    assert len(await remembered(tmp_path)) == 4


async def test_one_message_that_cannot_be_stored_holds_up_none_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNEMIC_HOME", str(tmp_path / "memory"))
    policy = tmp_path / "policy.yaml"
    policy.write_text(REFUSES_HERON)
    monkeypatch.setenv("MNEMIC_POLICY", str(policy))
    await take(tmp_path, [*SAID, line("user", "u3", "a2", "A column holds \0 as its separator.")])
    assert await remembered(tmp_path) == [
        "The deploy needs two approvals.", "Noted: two approvals it is.", "A column holds   as its separator.",
    ]  # fmt: skip


LOST = line("user", "r1", "a1", [{"type": "tool_result", "tool_use_id": "gone", "content": "x"}])
SUBAGENT = line("user", "s1", None, "Look for the callers of heron.", isSidechain=True)


DAMAGE = {
    "half a line": SAID[3][:80],
    "words": "not JSON",
    "a number": "5",
    "no message": '{"type": "assistant", "uuid": "a9"}',
    "NULs": "\0" * 600,
    "Latin-1": '{"type": "user", "text": "gr\udcf6',
    "no text": line("assistant", "a9", "u2", 5),
    "a lost call": LOST,
    "a lost call and a subagent": f"{LOST}\n{SUBAGENT}",
    "an id twice": line("user", "u1", "a2", "The first once more."),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("at", [2, 4])
async def test_what_is_damaged_in_a_transcript_holds_up_nothing_else_in_it(
    damage: str, at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNEMIC_HOME", str(tmp_path / "memory"))
    path = tmp_path / "s.jsonl"
    for _ in range(2):
        path.write_bytes("\n".join([*SAID[:at], damage, *SAID[at:]]).encode(errors="surrogateescape"))
        told = {"session_id": "s", "transcript_path": str(path), "cwd": str(tmp_path / "shop")}
        await anyio.to_thread.run_sync(take_in, told)
        found = await remembered(tmp_path)
        assert {
            "Our staging database is called heron.",
            "The deploy needs two approvals.",
            "Noted: two approvals it is.",
        } <= set(found)
        assert len(found) <= 5 and not any("callers of heron" in text for text in found)


@pytest.mark.parametrize("cut", range(-1, 2))
async def test_of_a_session_that_is_too_long_the_end_is_taken_in(
    cut: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNEMIC_HOME", str(tmp_path / "memory"))
    monkeypatch.setattr(taking_in, "MAX_TRANSCRIPT_BYTES", len("\n".join(SAID[2:])) + 1 + cut)
    await take(tmp_path, SAID)
    whole = ["The deploy needs two approvals.", "Noted: two approvals it is."]
    assert await remembered(tmp_path) == (whole if cut >= 0 else whole[1:])


async def test_a_session_that_went_into_another_folder_stays_with_its_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNEMIC_HOME", str(tmp_path / "memory"))
    monkeypatch.setenv("CLAUDE_PROJECT_DIR", str(tmp_path / "shop"))
    await take(tmp_path, SAID, cwd=str(tmp_path / "shop" / "sub"))
    shown = hook(tmp_path, {"hook_event_name": "SessionStart", "cwd": str(tmp_path / "shop"), "source": "fork"})
    assert "heron" in json.loads(shown.stdout)["hookSpecificOutput"]["additionalContext"]


def test_a_stop_returns_at_once_and_a_process_of_its_own_takes_in_what_was_said(tmp_path: Path) -> None:
    assert hook(tmp_path, told("Stop", tmp_path)).returncode == 0
    context = folder(tmp_path / "memory", str(tmp_path / "shop")) / "context.md"
    wait = "import pathlib, sys, time\npath = pathlib.Path(sys.argv[1])\nwhile not path.exists(): time.sleep(.05)"
    subprocess.run([sys.executable, "-c", wait, str(context)], check=True, timeout=60)
    assert "heron" in context.read_text()


def test_whatever_is_wrong_a_hook_never_fails_a_session(tmp_path: Path) -> None:
    gone = {"hook_event_name": "Stop", "transcript_path": "/nowhere", "cwd": "", "session_id": ""}
    for message in ("", "[]", "{", "null", '{"hook_event_name": "SessionStart"}', gone):
        done = hook(tmp_path, message)
        assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    "message", ["", "[]", "{", "null", "5", "[" * 100_000, '{"a": "' + "x" * 1_100_000 + '"}', b"\xff\xfe{"]
)
def test_what_is_no_object_of_a_hook_is_told_in_plain_words(tmp_path: Path, message: str | bytes) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "mnemic_mcp.hooks.main"], input=message if isinstance(message, bytes) else
        message.encode(), capture_output=True, check=False, env={**os.environ, "MNEMIC_HOME": str(tmp_path)}, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stderr == b"mnemic-hook: Stdin holds no JSON object of a hook. Nothing was done.\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_transcript_that_is_no_file_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMIC_HOME", str(tmp_path / "memory"))
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path / "pipe"), "/dev/zero", "a\x00b", "~nobody-of-that-name/x"):
        with pytest.raises(InvalidInput):
            take_in({**told("Stop", tmp_path), "transcript_path": path})


def test_a_session_of_any_name_and_a_note_of_any_kind_do_not_stop_the_taking_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNEMIC_HOME", str(tmp_path / "memory"))
    path = tmp_path / "empty.jsonl"
    path.write_text("")
    message = {**told("Stop", tmp_path), "transcript_path": str(path), "session_id": "\ud800"}
    kept = folder(tmp_path / "memory", message["cwd"]) / "sessions.json"
    for note in (None, '{"\\ud800": "many"}', '{"\\ud800": null}', '{"\\ud800": -5}', '{"x": [{}, []]}', "[]"):
        if note is not None:
            kept.write_text(note)
        take_in(message)
        assert json.loads(kept.read_text())["\ud800"] == []


def test_what_a_hook_quotes_does_not_move_the_terminal(tmp_path: Path) -> None:
    gone = {"hook_event_name": "Stop", "transcript_path": "/nowhere\x1b[2J", "cwd": "", "session_id": ""}
    done = subprocess.run(
        [sys.executable, "-m", "mnemic_mcp.hooks.main", "take-in"], input=json.dumps(gone), capture_output=True, text=True,
        check=False, env={**os.environ, "MNEMIC_HOME": str(tmp_path)}, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0 and "cannot be read" in done.stderr and "\x1b" not in done.stderr


def test_a_session_start_imports_nothing_of_the_engine(tmp_path: Path) -> None:
    code = (
        "import io, sys, json; import mnemic_mcp.hooks.main as main\n"
        "told = json.dumps({'hook_event_name': 'SessionStart', 'cwd': 'x'}).encode()\n"
        "sys.stdin = io.TextIOWrapper(io.BytesIO(told)); main.main()\n"
        "assert not {'mnemic', 'pydantic', 'numpy', 'mcp', 'anyio'} & set(sys.modules), sorted(sys.modules)"
    )
    environment = {**os.environ, "MNEMIC_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=60)


@pytest.mark.skipif(os.name != "posix", reason="Windows keeps rights otherwise")
async def test_what_is_prepared_is_for_its_owner_alone(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("MNEMIC_HOME", str(tmp_path / "memory"))
    before = os.umask(0o022)
    try:
        await anyio.to_thread.run_sync(take_in, told("Stop", tmp_path))
    finally:
        os.umask(before)
    home = tmp_path / "memory"
    assert home.stat().st_mode & 0o077 == 0
    kept = folder(home, str(tmp_path / "shop"))
    modes = {path.name: path.stat().st_mode & 0o077 for path in (kept / "context.md", kept / "sessions.json")}
    assert modes == {"context.md": 0, "sessions.json": 0}


@pytest.mark.parametrize("given", ["", "  ", "here"])
def test_hooks_find_the_folder_that_the_memory_is_in(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNEMIC_HOME", given)
    assert home().absolute() == load_settings().home
