"""What is said, and what the model does, in the sessions of Claude Code that are recorded and tested."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hosts.claude_code import TOOL, ClaudeCode
from tests.hosts.scripted_api import Answer, Call, Refusal

HERON = "Our staging database is called heron and lives on port 6543."
ASKED = "Which port has the staging database?"
NOTES = "Write notes.txt and tell me what is in it."
ANA = "Remember that Ana owns the billing service."
HELPER = "Let a helper look at the notes."
TUESDAYS = "We deploy on Tuesdays only."
MOVED = "Back to the beginning: heron moves to port 7000."
COMMAND = "/mnemic:recall Who owns the billing service?"
PATH = "/srv/shop/logs is where the shop writes its logs."
SHOWN_BY_EDITOR = "<ide_opened_file>The user opened the file notes.txt in the editor.</ide_opened_file>"
EDITED = "The notes are out of date since yesterday."
LONG = "Rebuild the search of the shop from the beginning."
AGAIN = "The search is rebuilt every Sunday anyway."
REFUSED = "Invoices are sent on the last day of the month."


def script(project: Path) -> Mapping[str, Sequence[Answer]]:
    """The model's answers to each prompt."""
    notes = str(project / "notes.txt")
    return {
        HERON: [["Noted: heron, on port 6543."]],
        ASKED: [["It has port 6543."]],
        NOTES: [
            ["I write it first.", Call("Write", {"file_path": notes, "content": "Two approvals.\n"})],
            [
                Call("Bash", {"command": "mkdir -p sub && cd sub && pwd", "description": "Go below"}),
                Call("Read", {"file_path": notes}),
            ],
            ["It says that a deploy needs two approvals."],
        ],
        ANA: [
            [Call("ToolSearch", {"query": f"select:{TOOL}remember,{TOOL}recall", "max_results": 5})],
            [Call(f"{TOOL}remember", {"text": "Ana owns the billing service."})],
            [Call(f"{TOOL}recall", {"query": "Who owns the billing service?"})],
            ["I have noted who owns billing."],
        ],
        HELPER: [
            [
                Call(
                    "Agent",
                    {"description": "Look", "prompt": "Say what the notes hold.", "subagent_type": "general-purpose"},
                )
            ],
            ["The helper is looking at the notes."],
        ],
        "Say what the notes hold.": [["The helper says: two approvals."]],
        TUESDAYS: [["Noted: deploys on Tuesdays only."]],
        MOVED: [["Noted: heron moves to port 7000."]],
        PATH: [["Noted where the logs are."]],
        EDITED: [["Then I shall read them again."]],
        LONG: [
            [
                "It will take a while.",
                Call("Bash", {"command": "echo begun > begun; sleep 20", "description": "Rebuild"}),
            ],
            ["It is rebuilt."],
        ],
        AGAIN: [["Then I leave it alone."]],
        REFUSED: [Refusal("prompt: refused")],
    }


@dataclass(frozen=True)
class Sessions:
    """The ids of the sessions that were played."""

    first: str
    second: str
    fork: str
    editor: str
    interrupted: str
    killed: str
    refused: str


def play(claude: ClaudeCode) -> Sessions:
    """A first session; a second with tools, our server, a subagent and a compaction; the first again, forked; one of an
    editor, with two prompts; two that are stopped while a tool runs, by the user and by a kill; one that the API refuses."""
    first = claude.ask(HERON)["session_id"]
    second = claude.ask(ASKED)["session_id"]
    for prompt in (NOTES, ANA, HELPER, "/compact", TUESDAYS):
        claude.ask(prompt, "--continue")
    fork = claude.ask(MOVED, "--resume", first, "--fork-session")["session_id"]
    for prompt in (COMMAND, PATH):
        claude.ask(prompt, "--continue")
    editor = _told_over_a_pipe(claude, [[_text(SHOWN_BY_EDITOR), _text(EDITED)], HERON])
    os.mkfifo(claude.project / "begun")
    return Sessions(
        first=first, second=second, fork=fork, editor=editor, interrupted=_interrupted(claude), killed=_killed(claude),
        refused=claude.ask(REFUSED, is_well=False)["session_id"],
    )  # fmt: skip


def _told_over_a_pipe(claude: ClaudeCode, prompts: list[Any]) -> str:
    with claude.open() as pipe:
        for prompt in prompts:
            pipe.tell(_prompt(prompt))
    return pipe.session


def _interrupted(claude: ClaudeCode) -> str:
    with claude.open() as pipe:
        pipe.tell(_prompt(LONG))
        _wait_until_begun(claude)
        pipe.tell({"type": "control_request", "request_id": "1", "request": {"subtype": "interrupt"}})
        pipe.hear("result")
        pipe.tell(_prompt(AGAIN))
    return pipe.session


def _killed(claude: ClaudeCode) -> str:
    with claude.open() as pipe:
        pipe.tell(_prompt(LONG))
        _wait_until_begun(claude)
        pipe.kill()
    session: str = claude.ask(AGAIN, "--continue")["session_id"]
    return session


def _wait_until_begun(claude: ClaudeCode) -> None:
    """A named pipe cannot be read before the tool opens it."""
    assert (claude.project / "begun").read_text() == "begun\n"


def _prompt(content: Any) -> dict[str, Any]:
    return {"type": "user", "message": {"role": "user", "content": content}}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
