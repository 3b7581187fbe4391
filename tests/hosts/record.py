"""Records sessions of the real Claude Code for the tests: ``python -m tests.hosts.record``, see recorded/README.md.

Of a transcript the turns of the user, the assistant and the tools are kept, and what our hooks gave. Of all other lines only
the frame is, so that the tree stays whole: their texts are the host's own prompts.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.hosts.claude_code import ClaudeCode, find_claude
from tests.hosts.scripted_api import ScriptedApi
from tests.hosts.session_script import play, script

RECORDED = Path(__file__).parent / "recorded"
_FRAME = ("type", "subtype", "uuid", "parentUuid", "logicalParentUuid", "isSidechain", "sessionId", "timestamp")
_TURN = (
    *_FRAME, "message", "isMeta", "isCompactSummary", "isVisibleInTranscriptOnly", "isApiErrorMessage", "origin", "promptId",
    "promptSource", "userType", "entrypoint", "cwd", "gitBranch", "version",
)  # fmt: skip
_MESSAGE = ("id", "type", "role", "model", "content", "stop_reason")
_PROSE = "agent launched|Tool call interrupted|doesn't want to proceed"
_LEFT_OUT = "[…]"


def record(command: list[str]) -> str:
    """Write the fixtures anew; the version that wrote them."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch).resolve()
        with ScriptedApi(script(root / "shop")) as api:
            claude = ClaudeCode(command, root, api.url)
            sessions = play(claude)
            version = claude.version()
        names = {getattr(sessions, name): name for name in sessions.__dataclass_fields__}
        for path in claude.transcripts():
            lines = [_line(json.loads(line)) for line in path.read_text().splitlines()]
            _write(f"{names[path.stem]}.jsonl", lines, root)
        _write(
            "hooks.jsonl", [{**heard, "session": names[heard["told"]["session_id"]]} for heard in claude.heard()], root
        )
    return version


def _line(line: dict[str, Any]) -> dict[str, Any]:
    if line["type"] not in ("user", "assistant"):
        attached = line.get("attachment")
        frame = {name: line[name] for name in _FRAME if name in line}
        if not isinstance(attached, dict):
            return frame
        ours = ("type", "hookEvent", "hookName") + (
            ("content",) if attached["type"] == "hook_additional_context" else ()
        )
        return {**frame, "attachment": {name: attached[name] for name in ours if name in attached}}
    kept = {name: line[name] for name in _TURN if name in line}
    message = {name: line["message"][name] for name in _MESSAGE if name in line["message"]}
    if line.get("isCompactSummary"):
        message["content"] = f"{_LEFT_OUT} Understood. {_LEFT_OUT}"
    return {**kept, "message": {**message, "content": _content(message["content"])}}


def _content(content: Any) -> Any:
    if isinstance(content, str):
        return _without_prose(content)
    return [_block(block) for block in content]


def _block(block: dict[str, Any]) -> dict[str, Any]:
    if block["type"] == "tool_result" and re.search(_PROSE, json.dumps(block)):
        return {**block, "content": _LEFT_OUT}
    return {**block, "text": _without_prose(block["text"])} if block["type"] == "text" else block


def _without_prose(text: str) -> str:
    """What the host writes between its marks, but for the short things that it fills in."""
    if not re.match(r"<(local-command|task)-", text):
        return text
    return re.sub(r">([^<>]{60,})<", f">{_LEFT_OUT}<", text)


def _write(name: str, lines: list[dict[str, Any]], root: Path) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    text = text.replace(str(root), "/home/ana").replace(re.sub(r"\W", "-", str(root)), "-home-ana")
    (RECORDED / name).write_text(re.sub(r"/tmp/claude-\d+", "/tmp/claude-1000", text), encoding="utf-8")


if __name__ == "__main__":
    found = find_claude()
    if found is None:
        sys.exit("There is no claude: put it on the PATH, or name its command by CLAUDE_COMMAND.")
    print(f"recorded with Claude Code {record(found)}")
