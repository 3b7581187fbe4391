"""Messages and edits of working memory as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from mnemic.domain.memory import Role
from mnemic.domain.working_memory.fragments import Display, Fragment, FragmentId, FragmentState
from mnemic.domain.working_memory.journal import Cell, Change, Edit
from mnemic.domain.working_memory.messages import Message, MessageId, ToolCall
from mnemic.domain.working_memory.search import SearchHit
from mnemic.domain.working_memory.subgoals import Subgoal
from mnemic.domain.working_memory.task_graph import Task, TaskStatus
from mnemic.storage.sql.rows import reads


def encode_message(message: Message) -> str:
    """Only what is set."""
    body: dict[str, Any] = {"id": message.id, "role": message.role.value, "text": message.text}
    if message.calls:
        body["calls"] = [[call.id, call.name, call.arguments] for call in message.calls]
    for name in ("answers", "name"):
        if (value := getattr(message, name)) is not None:
            body[name] = value
    if message.is_error:
        body["is_error"] = True
    if message.opaque:
        body["opaque"] = dict(message.opaque)
    return _dump(body)


@reads("A message of a session")
def decode_message(text: str) -> Message:
    body = json.loads(text)
    calls = body.get("calls", ())
    return Message(
        id=body["id"], role=_ROLES[body["role"]], text=body["text"],
        calls=tuple(ToolCall(id=id, name=name, arguments=arguments) for id, name, arguments in calls),
        answers=body.get("answers"), name=body.get("name"), is_error=body.get("is_error", False),
        opaque=body.get("opaque", _NOTHING),
    )  # fmt: skip


def encode_edit(edit: Edit) -> str:
    body = {field.name: getattr(edit, field.name) for field in fields(Edit)}
    body["arguments"] = dict(edit.arguments)
    body["changes"] = [
        [change.cell.value, change.key, _encode(change.cell, change.before), _encode(change.cell, change.after)]
        for change in edit.changes
    ]
    return _dump(body)


@reads("An edit of a session")
def decode_edit(text: str) -> Edit:
    body = json.loads(text)
    body["changes"] = tuple(
        Change(cell=(cell := Cell(name)), key=key, before=_decode(cell, before), after=_decode(cell, after))
        for name, key, before, after in body["changes"]
    )
    return Edit(**body)


def _encode(cell: Cell, value: Any) -> Any:
    if value is None or cell not in _DECODERS:
        return value
    if cell is Cell.EXPANDED:
        return [[id, _encode(Cell.DISPLAY, display)] for id, display in value]
    return {field.name: encoded for field in fields(value) if (encoded := getattr(value, field.name)) is not None} | (
        {"folds": _encode(Cell.EXPANDED, value.folds)} if cell is Cell.SUBGOAL else {}
    )


def _decode(cell: Cell, value: Any) -> Any:
    return value if value is None or cell not in _DECODERS else _DECODERS[cell](value)


def _display(body: dict[str, Any]) -> Display:
    return Display(**{**body, "state": FragmentState(body["state"])})


def _subgoal(body: dict[str, Any]) -> Subgoal:
    return Subgoal(**{**body, "folds": _folds(body["folds"])})


def _folds(body: Any) -> tuple[tuple[FragmentId, Display], ...]:
    return tuple((FragmentId(id), _display(display)) for id, display in body)


def _task(body: dict[str, Any]) -> Task:
    return Task(**{**body, "after": tuple(body["after"]), "status": TaskStatus(body["status"])})


def _search_hit(body: dict[str, Any]) -> SearchHit:
    return SearchHit(**{**body, "message_id": MessageId(body["message_id"])})


_DECODERS: Mapping[Cell, Callable[[Any], Any]] = {
    Cell.FRAGMENT: lambda body: Fragment(**body),
    Cell.DISPLAY: _display,
    Cell.WAITING: _display,
    Cell.SUBGOAL: _subgoal,
    Cell.EXPANDED: _folds,
    Cell.TASK: _task,
    Cell.SEARCH_HIT: _search_hit,
}
_ROLES = {role.value: role for role in Role}
_NOTHING: Mapping[str, Any] = {}


def _dump(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
