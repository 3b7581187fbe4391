"""What must be so of every answer, whatever was asked."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_ROOT = Path(__file__).parent.parent.parent
# None of these words is in what the fuzzer sends, so whoever reads one in an answer has it from inside the server.
_INSIDE = re.compile(
    r"Traceback|File \"|site-packages|\.py\b|\bmnemic_mcp\b|mnemic\.(?:domain|services|storage|guard|retrieval)|NoneType|"
    r"object at 0x|errors\.pydantic|validation errors? for|sqlite|no such (?:table|column)|constraint failed|"
    r"[Ii]nternal (?:server )?error|(?:Key|Type|Attribute|Index|Value|Recursion|Unicode\w*|Overflow|Assertion)Error|"
    r"input_value|input_type|" + "|".join(re.escape(f"{path}/") for path in (_ROOT, Path(sys.prefix), Path.home()))
)  # fmt: skip
_CRASH_CODES = (0, -32603)
# How the SDK tells a client that something was raised that nobody foresaw: a name, and no word of what to do.
_CRASH_TEXT = re.compile(r"Error (?:executing tool|reading resource|rendering prompt|completing argument) [^:]*$")


class Crashes(logging.Handler):
    """What the server logs with a traceback: an exception that nobody foresaw."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self.found.append("".join(traceback.format_exception(record.exc_info[1])[-6:]))

    def take(self) -> list[str]:
        found, self.found = self.found, []
        return found


class Oracle:
    """Checks answers. ``tools`` are as ``tools/list`` gives them."""

    def __init__(self, tools: Mapping[str, Mapping[str, Any]]) -> None:
        self._outputs = {
            name: Draft202012Validator(tool["outputSchema"]) for name, tool in tools.items() if "outputSchema" in tool
        }

    def wrong_with(self, answer: Mapping[str, Any], wire: str, tool: str | None) -> str | None:
        """What is wrong with an answer; None when nothing is."""
        inside = _INSIDE.search(wire)
        if inside is not None:
            return f"inside told: {inside[0]}"
        error = answer.get("error")
        if error is not None:
            # The SDK gives this code to every resource that was refused; what it says is ours then.
            refused = "uri" in (error.get("data") or ()) and not _CRASH_TEXT.fullmatch(error.get("message", ""))
            if (error.get("code") in _CRASH_CODES and not refused) or not error.get("message"):
                return f"crash: {str(error)[:200]}"
            return None
        result = answer.get("result", {})
        if tool is None:
            return None
        text = " ".join(part.get("text", "") for part in result.get("content", []))
        if result.get("isError"):
            return f"crash: {text[:200]}" if _CRASH_TEXT.fullmatch(text) or not text.strip() else None
        if tool in self._outputs and "structuredContent" in result:
            problem = next(self._outputs[tool].iter_errors(result["structuredContent"]), None)
            return None if problem is None else f"not as its schema says: {problem.message[:200]}"
        return None


def is_refusal(answer: Mapping[str, Any]) -> bool:
    return "error" in answer or bool(answer.get("result", {}).get("isError"))
