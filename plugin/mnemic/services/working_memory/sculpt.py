"""Every edit of working memory by its name, as agents ask for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from mnemic.domain.memory import Namespace, Role
from mnemic.domain.validation import check_count, check_label, check_text, shown
from mnemic.domain.working_memory import hiagent, prune, sculptor, search, task_graph
from mnemic.domain.working_memory.auto_folding import FOLDING, MAX_STEPS
from mnemic.domain.working_memory.hiagent import SUBGOAL_SUMMARY, folds_by_hand
from mnemic.domain.working_memory.journal import Cell
from mnemic.domain.working_memory.messages import Message
from mnemic.domain.working_memory.outcome import EditOutcome
from mnemic.domain.working_memory.prefix_cache import BATCHING, release
from mnemic.domain.working_memory.safety import SAFE_FOLDING
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.domain.working_memory.stats import NUDGE_AT
from mnemic.errors import InvalidInput
from mnemic.services.working_memory.sessions import MAX_MESSAGE_CHARS, edit_session, free_id, read_session, set_options

if TYPE_CHECKING:
    from mnemic.services.backends import Backends

MAX_TOOL_STEPS = 20
"""Sculptor's cap on tool steps within one turn of the user."""
_MOST_TOKENS = 10**9
_INTERNAL = ("summarise", "at", "fold", "again", "options")
SCULPTOR_TOOLS: Mapping[str, Callable[..., EditOutcome]] = {
    "fragment_context": sculptor.fragment_context,
    "fold_fragment": sculptor.fold_fragment,
    "summarize_fragment": sculptor.summarize_fragment,
    "restore_fragment": sculptor.restore_fragment,
    "search_context": search.search_context,
    "get_search_detail": search.get_search_detail,
}


def sculpt(
    backends: Backends, namespace: Namespace, session: str, action: str, arguments: dict[str, Any]
) -> EditOutcome:
    """Do one edit and make it durable. Raises `InvalidInput`, and nothing has changed then."""
    if not isinstance(action, str) or action not in _ACTIONS:
        raise InvalidInput(
            f"There is no action {shown(action, 60)}.", hint=f"Use one of: {', '.join(sorted(_ACTIONS))}."
        )
    _check_arguments(action, arguments)
    prepared = _with_model(backends, namespace, session, action, arguments)
    return edit_session(backends, namespace, session, partial(_act, action, prepared))


def edit(
    memory: WorkingMemory,
    action: str,
    arguments: Mapping[str, Any],
    *,
    at: int | None = None,
    summary: str | None = None,
) -> EditOutcome:
    """Do one edit in a session that somebody else keeps. Raises `InvalidInput`, and nothing has changed then.

    ``at`` is the message with which a subgoal begins (default: the next), ``summary`` what a model said that is to be shown.
    """
    if action not in _ACTIONS:
        raise InvalidInput(f"There is no action {action[:60]!r}.", hint=f"Use one of: {', '.join(sorted(_ACTIONS))}.")
    _check_arguments(action, arguments)
    taken = inspect.signature(_ACTIONS[action]).parameters
    internal: dict[str, Any] = {}
    if summary is not None and "summarise" in taken:
        internal["summarise"] = lambda _text, _focus: summary
    if at is not None and "at" in taken:
        internal["at"] = at
    return _act(action, {**arguments, **internal}, memory)


def take_answer(backends: Backends, namespace: Namespace, session: str, text: str) -> str | None:
    """Append a model's answer in the text protocol; the action for the environment, None after a retrieve."""
    check_text(text, name="answer", limit=MAX_MESSAGE_CHARS)

    def act(memory: WorkingMemory) -> str | None:
        answer = Message(id=free_id(memory, len(memory.messages) + 1), role=Role.ASSISTANT, text=text)
        return hiagent.take_answer(memory, answer, summarise=backends.summarise, fold=folds_by_hand(memory))

    return edit_session(backends, namespace, session, act, create=True)


def _check_arguments(action: str, arguments: Mapping[str, Any]) -> None:
    """Raise `InvalidInput` for names that the action does not take, and for those it needs."""
    taken = inspect.signature(_ACTIONS[action]).parameters
    known = {name for name in taken if name not in ("memory", *_INTERNAL)}
    needed = {name for name in known if taken[name].default is inspect.Parameter.empty}
    wrong = sorted(arguments.keys() - known) if action != "set_options" else []
    missing = [] if action == "set_options" else sorted(needed - arguments.keys())
    if wrong or missing:
        problem = f"does not take {', '.join(wrong)}" if wrong else f"needs {', '.join(missing)}"
        raise InvalidInput(f"{action} {problem}.", hint=f"It takes: {', '.join(sorted(known)) or 'nothing'}.")


def _act(action: str, arguments: dict[str, Any], memory: WorkingMemory) -> EditOutcome:
    if action in SCULPTOR_TOOLS:
        _check_steps(memory)
    return _ACTIONS[action](memory, **arguments)


def _check_steps(memory: WorkingMemory) -> None:
    if memory.last_user_at < 0:
        return  # a host that keeps notes and not a conversation has no turns
    steps = 0
    for edit in reversed(memory.edits):
        if edit.at_message <= memory.last_user_at:
            break
        steps += edit.tool in SCULPTOR_TOOLS
    if steps >= MAX_TOOL_STEPS:
        raise InvalidInput(
            f"{MAX_TOOL_STEPS} tool steps were taken since the user's last message.",
            hint="Answer the user now; there are more steps after the next message.",
        )


def _with_model(
    backends: Backends, namespace: Namespace, session: str, action: str, arguments: dict[str, Any]
) -> dict[str, Any]:
    """The arguments with a model's summary, which is fetched before anything is locked: a model may take its time."""
    model = backends.summarise
    if model is None:
        return arguments
    if action == "summarize_fragment":

        def original(memory: WorkingMemory) -> str:
            return memory.original(memory.fragment(arguments["fragment_id"]))

        text, focus = read_session(backends, namespace, session, original), str(arguments.get("focus", ""))
    elif action in ("open_subgoal", "close_subgoal") and not arguments.get("summary"):
        found = read_session(backends, namespace, session, hiagent.active_chunk)
        if found is None:
            return arguments
        focus, text = found
    else:
        return arguments
    summary = ""
    try:
        summary = check_text(model(text, focus), name="summary")
    except Exception:  # whatever a model's client raises or gives: the deterministic summary serves
        return arguments

    def given(first: str, second: str) -> str:
        # Another process may have gone on meanwhile: a summary is good for the text it was made of, and for no other.
        return summary if {first, second} == {text, focus} else ""

    return {**arguments, "summarise": given}


def _prune(memory: WorkingMemory, *, memory_text: str, delete_ids: list[str], inline: bool = False) -> EditOutcome:
    return prune.prune_context(memory, text=memory_text, delete_ids=delete_ids, inline=inline)


def _open_subgoal(
    memory: WorkingMemory, *, text: str, at: int | None = None, summary: str | None = None,
    summarise: hiagent.SummariseChunk | None = None,
) -> EditOutcome:  # fmt: skip
    fold = folds_by_hand(memory)
    return hiagent.open_subgoal(memory, text=text, at=at, summary=summary, summarise=summarise, fold=fold)


def _close_subgoal(
    memory: WorkingMemory, *, summary: str | None = None, satisfied: bool | None = None,
    summarise: hiagent.SummariseChunk | None = None,
) -> EditOutcome:  # fmt: skip
    fold = folds_by_hand(memory)
    return hiagent.close_subgoal(memory, summary=summary, satisfied=satisfied, summarise=summarise, fold=fold)


def _pin(memory: WorkingMemory, *, message_id: str, reason: str = "pinned by the agent") -> EditOutcome:
    at = memory.position(message_id)
    message = memory.messages[at]
    keys = [(message.id, None), *((message.id, call.id) for call in message.calls)]
    fragments = [fragment for key in keys for fragment in [memory.cover(key), *memory.pieces(key)] if fragment]
    told = memory.kept_text(check_label(reason, name="reason") or "pinned")
    changes = [memory.change(Cell.PIN, message_id, told)]
    changes += [memory.change(cell, f.id, None) for f in fragments for cell in (Cell.DISPLAY, Cell.WAITING)]
    edit = memory.record("pin", changes, arguments={"message_id": message_id})
    return EditOutcome(said=f"Pinned {message_id}: it stays as it is.", edit=edit, ids=(message_id,))


def _unpin(memory: WorkingMemory, *, message_id: str) -> EditOutcome:
    memory.position(message_id)
    edit = memory.record("unpin", [memory.change(Cell.PIN, message_id, None)], arguments={"message_id": message_id})
    return EditOutcome(said=f"Unpinned {message_id}.", edit=edit, ids=(message_id,))


def _undo(memory: WorkingMemory, *, again: bool = False) -> EditOutcome:
    edit = memory.redo() if again else memory.undo()
    done = "Done again" if again else "Undone"
    return EditOutcome(said=f"{done}: {edit.arguments['of']} (edit {edit.reverses}).", edit=edit)


def _release(memory: WorkingMemory) -> EditOutcome:
    edit = release(memory, force=True)
    if edit is None:
        raise InvalidInput("No edits are waiting.", hint="They wait only with the option batching.")
    return EditOutcome(said=f"Applied: {edit.tokens_before - edit.tokens_after} tokens fewer.", edit=edit)


def _set_options(memory: WorkingMemory, **options: Any) -> EditOutcome:
    checked = check_options(options)
    edit = set_options(memory, checked) or memory.record("set_options")
    return EditOutcome(said=f"Options: {checked}.", edit=edit)


def check_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """A session's options in their stored form; None leaves one as it is. Raises `InvalidInput`."""
    from mnemic.domain.folding.presets import PRESETS

    checked: dict[str, Any] = {}
    for name, value in options.items():
        if value is None:
            continue
        if name == FOLDING:
            if not isinstance(value, str) or value not in PRESETS:
                raise InvalidInput(
                    f"There is no folding preset {shown(value)}.", hint=f"Use one of: {', '.join(PRESETS)}."
                )
        elif name == SUBGOAL_SUMMARY:
            if value not in ("values", "last_observation"):
                raise InvalidInput(f"{name} is {shown(value)}.", hint='Use "values" or "last_observation".')
        elif name == MAX_STEPS:
            check_count(value, name=MAX_STEPS, low=1, high=1_000)
        elif name in (SAFE_FOLDING, BATCHING):
            if not isinstance(value, bool):
                raise InvalidInput(f"{name} is {shown(value)}.", hint="Give true or false.")
        elif name == NUDGE_AT:
            try:
                low, high = (int(number) for number in value)
            except (TypeError, ValueError, OverflowError):
                low, high = 1, 0
            if not 0 < low <= high <= _MOST_TOKENS:
                raise InvalidInput(f"{name} is {shown(value)}.", hint="Give two rising numbers of tokens.")
            value = [low, high]
        else:
            known = ", ".join((FOLDING, MAX_STEPS, SUBGOAL_SUMMARY, SAFE_FOLDING, BATCHING, NUDGE_AT))
            raise InvalidInput(f"There is no option {shown(name)}.", hint=f"The options are: {known}.")
        checked[name] = value
    return checked


_ACTIONS: dict[str, Callable[..., EditOutcome]] = {
    **SCULPTOR_TOOLS,
    "prune_context": _prune,
    "open_subgoal": _open_subgoal,
    "close_subgoal": _close_subgoal,
    "retrieve": hiagent.retrieve,
    "set_task": task_graph.set_task,
    "pin": _pin,
    "unpin": _unpin,
    "undo": _undo,
    "redo": partial(_undo, again=True),
    "release": _release,
    "set_options": _set_options,
}
