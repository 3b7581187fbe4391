"""Actions that an agent wrote as text, such as ``take potato 2 from countertop 1``, read as a tool and its
arguments.
"""

from __future__ import annotations

import re
from typing import Any

from mnemic.domain.working_memory.transcripts.parsing import load_object

OBJECT = "object"
"""The name of the argument that stands right behind the verb."""

_CALL = re.compile(r"([A-Za-z_][\w.]{0,80})\s{0,2}[\[(](.{0,2000})[\])]\s{0,4}\Z", re.DOTALL)
_CALL_IN_CODE = re.compile(r"\b((?:[A-Za-z_]\w{0,60}\.){0,4}[A-Za-z_]\w{0,60})\(")
_NAMED = re.compile(r"(?:\A|,)\s{0,4}([A-Za-z_]\w{0,60})\s{0,2}=\s{0,2}([^,\n]{1,300})")
_PARTICLES = frozenset("to up down around at on off in into out over for through away back".split())
_PREPOSITIONS = frozenset("from to in on in/on into onto with at under behind using".split())
_ENTITY_NUMBER = re.compile(r"\s\(?\d{1,4}\)?(?=\s|\Z)")
_NO_TOOLS = frozenset(
    "print len str int float list dict set range sorted sum min max any all zip map open type".split()
)


def parse_action(action: str) -> tuple[str, dict[str, Any]]:
    """The tool (of a command its verb, as ``go to`` or ``take``) and the arguments by name.

    Read are calls as JSON objects, as ``name[argument]`` and ``name(argument)``, code (its first call that is not
    Python's own), and commands in words: what follows the verb is ``object``, the rest goes by its preposition. A
    bare number is an answer to a question: the tool is ``enter``. An empty action has the tool ``wait``.
    """
    text = action.strip()
    called = load_object(text) if text.startswith("{") else None
    if called is not None:
        name = called.get("name") or called.get("tool") or called.get("action")
        given: Any = next((called[key] for key in ("arguments", "args", "parameters", "input") if key in called), {})
        if isinstance(name, str) and name:
            return name, given if isinstance(given, dict) else {"input": given}
    if match := _CALL.match(text):
        named = {name: value.strip("\"' ") for name, value in _NAMED.findall(match[2])}
        return match[1], named or ({"input": match[2]} if match[2].strip() else {})
    if "\n" in text or "=" in text or "(" in text:
        names = (found[1] for found in _CALL_IN_CODE.finditer(text[:4_000]))
        if name := next((name for name in names if name not in _NO_TOOLS), None):
            return name, {"code": text}
    return _read_command(text.split())


def without_numbers(entity: str) -> str:
    """The kind of a numbered thing: ``fridge 1`` is a ``fridge``."""
    return _ENTITY_NUMBER.sub("", f" {entity}").strip() or entity


def _read_command(words: list[str]) -> tuple[str, dict[str, Any]]:
    if not words:
        return "wait", {}
    if words[0].isdigit():
        return "enter", {OBJECT: " ".join(words)}
    size = 2 if len(words) > 1 and words[1].lower() in _PARTICLES else 1
    verb = " ".join(words[:size]).lower()
    arguments: dict[str, Any] = {}
    role, part = OBJECT, list[str]()
    for word in words[size:]:
        if word.lower() in _PREPOSITIONS and part:
            arguments.setdefault(role, " ".join(part))
            role, part = word.lower(), []
        else:
            part.append(word)
    if part:
        arguments.setdefault(role, " ".join(part))
    return verb, arguments
