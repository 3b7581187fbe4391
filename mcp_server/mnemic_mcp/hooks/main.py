"""``mnemic-hook``: reads what Claude Code tells a hook on stdin.

A session's start is shown what was prepared when the last one stopped, so it waits for no memory to be opened. At a stop,
before a compaction and at the end, a process of its own takes in what was said and prepares the next start; the session
does not wait for that. A hook never fails a session: what goes wrong is told on stderr with the exit code 0.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from mnemic_mcp.hooks.prepared import home, project_of, shown

_TAKES_IN = ("Stop", "PreCompact", "SessionEnd")
_MAX_BYTES = 1_000_000


class NotToldWell(Exception):
    """What came on stdin is not what a host tells a hook."""


def main() -> None:
    """Do what the event asks for."""
    try:
        if sys.argv[1:2] == ["take-in"]:
            from mnemic_mcp.hooks.taking_in import take_in

            take_in(_read())
        else:
            _hear(_read())
    except NotToldWell as error:
        _complain(str(error))
    except Exception as error:  # a hook that fails would trouble a session that can do without it
        _complain(f"{type(error).__name__}: {error}")


def _read() -> dict[str, Any]:
    """What the host tells: an object. Raises `NotToldWell`."""
    try:
        # Bytes: on Windows Python takes text from a pipe for the code page of the machine, and the host writes UTF-8.
        told_as = sys.stdin.buffer.read(_MAX_BYTES + 1)
        told = json.loads(told_as.decode()) if len(told_as) <= _MAX_BYTES else None
    except (ValueError, RecursionError):  # neither UTF-8 nor JSON
        told = None
    if not isinstance(told, dict):
        raise NotToldWell("Stdin holds no JSON object of a hook. Nothing was done.")
    return told


def _complain(text: str) -> None:
    # What is quoted may be anybody's, and a terminal obeys it.
    shown = "".join(letter if letter.isprintable() else "·" for letter in text)
    print(f"mnemic-hook: {shown}", file=sys.stderr)  # noqa: T201  # stdout is the host's


def _hear(told: dict[str, Any]) -> None:
    event = str(told.get("hook_event_name"))
    if event == "SessionStart":
        text = shown(home(), project_of(told))
        if text:
            answer = {"hookSpecificOutput": {"hookEventName": event, "additionalContext": text}}
            sys.stdout.write(json.dumps(answer))
    elif event in _TAKES_IN:
        _begin(json.dumps(told))


def _begin(told: str) -> None:
    """Have it taken in by a process that outlives this one."""
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        # Not detached: without any console the Python that a virtual environment starts would open a window of its own.
        apart = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(  # this very program
        [sys.executable, "-m", "mnemic_mcp.hooks.main", "take-in"], stdin=subprocess.PIPE, stdout=quiet, stderr=quiet,
        **apart,
    )  # fmt: skip
    if process.stdin is not None:
        process.stdin.write(told.encode())
        process.stdin.close()


if __name__ == "__main__":
    main()
