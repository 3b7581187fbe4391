"""Content that is a list of blocks: its words and calls apart from what is only carried, and together again.

A *layout* says where they stood. Each entry is one of ``{"text": n}``, the next n characters of the text (with
``fields`` that the block had besides, or ``bare`` when it was a string), ``{"call": id, "shape": {...}}``, and
``{"block": {...}}``, which comes out as it went in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mnemic.domain.working_memory.messages import ToolCall
from mnemic.domain.working_memory.transcripts.parsing import dump, shown
from mnemic.errors import InvalidInput

_BETWEEN = "\n\n"
_PLAIN_TEXT = ("type", "text")
_TEXT_TYPES = frozenset({"text", "input_text", "output_text"})
_ARGUMENTS_OF = {"tool_use": "input", "tool_call": "args"}
# Calls in the place where writers put them by themselves need no layout.
PLAIN_CALL = {"type": "tool_use"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The text of all text blocks with an empty line between them, the calls, and the layout of it all."""

    text: str
    calls: list[ToolCall]
    layout: list[dict[str, Any]]


def read_content(content: Any, where: str, *, with_calls: bool = False) -> Content:
    """Take apart what stands in a message's ``content``: a string, nothing, or blocks."""
    if content is None or isinstance(content, str):
        return Content(text=content or "", calls=[], layout=[])
    if not isinstance(content, list):
        raise InvalidInput(
            f"{where}: content is {shown(content)}.", hint="Content is a string, null or a list of blocks."
        )
    texts: list[str] = []
    calls: list[ToolCall] = []
    layout: list[dict[str, Any]] = []
    for at, block in enumerate(content):
        place = f"{where}, content[{at}]"
        if isinstance(block, str):
            texts.append(block)
            layout.append({"text": len(block), "bare": True})
            continue
        if not isinstance(block, dict):
            raise InvalidInput(f"{place}: this block is {shown(block)}.", hint="A block is an object with a type.")
        kind = block.get("type")
        if isinstance(kind, str) and kind in _TEXT_TYPES:
            text = string_of(block, "text", place)
            fields = {name: value for name, value in block.items() if name != "text" and (name, value) != _PLAIN_TEXT}
            texts.append(text)
            layout.append({"text": len(text), "fields": fields} if fields else {"text": len(text)})
        elif with_calls and isinstance(kind, str) and kind in _ARGUMENTS_OF:
            call = _read_call(block, _ARGUMENTS_OF[kind], place)
            calls.append(call)
            gone = {"id", "name", _ARGUMENTS_OF[kind]}
            layout.append({"call": call.id, "shape": {n: value for n, value in block.items() if n not in gone}})
        else:
            layout.append({"block": block})
    return Content(text=_BETWEEN.join(texts), calls=calls, layout=layout)


def needed(layout: list[dict[str, Any]], *, calls_inside: bool = False) -> list[dict[str, Any]]:
    """The layout, or none where a writer would do the same without: one text, then calls if they are blocks."""
    rest = layout[1:] if layout and layout[0].keys() == {"text"} else layout
    plain = all(calls_inside and entry.get("shape") == PLAIN_CALL for entry in rest)
    return [] if plain else layout


def write_content(
    text: str,
    layout: Sequence[Mapping[str, Any]],
    calls: Sequence[ToolCall],
    write_call: Callable[[ToolCall, Mapping[str, Any]], dict[str, Any]],
) -> list[Any]:
    """The blocks again. A text that is not the one that was read stands as a whole where its first piece stood.

    Calls that the layout does not know are left out; blocks of calls that are no longer made, too.
    """
    by_id = {call.id: call for call in calls}
    pieces = _pieces(text, [entry["text"] for entry in layout if "text" in entry])
    blocks: list[Any] = []
    placed = any("text" in entry for entry in layout)
    for entry in layout:
        if "text" in entry:
            piece = pieces.pop(0)
            if piece is not None:
                blocks.append(
                    piece if entry.get("bare") else {"type": "text", "text": piece, **entry.get("fields", {})}
                )
        elif "call" in entry:
            if text and not placed:
                blocks.append({"type": "text", "text": text})
                placed = True
            if entry["call"] in by_id:
                blocks.append(write_call(by_id[entry["call"]], entry["shape"]))
        else:
            blocks.append(entry["block"])
    if text and not placed:
        blocks.append({"type": "text", "text": text})
    return blocks


def string_of(value: Mapping[str, Any], name: str, where: str) -> str:
    """A field that must be a string."""
    found = value.get(name)
    if not isinstance(found, str):
        raise InvalidInput(f"{where}: {name} is {shown(found)}.", hint=f"Give {name} as a string.")
    return found


def optional_string(value: Mapping[str, Any], name: str, where: str) -> str | None:
    """A field that may be missing or null. An empty string counts as missing, a whole number as its digits."""
    found = value.get(name)
    if found is None or found == "":
        return None
    if isinstance(found, int) and not isinstance(found, bool) and abs(found) < 2**63:
        return str(found)
    return string_of(value, name, where)


def call_of(id: Any, name: Any, arguments: Any, where: str) -> ToolCall:
    """A tool call; arguments that are not text become JSON text."""
    for label, value in (("id", id), ("name", name)):
        if not isinstance(value, str) or not value:
            raise InvalidInput(
                f"{where}: the {label} of a tool call is {shown(value)}.",
                hint=f"Give each tool call its {label} as the model's provider sent it.",
            )
    if arguments is None:
        arguments = {}
    return ToolCall(id=id, name=name, arguments=arguments if isinstance(arguments, str) else dump(arguments))


def _read_call(block: Mapping[str, Any], arguments: str, where: str) -> ToolCall:
    return call_of(block.get("id"), block.get("name"), block.get(arguments), where)


def _pieces(text: str, lengths: Sequence[int]) -> list[str | None]:
    """The text cut as it was put together; all of it in the first place when it is another text."""
    found: list[str | None] = []
    at = 0
    for length in lengths:
        if found:
            if not text.startswith(_BETWEEN, at):
                break
            at += len(_BETWEEN)
        found.append(text[at : at + length])
        at += length
    if len(found) == len(lengths) and at == len(text):
        return found
    return [text or None, *[None] * (len(lengths) - 1)]
