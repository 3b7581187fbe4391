"""What is wrong with a policy, in words for whoever wrote it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

from pydantic_core import ErrorDetails

from mnemic.errors import PolicyProblem
from mnemic.guard.policy.field_lookup import known_keys
from mnemic.guard.policy.yaml_places import Document, Path, dotted

_QUOTED = re.compile(r"'([^']*)'")
_LONGEST_GUESS = 64
_LIMITS = {
    "greater_than": ("must be more than", "gt"), "greater_than_equal": ("must be at least", "ge"),
    "less_than": ("must be less than", "lt"), "less_than_equal": ("must be at most", "le"),
}  # fmt: skip
_KINDS = {
    "string_type": "must be text", "bool_type": "must be true or false", "float_type": "must be a number",
    "int_type": "must be a whole number", "int_from_float": "must be a whole number", "finite_number": "must be finite",
    "tuple_type": "must be a list, such as [a, b]", "dict_type": "must be a mapping, such as `name: value`",
    "model_type": "must be a mapping, such as `name: value`",
    "model_attributes_type": "must be a mapping, such as `name: value`",
    "string_pattern_mismatch": "must be small letters and hyphens",
}  # fmt: skip


def complaint(what: str, value: Any, known: Iterable[str]) -> str:
    """``'secrt' is no rule. Did you mean 'secret'?``, or the ones there are."""
    choices = list(known)
    close = difflib.get_close_matches(str(value)[:_LONGEST_GUESS].lower(), choices, n=1)
    if close:
        return f"{shown(value)} {what}. Did you mean {close[0]!r}?"
    return f"{shown(value)} {what}. There are: {', '.join(choices)}"


def shown(value: Any, limit: int = 60) -> str:
    """A value as a message may show it: short, on one line, nothing hidden."""
    if isinstance(value, dict | list | tuple):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= limit else text[:limit] + "…"


def problem_of(error: ErrorDetails, document: Document) -> PolicyProblem:
    """One of pydantic's errors, at its place in the file."""
    path = _real_path(error["loc"], document.value, missing=error["type"] == "missing")
    kind, context = error["type"], error.get("ctx", {})
    value = error["input"]
    at_key = kind == "extra_forbidden"
    if kind == "extra_forbidden":
        key, known = path[-1] if path else "", known_keys(path[:-1])
        message = (
            f"{shown(key)} is no condition of a rule of this phase"
            if key in known
            else complaint("is not known here", key, known)
        )
    elif kind in ("missing", "union_tag_not_found"):
        if kind == "union_tag_not_found":
            path = (*path, "phase")
        message = f"{path[-1] if path else 'something'} is missing"
        return _problem(message, path, document.place_of(path[:-1]))
    elif kind in ("enum", "literal_error", "union_tag_invalid"):
        expected = str(context.get("expected") or context.get("expected_tags", ""))
        if kind == "union_tag_invalid":
            path, value = (*path, "phase"), context.get("tag")
        message = complaint("is not possible here", value, _QUOTED.findall(expected))
    elif kind in _LIMITS:
        words, name = _LIMITS[kind]
        message = f"{words} {context.get(name)}, not {shown(value)}"
    elif kind in _KINDS:
        message = f"{_KINDS[kind]}, not {shown(value)}"
    elif kind == "value_error":
        message = str(context.get("error", error["msg"]))
    else:
        message = error["msg"][:1].lower() + error["msg"][1:]
    return _problem(message, path, document.place_of(path, value=not at_key))


def _problem(message: str, path: Path, place: tuple[int, int]) -> PolicyProblem:
    return PolicyProblem(message=message, path=dotted(path), line=place[0], column=place[1])


def _real_path(loc: tuple[str | int, ...], value: Any, *, missing: bool) -> Path:
    """Without the steps that stand for an alternative of the model and not for something in the file."""
    path: list[str | int] = []
    for number, step in enumerate(loc):
        in_list = isinstance(value, list) and isinstance(step, int) and step < len(value)
        inside: Any = value
        if in_list or (isinstance(value, dict) and step in value):
            value = inside[step]
        elif not (missing and number == len(loc) - 1):
            continue
        path.append(step)
    return tuple(path)
