"""Tasks and what they depend on; revising one makes everything that was built on it stale.

After the idea of task memory as a tree or graph of states (Task Memory Engine); nothing of its code was used.
"""

from __future__ import annotations

import graphlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import cast

from mnemic.domain.validation import check_label, shown
from mnemic.domain.working_memory.journal import Cell, Change
from mnemic.domain.working_memory.outcome import EditOutcome
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.errors import InvalidInput

MAX_TASKS = 1_000


class TaskStatus(StrEnum):
    """``stale``: something it depends on was revised after it was done or begun."""

    PENDING = "pending"
    ACTIVE = "active"
    DONE = "done"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task. ``after`` names the tasks it depends on; ``revision`` counts how often it was revised."""

    id: str
    title: str
    after: tuple[str, ...] = ()
    status: TaskStatus = TaskStatus.PENDING
    revision: int = 0


def set_task(
    memory: WorkingMemory, *, id: str, title: str | None = None, after: Sequence[str] | None = None,
    status: str | None = None,
) -> EditOutcome:  # fmt: skip
    """Add a task, or revise one. A new title or new dependencies of a task make what depends on it stale.

    Raises `InvalidInput` for unknown dependencies and for a circle.
    """
    id = memory.kept_text(check_label(id, name="task") or "")
    tasks = tasks_of(memory)
    known = tasks.get(id)
    if known is None and not title:
        raise InvalidInput(f"There is no task {id!r}.", hint="Give a title to add it.")
    title = memory.kept_text(check_label(title, name="title", limit=500) or "") or None
    if known is None and len(tasks) >= MAX_TASKS:
        raise InvalidInput(f"There are {MAX_TASKS:,} tasks already.", hint="Start another session.")
    named = (memory.kept_text(other) if isinstance(other, str) else other for other in after or ())
    wanted = tuple(dict.fromkeys(named)) if after is not None else (known.after if known else ())
    missing = [other for other in wanted if other not in tasks]
    if missing:
        raise InvalidInput(f"There is no task {missing[0]!r} to depend on.", hint="Add it first.")
    task = known or Task(id=id, title=title or "")
    revised = known is not None and ((title is not None and title != known.title) or wanted != known.after)
    task = replace(
        task, title=title or task.title, after=wanted,
        status=task.status if status is None else _status(status), revision=task.revision + revised,
    )  # fmt: skip
    _check_circle({**tasks, id: task})
    if status == TaskStatus.DONE and (open_ones := [d for d in wanted if tasks[d].status is not TaskStatus.DONE]):
        raise InvalidInput(
            f"{id!r} depends on {open_ones[0]!r}, which is not done.", hint="Finish or revise that first."
        )
    stale = dependants(tasks, id) if revised else []
    changes: list[Change] = [memory.change(Cell.TASK, id, task)]
    changes += [
        memory.change(Cell.TASK, other, replace(tasks[other], status=TaskStatus.STALE))
        for other in stale
        if tasks[other].status in (TaskStatus.ACTIVE, TaskStatus.DONE)
    ]
    edit = memory.record("set_task", changes, arguments={"id": id, "status": status})
    gone = [change.key for change in changes[1:]]
    note = f" Stale now: {', '.join(gone)}." if gone else ""
    return EditOutcome(said=f"Task {id}: {task.title} ({task.status.value}).{note}", edit=edit, ids=(id, *gone))


def tasks_of(memory: WorkingMemory) -> dict[str, Task]:
    """All tasks by id."""
    return cast("dict[str, Task]", memory.values(Cell.TASK))


def dependants(tasks: dict[str, Task], id: str) -> list[str]:
    """Everything that depends on a task, directly or not, in the order of the tasks."""
    found = {id}
    grew = True
    while grew:
        more = {task.id for task in tasks.values() if task.id not in found and found & set(task.after)}
        found |= more
        grew = bool(more)
    return [task for task in tasks if task in found and task != id]


def _check_circle(tasks: dict[str, Task]) -> None:
    try:
        graphlib.TopologicalSorter({task.id: task.after for task in tasks.values()}).prepare()
    except graphlib.CycleError as error:
        circle = " → ".join(error.args[1])
        raise InvalidInput(
            f"These tasks would wait for each other: {circle}.", hint="Leave one dependency out."
        ) from None


def _status(status: str) -> TaskStatus:
    try:
        return TaskStatus(status)
    except ValueError:
        raise InvalidInput(f"status is {shown(status)}.", hint=f"Use one of: {', '.join(TaskStatus)}.") from None
