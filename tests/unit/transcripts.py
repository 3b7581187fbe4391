"""Transcripts to read."""

from __future__ import annotations

import json
from typing import Any

from mnemic.domain.working_memory.transcripts import (
    Transcript,
    read_transcript,
)


def read_any(value: Any, **options: Any) -> Transcript:
    return read_transcript(json.dumps(value), **options)


def json_lines(*values: Any) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def call_of(id: str = "c1", name: str = "look", arguments: str = '{"at": "door"}') -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


OPENAI: list[dict[str, Any]] = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "name": "ana", "content": [
        {"type": "text", "text": "What is"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "text", "text": "at the door?"},
    ]},
    {"role": "assistant", "content": None, "tool_calls": [call_of(), call_of("c2", "listen", "{}")]},
    {"role": "tool", "tool_call_id": "c2", "content": "steps"},
    {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "a cat"}]},
    {"role": "assistant", "content": "A cat.", "refusal": None, "reasoning_content": "cats walk"},
]  # fmt: skip
