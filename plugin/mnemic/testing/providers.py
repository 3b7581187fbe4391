"""What providers refuse: the rules of their APIs about messages, checked without a network.

Each check takes the ``messages`` of a request and returns what is wrong with them, in order; nothing when it is well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_OPENAI_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_OPENAI_ID_CHARS = 40
_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_THINKING = ("thinking", "redacted_thinking")


def check_openai(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """What chat completions refuse: unpaired or repeated calls, bad arguments, content that is missing."""
    wrong: list[str] = _unsendable(messages)
    seen: set[str] = set()
    open_calls: list[str] = []
    for at, message in enumerate(messages):
        where, role = f"message {at}", message.get("role")
        if role not in _OPENAI_ROLES:
            wrong.append(f"{where}: the role {role!r} is unknown")
        if role == "tool":
            answered = message.get("tool_call_id")
            if answered in open_calls:
                open_calls.remove(answered)
            else:
                wrong.append(f"{where}: the result of {answered!r} follows no open call")
        elif open_calls:
            wrong.append(f"{where}: {open_calls} have no result before it")
            open_calls = []
        wrong += _openai_content(message, where)
        if "tool_calls" in message:
            if role != "assistant" or not message["tool_calls"]:
                wrong.append(f"{where}: tool_calls is empty or not the assistant's")
            for call in message["tool_calls"] or ():
                wrong += _openai_call(call, where, seen)
                open_calls.append(call.get("id"))
    if open_calls:
        wrong.append(f"at the end: {open_calls} have no result")
    return wrong


def check_anthropic(
    messages: Sequence[Mapping[str, Any]], *, system: str | Sequence[Mapping[str, Any]] | None = None
) -> list[str]:
    """What the messages API refuses: unpaired or repeated calls, empty text, thinking that is not at the beginning.

    ``system`` is the request's field of that name: a text, or blocks of it.
    """
    wrong: list[str] = _unsendable(messages)
    if isinstance(system, Sequence) and not isinstance(system, str):
        wrong += _anthropic_texts([dict(block) for block in system], "system")
    seen: set[str] = set()
    open_calls: list[str] = []
    if messages and messages[0].get("role") != "user":
        wrong.append("message 0: the first message is not the user's")
    for at, message in enumerate(messages):
        where, role, content = f"message {at}", message.get("role"), message.get("content")
        if role not in ("user", "assistant"):
            wrong.append(f"{where}: the role {role!r} is unknown")
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        if not isinstance(content, list) or not content:
            wrong.append(f"{where}: the content is empty")
            content = []
        wrong += _anthropic_results(content, where, role, open_calls)
        open_calls = []
        wrong += _anthropic_texts(content, where)
        if role == "assistant":
            wrong += _anthropic_calls(content, where, seen, open_calls)
            wrong += _anthropic_thinking(content, where)
        elif any(block.get("type") in ("tool_use", *_THINKING) for block in content):
            wrong.append(f"{where}: a block that only assistants write")
    if open_calls:
        wrong.append(f"at the end: {open_calls} have no result")
    return wrong


def _unsendable(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """A request is JSON in UTF-8."""
    wrong: list[str] = []
    for at, message in enumerate(messages):
        try:
            json.dumps(message, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            wrong.append(f"message {at}: cannot be sent as JSON ({type(error).__name__})")
    return wrong


def _openai_content(message: Mapping[str, Any], where: str) -> Iterable[str]:
    content = message.get("content")
    if content is None:
        instead = ("tool_calls", "function_call", "refusal", "audio")
        if message.get("role") != "assistant" or not any(message.get(name) for name in instead):
            yield f"{where}: the content is missing"
    elif isinstance(content, list):
        if not content:
            yield f"{where}: the content is an empty list"
        if not all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in content):
            yield f"{where}: a part of the content has no type"
    elif not isinstance(content, str):
        yield f"{where}: the content is {type(content).__name__}"


def _openai_call(call: Mapping[str, Any], where: str, seen: set[str]) -> Iterable[str]:
    yield from _new_id(call.get("id"), where, seen)
    if len(str(call.get("id"))) > _OPENAI_ID_CHARS:
        yield f"{where}: the id {call.get('id')!r} is longer than {_OPENAI_ID_CHARS} characters"
    if call.get("type") == "custom":
        return
    function = call.get("function") or {}
    if not _NAME.fullmatch(str(function.get("name") or "")):
        yield f"{where}: the name {function.get('name')!r} is refused"
    arguments: Any = function.get("arguments")
    try:
        arguments = json.loads(arguments)
    except (TypeError, ValueError):
        arguments = None
    if not isinstance(arguments, dict):
        yield f"{where}: the arguments of {call.get('id')!r} are no JSON object"


def _anthropic_results(content: list[Any], where: str, role: object, open_calls: list[str]) -> Iterable[str]:
    """Results come first in the user's message right after the calls, and there are all of them."""
    left = list(open_calls)
    others = False
    for block in content:
        if block.get("type") != "tool_result":
            others = True
            continue
        if others:
            yield f"{where}: a result stands after other content"
        answered = block.get("tool_use_id")
        if role == "user" and answered in left:
            left.remove(answered)
        else:
            yield f"{where}: the result of {answered!r} follows no open call"
        inner = block.get("content")
        if block.get("is_error") and not inner:
            yield f"{where}: an error says nothing"
        if isinstance(inner, list):
            yield from _anthropic_texts(inner, where)
    if left:
        yield f"{where}: {left} have no result in it"


def _anthropic_texts(content: list[Any], where: str) -> Iterable[str]:
    for block in content:
        if block.get("type") == "text" and not str(block.get("text") or "").strip():
            yield f"{where}: a text block is empty"


def _anthropic_calls(content: list[Any], where: str, seen: set[str], open_calls: list[str]) -> Iterable[str]:
    for block in content:
        if block.get("type") != "tool_use":
            continue
        id = block.get("id")
        yield from _new_id(id, where, seen)
        open_calls.append(id)
        if not _NAME.fullmatch(str(id)) or not _NAME.fullmatch(str(block.get("name") or "")):
            yield f"{where}: the id {id!r} or the name {block.get('name')!r} is refused"
        if not isinstance(block.get("input"), dict):
            yield f"{where}: the input of {id!r} is no object"


def _anthropic_thinking(content: list[Any], where: str) -> Iterable[str]:
    kinds = [block.get("type") for block in content]
    if any(kind in _THINKING for kind in kinds):
        if kinds[0] not in _THINKING:
            yield f"{where}: it does not begin with its thinking"
        if kinds[-1] in _THINKING:
            yield f"{where}: it ends with thinking"


def _new_id(id: object, where: str, seen: set[str]) -> Iterable[str]:
    if not isinstance(id, str) or not id:
        yield f"{where}: a call has the id {id!r}"
    elif id in seen:
        yield f"{where}: the id {id!r} is used again"
    else:
        seen.add(id)
